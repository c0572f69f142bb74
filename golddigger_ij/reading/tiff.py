"""Windows of TIFF, BigTIFF, OME-TIFF and ImageJ TIFF files, without reading the rest."""

import math
import mmap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from tifffile import TIFF

from golddigger_ij.reading.grey import grey_dtype, inverted, to_grey
from golddigger_ij.reading.pixel_size import PixelSize, tiff_pixel_size
from golddigger_ij.reading.segment_cache import SegmentCache
from golddigger_ij.reading.tiff_directories import check_directories
from golddigger_ij.reading.unreadable import check_claimed_size, check_jpeg, reading, unreadable

# One row of 512 px tiles or strips of a 27,000 px wide 16-bit montage takes 28 MB.
_CACHE_BYTES = 128 << 20

_JPEG = {6, 7, 33007, 34892}
_GREY_PHOTOMETRICS = {0, 1, 2, 3, 4, 6}  # white is zero, black is zero, RGB, palette, mask, YCbCr
_REFUSED_PHOTOMETRICS = {5: "CMYK", 8: "CIE Lab", 9: "ICC Lab", 10: "ITU Lab", 32803: "a colour filter array"}


@dataclass(frozen=True)
class _Plane:
    """One image of a file: its page, and where its pixels begin if they lie there as they are."""

    page: tifffile.TiffPage
    segments: tifffile.TiffPage | tifffile.TiffFrame
    offset: int | None


class TiffPixels:
    """The pixels of one plane of a TIFF file, as grey windows. Any number of threads may read.

    Uncompressed planes that lie in one piece are memory-mapped. Otherwise only the strips and tiles that a window
    touches are read and decoded, and kept for the next window.

    Of a pyramid, and beside thumbnails and labels, the full resolution is taken. Extra samples (alpha) and
    Photoshop's layers are left out; rows come in stored order, whatever the orientation tag says, as in ImageJ.

    Parameters
    ----------
    path : Path
    plane : int
        From 0.

    Raises
    ------
    GoldDiggerError
        If the file is damaged, cut short, in colours that have no grey value, or has no such plane.
    """

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    pixel_size: PixelSize | None

    def __init__(self, path: Path, plane: int, *, with_pixel_size: bool = True) -> None:
        self._path = path
        self._lock = Lock()
        self._cache = SegmentCache(_CACHE_BYTES)
        with reading(path):
            self._file = path.open("rb")
            try:
                self._open(plane, with_pixel_size)
            except BaseException:
                self._file.close()
                raise

    def _open(self, plane: int, with_pixel_size: bool) -> None:
        path = self._path
        self._file_bytes = path.stat().st_size
        # Planes of an OME file that lie in other files are not followed: each file is an input of its own.
        with tifffile.TiffFile(path, _multifile=False) as tiff:
            found = _plane(path, tiff, plane)
            page = self._page = found.page
            self._segments = found.segments
            self.shape = (page.imagelength, page.imagewidth)
            self._separate, depth, _, _, self._contig = page.shaped
            if 0 in page.shaped or depth != 1:
                raise unreadable(path, "it holds no pixels" if 0 in page.shaped else "its pages are volumes")
            self._choose_grey(page)
            self._map: NDArray[Any] | None = None
            if found.offset is not None:
                self._map = self._mapped(tiff.byteorder, page, found.offset)
            else:
                self._check_segments()
            self.pixel_size = tiff_pixel_size(tiff, page, self.shape, str(path)) if with_pixel_size else None

    def read(self, y0: int, x0: int, height: int, width: int) -> NDArray[Any]:
        """Give a window that lies inside, shape (height, width), dtype `self.dtype`."""
        with reading(self._path):
            if self._map is not None:
                window = self._map[:, y0 : y0 + height, x0 : x0 + width]
                return np.array(self._grey(window))
            samples = self._separate if self._separate > 1 and self._photometric == 2 else 1
            if samples == 1:
                return self._assemble(0, y0, x0, height, width)
            planes = [self._assemble(sample, y0, x0, height, width) for sample in range(3)]
            return to_grey(np.stack(planes, axis=-1))

    def close(self) -> None:
        """Let go of the file and of what was decoded."""
        self._map = None
        self._cache.clear()
        self._file.close()

    def _choose_grey(self, page: tifffile.TiffPage) -> None:
        # Where the tag is missing, tifffile says "white is zero" and ImageJ, which people look at, the opposite.
        photometric = self._photometric = int(page.photometric) if 262 in page.tags else 1
        if photometric not in _GREY_PHOTOMETRICS:
            name = _REFUSED_PHOTOMETRICS.get(photometric, f"colours of kind {photometric}")
            raise unreadable(self._path, f"it is in {name}", "convert it to greyscale or RGB and save it again")
        if photometric == 6 and page.compression not in TIFF.IMAGE_COMPRESSIONS:
            raise unreadable(self._path, "it is in uncompressed YCbCr", "save it again as greyscale or RGB")
        if photometric == 2 and max(self._separate, self._contig) < 3:
            raise unreadable(self._path, "damaged: RGB with fewer than three samples")
        dtype = None if page.dtype is None else grey_dtype(page.dtype)
        if dtype is None:
            kind = "an unknown sample format" if page.dtype is None else f"samples of type {page.dtype}"
            raise unreadable(self._path, f"it has {kind}", "save it as 8-bit, 16-bit or 32-bit greyscale")
        self._palette: NDArray[np.uint8] | None = None
        if photometric == 3:
            colours = np.asarray(page.colormap)
            if page.dtype is None or page.dtype.kind != "u" or colours.ndim != 2 or colours.shape[0] != 3:
                raise unreadable(self._path, "damaged: its palette is missing or cannot be used")
            self._palette = to_grey((colours.T[None] >> 8).astype(np.uint8))[0]
            dtype = np.dtype(np.uint8)
        self.dtype = dtype

    def _grey(self, samples: NDArray[Any]) -> NDArray[Any]:
        """Make grey of samples in the order of the file: (separate, height, width, contiguous)."""
        page = self._page
        if self._photometric in (2, 6) and samples.shape[0] * samples.shape[3] >= 3:
            return to_grey(samples[0] if self._separate == 1 else np.moveaxis(samples[:3, ..., 0], 0, -1))
        first = samples[0, ..., 0]
        if self._palette is not None:
            return np.take(self._palette, first, mode="clip")
        if self._photometric == 0:
            bits = page.bitspersample if isinstance(page.bitspersample, int) else first.dtype.itemsize * 8
            first = inverted(first.astype(first.dtype.newbyteorder("="), copy=False), bits)
        return to_grey(first)

    def _mapped(self, byte_order: str, page: tifffile.TiffPage, offset: int) -> NDArray[Any]:
        assert page.dtype is not None
        shape = (self._separate, *self.shape, self._contig)
        missing = offset + math.prod(shape) * page.dtype.itemsize - self._file_bytes
        if missing > 0:
            raise unreadable(self._path, f"cut short: {missing} bytes of its pixels are missing")
        buffer = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        return np.ndarray(shape, page.dtype.newbyteorder(byte_order), buffer, offset)  # type: ignore[arg-type]

    def _check_segments(self) -> None:
        page = self._page
        assert page.dtype is not None
        tall, wide = (page.tilelength, page.tilewidth) if page.is_tiled else (page.rowsperstrip, page.imagewidth)
        if tall < 1 or wide < 1 or (page.is_tiled and page.tiledepth != 1):
            raise unreadable(self._path, f"damaged, or in tiles that are not supported ({wide} x {tall})")
        height, width = self.shape
        # The last strip may claim more rows than there are, but no more are decoded.
        tall = tall if page.is_tiled else min(tall, height)
        self._tall, self._wide = tall, wide
        self._down, self._across = math.ceil(height / tall), math.ceil(width / wide)
        needed = self._separate * self._down * self._across
        offsets, counts = self._segments.dataoffsets, self._segments.databytecounts
        if len(offsets) < needed or len(counts) < needed:
            raise unreadable(self._path, f"damaged: {needed} strips or tiles are needed, {len(offsets)} are listed")
        ends = (offset + count for offset, count in zip(offsets[:needed], counts[:needed], strict=True))
        missing = max(ends) - self._file_bytes
        if missing > 0:
            raise unreadable(self._path, f"cut short: {missing} bytes of its strips or tiles are missing")
        check_claimed_size(self._path, page.nbytes, self._file_bytes)
        check_claimed_size(self._path, tall * wide * self._contig * page.dtype.itemsize, self._file_bytes)
        self._decode: Callable[..., Any] = page.decode
        self._tables: dict[str, Any] = {}
        if page.compression in _JPEG:
            self._tables = {"jpegtables": self._segments.jpegtables, "jpegheader": page.jpegheader}

    def _assemble(self, sample: int, y0: int, x0: int, height: int, width: int) -> NDArray[Any]:
        window = np.empty((height, width), self.dtype)
        for row in range(y0 // self._tall, (y0 + height - 1) // self._tall + 1):
            for column in range(x0 // self._wide, (x0 + width - 1) // self._wide + 1):
                top, left = row * self._tall, column * self._wide
                y_from, y_to = max(y0, top), min(y0 + height, top + self._tall)
                x_from, x_to = max(x0, left), min(x0 + width, left + self._wide)
                segment = self._segment((sample * self._down + row) * self._across + column)
                piece = segment[y_from - top : y_to - top, x_from - left : x_to - left]
                # One row too few would otherwise be repeated by NumPy's broadcasting.
                if segment.size > 1 and piece.shape != (y_to - y_from, x_to - x_from):
                    raise unreadable(self._path, "damaged: a strip or tile is too small")
                window[y_from - y0 : y_to - y0, x_from - x0 : x_to - x0] = piece if segment.size > 1 else segment
        return window

    def _segment(self, index: int) -> NDArray[Any]:
        """Give a decoded strip or tile in grey; one value, shape (1, 1), where the file leaves it out."""
        return self._cache.get(index, lambda: self._decoded(index))

    def _decoded(self, index: int) -> NDArray[Any]:
        page, count = self._page, self._segments.databytecounts[index]
        assert page.dtype is not None
        if count == 0 or self._segments.dataoffsets[index] == 0:
            return self._grey(np.full((1, 1, 1, self._contig), page.nodata, page.dtype))
        with self._lock:
            self._file.seek(self._segments.dataoffsets[index])
            data = self._file.read(count)
        if len(data) < count:
            raise unreadable(self._path, "cut short while it was being read")
        if page.compression in _JPEG:
            check_jpeg(self._path, data, self._tall, self._wide)
        with reading(self._path):
            samples = self._decode(data, index, **self._tables)[0]
        if not np.can_cast(samples.dtype, page.dtype, "same_kind") and page.dtype != np.bool_:
            raise unreadable(self._path, f"damaged: {samples.dtype} samples where {page.dtype} was expected")
        return self._grey(samples.astype(page.dtype, copy=False))


def tiff_plane_count(path: Path) -> int:
    """Count the planes (slices, channels and frames) of full size in a TIFF file.

    Raises
    ------
    GoldDiggerError
        If the file cannot be read.
    """
    with reading(path), tifffile.TiffFile(path, _multifile=False) as tiff:
        return sum(_planes_of(series) for series in _full_size(path, tiff))


def _plane(path: Path, tiff: tifffile.TiffFile, plane: int) -> _Plane:
    for series in _full_size(path, tiff):
        count = _planes_of(series)
        if plane < count:
            return _plane_of_series(path, series, plane, count)
        plane -= count
    raise unreadable(path, "it has no such plane", "choose another")


def _plane_of_series(path: Path, series: tifffile.TiffPageSeries, plane: int, count: int) -> _Plane:
    if series.axes.replace("S", "")[-2:] != "YX" or "S" in series.axes[:-3]:
        raise unreadable(path, f"its axes come as {series.axes}", "save it anew from Fiji")
    page = series.keyframe
    if series.dataoffset is not None:
        # ImageJ's stacks beyond 4 GB have one page, and the planes after it are found by counting bytes only.
        return _Plane(page, page, series.dataoffset + plane * (series.nbytes // count))
    if count not in (1, len(series)):
        raise unreadable(path, "its pages hold several planes each", "save it anew from Fiji")
    segments = series[plane]
    if segments is None:
        raise unreadable(path, "this plane lies in another file of an OME-TIFF set", "give that file instead")
    in_place = segments.is_final and segments.is_contiguous and page.dtype is not None
    return _Plane(page, segments, segments.dataoffsets[0] if in_place else None)


def _full_size(path: Path, tiff: tifffile.TiffFile) -> list[tifffile.TiffPageSeries]:
    """Give the image series without pyramid levels, thumbnails and labels: what is smaller than half."""
    check_directories(path, tiff)
    series = [one for one in tiff.series if "Y" in one.axes and "X" in one.axes and one.size > 0]
    if not series:
        raise unreadable(path, "it holds no image")
    largest = max((_side_lengths(one) for one in series), key=math.prod)
    return [one for one in series if all(2 * a > b for a, b in zip(_side_lengths(one), largest, strict=True))]


def _side_lengths(series: tifffile.TiffPageSeries) -> tuple[int, int]:
    sizes = dict(zip(series.axes, series.shape, strict=True))
    return sizes["Y"], sizes["X"]


def _planes_of(series: tifffile.TiffPageSeries) -> int:
    return math.prod(size for axis, size in zip(series.axes, series.shape, strict=True) if axis not in "YXS")
