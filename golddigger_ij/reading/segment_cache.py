"""Decoded strips and tiles, kept while they are likely to be wanted again."""

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock
from typing import Any

from numpy.typing import NDArray


class SegmentCache:
    """The most recently used segments of one image, up to a number of bytes. Any number of threads may use it.

    A segment that two threads want at once is decoded once: the second waits for the first. The segment in use is
    kept even where it alone is larger than the limit, as with an image that is compressed as one strip.

    Parameters
    ----------
    max_bytes : int
        What is kept once decoding has ended.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._held: OrderedDict[int, Future[NDArray[Any]]] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def get(self, key: int, decode: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """Give segment `key`, from memory or from `decode`, whose errors reach every thread that waits for it."""
        with self._lock:
            future = self._held.get(key)
            mine = future is None
            if future is None:
                future = self._held[key] = Future()
            self._held.move_to_end(key)
        if mine:
            self._fill(key, future, decode)
        return future.result()

    def clear(self) -> None:
        """Forget everything that is decoded."""
        with self._lock:
            self._held.clear()
            self._bytes = 0

    def _fill(self, key: int, future: "Future[NDArray[Any]]", decode: Callable[[], NDArray[Any]]) -> None:
        try:
            segment = decode()
        except BaseException as error:
            # A failed segment is not remembered: a network drive that comes back is read again.
            with self._lock:
                if self._held.get(key) is future:
                    del self._held[key]
            future.set_exception(error)
            return
        future.set_result(segment)
        with self._lock:
            if self._held.get(key) is future:
                self._bytes += segment.nbytes
                self._drop_oldest(key)

    def _drop_oldest(self, keep: int) -> None:
        for key in list(self._held):
            if self._bytes <= self._max_bytes:
                return
            future = self._held[key]
            if key != keep and future.done():
                self._bytes -= future.result().nbytes
                del self._held[key]
