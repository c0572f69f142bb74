"""The engine as a process of its own, for a Fiji without Python: the same maps, as JSON and shared memory by Appose.

JSON has no arrays of numbers, no NaN and no infinity, so these are maps with one of our names:
``{"gd_array": "uint16", "base64": …}`` or ``{"gd_array": "uint16", "count": …, "memory": …}`` for an array in a
request, ``{"gd_float64": …}`` (base64, little-endian) for one in an answer, and ``{"gd_number": "NaN"}`` both ways.
"""

import io
import math
import os
import signal
import sys
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Protocol, TextIO

import numpy as np

import golddigger_ij
from golddigger_ij.imagej.service import answer, warm_up

_NOTICES_WITHIN_S = 5.0
"""How long what is at work when Fiji ends may take to notice, before the process ends all the same."""

_fiji_is_gone = threading.Event()
_ready = threading.Event()


class Task(Protocol):
    """What Appose gives a script to talk to Fiji with."""

    cancel_requested: bool

    def update(
        self,
        message: str | None = None,
        current: int | None = None,
        maximum: int | None = None,
        info: dict[str, Any] | None = None,
    ) -> None:
        """Tell Fiji how far it is."""


def main() -> None:
    """Work for the Fiji at the other end of standard input and output until it is gone, then end the process."""
    # Ctrl-C on the terminal that Fiji was started from is for Fiji.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _keep_channels_for_appose()
    warming = threading.Thread(target=_warm_up, daemon=True)
    warming.start()
    if sys.platform == "win32":
        # Windows lets no library load that looks at standard input while another thread reads from it.
        warming.join()
    from appose import python_worker

    python_worker.main()
    _fiji_is_gone.set()
    end = time.monotonic() + _NOTICES_WITHIN_S
    while time.monotonic() < end and any(thread.name.startswith("Appose-") for thread in _others()):
        time.sleep(0.02)
    os._exit(0)


def run(task: Task, request: dict[str, Any]) -> dict[str, Any]:
    """Answer one request of a script.

    Parameters
    ----------
    task : Task
        Hears how far it is and says whether to stop.
    request : dict
        What the script asks, as JSON holds it.

    Returns
    -------
    dict
        ``answer``, as JSON can hold it, and ``version``, of this package.
    """
    arrived = from_json(request)
    # Fiji can give the shared memory back from here on.
    task.update(info={"taken": True})
    if request.get("op") != "describe":
        # Two threads that import one library at once may see half of it.
        _ready.wait()
    return {"answer": to_json(answer(arrived, _Callback(task))), "version": golddigger_ij.__version__}


class _Callback:
    """A task as the service wants it."""

    def __init__(self, task: Task) -> None:
        self._task = task

    def update(self, done: int, total: int, message: str) -> None:
        """Show how far it is."""
        self._task.update(message, done, total)

    def cancelled(self) -> bool:
        """Say whether the user has had enough, or Fiji has ended."""
        return self._task.cancel_requested or _fiji_is_gone.is_set()


def from_json(value: Any) -> Any:
    """Give what a script has sent, with its arrays; they are copies, so that shared memory can go."""
    if isinstance(value, list):
        return [from_json(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    if "gd_number" in value:
        return float(value["gd_number"])
    if "gd_array" not in value:
        return {key: from_json(item) for key, item in value.items()}
    kind = np.dtype(value["gd_array"])
    if "memory" not in value:
        return np.frombuffer(b64decode(value["base64"]), kind.newbyteorder("<")).astype(kind)
    memory = value["memory"]
    array = np.frombuffer(memory.buf, kind, value["count"]).copy()
    memory.close()
    return array


def to_json(value: Any) -> Any:
    """Give what JSON can hold."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, np.ndarray) and value.dtype != object:
        return {"gd_float64": b64encode(value.astype("<f8").tobytes()).decode("ascii")}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [to_json(item) for item in value]
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        number = float(value)
        if math.isfinite(number):
            return number
        return {"gd_number": "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"}
    return str(value)


class Messages(io.TextIOBase):
    """Standard output on which only Appose's messages pass, each whole; all else goes to standard error.

    Fiji reads it line by line, and a message that shares its line with a library's chatter, or with another thread's
    message, would be lost; the command would then wait for ever.
    """

    def __init__(self, messages: TextIO, chatter: TextIO) -> None:
        self._messages = messages
        self._chatter = chatter
        self._lock = threading.Lock()
        self._ended: set[int] = set()

    def writable(self) -> bool:
        """Say that it can be written to."""
        return True

    def write(self, text: str) -> int:
        """Pass a text on."""
        with self._lock:
            if text.startswith("{") and '"responseType":' in text:
                # `print` sends the end of the line as a text of its own, and other threads could come between.
                self._messages.write(text + "\n")
                self._messages.flush()
                self._ended.add(threading.get_ident())
            elif text != "\n" or threading.get_ident() not in self._ended:
                self._chatter.write(text)
                self._chatter.flush()
            else:
                self._ended.discard(threading.get_ident())
        return len(text)


def _keep_channels_for_appose() -> None:
    """Take standard input and output away from libraries and child processes, which would write and read there."""
    messages = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdin = requests
    sys.stdout = Messages(messages, sys.stderr)


def _warm_up() -> None:
    # The command that needs what is missing will say so.
    with suppress(Exception):
        warm_up()
    _ready.set()


def _others() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread is not threading.current_thread()]
