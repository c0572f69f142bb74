"""Long operations go one at a time: two would take each other's memory and processor."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.imagej.call import Call

NOTICES_WITHIN_S = 5.0
"""How long an operation that was stopped may take to notice, before another one is turned away."""


class BusyError(GoldDiggerError):
    """Another operation is at work."""


class Workplace:
    """Room for one long operation."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at_work: Call | None = None

    @contextmanager
    def taken_by(self, call: Call) -> Iterator[None]:
        """Work here, alone.

        Raises
        ------
        BusyError
            If another operation is at work, and nobody has stopped it.
        """
        if not self._lock.acquire(blocking=False):
            other = self._at_work
            # It may have ended just now, or be about to end because it was stopped.
            ending = other is None or other.is_cancelled()
            if not self._lock.acquire(timeout=NOTICES_WITHIN_S if ending else 0.05):
                name = "another command" if other is None else other.command
                raise BusyError(f"Gold Digger is busy with {name}; wait for it or stop it with Esc")
        self._at_work = call
        try:
            yield
        finally:
            self._at_work = None
            self._lock.release()
