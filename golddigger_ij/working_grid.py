"""The one physical pixel size at which the network sees every montage.

Gold has a physical size. Resampling to about 1.1 nm per pixel before the network makes the result independent of the
magnification, and fourfold cheaper on images of 0.55 nm per pixel. Positions and diameters are refined on the original
pixels afterwards.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

SNAP = 0.13
"""A ratio of pixel sizes this close to a whole number is taken for it: training varies the scale by more."""


@dataclass(frozen=True)
class WorkingGrid:
    """The grid of working pixels over a montage.

    Attributes
    ----------
    shape : tuple of int
        Height and width of the montage in its own pixels.
    ratio : float
        Original pixels in a working pixel, along one axis.
    """

    shape: tuple[int, int]
    ratio: float

    @classmethod
    def over(cls, shape: tuple[int, int], nm_per_px: float, working_nm_per_px: float) -> "WorkingGrid":
        """Lay a grid of about `working_nm_per_px` over a montage of `shape` and `nm_per_px`."""
        ratio = working_nm_per_px / nm_per_px
        whole = max(1, round(ratio))
        return cls(shape, float(whole) if abs(ratio / whole - 1) <= SNAP else ratio)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in working pixels; a last partial pixel counts."""
        return int(np.ceil(self.shape[0] / self.ratio - 1e-9)), int(np.ceil(self.shape[1] / self.ratio - 1e-9))

    def to_original(self, position: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn a working coordinate into an original one (pixel centres at whole numbers in both)."""
        return np.asarray((position + 0.5) * self.ratio - 0.5)

    def to_working(self, position: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn an original coordinate into a working one."""
        return np.asarray((position + 0.5) / self.ratio - 0.5)

    def source(self, start: int, stop: int, axis: int) -> tuple[int, int]:
        """Original rows or columns that the working ones from `start` to `stop` are made from."""
        if self.ratio == 1:
            return start, stop
        margin = 0 if self.ratio >= 1 else 1
        first = int(np.floor(start * self.ratio + 1e-9)) - margin
        last = int(np.ceil(stop * self.ratio - 1e-9)) + margin
        return max(0, first), min(self.shape[axis], last)

    def resample(self, window: NDArray[np.float32], y0: int, y1: int, x0: int, x1: int) -> NDArray[np.float32]:
        """Resample the original pixels given by `source` to the working window (y0, y1) × (x0, x1).

        Parameters
        ----------
        window : ndarray of float32
            The original pixels of ``source(y0, y1, 0)`` × ``source(x0, x1, 1)``.
        y0, y1, x0, x1 : int
            The window in working pixels, inside the grid.

        Returns
        -------
        ndarray of float32, (y1 - y0, x1 - x0)
            Area means where the working pixels are larger than the original ones, else linear interpolation. A pixel's
            value depends on the montage alone, not on the window that it is in.
        """
        if self.ratio == 1:
            return window
        if self.ratio == int(self.ratio):
            return _block_means(_block_means(window, int(self.ratio), 0), int(self.ratio), 1)
        rows = self._weights(y0, y1, 0)
        columns = self._weights(x0, x1, 1)
        return np.ascontiguousarray((columns @ np.ascontiguousarray((rows @ window).T)).T)

    def _weights(self, start: int, stop: int, axis: int) -> sparse.csr_array:
        first, last = self.source(start, stop, axis)
        index = np.arange(start, stop)
        if self.ratio >= 1:
            low, high = index * self.ratio, np.minimum((index + 1) * self.ratio, self.shape[axis])
            taps = np.floor(low + 1e-9).astype(int)[:, None] + np.arange(int(np.ceil(self.ratio)) + 1)
            weight = np.clip(np.minimum(taps + 1, high[:, None]) - np.maximum(taps, low[:, None]), 0, None)
            weight[weight < 1e-6] = 0
            weight /= weight.sum(1, keepdims=True)
        else:
            place = np.clip((index + 0.5) * self.ratio - 0.5, 0, self.shape[axis] - 1)
            base = np.minimum(np.floor(place).astype(int), max(0, self.shape[axis] - 2))
            taps = base[:, None] + np.arange(2)
            part = (place - base)[:, None]
            weight = np.hstack([1 - part, part])
        row = np.repeat(np.arange(stop - start), taps.shape[1])
        used = (weight.ravel() > 0) & (taps.ravel() < self.shape[axis])
        entries = weight.ravel()[used].astype(np.float32), (row[used], taps.ravel()[used] - first)
        return sparse.csr_array(entries, shape=(stop - start, last - first))


def _block_means(values: NDArray[np.float32], side: int, axis: int) -> NDArray[np.float32]:
    """Mean of each `side` rows (axis 0) or columns (axis 1); the last mean may be of fewer."""
    values = values if axis == 0 else values.T
    whole = len(values) // side
    # In the memory order of the result, so that neither axis is walked across.
    means = np.empty((-(-len(values) // side), values.shape[1]), np.float32, order="C" if axis == 0 else "F")
    parts = [(means[:whole], values[: whole * side], side)]
    if whole < len(means):
        parts.append((means[whole:], values[whole * side :], len(values) - whole * side))
    for mean, part, count in parts:
        mean[...] = part[::count]
        for k in range(1, count):
            mean += part[k::count]
        mean *= np.float32(1 / count)
    return means if axis == 0 else means.T
