"""One contrast normalisation for the whole montage, from a robust sample, and the recognition of light gold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from golddigger_ij.errors import GoldDiggerError

if TYPE_CHECKING:
    from golddigger_ij.burned_in import Box
    from golddigger_ij.montage import Montage

_WINDOW = 256
_WINDOWS = 64
_BLOBS = 24
_FAINTEST_BLOB = 0.5
_CLEARLY_STRONGER = 1.3
_MIN_PIXELS = 16
_LARGE_AREA = 49
_APART = 4


@dataclass(frozen=True)
class Contrast:
    """How grey values become normalised values, the same everywhere in a montage.

    Attributes
    ----------
    median : float
        Grey value that becomes 0.
    spread : float
        Robust standard deviation of the grey values (positive): this many grey values become 1.
    light_gold : bool
        Whether the gold is lighter than its surroundings.
    """

    median: float
    spread: float
    light_gold: bool

    def apply(self, window: NDArray[Any]) -> NDArray[np.float32]:
        """Normalise a window so that gold is always negative, whatever the bit depth and the polarity.

        Parameters
        ----------
        window : ndarray
            Grey values, any shape and real dtype.

        Returns
        -------
        ndarray of float32, same shape
            ``(x - median) / spread``, with the sign turned for light gold; 0 where `window` is NaN or infinite.
        """
        # 32-bit integers and doubles do not fit a float32 before the median is taken off.
        narrow = window.dtype.itemsize <= 2 or window.dtype == np.float32
        values: NDArray[Any] = window.astype(np.float32 if narrow else np.float64)
        values -= values.dtype.type(self.median)
        values *= values.dtype.type((-1.0 if self.light_gold else 1.0) / self.spread)
        normalised = values.astype(np.float32, copy=False)
        if window.dtype.kind == "f":
            normalised[~np.isfinite(normalised)] = 0
        return normalised


def estimate_contrast(montage: Montage, leave_out: Sequence[Box] = (), light_gold: bool | None = None) -> Contrast:
    """Estimate the contrast of a montage from windows spread over all of it.

    The sample is deterministic: everything in a small image, otherwise 64 windows of 256 x 256 pixels on a jittered
    grid. Burned-in boxes, non-finite pixels and saturated areas are left out of it.

    Parameters
    ----------
    montage : Montage
        The image.
    leave_out : sequence of Box
        What is burned in (see `golddigger_ij.burned_in.find_burned_in`).
    light_gold : bool, optional
        Whether gold is lighter than its surroundings. Recognised from the image if not given; dark unless the
        evidence for light gold is clear.

    Returns
    -------
    Contrast

    Raises
    ------
    GoldDiggerError
        If the image holds no finite pixels or no contrast.
    """
    windows = [(values, keep) for values, keep in _sample(montage, leave_out) if keep.any()]
    if not windows:
        raise GoldDiggerError(
            f"{montage.name}: holds no pixels to measure contrast on (all NaN or burned in); check the image"
        )
    _drop_saturated_areas(windows)
    pixels = np.concatenate([values.ravel() if keep.all() else values[keep] for values, keep in windows])
    if pixels.size < _MIN_PIXELS or pixels.min() == pixels.max():
        raise GoldDiggerError(
            f"{montage.name}: the image is constant (all black, all white or empty); choose another image or plane"
        )
    median, deviation = _median_and_deviation(pixels, montage.dtype)
    spread = _robust_spread(pixels, deviation)
    if light_gold is None:
        contrast = Contrast(median, spread, light_gold=False)
        light_gold = _gold_looks_light([(contrast.apply(values), keep) for values, keep in windows])
    return Contrast(median, spread, light_gold)


def _median_and_deviation(pixels: NDArray[Any], dtype: np.dtype[Any]) -> tuple[float, float]:
    """Give the median, and the median of the absolute deviations from it."""
    if dtype.kind not in "iu" or dtype.itemsize > 2:
        median = float(np.median(pixels))
        return median, float(np.median(np.abs(pixels - median)))
    # Few different values: counting them is exact, and ten times faster than ordering four million pixels.
    low = int(pixels.min())
    counts = np.bincount((pixels - np.float32(low)).astype(np.int32))
    grey = np.flatnonzero(counts)
    counts, values = counts[grey], grey + np.float64(low)
    median = _counted_median(values, counts)
    away = np.abs(values - median)
    order = np.argsort(away)
    return median, _counted_median(away[order], counts[order])


def _counted_median(values: NDArray[np.float64], counts: NDArray[np.intp]) -> float:
    """Median of values in ascending order, each of which occurs so many times."""
    until = np.cumsum(counts)
    middle = np.searchsorted(until, [(until[-1] - 1) // 2, until[-1] // 2], side="right")
    return float(values[middle].mean())


def _robust_spread(pixels: NDArray[Any], deviation: float) -> float:
    spread = 1.4826 * deviation
    if spread == 0:
        low, high = np.percentile(pixels, [25, 75])
        spread = float(high - low) / 1.349
    # Mostly constant images (a few particles on a clipped background) still have a standard deviation.
    return spread if spread > 0 else float(pixels.std(dtype=np.float64))


def _sample(montage: Montage, leave_out: Sequence[Box]) -> Iterator[tuple[NDArray[Any], NDArray[np.bool_]]]:
    """Give windows of grey values (float32 where that is exact) and which of their pixels count."""
    for y0, x0, height, width in _windows(montage.shape, leave_out):
        values = montage.read(y0, x0, height, width)
        keep = np.isfinite(values) if values.dtype.kind == "f" else np.ones(values.shape, dtype=bool)
        for box in leave_out:
            keep[max(box.y0 - y0, 0) : max(box.y1 - y0, 0), max(box.x0 - x0, 0) : max(box.x1 - x0, 0)] = False
        narrow = values.dtype.itemsize <= 2 or values.dtype == np.float32
        yield values.astype(np.float32 if narrow else np.float64), keep


def _windows(shape: tuple[int, int], leave_out: Sequence[Box]) -> list[tuple[int, int, int, int]]:
    height, width = shape
    if height * width <= 1.25 * _WINDOWS * _WINDOW**2:
        return [
            (y, x, min(_WINDOW, height - y), min(_WINDOW, width - x))
            for y in range(0, height, _WINDOW)
            for x in range(0, width, _WINDOW)
        ]
    size_y, size_x = min(_WINDOW, height), min(_WINDOW, width)
    rows = int(np.clip(round((_WINDOWS * height / width) ** 0.5), 1, min(_WINDOWS, height // size_y)))
    columns = min(_WINDOWS // rows, width // size_x)
    rows = min(_WINDOWS // columns, height // size_y)
    random = np.random.default_rng(20210407)
    chosen = []
    for row in range(rows):
        for column in range(columns):
            # A window that falls on a frame tells nothing: try again within its cell of the grid.
            tries = []
            for jitter in random.random((4, 2)):
                y = int((row + jitter[0]) * height / rows - size_y / 2)
                x = int((column + jitter[1]) * width / columns - size_x / 2)
                y, x = min(max(y, 0), height - size_y), min(max(x, 0), width - size_x)
                tries.append((_overlap(y, x, size_y, size_x, leave_out), y, x))
            best = min(tries, key=lambda entry: entry[0] > 0.3)
            chosen.append((best[1], best[2], size_y, size_x))
    return chosen


def _overlap(y: int, x: int, height: int, width: int, boxes: Sequence[Box]) -> float:
    covered = sum(
        max(min(box.y1, y + height) - max(box.y0, y), 0) * max(min(box.x1, x + width) - max(box.x0, x), 0)
        for box in boxes
    )
    return covered / (height * width)


def _drop_saturated_areas(windows: list[tuple[NDArray[Any], NDArray[np.bool_]]]) -> None:
    """Leave out areas (not single pixels) that lie exactly at the lowest or the highest value of the sample."""
    low = min(values[keep].min() for values, keep in windows)
    high = max(values[keep].max() for values, keep in windows)
    if low == high:
        return
    dropped = []
    for values, keep in windows:
        saturated = np.zeros(values.shape, dtype=bool)
        for extreme in (low, high):
            area = values == extreme
            if area.mean() > 0.02:
                # Gold itself may be clipped: only areas far larger than a particle are left out.
                saturated |= _dilated(_eroded(area, _LARGE_AREA), _LARGE_AREA)
        dropped.append(keep & ~saturated)
    total = sum(int(keep.sum()) for _, keep in windows)
    if sum(int(keep.sum()) for keep in dropped) > 0.05 * total:
        for (_, keep), rest in zip(windows, dropped, strict=True):
            keep[...] = rest


def _eroded(area: NDArray[np.bool_], side: int) -> NDArray[np.bool_]:
    return np.asarray(ndimage.minimum_filter(area, side, mode="constant", cval=0))


def _dilated(area: NDArray[np.bool_], side: int) -> NDArray[np.bool_]:
    return np.asarray(ndimage.maximum_filter(area, side, mode="constant", cval=0))


def _gold_looks_light(windows: list[tuple[NDArray[np.float32], NDArray[np.bool_]]]) -> bool:
    """Tell whether the strongest compact round spots are light rather than dark."""
    dark, light = np.zeros(0, np.float32), np.zeros(0, np.float32)
    looked = False
    for values, keep in windows:
        if min(values.shape) < 32:
            continue
        looked = True
        whole = bool(keep.all())
        filled = values if whole else np.where(keep, values, np.float32(0))
        trusted = keep if whole else _eroded(keep, 9)
        dark_map, light_map = _blob_strengths(filled, trusted)
        dark, light = _strongest(dark, dark_map), _strongest(light, light_map)
    if not looked:
        return False
    darkness = float(dark.mean()) if dark.size else 0.0
    lightness = float(light.mean()) if light.size else 0.0
    return lightness > max(_CLEARLY_STRONGER * darkness, _FAINTEST_BLOB)


def _blob_strengths(
    values: NDArray[np.float32], trusted: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weakest second derivative, over directions, at the best of several scales: high for spots, low for ridges.

    The maps have half the resolution of `values`.
    """
    half = _halve(values)
    quarter = _halve(half)
    dark = np.zeros(half.shape, dtype=np.float32)
    light = np.zeros(half.shape, dtype=np.float32)
    for image, sigma in ((half, 1.5), (half, 2.5), (half, 4.0), (quarter, 3.0), (quarter, 4.5)):
        mean, radius = _curvatures(ndimage.gaussian_filter(image, sigma, truncate=3.0), sigma)
        side = 1 if image is half else 2
        for strength, weakest in ((dark, mean - radius), (light, -mean - radius)):
            doubled = weakest if side == 1 else np.repeat(np.repeat(weakest, side, axis=0), side, axis=1)
            inside = strength[side : side + doubled.shape[0], side : side + doubled.shape[1]]
            np.maximum(inside, doubled, out=inside)
    outside = ~trusted[: 2 * half.shape[0] : 2, : 2 * half.shape[1] : 2]
    if outside.any():
        dark[outside] = light[outside] = 0
    return dark, light


def _curvatures(smooth: NDArray[np.float32], sigma: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean of the second derivatives over directions, and how far they lie from it at most, without the rim."""
    yy = smooth[2:, 1:-1] + smooth[:-2, 1:-1]
    xx = smooth[1:-1, 2:] + smooth[1:-1, :-2]
    xy = smooth[2:, 2:] - smooth[2:, :-2]
    xy -= smooth[:-2, 2:]
    xy += smooth[:-2, :-2]
    half_scale = np.float32(sigma**2 / 2)
    mean = yy + xx
    mean -= np.float32(4) * smooth[1:-1, 1:-1]
    mean *= half_scale
    yy -= xx
    yy *= half_scale
    xy *= half_scale / 2
    yy *= yy
    xy *= xy
    yy += xy
    return mean, np.sqrt(yy, out=yy)


def _strongest(so_far: NDArray[np.float32], strength: NDArray[np.float32]) -> NDArray[np.float32]:
    """Join the peaks of a map to those found so far and keep the strongest, in descending order.

    A peak is the greatest of the 9 x 9 pixels around it.
    """
    floor = so_far[-1] if len(so_far) == _BLOBS else np.float32(0)
    # A peak is also the greatest of the 4 x 4 block that it lies in: look at the greatest of each block only.
    height, width = (-(-side // _APART) * _APART for side in strength.shape)
    padded = np.zeros((height + 2 * _APART, width + 2 * _APART), np.float32)
    padded[_APART : _APART + strength.shape[0], _APART : _APART + strength.shape[1]] = strength
    inner = padded[_APART:-_APART, _APART:-_APART]
    rows = np.maximum.reduce([inner[k::_APART] for k in range(_APART)])
    block = np.maximum.reduce([rows[:, k::_APART] for k in range(_APART)])
    y, x = np.nonzero(block > floor)
    if not len(y):
        return so_far
    value = block[y, x]
    reach = 3 * _APART
    around = np.lib.stride_tricks.sliding_window_view(padded, (reach, reach))[y * _APART, x * _APART]
    # The block is the middle one of 3 x 3. Spots of the coarse scales are plateaus, each of whose pixels counts.
    cell, down, across = np.nonzero(around[:, _APART:-_APART, _APART:-_APART] == value[:, None, None])
    nine = np.arange(2 * _APART + 1)
    near = around[cell[:, None, None], (down[:, None] + nine)[:, :, None], (across[:, None] + nine)[:, None]]
    peaks = value[cell][near.max((1, 2)) <= value[cell]]
    return np.sort(np.concatenate([so_far, peaks]))[::-1][:_BLOBS]


def _halve(values: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = values.shape[0] // 2 * 2, values.shape[1] // 2 * 2
    even = values[:height, :width]
    return (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / np.float32(4)
