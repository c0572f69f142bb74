"""Scale bars in a binary picture: where a bar is, how long it is, and which caption belongs to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from golddigger_ij.burned_in.scale_text import LengthText, read_lengths

_SHORTEST_PX = 20
_PIXEL_SIZES_NM = (0.02, 50.0)


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels, half-open: rows ``y0 <= y < y1``, columns ``x0 <= x < x1``.

    `kind` is "frame", "data bar", "scale bar" or "caption".
    """

    y0: int
    x0: int
    y1: int
    x1: int
    kind: str


@dataclass(frozen=True)
class ScaleBar:
    """A scale bar: where it is (with its caption), its length, and what could be read.

    `length_nm` and `nm_per_px` are None where the caption cannot be read with confidence.
    """

    box: Box
    length_px: float
    length_nm: float | None
    nm_per_px: float | None


@dataclass(frozen=True)
class Line:
    """A thick straight horizontal line in a picture; `length` in px, between the centres of its end caps if any."""

    y0: int
    x0: int
    y1: int
    x1: int
    length: float


def find_lines(ink: NDArray[np.bool_], shortest: float) -> list[Line]:
    """Find solid horizontal rectangles, longer than `shortest` px and at least 4 times longer than thick.

    Parameters
    ----------
    ink : (height, width) bool ndarray
        True on what is drawn.
    shortest : float
        Least length in px.

    Returns
    -------
    list of Line
        From top to bottom. Outlines of boxes, separators and the picture's own border are not among them.
    """
    span = max(int(shortest), _SHORTEST_PX)
    height, width = ink.shape
    if width < span or not ink.any():
        return []
    eroded = ndimage.minimum_filter1d(ink.view(np.uint8), span, axis=1, mode="constant")
    origin = -1 if span % 2 == 0 else 0
    runs = ndimage.maximum_filter1d(eroded, span, axis=1, mode="constant", origin=origin).astype(bool) & ink
    labels, _ = ndimage.label(runs)
    lines = []
    for number, box in enumerate(ndimage.find_objects(labels), 1):
        y0, y1, x0, x1 = box[0].start, box[0].stop, box[1].start, box[1].stop
        filled = (labels[box] == number).mean()
        if y0 == 0 or y1 == height or filled < 0.9 or x1 - x0 < 4 * (y1 - y0) or x1 - x0 > 0.9 * width:
            continue
        # A line drawn on the picture ends as sharply above and below as it does at its ends.
        above, below = ink[max(y0 - 2, 0), x0:x1], ink[min(y1 + 1, height - 1), x0:x1]
        if (y0 >= 2 and above.mean() > 0.3) or (y1 + 1 < height and below.mean() > 0.3):
            continue
        caps = _cap_widths(ink, y0, y1, x0, x1)
        if caps is not None:
            lines.append(Line(y0, x0, y1, x1, x1 - x0 - (caps[0] + caps[1]) / 2))
    outlines = {
        one
        for one in lines
        for other in lines
        if one is not other and abs(one.x0 - other.x0) <= 2 and abs(one.x1 - other.x1) <= 2
    }
    return [line for line in lines if line not in outlines]


def _cap_widths(ink: NDArray[np.bool_], y0: int, y1: int, x0: int, x1: int) -> tuple[int, int] | None:
    """Give the widths of the end caps (0, 0 without), or None if the ends belong to something larger."""
    thickness = y1 - y0
    widths = []
    reach = 3 * thickness + (x1 - x0) // 4
    top, bottom = max(y0 - reach, 0), min(y1 + reach, ink.shape[0])
    for columns in (range(x0, (x0 + x1) // 2), range(x1 - 1, (x0 + x1) // 2, -1)):
        width = 0
        for x in columns:
            column = ink[top:bottom, x]
            up = int(np.argmin(np.append(column[: y0 - top][::-1], False)))
            down = int(np.argmin(np.append(column[y1 - top :], False)))
            if up + down < max(4, thickness):
                break
            if width == 0 and (top + y0 - top - up <= 1 and y1 + down >= ink.shape[0] - 1):
                return None
            width += 1
        widths.append(width)
    left, right = widths
    if (left == 0) != (right == 0) or max(widths) > (x1 - x0) / 6:
        # One-sided: the line runs into something, so that its end is not known.
        return None if max(widths) > (x1 - x0) / 6 else (0, 0)
    return left, right


def read_scale_bar(ink: NDArray[np.bool_], shortest: float) -> tuple[Line, LengthText, int] | None:
    """Find the one scale bar with a caption that can be read, in any of the four orientations.

    Parameters
    ----------
    ink : (height, width) bool ndarray
        True on what is drawn.
    shortest : float
        Least length of the bar in px.

    Returns
    -------
    (Line, LengthText, int) or None
        Bar and caption in the picture turned by ``numpy.rot90(ink, turns)``, and `turns`. None if there is no such
        bar, or more than one, or the pixel size would lie outside 0.02 to 50 nm.
    """
    found = []
    for turns in range(4):
        turned = np.ascontiguousarray(np.rot90(ink, turns))
        lines = find_lines(turned, shortest)
        if not lines:
            continue
        pair = _pair(lines, read_lengths(turned))
        if pair is not None:
            found.append((*pair, turns))
    if len(found) != 1:
        return None
    line, caption, _ = found[0]
    return found[0] if _PIXEL_SIZES_NM[0] <= caption.nm / line.length <= _PIXEL_SIZES_NM[1] else None


def _pair(lines: list[Line], captions: list[LengthText]) -> tuple[Line, LengthText] | None:
    """Match a bar with the caption beside it, unless another bar or caption would do nearly as well."""
    lines = lines + [joined for caption in captions for joined in _split_bars(lines, caption)]
    pairs = sorted(
        ((_distance(line, caption), n, line, caption) for n, line in enumerate(lines) for caption in captions),
        key=lambda pair: (pair[0], pair[1]),
    )
    pairs = [pair for pair in pairs if pair[0] < 2.5]
    if not pairs:
        return None
    best, _, line, caption = pairs[0]
    for distance, _, other_line, other_caption in pairs[1:]:
        same = abs(other_line.length - line.length) <= 0.01 * line.length and other_caption.nm == caption.nm
        if not same and distance < best + 1.0:
            return None
    return line, caption


def _split_bars(lines: list[Line], caption: LengthText) -> list[Line]:
    """Join the halves of a bar that has its caption in the middle."""
    size = caption.y1 - caption.y0
    left = [n for n in lines if 0 <= caption.x0 - n.x1 <= 1.5 * size and caption.y0 <= n.y0 and n.y1 <= caption.y1]
    right = [n for n in lines if 0 <= n.x0 - caption.x1 <= 1.5 * size and caption.y0 <= n.y0 and n.y1 <= caption.y1]
    if len(left) != 1 or len(right) != 1 or abs(left[0].y0 - right[0].y0) > 1:
        return []
    one, other = left[0], right[0]
    if abs((one.x1 - one.x0) - (other.x1 - other.x0)) > 0.1 * (one.x1 - one.x0) + 2:
        return []
    return [Line(one.y0, one.x0, one.y1, other.x1, float(other.x1 - one.x0))]


def _distance(line: Line, caption: LengthText) -> float:
    """Distance between bar and caption in heights of the caption: 0 for a caption inside the bar's span."""
    size = caption.y1 - caption.y0
    across = max(caption.x0 - line.x1, line.x0 - caption.x1, 0)
    down = max(caption.y0 - line.y1, line.y0 - caption.y1, 0)
    if across and down > 0.25 * size:
        return np.inf
    if caption.y0 <= line.y0 and line.y1 <= caption.y1 and not across:
        return -1.5
    return (across + down) / size


def inks(values: NDArray[np.float32], background: float, least: float) -> list[NDArray[np.bool_]]:
    """Separate what is drawn from a flat background, as lighter and as darker ink, each where there is any.

    Parameters
    ----------
    values : (height, width) float32 ndarray
        Grey values.
    background : float
        Grey value of the background.
    least : float
        Ink differs by more than this number of grey values.

    Returns
    -------
    list of (height, width) bool ndarray
    """
    found = []
    for difference in (values - background, background - values):
        strongest = float(difference.max())
        if strongest > least:
            found.append(difference > strongest / 2)
    return found


def turned_back(shape: tuple[int, ...], turns: int, y0: int, x0: int, y1: int, x1: int) -> tuple[int, int, int, int]:
    """Give a box of ``numpy.rot90(picture, turns)`` as (y0, x0, y1, x1) in the picture of the given shape."""
    height, width = shape[:2]
    match turns % 4:
        case 1:
            return x0, width - y1, x1, width - y0
        case 2:
            return height - y1, width - x1, height - y0, width - x0
        case 3:
            return height - x1, y0, height - x0, y1
        case _:
            return y0, x0, y1, x1


def around_both(line: Line, caption: LengthText) -> tuple[int, int, int, int]:
    """Give the box around a bar and its caption as (y0, x0, y1, x1)."""
    return (
        min(line.y0, caption.y0),
        min(line.x0, caption.x0),
        max(line.y1, caption.y1),
        max(line.x1, caption.x1),
    )
