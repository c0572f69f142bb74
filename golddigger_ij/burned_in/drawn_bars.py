"""Scale bars that are drawn on the picture itself, with their captions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from golddigger_ij.burned_in.overview import Overview, read_float
from golddigger_ij.burned_in.scale_bar import Box, Line, ScaleBar, around_both, find_lines, read_scale_bar, turned_back

if TYPE_CHECKING:
    from golddigger_ij.montage import Montage

_SHORTEST_PX = 24
_MOST_CANDIDATES = 40
_MARGIN = 3
_SHORTEST_ALONE = 6


def find_drawn_bars(montage: Montage, overview: Overview, inner: Box) -> tuple[list[ScaleBar], list[Box]]:
    """Find scale bars on the picture: flat, thin, straight rectangles at the end of the grey scale.

    Parameters
    ----------
    montage : Montage
        The image.
    overview : Overview
        Its least and greatest values by block.
    inner : Box
        The part of the montage without data bars and straight frames.

    Returns
    -------
    (list of ScaleBar, list of Box)
        The bars, each with a box around it and its caption, and further boxes of captions.
    """
    rows, columns = overview.cells(inner)
    low, high = overview.low[rows, columns], overview.high[rows, columns]
    if not low.size:
        return [], []
    shortest = max(_SHORTEST_PX, 0.01 * max(montage.shape))
    bars: list[ScaleBar] = []
    letters: list[Box] = []
    for value, drawn in (
        (float(high.max()), high >= high.max() - overview.tolerance),
        (float(low.min()), low <= low.min() + overview.tolerance),
    ):
        for axis in (1, 0):
            for y, x, tall, wide in _candidates(drawn, axis, shortest / overview.block):
                place = Box(
                    (rows.start + y) * overview.block,
                    (columns.start + x) * overview.block,
                    (rows.start + y + tall) * overview.block,
                    (columns.start + x + wide) * overview.block,
                    "scale bar",
                )
                found = _bar_at(montage, overview, inner, place, axis, value, shortest)
                if found is None or any(_overlap(found[0].box, other.box) for other in bars):
                    continue
                bar, thickness, has_caption = found
                if any(_overlap(bar.box, other) for other in letters):
                    continue
                if not has_caption and bar.length_px < _SHORTEST_ALONE * thickness:
                    # The stem of a large letter of a figure is as straight and as flat as a scale bar.
                    letters.append(replace(bar.box, kind="caption"))
                else:
                    bars.append(bar)
    return bars, letters


def _candidates(drawn: NDArray[np.bool_], axis: int, shortest: float) -> list[tuple[int, int, int, int]]:
    """Give long thin runs of blocks along an axis, the longest first, as (y, x, height, width)."""
    span = max(int(shortest) - 1, 3)
    cells = drawn if axis == 1 else drawn.T
    if cells.shape[1] < span:
        return []
    runs = _long_runs(cells, span)
    if not runs.any():
        return []
    labels, _ = ndimage.label(runs, np.ones((3, 3)))
    found = []
    for box in ndimage.find_objects(labels):
        tall, wide = box[0].stop - box[0].start, box[1].stop - box[1].start
        if tall <= max(3, 0.7 * wide) and wide < 0.7 * cells.shape[1]:
            found.append((box[0].start, box[1].start, tall, wide))
    found.sort(key=lambda entry: -entry[3])
    found = found[:_MOST_CANDIDATES]
    return found if axis == 1 else [(x, y, wide, tall) for y, x, tall, wide in found]


def _long_runs(cells: NDArray[np.bool_], span: int) -> NDArray[np.bool_]:
    """Keep the runs along the rows that are at least so long: the opening with a line, without a pass for each cell."""
    height, width = cells.shape
    steps = np.diff(np.pad(cells.astype(np.int8), ((0, 0), (1, 1))), axis=1).ravel()
    starts, stops = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    long = stops - starts >= span
    kept = np.zeros((height, width + 1), np.int8)
    kept.ravel()[starts[long]] = 1
    kept.ravel()[stops[long]] = -1
    return np.cumsum(kept, axis=1, dtype=np.int8)[:, :width].astype(bool)


def _bar_at(
    montage: Montage, overview: Overview, inner: Box, place: Box, axis: int, value: float, shortest: float
) -> tuple[ScaleBar, int, bool] | None:
    """Look at a candidate at full resolution: the bar, its thickness in px, and whether it has a caption."""
    length = max(place.y1 - place.y0, place.x1 - place.x0)
    upright = 0 if axis == 1 else 1

    def lines_within(pad: int) -> tuple[int, int, NDArray[np.float32], NDArray[np.bool_], list[Line]]:
        y0, x0 = max(place.y0 - pad, inner.y0), max(place.x0 - pad, inner.x0)
        y1, x1 = min(place.y1 + pad, inner.y1), min(place.x1 + pad, inner.x1)
        values = read_float(montage, y0, x0, y1 - y0, x1 - x0)
        exact = np.abs(values - value) <= overview.tolerance
        lines = [
            line
            for line in find_lines(np.ascontiguousarray(np.rot90(exact, upright)), shortest)
            if line.y1 - line.y0 >= 2 and _is_drawn(np.rot90(values, upright), line, value, overview.tolerance)
        ]
        return y0, x0, values, exact, lines

    # Most candidates are specimen: a look at the place itself, without room for a caption, is enough to refuse them.
    if not lines_within(2 * overview.block + 4)[-1]:
        return None
    y0, x0, values, exact, lines = lines_within(min(max(length, 60), 600))
    if len(lines) != 1:
        return None
    line, thickness = lines[0], lines[0].y1 - lines[0].y0
    background = float(np.median(values))
    # Anti-aliased glyphs are not quite at the end of the scale.
    ink = _with_core(np.abs(values - value) < 0.4 * abs(background - value), exact)
    readings = []
    for part in (ink, exact):
        reading = read_scale_bar(part, shortest)
        if reading is None or reading[2] % 2 != upright:
            continue
        if abs(reading[0].length - line.length) <= 3 + 0.02 * line.length:
            readings.append(reading)
    # The caption must say the same in whatever can be read.
    read = readings[0] if len({reading[1].nm for reading in readings}) == 1 else None
    if read is not None:
        bar, caption, turns = read
        top, left, bottom, right = turned_back(ink.shape, turns, *around_both(bar, caption))
    else:
        around = _with_caption(np.rot90(ink, upright), np.rot90(exact, upright), line)
        top, left, bottom, right = turned_back(ink.shape, upright, *around)
    box = Box(
        max(y0 + top - _MARGIN, inner.y0),
        max(x0 + left - _MARGIN, inner.x0),
        min(y0 + bottom + _MARGIN, inner.y1),
        min(x0 + right + _MARGIN, inner.x1),
        "scale bar",
    )
    if read is None:
        text_found = around[2] - around[0] > thickness or around[3] - around[1] > line.x1 - line.x0
        return ScaleBar(box, line.length, None, None), thickness, text_found
    return ScaleBar(box, read[0].length, read[1].nm, read[1].nm / read[0].length), thickness, True


def _with_core(ink: NDArray[np.bool_], exact: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep the marks that are exactly at the end of the scale on a good part of their area, unlike texture."""
    labels, count = ndimage.label(ink, np.ones((3, 3)))
    area = np.bincount(labels.ravel(), minlength=count + 1)
    core = np.bincount(labels[exact], minlength=count + 1)
    keep = core > 0.3 * area
    keep[0] = False
    kept: NDArray[np.bool_] = keep[labels]
    return kept


def _is_drawn(values: NDArray[np.float32], line: Line, value: float, tolerance: float) -> bool:
    """Whether a line is flat inside and ends within two pixels: above, below and at both ends."""
    inside = values[line.y0 : line.y1, line.x0 : line.x1]
    if (np.abs(inside - value) <= tolerance).mean() < 0.97:
        return False
    height, width = values.shape
    if line.y0 < 2 or line.x0 < 2 or line.y1 + 2 > height or line.x1 + 2 > width:
        return False
    sides = (
        values[line.y0 - 2, line.x0 : line.x1],
        values[line.y1 + 1, line.x0 : line.x1],
    )
    away = [np.abs(side - value) for side in sides]
    ends = [np.abs(values[line.y0 : line.y1, x] - value) for x in (line.x0 - 2, line.x1 + 1)]
    return all((side > 3 * tolerance).mean() > 0.85 for side in away) and all(
        (end > 3 * tolerance).mean() > 0.6 for end in ends
    )


def _with_caption(ink: NDArray[np.bool_], exact: NDArray[np.bool_], line: Line) -> tuple[int, int, int, int]:
    """Give the box around a line and what looks like text beside it: flat marks of one height, in a row."""
    labels, _ = ndimage.label(ink, np.ones((3, 3)))
    length = line.x1 - line.x0
    marks: list[tuple[int, int, int, int]] = []
    for number, box in enumerate(ndimage.find_objects(labels), 1):
        y0, y1, x0, x1 = box[0].start, box[0].stop, box[1].start, box[1].stop
        tall, wide = y1 - y0, x1 - x0
        if not 6 <= tall <= max(0.6 * length, 12) or wide > 3 * tall or wide < 0.1 * tall:
            continue
        own = labels[box] == number
        if (exact[box] & own).sum() > 0.4 * own.sum() and 0.12 < own.mean() < 0.9:
            marks.append((y0, x0, y1, x1))
    best: list[tuple[int, int, int, int]] = []
    for seed in marks:
        size = seed[2] - seed[0]
        across = max(seed[1] - line.x1, line.x0 - seed[3], 0)
        down = max(seed[0] - line.y1, line.y0 - seed[2], 0)
        if (across == 0 and down <= 2 * size) or (down <= 0.5 * size and across <= 4 * size):
            row = _row(seed, marks)
            best = row if len(row) > len(best) else best
    boxes = [(line.y0, line.x0, line.y1, line.x1), *(best if len(best) > 1 else [])]
    return min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes)


def _row(seed: tuple[int, int, int, int], marks: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
    """Follow a line of text from one of its glyphs to both sides, over gaps of a space at most."""
    size = seed[2] - seed[0]
    level = [
        m
        for m in sorted(marks, key=lambda m: m[1])
        if -0.35 * size <= m[2] - seed[2] <= 0.4 * size and 0.5 * size <= m[2] - m[0] <= 1.6 * size
    ]
    row = [seed]
    for mark in level:
        if mark[1] > seed[1] and mark[1] - row[-1][3] <= 1.2 * size:
            row.append(mark)
    for mark in reversed(level):
        if mark[1] < seed[1] and row[0][1] - mark[3] <= 1.2 * size:
            row.insert(0, mark)
    return row


def _overlap(one: Box, other: Box) -> bool:
    return one.y0 < other.y1 and other.y0 < one.y1 and one.x0 < other.x1 and other.x0 < one.x1
