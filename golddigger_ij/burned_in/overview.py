"""A reduced picture of a montage: the least and the greatest grey value of each block, from one pass over it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from golddigger_ij.burned_in.scale_bar import Box
    from golddigger_ij.montage import Montage

_LONGEST_SIDE = 1500
_SMALLEST_BLOCK = 4
_BAND_BYTES = 32_000_000


@dataclass(frozen=True)
class Overview:
    """Least (`low`) and greatest (`high`) value of each block x block px, float32; the last blocks may be partial.

    `tolerance` is how far grey values of one constant area may lie apart, as compression blurs it.
    """

    low: NDArray[np.float32]
    high: NDArray[np.float32]
    block: int
    tolerance: float

    def cells(self, box: Box) -> tuple[slice, slice]:
        """Give the rows and columns of the blocks that lie wholly inside a box of the montage."""
        rows = slice(-(-box.y0 // self.block), self._end(box.y1, 0))
        return rows, slice(-(-box.x0 // self.block), self._end(box.x1, 1))

    def _end(self, stop: int, axis: int) -> int:
        count = self.low.shape[axis]
        return count if stop > (count - 1) * self.block and stop % self.block else stop // self.block


def make_overview(montage: Montage) -> Overview | None:
    """Read a montage once, in bands of rows of limited memory.

    Parameters
    ----------
    montage : Montage
        The image.

    Returns
    -------
    Overview or None
        None when the image is constant, so that there is nothing to tell apart.
    """
    height, width = montage.shape
    block = max(_SMALLEST_BLOCK, -(-max(height, width) // _LONGEST_SIDE))
    rows = max(_BAND_BYTES // (width * np.dtype(montage.dtype).itemsize * block), 1) * block
    lows, highs = [], []
    for y in range(0, height, rows):
        values = montage.read(y, 0, min(rows, height - y), width)
        if values.dtype.kind == "f":
            lows.append(_reduced(np.where(np.isfinite(values), values, np.inf), block, np.minimum))
            highs.append(_reduced(np.where(np.isfinite(values), values, -np.inf), block, np.maximum))
        else:
            lows.append(_reduced(values, block, np.minimum))
            highs.append(_reduced(values, block, np.maximum))
    low, high = np.concatenate(lows).astype(np.float32), np.concatenate(highs).astype(np.float32)
    finite = np.isfinite(low) & np.isfinite(high)
    if not finite.any() or low[finite].min() == high[finite].max():
        return None
    least = low[finite].min()
    low, high = np.where(finite, low, least), np.where(finite, high, least)
    return Overview(low, high, block, _tolerance(low, high))


def read_float(montage: Montage, y0: int, x0: int, height: int, width: int) -> NDArray[np.float32]:
    """Read a window as float32; what is not finite becomes its least value (or 0)."""
    values = montage.read(y0, x0, height, width).astype(np.float32)
    bad = ~np.isfinite(values)
    if bad.any():
        values[bad] = values[~bad].min() if not bad.all() else 0
    return values


def _tolerance(low: NDArray[np.float32], high: NDArray[np.float32]) -> float:
    # JPEG blurs a constant area by 2 or 3 of 255 grey values; but in an image of little contrast under a saturated
    # scale bar the specimen itself varies by less than that, so its own texture sets the limit.
    extent = high - low
    full = float(high.max() - low.min())
    textured = extent[extent > 0.03 * full]
    if textured.size < 0.05 * extent.size:
        textured = extent[extent > 0]
    return min(0.024 * full, 0.2 * float(np.median(textured))) if textured.size else 0.0


def _reduced(values: NDArray[Any], block: int, reduce: np.ufunc) -> NDArray[Any]:
    """Reduce whole blocks, and the partial ones at the bottom and the right."""
    # Rows first, over contiguous memory, then whole columns at a stride: ufunc.reduceat would be 20 times slower.
    tall = values.shape[0] // block * block
    parts = [reduce.reduce(values[:tall].reshape(-1, block, values.shape[1]), axis=1)]
    if tall < values.shape[0]:
        parts.append(reduce.reduce(values[tall:], axis=0, keepdims=True))
    rows = np.concatenate(parts)
    wide = rows.shape[1] // block * block
    parts = []
    if wide:
        reduced = rows[:, :wide:block].copy()
        for start in range(1, block):
            reduce(reduced, rows[:, start:wide:block], out=reduced)
        parts.append(reduced)
    if wide < rows.shape[1]:
        parts.append(reduce.reduce(rows[:, wide:], axis=1, keepdims=True))
    return np.concatenate(parts, axis=1)
