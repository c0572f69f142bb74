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
    pixels = np.concatenate([values[keep] for values, keep in windows])
    if pixels.size < _MIN_PIXELS or pixels.min() == pixels.max():
        raise GoldDiggerError(
            f"{montage.name}: the image is constant (all black, all white or empty); choose another image or plane"
        )
    median = float(np.median(pixels))
    spread = _robust_spread(pixels, median)
    if light_gold is None:
        contrast = Contrast(median, spread, light_gold=False)
        light_gold = _gold_looks_light([(contrast.apply(values), keep) for values, keep in windows])
    return Contrast(median, spread, light_gold)


def _robust_spread(pixels: NDArray[Any], median: float) -> float:
    spread = 1.4826 * float(np.median(np.abs(pixels - median)))
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
                saturated |= ndimage.binary_opening(area, np.ones((3, 3)), iterations=24)
        dropped.append(keep & ~saturated)
    total = sum(int(keep.sum()) for _, keep in windows)
    if sum(int(keep.sum()) for keep in dropped) > 0.05 * total:
        for (_, keep), rest in zip(windows, dropped, strict=True):
            keep[...] = rest


def _gold_looks_light(windows: list[tuple[NDArray[np.float32], NDArray[np.bool_]]]) -> bool:
    """Tell whether the strongest compact round spots are light rather than dark."""
    dark: list[NDArray[np.float32]] = []
    light: list[NDArray[np.float32]] = []
    for values, keep in windows:
        if min(values.shape) < 32:
            continue
        filled = np.where(keep, values, np.float32(0))
        trusted = ndimage.binary_erosion(keep, np.ones((3, 3)), iterations=4) if not keep.all() else keep
        dark_map, light_map = _blob_strengths(filled, trusted)
        dark.append(_peaks(dark_map))
        light.append(_peaks(light_map))
    if not dark:
        return False
    strongest_dark = np.sort(np.concatenate(dark))[::-1][:_BLOBS]
    strongest_light = np.sort(np.concatenate(light))[::-1][:_BLOBS]
    darkness = float(strongest_dark.mean()) if strongest_dark.size else 0.0
    lightness = float(strongest_light.mean()) if strongest_light.size else 0.0
    return lightness > max(_CLEARLY_STRONGER * darkness, _FAINTEST_BLOB)


def _blob_strengths(
    values: NDArray[np.float32], trusted: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weakest second derivative, over directions, at the best of several scales: high for spots, low for ridges.

    The maps have half the resolution of `values`.
    """
    half = _halve(values)
    quarter = _halve(half)
    inside = trusted[: 2 * half.shape[0] : 2, : 2 * half.shape[1] : 2]
    dark = np.zeros(half.shape, dtype=np.float32)
    light = np.zeros(half.shape, dtype=np.float32)
    for image, sigma in ((half, 1.5), (half, 2.5), (half, 4.0), (quarter, 3.0), (quarter, 4.5)):
        weakest_dark, weakest_light = _weakest_curvatures(ndimage.gaussian_filter(image, sigma, truncate=3.0), sigma)
        if image is quarter:
            weakest_dark, weakest_light = (_double(part, half.shape) for part in (weakest_dark, weakest_light))
        np.maximum(dark, weakest_dark, out=dark)
        np.maximum(light, weakest_light, out=light)
    return np.where(inside, dark, np.float32(0)), np.where(inside, light, np.float32(0))


def _weakest_curvatures(smooth: NDArray[np.float32], sigma: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    centre = smooth[1:-1, 1:-1]
    yy = smooth[2:, 1:-1] - 2 * centre + smooth[:-2, 1:-1]
    xx = smooth[1:-1, 2:] - 2 * centre + smooth[1:-1, :-2]
    xy = (smooth[2:, 2:] - smooth[2:, :-2] - smooth[:-2, 2:] + smooth[:-2, :-2]) / 4
    mean = (yy + xx) / 2
    radius = np.sqrt(((yy - xx) / 2) ** 2 + xy**2)
    scale = np.float32(sigma**2)
    return np.pad(scale * (mean - radius), 1), np.pad(scale * (-mean - radius), 1)


def _peaks(strength: NDArray[np.float32]) -> NDArray[np.float32]:
    peak = (strength == ndimage.maximum_filter(strength, 9)) & (strength > 0)
    found: NDArray[np.float32] = np.sort(strength[peak])[::-1][:_BLOBS]
    return found


def _halve(values: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = values.shape[0] // 2 * 2, values.shape[1] // 2 * 2
    even = values[:height, :width]
    return (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / np.float32(4)


def _double(values: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    doubled = np.repeat(np.repeat(values, 2, axis=0), 2, axis=1)
    padding = [(0, max(goal - have, 0)) for goal, have in zip(shape, doubled.shape, strict=True)]
    return np.pad(doubled, padding)[: shape[0], : shape[1]]
