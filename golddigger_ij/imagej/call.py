"""One request in the works: its options, its image, its progress, and the way to stop it."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.imagej.options import PREFIX, Operation

_ASK_EVERY_S = 0.05


class Callback(Protocol):
    """What a script hands over to hear how far its operation is, and to stop it."""

    def update(self, done: int, total: int, message: str) -> None:
        """Hear how far it is."""

    def cancelled(self) -> bool:
        """Say whether the user wants it to stop."""


class Stopped(BaseException):
    """The user has stopped an operation. No `Exception`, so that nothing that goes on past errors goes on past this."""


class NeedsPixels(Exception):  # noqa: N818
    """What is shown does not lie on disk like that, and the request holds no pixels."""


class Call:
    """A request with its options read.

    Parameters
    ----------
    op : str
        Name of the operation.
    operation : Operation
    request : mapping
        As the protocol has it.
    callback : Callback, optional
    """

    def __init__(
        self, op: str, operation: Operation, request: Mapping[str, Any], callback: Callback | None = None
    ) -> None:
        self.op = op
        self.command = operation.command
        self.request = request
        self.options = operation.read(request.get("options") or {})
        self._callback = callback
        self._thread = threading.get_ident()
        self._asked = 0.0

    def update(self, done: int, total: int, message: str) -> None:
        """Tell how far it is.

        Raises
        ------
        Stopped
            If the user wants it to stop.
        """
        self.check()
        if self._callback is not None:
            self._callback.update(int(done), int(total), message)

    def progress(self, message: str) -> Callable[[int, int], None]:
        """Give what to call with steps done and steps in all."""
        return lambda done, total: self.update(done, total, message)

    def check(self) -> None:
        """Stop here if the user wants it. Asks on the thread of the call only, and not too often.

        Raises
        ------
        Stopped
        """
        now = time.monotonic()
        if threading.get_ident() == self._thread and now - self._asked >= _ASK_EVERY_S:
            self._asked = now
            if self.is_cancelled():
                raise Stopped("stopped by the user; nothing was changed")

    def is_cancelled(self) -> bool:
        """Ask the script, from any thread."""
        return self._callback is not None and bool(self._callback.cancelled())

    def path(self, name: str, what: str) -> Path:
        """Give an option that is a path and has to be given.

        Raises
        ------
        GoldDiggerError
            If it is empty.
        """
        text = self.options[name]
        if not text:
            raise GoldDiggerError(f"{PREFIX}{name}: {what}")
        return Path(text).expanduser()

    def entries(self, name: str) -> Sequence[Any]:
        """Give a list of the request; empty where there is none."""
        value = self.request.get(name)
        return () if value is None else value
