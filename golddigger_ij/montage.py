"""One 2-D image of any size, read by window, with its pixel size: TIFF, PNG, JPEG and MRC files, and arrays."""

import hashlib
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.reading.array_pixels import ArrayPixels, array_digest, array_plane_count
from golddigger_ij.reading.mrc import MrcPixels, is_mrc, mrc_plane_count
from golddigger_ij.reading.pixel_size import PixelSize, given_pixel_size
from golddigger_ij.reading.png_jpeg import JPEG_START, PNG_START, PngJpegPixels
from golddigger_ij.reading.tiff import TiffPixels, tiff_plane_count
from golddigger_ij.reading.unreadable import reading, unreadable

__all__ = ["MIN_SIDE_PX", "Montage", "PixelSize", "open_montage", "plane_count", "refuse_tiny"]

# The smallest side of an image in which a particle and some background around it can be told apart.
MIN_SIDE_PX = 16

_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_START_BYTES = 512


class _Pixels(Protocol):
    """What each kind of source offers."""

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    pixel_size: PixelSize | None

    def read(self, y0: int, x0: int, height: int, width: int) -> NDArray[Any]: ...

    def close(self) -> None: ...


class Montage:
    """A 2-D grey image, read by window. Made by `open_montage`; any number of threads may read it.

    Attributes
    ----------
    name : str
        The file's path, or "array"; for messages.
    path : Path or None
        None for an array.
    shape : (int, int)
        Height and width in pixels.
    dtype : numpy.dtype
        What `read` gives: native byte order; integers or floats of any size.
    pixel_size : PixelSize or None
        None where the source does not say and nothing was given.
    plane : int or None
        Which plane of a stack, from 1; None if there is only one.
    """

    def __init__(
        self, source: Any, pixels: _Pixels, name: str, plane: int | None, pixel_size: PixelSize | None
    ) -> None:
        self._source = source
        self._pixels = pixels
        self._sha256: str | None = None
        self.name = name
        self.path: Path | None = source if isinstance(source, Path) else None
        self.shape = pixels.shape
        self.dtype = pixels.dtype
        self.pixel_size = pixel_size
        self.plane = plane

    def read(self, y0: int, x0: int, height: int, width: int) -> NDArray[Any]:
        """Read a window.

        Parameters
        ----------
        y0, x0 : int
            Its first row and column.
        height, width : int
            Its size, 1 or more.

        Returns
        -------
        ndarray, shape (height, width), dtype `self.dtype`
            Grey values; the caller's own copy.

        Raises
        ------
        GoldDiggerError
            If the file turns out to be damaged here.
        ValueError
            If the window does not lie inside the montage.
        """
        if y0 < 0 or x0 < 0 or height < 1 or width < 1 or y0 + height > self.shape[0] or x0 + width > self.shape[1]:
            raise ValueError(f"window {height} x {width} at ({y0}, {x0}) is not inside {self.name} of {self.shape}")
        return self._pixels.read(y0, x0, height, width)

    def sha256(self) -> str:
        """Give the SHA-256 of the file's bytes; of an array, that of its values in native order, shape and dtype.

        Raises
        ------
        GoldDiggerError
            If the file cannot be read any more.
        """
        if self._sha256 is None:
            if self.path is None:
                self._sha256 = array_digest(self._source)
            else:
                with reading(self.path), self.path.open("rb") as file:
                    self._sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return self._sha256

    def close(self) -> None:
        """Let go of the file and of the memory. Nothing can be read afterwards."""
        self._pixels.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        size = f"{self.shape[1]} x {self.shape[0]} px, {self.dtype}"
        scale = "no pixel size" if self.pixel_size is None else f"{self.pixel_size.nm:.4g} nm/px"
        plane = "" if self.plane is None else f", plane {self.plane}"
        return f"<Montage {self.name}: {size}, {scale}{plane}>"


def open_montage(source: Any, *, plane: int | None = None, nm_per_px: float | None = None) -> Montage:
    """Open an image without reading its pixels.

    Parameters
    ----------
    source : Path, str or array-like
        A TIFF (also BigTIFF, OME-TIFF, ImageJ), PNG, JPEG or MRC file; or an array of shape (height, width) or
        (height, width, 3 or 4), or a stack of these: NumPy, memory map, Zarr, Dask, anything that can be sliced.
    plane : int, optional
        Which plane of a stack, from 1.
    nm_per_px : float, optional
        The pixel size; it counts instead of what the file says.

    Returns
    -------
    Montage

    Raises
    ------
    GoldDiggerError
        If there is no such file, it cannot be read or is no image; if it is a stack and no plane was chosen, or there
        is no such plane; if the pixels are not square and no size is given.
    """
    source = Path(source) if isinstance(source, (str, Path)) else source
    name = str(source) if isinstance(source, Path) else "array"
    given = None if nm_per_px is None else given_pixel_size(nm_per_px, name)
    count = plane_count(source)
    if plane is None and count > 1:
        raise GoldDiggerError(
            f"{name}: is a stack of {count} planes; choose one with --plane N (the first is 1), or --plane all"
        )
    if plane is not None and not 1 <= plane <= count:
        raise GoldDiggerError(f"{name}: has no plane {plane}; choose one from 1 to {count}")
    pixels = _open_pixels(source, (plane or 1) - 1, with_pixel_size=given is None)
    return Montage(source, pixels, name, plane if count > 1 else None, given or pixels.pixel_size)


def plane_count(source: Any) -> int:
    """Count the planes of a stack: slices, channels and frames together.

    Parameters
    ----------
    source : Path, str or array-like
        As in `open_montage`.

    Returns
    -------
    int
        1 or more. Pyramid levels, thumbnails and Photoshop's layers are no planes.

    Raises
    ------
    GoldDiggerError
        If there is no such file, or it cannot be read.
    """
    if not isinstance(source, (str, Path)):
        return array_plane_count(source)
    path = Path(source)
    kind = _kind(path)
    if kind == "TIFF":
        return tiff_plane_count(path)
    return mrc_plane_count(path) if kind == "MRC" else 1


def refuse_tiny(montage: Montage) -> None:
    """Refuse a montage in which no particle could be found.

    Raises
    ------
    GoldDiggerError
        If a side is shorter than `MIN_SIDE_PX`.
    """
    if min(montage.shape) < MIN_SIDE_PX:
        height, width = montage.shape
        raise GoldDiggerError(
            f"{montage.name}: {width} x {height} px is too small to hold a particle; give an image of at least "
            f"{MIN_SIDE_PX} x {MIN_SIDE_PX} px"
        )


def _open_pixels(source: Any, plane: int, *, with_pixel_size: bool) -> _Pixels:
    if not isinstance(source, Path):
        return ArrayPixels(source, plane)
    kind = _kind(source)
    if kind == "TIFF":
        return TiffPixels(source, plane, with_pixel_size=with_pixel_size)
    if kind == "MRC":
        return MrcPixels(source, plane, with_pixel_size=with_pixel_size)
    return PngJpegPixels(source, with_pixel_size=with_pixel_size)


def _kind(path: Path) -> str:
    """Tell the format by the first bytes, since names lie."""
    with reading(path):
        if path.is_dir():
            raise unreadable(path, "it is a folder", "give an image file")
        if path.exists() and not path.is_file():
            raise unreadable(path, "it is no regular file", "give an image file")
        with path.open("rb") as file:
            start = file.read(_START_BYTES)
    if not start:
        raise unreadable(path, "the file is empty")
    if start.startswith(_TIFF_STARTS):
        return "TIFF"
    if start.startswith((PNG_START, JPEG_START)):
        return "PNG or JPEG"
    if is_mrc(path, start):
        return "MRC"
    raise unreadable(path, "it is no TIFF, PNG, JPEG or MRC image", "open it in Fiji and save it as TIFF")
