"""Windows of MRC files, mapped into memory."""

import mmap
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from golddigger_ij.reading.grey import to_grey
from golddigger_ij.reading.pixel_size import PixelSize, mrc_pixel_size
from golddigger_ij.reading.unreadable import reading, unreadable

_HEADER_BYTES = 1024
_SUFFIXES = {".mrc", ".mrcs", ".map", ".st", ".rec", ".ali", ".preali"}
_DTYPES = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}
_REFUSED = {3: "complex integers", 4: "complex numbers", 101: "4-bit samples"}

# IMOD writes bytes from 0 to 255 in the mode that the standard has for -128 to 127, and marks the file so.
_IMOD_STAMP = 1146047817


def is_mrc(path: Path, start: bytes) -> bool:
    """Tell whether a file that starts with `start` (216 bytes or more, or all of it) is an MRC file."""
    return start[208:211] == b"MAP" or (path.suffix.lower() in _SUFFIXES and len(start) >= 212)


class MrcPixels:
    """The pixels of one section of an MRC file, as windows. Any number of threads may read.

    The first row in the file is the first row of the image, as in mrcfile and NumPy. MRC's convention puts row 0 at
    the *bottom*, and a viewer that follows it shows the image upside down.

    Parameters
    ----------
    path : Path
    plane : int
        From 0.

    Raises
    ------
    GoldDiggerError
        If the file is damaged, cut short, holds complex or packed samples, or has no such section.
    """

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    pixel_size: PixelSize | None

    def __init__(self, path: Path, plane: int, *, with_pixel_size: bool = True) -> None:
        self._path = path
        with reading(path), path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
            order, stored, (count, height, width), offset = _layout(path, header)
            needed = offset + count * height * width * stored.itemsize
            missing = needed - path.stat().st_size
            if missing > 0:
                raise unreadable(path, f"cut short: {missing} bytes of its pixels are missing")
            if not 0 <= plane < count:
                raise unreadable(path, "it has no such plane", "choose another")
            buffer = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            start = offset + plane * height * width * stored.itemsize
            self._map: NDArray[Any] | None = np.ndarray((height, width), stored, buffer, start)
            self.shape = (height, width)
            self.dtype = stored.newbyteorder("=")
            self.pixel_size = mrc_pixel_size(header, order, str(path)) if with_pixel_size else None

    def read(self, y0: int, x0: int, height: int, width: int) -> NDArray[Any]:
        """Give a window that lies inside, shape (height, width), dtype `self.dtype`."""
        with reading(self._path):
            if self._map is None:
                raise ValueError("the montage is closed")
            return np.array(to_grey(self._map[y0 : y0 + height, x0 : x0 + width]))

    def close(self) -> None:
        """Let go of the file."""
        self._map = None


def mrc_plane_count(path: Path) -> int:
    """Count the sections of an MRC file.

    Raises
    ------
    GoldDiggerError
        If the header is damaged.
    """
    with reading(path), path.open("rb") as file:
        return _layout(path, file.read(_HEADER_BYTES))[2][0]


def _layout(path: Path, header: bytes) -> tuple[str, np.dtype[Any], tuple[int, int, int], int]:
    """Give byte order, dtype, (sections, height, width) and where the pixels begin."""
    if len(header) < _HEADER_BYTES:
        raise unreadable(path, "cut short: its header is not whole")
    # Old files have no machine stamp; a mode number beyond 255 means the wrong byte order in any file.
    order = ">" if header[212] == 0x11 or struct.unpack_from("<i", header, 12)[0] not in range(256) else "<"
    width, height, count, mode = struct.unpack_from(f"{order}4i", header, 0)
    extended = struct.unpack_from(f"{order}i", header, 92)[0]
    if mode not in _DTYPES:
        raise unreadable(
            path, f"it holds {_REFUSED.get(mode, f'samples of mode {mode}')}", "save it as 8-bit, 16-bit or 32-bit real"
        )
    if min(width, height, count) <= 0:
        raise unreadable(path, f"it holds no pixels ({width} x {height} x {count})")
    if extended < 0:
        raise unreadable(path, "damaged: its header gives a negative length")
    stored = np.dtype(order + _DTYPES[mode])
    stamp, flags = struct.unpack_from(f"{order}2i", header, 152)
    if mode == 0 and stamp == _IMOD_STAMP and not flags & 1:
        stored = np.dtype("u1")
    return order, stored, (count, height, width), _HEADER_BYTES + extended
