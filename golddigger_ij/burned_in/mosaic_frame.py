"""The empty ground that a stitched mosaic lies on: constant areas at the border, of any outline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from golddigger_ij.burned_in.overview import Overview, read_float
from golddigger_ij.burned_in.scale_bar import Box

if TYPE_CHECKING:
    from golddigger_ij.montage import Montage

_SMALLEST_SHARE = 0.0005
_PROBES_A_SIDE = 12
_KINDS_OF_GROUND = 4


def mosaic_frame(montage: Montage, overview: Overview, inner: Box) -> list[Box]:
    """Find constant areas that touch the border of the picture, and give them as boxes of kind "frame".

    Parameters
    ----------
    montage : Montage
        The image.
    overview : Overview
        Its least and greatest values by block.
    inner : Box
        The part of the montage that is left when straight frames and data bars are off.

    Returns
    -------
    list of Box
        Together they cover each area; exact to the pixel where its outline is straight, else to a block.
    """
    rows, columns = overview.cells(inner)
    low, high = overview.low[rows, columns], overview.high[rows, columns]
    if min(low.shape, default=0) < 4:
        return []
    origin = (int(rows.start), int(columns.start))
    flat = high - low <= overview.tolerance
    middle = (low + high) / 2
    border = np.zeros(flat.shape, dtype=bool)
    border[[0, -1]] = border[:, [0, -1]] = True
    remaining = flat & border
    boxes: list[Box] = []
    for _ in range(_KINDS_OF_GROUND):
        if remaining.sum() < 3:
            break
        # The median may lie between a black and a white ground: start from a value that really occurs.
        values = middle[remaining]
        value = float(values[np.argmin(np.abs(values - np.median(values)))])
        alike = flat & (np.abs(middle - value) <= overview.tolerance)
        remaining &= ~alike
        labels, _ = ndimage.label(alike)
        for number, part in enumerate(ndimage.find_objects(labels), 1):
            member = labels[part] == number
            large = member.sum() >= max(_SMALLEST_SHARE * flat.size, 9) and min(member.shape) >= 2
            if large and (border[part] & member).any():
                area = labels == number
                if _ends_sharply(montage, overview, inner, area, origin, value):
                    cut = _rectangles(area, overview.block, origin)
                    boxes += [_grown(montage, overview, inner, box, value) for box in cut]
    return boxes


def _ends_sharply(
    montage: Montage, overview: Overview, inner: Box, area: NDArray[np.bool_], origin: tuple[int, int], value: float
) -> bool:
    """Tell whether the specimen begins at once at the border of the area.

    A lens blurs the outline of whatever is saturated on the specimen itself; the ground of a mosaic is put in
    afterwards, and most of its outline runs along the rows or the columns.
    """
    sharp: list[float] = []
    straight: list[float] = []
    for axis in (0, 1):
        for step in (1, -1):
            edge = area & ~np.roll(area, -step, axis=axis)
            # np.roll goes round the border of the picture, where nothing ends.
            (edge if axis == 0 else edge.T)[-1 if step == 1 else 0] = False
            cells = np.argwhere(edge)
            for cell in cells[:: max(len(cells) // _PROBES_A_SIDE, 1)][:_PROBES_A_SIDE]:
                corner = (int(cell[0] + origin[0]) * overview.block, int(cell[1] + origin[1]) * overview.block)
                lines = _lines_outwards(montage, inner, corner, axis, step, overview.block)
                if lines is not None:
                    here, there = _sharpness(lines, value, overview.tolerance)
                    sharp.append(here)
                    straight.append(there)
    if not sharp:
        return False
    return float(np.mean(sharp)) >= 0.7 and (float(np.mean(straight)) >= 0.6 or float(np.mean(sharp)) >= 0.9)


def _lines_outwards(
    montage: Montage, inner: Box, corner: tuple[int, int], axis: int, step: int, block: int
) -> NDArray[np.float32] | None:
    """Read lines of pixels that run from a block of the area outwards, (lines, depth); None at the border."""
    length, depth = max(block, 8), 2 * block + 12
    start = corner[axis] if step == 1 else corner[axis] + block - depth
    along = corner[1 - axis]
    limits = ((inner.y0, inner.y1), (inner.x0, inner.x1))
    if start < limits[axis][0] or start + depth > limits[axis][1] or along + length > limits[1 - axis][1]:
        return None
    if axis == 0:
        lines = read_float(montage, start, along, depth, length).T
    else:
        lines = read_float(montage, along, start, length, depth)
    return lines if step == 1 else lines[:, ::-1]


def _sharpness(lines: NDArray[np.float32], value: float, tolerance: float) -> tuple[float, float]:
    """Give the share of lines on which the area ends sharply, and 1 if it ends at the same place on all."""
    away = np.abs(lines - value)
    out = away > tolerance
    out[:, -10:] = True
    ends = out.argmax(1)
    number = np.arange(len(lines))
    just = away[number, ends + 1]
    further = np.median(np.stack([away[number, ends + k] for k in range(3, 10)]), axis=0)
    sharp = (just > 0.5 * further) & (further > 3 * tolerance)
    return float(sharp.mean()), float(np.abs(ends - np.median(ends)).max() <= 1)


def _rectangles(area: NDArray[np.bool_], block: int, origin: tuple[int, int]) -> list[Box]:
    """Cut an area of blocks into rectangles: runs in rows, joined while the next row holds the same run."""
    open_runs: dict[tuple[int, int], int] = {}
    boxes: list[Box] = []
    for y in range(area.shape[0] + 1):
        runs: set[tuple[int, int]] = set()
        if y < area.shape[0]:
            steps = np.flatnonzero(np.diff(np.pad(area[y].astype(np.int8), 1)))
            runs = {(int(start), int(stop)) for start, stop in zip(steps[::2], steps[1::2], strict=True)}
        for run in [run for run in open_runs if run not in runs]:
            y0, y1 = (open_runs.pop(run) + origin[0]) * block, (y + origin[0]) * block
            boxes.append(Box(y0, (run[0] + origin[1]) * block, y1, (run[1] + origin[1]) * block, "frame"))
        for run in runs:
            open_runs.setdefault(run, y)
    return sorted(boxes, key=lambda box: (box.y0, box.x0))


def _grown(montage: Montage, overview: Overview, inner: Box, box: Box, value: float) -> Box:
    """Move each side of a box outwards, by less than a block, while the pixels there are constant too."""
    y0, x0 = max(box.y0, inner.y0), max(box.x0, inner.x0)
    y1, x1 = min(box.y1, inner.y1), min(box.x1, inner.x1)
    reach = overview.block - 1

    def constant(lines: NDArray[np.float32]) -> int:
        same = (np.abs(lines - value) <= 2 * overview.tolerance).mean(1) >= 0.95
        return int(np.argmin(np.append(same, False)))

    up, down = min(reach, y0 - inner.y0), min(reach, inner.y1 - y1)
    if up > 0:
        y0 -= constant(read_float(montage, y0 - up, x0, up, x1 - x0)[::-1])
    if down > 0:
        y1 += constant(read_float(montage, y1, x0, down, x1 - x0))
    left, right = min(reach, x0 - inner.x0), min(reach, inner.x1 - x1)
    if left > 0:
        x0 -= constant(read_float(montage, y0, x0 - left, y1 - y0, left).T[::-1])
    if right > 0:
        x1 += constant(read_float(montage, y0, x1, y1 - y0, right).T)
    return Box(y0, x0, y1, x1, box.kind)
