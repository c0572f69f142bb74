"""PNG and JPEG files, which can only be decoded as a whole: on the first window, and then kept."""

import struct
from pathlib import Path
from threading import Lock
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from golddigger_ij.reading.grey import to_grey
from golddigger_ij.reading.pixel_size import PixelSize, square_pixel_size
from golddigger_ij.reading.unreadable import check_claimed_size, check_jpeg, jpeg_frame, reading, unreadable

PNG_START = b"\x89PNG\r\n\x1a\n"
JPEG_START = b"\xff\xd8\xff"


class PngJpegPixels:
    """The pixels of a PNG or JPEG file, as grey windows. Any number of threads may read.

    Only the header is read when it is opened. 16-bit PNG stays 16-bit; alpha is left out. The rows come in stored
    order, whatever the Exif orientation says, as in ImageJ.

    Parameters
    ----------
    path : Path

    Raises
    ------
    GoldDiggerError
        If the file is damaged, cut short or a CMYK JPEG.
    """

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    pixel_size: PixelSize | None = None

    def __init__(self, path: Path, *, with_pixel_size: bool = True) -> None:
        self._path = path
        self._lock = Lock()
        self._image: NDArray[Any] | None = None
        with reading(path):
            data = path.read_bytes()
            self._is_png = data.startswith(PNG_START)
            if self._is_png:
                height, width, bits, samples = _png_frame(path, data)
            else:
                height, width, samples, bits = jpeg_frame(data) or (0, 0, 0, 0)
                if samples == 4:
                    raise unreadable(path, "it is in CMYK", "convert it to greyscale or RGB and save it again")
            if min(height, width, bits, samples) <= 0:
                raise unreadable(path, "it holds no pixels, or its header is damaged")
            self.shape = (height, width)
            self.dtype = np.dtype(np.uint16 if bits > 8 else np.uint8)
            check_claimed_size(path, height * width * samples * self.dtype.itemsize, len(data))
            if not self._is_png:
                check_jpeg(path, data, height, width)
            elif with_pixel_size:
                self.pixel_size = _png_pixel_size(path, data)

    def read(self, y0: int, x0: int, height: int, width: int) -> NDArray[Any]:
        """Give a window that lies inside, shape (height, width), dtype `self.dtype`."""
        with self._lock:
            if self._image is None:
                self._image = self._decoded()
            image = self._image
        return image[y0 : y0 + height, x0 : x0 + width].copy()

    def close(self) -> None:
        """Let go of what was decoded."""
        with self._lock:
            self._image = None

    def _decoded(self) -> NDArray[Any]:
        with reading(self._path):
            data = self._path.read_bytes()
            # A JPEG's luma channel is the grey image: asking for it alone takes a third of the memory.
            if self._is_png:
                image = to_grey(imagecodecs.png_decode(data))
            else:
                image = imagecodecs.jpeg_decode(data, outcolorspace="GRAYSCALE")
            if image.shape != self.shape or image.dtype != self.dtype:
                raise unreadable(self._path, f"damaged: it holds {image.shape} {image.dtype}, not what its header says")
            return image


def _png_frame(path: Path, data: bytes) -> tuple[int, int, int, int]:
    """Give height, width, bits a sample and samples a pixel once decoded."""
    if len(data) < 33 or data[12:16] != b"IHDR":
        raise unreadable(path, "damaged or cut short: its header is missing")
    width, height, bits, colour = struct.unpack_from(">IIBB", data, 16)
    return height, width, bits, {0: 1, 2: 3, 3: 4, 4: 2, 6: 4}.get(colour, 0)


def _png_pixel_size(path: Path, data: bytes) -> PixelSize | None:
    """Read the pHYs chunk (pixels a metre), which stands before the pixels."""
    at = len(PNG_START)
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"pHYs" and length == 9:
            across, down, unit = struct.unpack_from(">IIB", data, at + 8)
            if unit == 1 and min(across, down) > 0:
                return square_pixel_size(1e9 / across, 1e9 / down, "PNG resolution", str(path))
        if kind in (b"IDAT", b"IEND"):
            return None
        at += 12 + length
    return None
