"""Colour and bilevel samples as one grey value a pixel, in the data type that they came in."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

# A 27,000 px wide row block stays a few MB in the wider type that the weighted sum needs.
_BLOCK_PX = 1 << 20


def luma(rgb: NDArray[Any]) -> NDArray[Any]:
    """Weigh red, green and blue into grey (ITU-R BT.601: 0.299, 0.587, 0.114).

    Parameters
    ----------
    rgb : ndarray, shape (height, width, 3 or more), any real dtype
        Samples after the third (alpha) are left out.

    Returns
    -------
    ndarray, shape (height, width), dtype of `rgb`
        Exactly the common value where the three are equal, so that a grey image saved as RGB stays as it was.
    """
    height, width = rgb.shape[:2]
    grey = np.empty((height, width), rgb.dtype)
    rows = max(1, _BLOCK_PX // max(1, width))
    for top in range(0, height, rows):
        block = rgb[top : top + rows]
        grey[top : top + rows] = _weigh(block[..., 0], block[..., 1], block[..., 2])
    return grey


def _weigh(red: NDArray[Any], green: NDArray[Any], blue: NDArray[Any]) -> NDArray[Any]:
    if red.dtype in (np.uint8, np.uint16):
        # The weights are 16-bit fractions that add up to exactly 65536, and 65535 * 65536 + 32768 fits in 32 bits.
        weighed: NDArray[np.uint32] = np.full(red.shape, 32768, np.uint32)
        for channel, weight in ((red, 19595), (green, 38470), (blue, 7471)):
            weighed += channel.astype(np.uint32) * np.uint32(weight)
        return (weighed >> np.uint32(16)).astype(red.dtype)
    wide = np.float64 if red.dtype.kind in "iu" else np.promote_types(red.dtype, np.float32)
    r, g, b = red.astype(wide), green.astype(wide), blue.astype(wide)
    with np.errstate(invalid="ignore", over="ignore"):
        total = g + (0.299 * (r - g) + 0.114 * (b - g))
    if red.dtype.kind in "iu":
        total = np.rint(total)
    same = (red == green) & (green == blue)
    return np.where(same, green, total.astype(red.dtype))


def to_grey(samples: NDArray[Any]) -> NDArray[Any]:
    """Give one grey value a pixel.

    Parameters
    ----------
    samples : ndarray, shape (height, width) or (height, width, samples), real or bool
        Three samples or more: red, green, blue and what is ignored (alpha). One or two: grey and what is ignored.

    Returns
    -------
    ndarray, shape (height, width)
        Native byte order, dtype of `samples`; bool becomes uint8 with 0 and 255.
    """
    if samples.dtype.kind == "b":
        samples = samples.astype(np.uint8) * np.uint8(255)
    samples = samples.astype(samples.dtype.newbyteorder("="), copy=False)
    if samples.ndim == 2:
        return samples
    return luma(samples) if samples.shape[2] >= 3 else samples[..., 0]


def grey_dtype(dtype: np.dtype[Any]) -> np.dtype[Any] | None:
    """Give the dtype that `to_grey` makes of `dtype`; None if it holds no grey values (complex, text, records)."""
    if dtype.kind == "b":
        return np.dtype(np.uint8)
    return dtype.newbyteorder("=") if dtype.kind in "iuf" else None


def inverted(samples: NDArray[Any], bits: int) -> NDArray[Any]:
    """Turn black into white.

    Parameters
    ----------
    samples : ndarray, any shape, real or bool
    bits : int
        Significant bits of a sample: 12-bit images are stored in 16 bits, and their white is 4095.

    Returns
    -------
    ndarray, shape and dtype of `samples`
    """
    turned: NDArray[Any]
    if samples.dtype.kind == "u":
        white = (1 << min(bits, samples.dtype.itemsize * 8)) - 1
        turned = samples.dtype.type(white) - samples
    else:
        turned = -samples if samples.dtype.kind == "f" else ~samples
    return turned
