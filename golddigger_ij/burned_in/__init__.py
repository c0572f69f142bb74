"""Find what is drawn over a micrograph or around it: data bars, scale bars, captions and frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from golddigger_ij.burned_in.drawn_bars import find_drawn_bars
from golddigger_ij.burned_in.mosaic_frame import mosaic_frame
from golddigger_ij.burned_in.overview import Overview, make_overview, read_float
from golddigger_ij.burned_in.scale_bar import Box, ScaleBar, around_both, inks, read_scale_bar, turned_back

if TYPE_CHECKING:
    from golddigger_ij.montage import Montage

__all__ = ["Box", "BurnedIn", "ScaleBar", "find_burned_in"]

_EDGES = ("bottom", "top", "left", "right")
_DEEPEST_DATA_BAR = 0.35
_LONGEST_STRIP = 64_000_000


@dataclass(frozen=True)
class BurnedIn:
    """What is burned into a montage: boxes to leave out, and the scale bar where there is one."""

    boxes: tuple[Box, ...]
    scale_bar: ScaleBar | None

    def mask(self, y0: int, x0: int, height: int, width: int) -> NDArray[np.bool_]:
        """Tell which pixels of a window are burned in.

        Parameters
        ----------
        y0, x0 : int
            First row and column of the window in the montage.
        height, width : int
            Its size in px.

        Returns
        -------
        (height, width) bool ndarray
        """
        burned = np.zeros((height, width), dtype=bool)
        for box in self.boxes:
            rows = slice(max(box.y0 - y0, 0), max(box.y1 - y0, 0))
            burned[rows, max(box.x0 - x0, 0) : max(box.x1 - x0, 0)] = True
        return burned


@dataclass(frozen=True)
class _Band:
    depth: int
    has_text: bool
    value: float


def find_burned_in(montage: Montage) -> BurnedIn:
    """Find frames, data bars, and scale bars with their captions.

    The montage is read once, in bands of rows, into an overview of the least and the greatest value of each block;
    only suspicious places are looked at again at full resolution. Saturated, torn or very dark areas of the specimen
    are not taken for frames: a frame is constant and ends within a pixel or two.

    Parameters
    ----------
    montage : Montage
        The image.

    Returns
    -------
    BurnedIn
        The scale bar has a length in nm only where its caption can be read with confidence.
    """
    overview = make_overview(montage)
    if overview is None:
        return BurnedIn((), None)
    inner = Box(0, 0, *montage.shape, kind="picture")
    boxes: list[Box] = []
    # A frame may enclose a data bar, and a bar may be parted from the picture by a line: peel until nothing comes off.
    for _ in range(4):
        peeled = False
        for edge in _EDGES:
            band = _band_at(montage, overview, inner, edge)
            if band is not None:
                box, inner = _cut(inner, edge, band)
                boxes.append(box)
                peeled = True
        if not peeled:
            break
    data_bars = [box for box in boxes if box.kind == "data bar"]
    boxes += mosaic_frame(montage, overview, inner)
    bars = [bar for box in data_bars if (bar := _bar_in(montage, overview, box)) is not None]
    drawn, captions = find_drawn_bars(montage, overview, inner)
    boxes += [*(bar.box for bar in drawn), *captions]
    return BurnedIn(tuple(boxes), _one_scale_bar(bars, drawn))


def _one_scale_bar(bars: list[ScaleBar], drawn: list[ScaleBar]) -> ScaleBar | None:
    """Choose the bar to offer: one that can be read; none if two of them disagree."""
    readable = [bar for bar in bars + drawn if bar.nm_per_px is not None]
    sizes = [bar.nm_per_px for bar in readable if bar.nm_per_px is not None]
    if sizes and max(sizes) <= 1.02 * min(sizes):
        return readable[0]
    return drawn[0] if not sizes and len(drawn) == 1 else None


def _band_at(montage: Montage, overview: Overview, inner: Box, edge: str) -> _Band | None:
    """Find a frame or a data bar along one edge of the inner box, to the pixel."""
    height, width = inner.y1 - inner.y0, inner.x1 - inner.x0
    if min(height, width) < 16:
        return None
    across = height if edge in ("top", "bottom") else width
    block = overview.block
    margin = 8 * max(block, 4)
    strip = _strip(montage, inner, edge, 0, min(margin, across))
    band = _band(strip, strip, overview.tolerance)
    if band is None:
        rough = _band(*_oriented_overview(overview, inner, edge), overview.tolerance)
        if rough is None:
            return None
        start = max((rough.depth - 2) * block, 0)
        near = _strip(montage, inner, edge, start, min(margin, across - start))
        band = _refine(near, start, rough, overview.tolerance)
        strip, offset = near, start
    else:
        offset = 0
    if band is None or not _ends_sharply(strip, band.depth - offset, band.value, overview.tolerance):
        return None
    deepest = _DEEPEST_DATA_BAR if band.has_text else 0.9
    # A dark or light line of texture may look like a thin caption: text needs room.
    if band.depth > deepest * across or (band.has_text and band.depth < 10):
        return None
    return band


def _band(low: NDArray[np.float32], high: NDArray[np.float32], tolerance: float) -> _Band | None:
    """Find a band of one background value in rows counted from the edge inwards.

    Works on blocks (least and greatest value of each) and on pixels (the same array twice).
    """
    flat = high - low <= tolerance
    if not len(low) or flat[0].mean() < 0.85:
        return None
    value = float(np.median(low[0][flat[0]] + high[0][flat[0]])) / 2
    background = flat & (np.abs((low + high) / 2 - value) <= tolerance)
    touching = (np.abs(low - value) <= tolerance) | (np.abs(high - value) <= tolerance)
    share, touch = background.mean(1), touching.mean(1)
    left = np.flatnonzero(touch < 0.5)
    end = int(left[0]) if left.size else len(low)
    full = np.flatnonzero(share[:end] >= 0.85)
    if end == len(low) or not full.size or share[0] < 0.85:
        return None
    depth = int(full[-1]) + 1
    if end - depth > 2 or share[:depth].mean() < 0.4 or share[end : end + 3].mean() > 0.35:
        return None
    return _Band(depth, bool(share[:depth].min() < 0.985), value)


def _refine(strip: NDArray[np.float32], start: int, rough: _Band, tolerance: float) -> _Band | None:
    share = (np.abs(strip - rough.value) <= tolerance).mean(1)
    rows = np.flatnonzero(share >= 0.85)
    if not rows.size:
        return None
    return _Band(start + int(rows[-1]) + 1, rough.has_text, rough.value)


def _ends_sharply(strip: NDArray[np.float32], depth: int, value: float, tolerance: float) -> bool:
    """Whether the picture begins at once behind the band, as nothing that was recorded through a lens does."""
    if depth + 3 > len(strip):
        return False
    here = np.median(np.abs(strip[depth + 1] - value))
    further = np.median(np.abs(strip[min(depth + 8, len(strip) - 1)] - value))
    clear = (np.abs(strip[depth + 1] - value) > 2 * tolerance).mean()
    return bool(here > 2 * tolerance and clear > 0.6 and here > 0.5 * further)


def _strip(montage: Montage, inner: Box, edge: str, start: int, depth: int) -> NDArray[np.float32]:
    """Read `depth` rows from `start` on, counted from an edge inwards, as (depth, length) float32."""
    height, width = inner.y1 - inner.y0, inner.x1 - inner.x0
    match edge:
        case "top":
            return read_float(montage, inner.y0 + start, inner.x0, depth, width)
        case "bottom":
            return read_float(montage, inner.y1 - start - depth, inner.x0, depth, width)[::-1]
        case "left":
            return read_float(montage, inner.y0, inner.x0 + start, height, depth).T
        case _:
            return read_float(montage, inner.y0, inner.x1 - start - depth, height, depth).T[::-1]


def _oriented_overview(overview: Overview, inner: Box, edge: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    rows, columns = overview.cells(inner)
    return tuple(_turned(part[rows, columns], edge) for part in (overview.low, overview.high))  # type: ignore[return-value]


def _turned(array: NDArray[np.float32], edge: str) -> NDArray[np.float32]:
    turned = array.T if edge in ("left", "right") else array
    return turned[::-1] if edge in ("bottom", "right") else turned


def _cut(inner: Box, edge: str, band: _Band) -> tuple[Box, Box]:
    kind = "data bar" if band.has_text else "frame"
    y0, x0, y1, x1 = inner.y0, inner.x0, inner.y1, inner.x1
    match edge:
        case "top":
            return Box(y0, x0, y0 + band.depth, x1, kind), Box(y0 + band.depth, x0, y1, x1, inner.kind)
        case "bottom":
            return Box(y1 - band.depth, x0, y1, x1, kind), Box(y0, x0, y1 - band.depth, x1, inner.kind)
        case "left":
            return Box(y0, x0, y1, x0 + band.depth, kind), Box(y0, x0 + band.depth, y1, x1, inner.kind)
        case _:
            return Box(y0, x1 - band.depth, y1, x1, kind), Box(y0, x0, y1, x1 - band.depth, inner.kind)


def _bar_in(montage: Montage, overview: Overview, box: Box) -> ScaleBar | None:
    """Read the scale bar of a data bar."""
    height, width = box.y1 - box.y0, box.x1 - box.x0
    if height * width > _LONGEST_STRIP:
        return None
    values = read_float(montage, box.y0, box.x0, height, width)
    background = float(np.median(values))
    for ink in inks(values, background, 4 * overview.tolerance):
        found = read_scale_bar(ink, 0.01 * max(height, width))
        if found is not None:
            line, caption, turns = found
            y0, x0, y1, x1 = turned_back(ink.shape, turns, *around_both(line, caption))
            bar_box = Box(box.y0 + y0, box.x0 + x0, box.y0 + y1, box.x0 + x1, "scale bar")
            return ScaleBar(bar_box, line.length, caption.nm, caption.nm / line.length)
    return None
