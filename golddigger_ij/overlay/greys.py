"""A montage's grey values for the eye: stretched, 8-bit, of a size that a screen can show."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from golddigger_ij.contrast import Contrast
    from golddigger_ij.montage import Montage

_BAND_BYTES = 24_000_000


def grey_picture(montage: "Montage", contrast: "Contrast", reduce: int, enlarge: int) -> NDArray[np.uint8]:
    """Give a montage as an 8-bit grey picture, read in bands of rows, so that a large one is never held whole.

    Parameters
    ----------
    montage : Montage
        The image.
    contrast : Contrast
        Its grey values.
    reduce : int
        Side of the blocks of pixels that become one; up to this many pixels less one are cut off right and below.
    enlarge : int
        How many times larger a picture becomes that is not reduced.

    Returns
    -------
    (height, width) uint8

    Raises
    ------
    GoldDiggerError
        If the montage cannot be read.
    """
    from PIL import Image

    height, width = montage.shape
    rows, columns = max(height // reduce, 1), max(width // reduce, 1)
    band = max(1, _BAND_BYTES // (width * reduce * max(montage.dtype.itemsize, 4)))
    # Whole numbers keep their own type where nothing is averaged: half or a quarter of the memory.
    pixels = np.empty((rows, columns), np.float32 if reduce > 1 else montage.dtype)
    for start in range(0, rows, band):
        stop = min(start + band, rows)
        window = montage.read(start * reduce, 0, (stop - start) * reduce, columns * reduce)
        pixels[start:stop] = _block_means(window, reduce) if reduce > 1 else window
    step = max(1, int(np.sqrt(pixels.size / 400_000)))
    low, high = grey_range(pixels[::step, ::step], contrast)
    grey = np.empty(pixels.shape, np.uint8)
    for start in range(0, rows, 256):
        grey[start : start + 256] = to_grey(pixels[start : start + 256], low, high)
    if enlarge > 1:
        size = (columns * enlarge, rows * enlarge)
        grey = np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BICUBIC))
    return grey


def _block_means(window: NDArray[Any], side: int) -> NDArray[np.float32]:
    # Sixteen rows of bytes add up to less than 65536, in half the memory.
    total: NDArray[Any] = window[::side].astype(np.uint16 if window.dtype == np.uint8 and side <= 16 else np.float32)
    for row in range(1, side):
        total += window[row::side]
    narrow: NDArray[np.float32] = total[:, ::side].astype(np.float32)
    for column in range(1, side):
        narrow += total[:, column::side]
    narrow /= np.float32(side * side)
    return narrow


def grey_range(sample: NDArray[Any], contrast: "Contrast") -> tuple[float, float]:
    """Choose the grey values to show as black and as white.

    Parameters
    ----------
    sample : array
        Pixels; those that are not finite do not count.
    contrast : Contrast
        Background of the image, and whether its gold is light.

    Returns
    -------
    black, white : float
        Black is less than white.
    """
    values = sample[np.isfinite(sample)].astype(np.float64)
    if not values.size:
        return 0.0, 1.0
    low, high = np.percentile(values, [0.1, 99.8])
    # Gold is rare: let it keep its own grey though hardly a pixel in a thousand has it.
    reach = 5 * contrast.spread
    if contrast.light_gold:
        high = max(high, min(values.max(), contrast.median + reach))
    else:
        low = min(low, max(values.min(), contrast.median - reach))
    return float(low), float(high if high > low else low + 1)


def to_grey(pixels: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    """Stretch pixels to 0-255, from `low` to `high`; NaN is black."""
    scaled = (pixels.astype(np.float32) - np.float32(low)) * np.float32(255 / (high - low))
    clipped = np.clip(np.nan_to_num(scaled, nan=0.0, posinf=255.0, neginf=0.0), 0, 255)
    return np.asarray(clipped, np.uint8)
