"""Windows of anything that can be sliced like an array: NumPy, memory maps, Zarr, Dask."""

import hashlib
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.reading.grey import grey_dtype, to_grey
from golddigger_ij.reading.pixel_size import PixelSize

_DIGEST_BYTES = 64 << 20


class ArrayPixels:
    """One plane of an array, as grey windows.

    Parameters
    ----------
    array : array-like
        Shape ([planes, ...] height, width[, 3 or 4 colours]); what has no shape of its own is made a NumPy array.
    plane : int
        From 0, counted through the leading axes in C order.

    Raises
    ------
    GoldDiggerError
        If it holds no pixels, is not 2-D or more, or has complex numbers or objects for values.
    """

    pixel_size: PixelSize | None = None

    def __init__(self, array: Any, plane: int) -> None:
        self._array = _as_sliceable(array)
        leading, self.shape = _split_shape(self._array.shape)
        self._leading = tuple(int(index) for index in np.unravel_index(plane, leading)) if leading else ()
        self.dtype: np.dtype[Any] = grey_dtype(np.dtype(self._array.dtype)) or np.dtype(np.float64)

    def read(self, y0: int, x0: int, height: int, width: int) -> NDArray[Any]:
        """Give a window that lies inside, shape (height, width), dtype `self.dtype`."""
        try:
            window = np.asarray(self._array[(*self._leading, slice(y0, y0 + height), slice(x0, x0 + width))])
            grey = np.array(to_grey(window))
        except Exception as error:
            # A lazy array fails only here, with whatever its own source raises.
            why = f"{type(error).__name__}: {error}"
            raise GoldDiggerError(f"array: cannot be read ({why}); check its source") from error
        if grey.shape != (height, width):
            raise GoldDiggerError(f"array: gives a window of {grey.shape} where {(height, width)} was asked for")
        return grey

    def close(self) -> None:
        """Do nothing: the array is the caller's."""


def array_plane_count(array: Any) -> int:
    """Count the planes of an array-like.

    Raises
    ------
    GoldDiggerError
        If it is no image.
    """
    return math.prod(_split_shape(_as_sliceable(array).shape)[0])


def array_digest(array: Any) -> str:
    """Give the SHA-256 of an array's shape, dtype and values in C order and little-endian bytes."""
    array = _as_sliceable(array)
    dtype = np.dtype(array.dtype)
    digest = hashlib.sha256(f"{tuple(int(side) for side in array.shape)} {dtype.newbyteorder('<').str} ".encode())
    row_bytes = max(1, math.prod(array.shape[1:]) * dtype.itemsize)
    rows = max(1, _DIGEST_BYTES // row_bytes)
    for top in range(0, array.shape[0], rows):
        block = np.asarray(array[top : top + rows])
        digest.update(np.ascontiguousarray(block, dtype.newbyteorder("<")).data.cast("B"))
    return digest.hexdigest()


def _as_sliceable(array: Any) -> Any:
    if not all(hasattr(array, name) for name in ("shape", "dtype", "__getitem__")):
        try:
            array = np.asarray(array)
        except Exception as error:
            raise GoldDiggerError(f"array: {type(array).__name__} is no image; give a file or a 2-D array") from error
    try:
        dtype = np.dtype(array.dtype)
    except TypeError as error:
        raise GoldDiggerError(f"array: values of type {array.dtype} are no grey values; give a NumPy type") from error
    if grey_dtype(dtype) is None:
        raise GoldDiggerError(f"array: values of type {dtype} are no grey values; convert it to integers or floats")
    return array


def _split_shape(shape: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, int]]:
    """Give the leading (plane) axes, and height and width."""
    sides = tuple(int(side) for side in shape)
    if len(sides) < 2 or 0 in sides:
        raise GoldDiggerError(f"array: shape {sides} is no image; give one of (height, width)")
    if len(sides) >= 3 and sides[-1] in (3, 4):
        sides = sides[:-1]
    return sides[:-2], (sides[-2], sides[-1])
