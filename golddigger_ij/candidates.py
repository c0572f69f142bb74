"""Run the network over a montage tile by tile, and measure what it finds on the original pixels."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from golddigger_ij.burned_in import BurnedIn
from golddigger_ij.components import find_seeds
from golddigger_ij.config import DetectionConfig
from golddigger_ij.contrast import Contrast
from golddigger_ij.models import Model
from golddigger_ij.montage import Montage
from golddigger_ij.refine import measure_outlines
from golddigger_ij.regions import Region
from golddigger_ij.runtime import Painter
from golddigger_ij.tiles import Tile, fixed_grid, tile_grid
from golddigger_ij.working_grid import WorkingGrid

WIDEST_MARK = 28
"""Half-width in working pixels of the widest mark that is whole in every tile that owns it: gold of about 85 nm."""

BURNED_IN_MARGIN = 2.0
"""Pixels beside a burned-in area that compression and smoothing have spoilt."""

FIXED_WINDOW, FIXED_CONTEXT = 512, 128
"""Windows of networks that see all of their window, such as the U-Net-256: each owns its middle 256 × 256 pixels."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Candidates:
    """What the network saw and the outlines measured, before threshold and groups; arrays of shape (n,).

    Positions and areas are in original pixels, `confidence` is the network's, not yet calibrated.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    area: NDArray[np.float64]
    confidence: NDArray[np.float64]
    darkness: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.x)

    def select(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> "Candidates":
        """Give those where `chosen` is true, or in the order that it gives."""
        return Candidates(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))

    @staticmethod
    def joined(parts: "Sequence[Candidates]") -> "Candidates":
        """Join the candidates of several tiles."""
        names = Candidates.__dataclass_fields__
        return Candidates(*(np.concatenate([getattr(p, name) for p in parts] or [np.zeros(0)]) for name in names))


def find_candidates(
    montage: Montage,
    model: Model,
    contrast: Contrast,
    burned_in: BurnedIn,
    nm_per_px: float,
    config: DetectionConfig,
    device: str,
    regions: Sequence[Region] = (),
    progress: Progress | None = None,
) -> Candidates:
    """Run the network over all tiles and measure what it finds; one is read and one measured while a third is painted.

    Parameters are those of `detect`; `progress` is called on this thread.

    Returns
    -------
    Candidates
        Sorted by (y, x); particles on a seam are there once.
    """
    painter = Painter(model.generator(), device)
    grid = WorkingGrid.over(montage.shape, nm_per_px, model.working_nm_per_px)
    tiles = [tile for tile in _tiles(painter, grid, config.tile_size) if _wanted(tile, grid, regions)]
    found: list[Candidates] = []
    done = 0
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as measurer:
        measuring: Future[Candidates] | None = None
        try:
            for group, windows in _prefetched(reader, tiles, config.batch_size, montage, contrast, burned_in, grid):
                painted = painter.paint(np.stack([window.working for window in windows]))
                if measuring is not None:
                    found.append(measuring.result())
                measuring = measurer.submit(_measure_batch, painted, windows, group, grid, burned_in, model.mark_scale)
                done += len(group)
                if progress is not None:
                    progress(done, len(tiles))
            if measuring is not None:
                found.append(measuring.result())
        except BaseException:
            reader.shutdown(wait=False, cancel_futures=True)
            raise
    return _once(Candidates.joined(found))


@dataclass(frozen=True)
class _Window:
    working: NDArray[np.float32]
    original: NDArray[np.float32]
    y0: int
    x0: int


def _tiles(painter: Painter, grid: WorkingGrid, tile_size: int) -> Iterator[Tile]:
    """Tiles of any size where the network's reach allows it, else a fixed grid of windows."""
    if painter.reach is None:
        return fixed_grid(*grid.size, FIXED_WINDOW, FIXED_CONTEXT)
    return tile_grid(*grid.size, tile_size, painter.reach + WIDEST_MARK, painter.stride)


def _wanted(tile: Tile, grid: WorkingGrid, regions: Sequence[Region]) -> bool:
    if not regions:
        return True
    y0, x0, y1, x1 = (float(grid.to_original(np.array(v - 0.5))) for v in (tile.y0, tile.x0, tile.y1, tile.x1))
    return any(r.bounds[0] < y1 and r.bounds[2] > y0 and r.bounds[1] < x1 and r.bounds[3] > x0 for r in regions)


def _prefetched(
    reader: ThreadPoolExecutor,
    tiles: Sequence[Tile],
    batch_size: int,
    montage: Montage,
    contrast: Contrast,
    burned_in: BurnedIn,
    grid: WorkingGrid,
) -> Iterator[tuple[tuple[Tile, ...], list[_Window]]]:
    """Read each batch of windows while the one before it is in the network."""
    batches = _batched(tiles, batch_size)

    def read(group: tuple[Tile, ...]) -> list[_Window]:
        return [_read_window(tile, montage, contrast, burned_in, grid) for tile in group]

    coming = reader.submit(read, batches[0]) if batches else None
    for i, group in enumerate(batches):
        assert coming is not None
        windows = coming.result()
        coming = reader.submit(read, batches[i + 1]) if i + 1 < len(batches) else None
        yield group, windows


def _read_window(tile: Tile, montage: Montage, contrast: Contrast, burned_in: BurnedIn, grid: WorkingGrid) -> _Window:
    """Read, normalise and resample one window; outside the montage its edge goes on."""
    top, left, height, width = tile.window
    y0, x0 = max(0, top), max(0, left)
    y1, x1 = min(grid.size[0], top + height), min(grid.size[1], left + width)
    oy0, oy1 = grid.source(y0, y1, 0)
    ox0, ox1 = grid.source(x0, x1, 1)
    original = contrast.apply(montage.read(oy0, ox0, oy1 - oy0, ox1 - ox0))
    if burned_in.boxes:
        original[burned_in.mask(oy0, ox0, *original.shape)] = 0
    working = grid.resample(original, y0, y1, x0, x1)
    padding = (y0 - top, top + height - y1), (x0 - left, left + width - x1)
    if any(p for pair in padding for p in pair):
        working = np.pad(working, padding, mode="edge")
    return _Window(working, original, oy0, ox0)


def _measure_batch(
    painted: NDArray[np.float32],
    windows: Sequence[_Window],
    tiles: Sequence[Tile],
    grid: WorkingGrid,
    burned_in: BurnedIn,
    mark_scale: float,
) -> Candidates:
    parts = [_measure(p, w, t, grid, burned_in, mark_scale) for p, w, t in zip(painted, windows, tiles, strict=True)]
    return Candidates.joined(parts)


def _measure(
    painted: NDArray[np.float32], window: _Window, tile: Tile, grid: WorkingGrid, burned_in: BurnedIn, mark_scale: float
) -> Candidates:
    """Take the components that the tile owns and measure their outlines on the original pixels."""
    top, left = tile.window[:2]
    seeds = find_seeds(painted)
    near = tile.owns(seeds.y + top, seeds.x + left, slack=WIDEST_MARK)
    seeds = seeds.select(near)
    # Seeds of the neighbouring tile within reach are measured too, as a particle's outline ends at its neighbour's.
    owned = tile.owns(seeds.y + top, seeds.x + left, slack=0.02)
    x, y = grid.to_original(seeds.x + left), grid.to_original(seeds.y + top)
    radius = np.sqrt(seeds.area / np.pi) / mark_scale * grid.ratio
    outlines = measure_outlines(window.original, x - window.x0, y - window.y0, radius)
    # Where hardly any edge was found, what the network painted is the better measure.
    measured = outlines.covered >= 0.35
    cx = np.where(measured, outlines.x + window.x0, x)
    cy = np.where(measured, outlines.y + window.y0, y)
    area = np.where(measured, outlines.area, np.pi * radius**2)
    inside = (cx >= -0.5) & (cx < grid.shape[1] - 0.5) & (cy >= -0.5) & (cy < grid.shape[0] - 0.5)
    # What touches a bar or a frame is an effect of its edge, or a particle that is cut.
    margin = np.sqrt(area / np.pi) + BURNED_IN_MARGIN
    for box in burned_in.boxes:
        near_x = (cx > box.x0 - 0.5 - margin) & (cx < box.x1 - 0.5 + margin)
        inside &= ~(near_x & (cy > box.y0 - 0.5 - margin) & (cy < box.y1 - 0.5 + margin))
    every = Candidates(cx, cy, area, seeds.confidence, outlines.darkness)
    return every.select(owned & inside)


def _once(candidates: Candidates) -> Candidates:
    """Keep the most confident of candidates that are the same particle, and sort by (y, x)."""
    from scipy.spatial import cKDTree

    candidates = candidates.select(np.lexsort((candidates.x, candidates.y)))
    if len(candidates) < 2:
        return candidates
    radius = np.sqrt(candidates.area / np.pi)
    xy = np.column_stack([candidates.x, candidates.y])
    keep = np.ones(len(candidates), bool)
    pairs = cKDTree(xy).query_pairs(float(0.6 * 2 * np.percentile(radius, 99.9)), output_type="ndarray")
    distance = np.hypot(*(xy[pairs[:, 0]] - xy[pairs[:, 1]]).T)
    same = pairs[distance < 0.6 * np.maximum(radius[pairs[:, 0]], radius[pairs[:, 1]])]
    order = np.argsort(-np.maximum(candidates.confidence[same[:, 0]], candidates.confidence[same[:, 1]]), kind="stable")
    for a, b in same[order]:
        if keep[a] and keep[b]:
            keep[b if candidates.confidence[a] >= candidates.confidence[b] else a] = False
    return candidates.select(keep)


def _batched(tiles: Sequence[Tile], size: int) -> list[tuple[Tile, ...]]:
    return [tuple(tiles[i : i + size]) for i in range(0, len(tiles), size)]
