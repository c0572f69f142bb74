"""Outlines in the plane: what lies inside, how large it is, whether it crosses itself. Nothing else."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ring = NDArray[np.float64]
"""The corners of a closed line, (n, 2) as x, y; the last joins the first."""


@dataclass(frozen=True, eq=False)
class Outline:
    """An area with any number of parts and holes: a point is inside where it is inside an odd number of rings.

    Attributes
    ----------
    rings : tuple of (n, 2) float64
        Closed lines, in the same coordinates as the points that are asked about.
    """

    rings: tuple[Ring, ...]

    def contains(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.bool_]:
        """Say which points lie inside.

        Two outlines that share an edge never both hold a point on it, nor neither of them.

        Parameters
        ----------
        x, y : (n,) array-like
            Points.

        Returns
        -------
        (n,) bool
        """
        px, py = np.atleast_1d(np.asarray(x, np.float64)), np.atleast_1d(np.asarray(y, np.float64))
        order = np.argsort(py, kind="stable")
        sorted_x, sorted_y = px[order], py[order]
        edges = _lower_end_first(self.rings)
        inside = np.zeros(px.size, bool)
        # A point is tested against those edges only that pass its height: first <= y < last.
        first = np.searchsorted(sorted_y, edges[:, 1], "left")
        last = np.searchsorted(sorted_y, edges[:, 3], "left")
        for (x0, y0, x1, y1), a, b in zip(edges[first < last], first[first < last], last[first < last], strict=True):
            crossing = x0 + (sorted_y[a:b] - y0) * ((x1 - x0) / (y1 - y0))
            inside[a:b] ^= sorted_x[a:b] < crossing
        result = np.empty_like(inside)
        result[order] = inside
        return result

    @property
    def area(self) -> float:
        """Exact area inside, for rings that may touch but not cross."""
        return self._area(np.empty(0))

    @property
    def area_though_crossing(self) -> float:
        """Exact area inside an odd number of rings, which may cross themselves and each other."""
        return self._area(np.array([y for _, y in self.crossings()]))

    def _area(self, crossing_heights: NDArray[np.float64]) -> float:
        edges = _lower_end_first(self.rings)
        edges = edges[edges[:, 1] < edges[:, 3]]
        heights = np.unique(np.concatenate([edges[:, 1], edges[:, 3], crossing_heights]))
        total = 0.0
        # Between two neighbouring corners' heights the width inside changes linearly: its middle gives the area.
        for low, high in pairwise(heights):
            passing = edges[(edges[:, 1] <= low) & (edges[:, 3] >= high)]
            x0, y0, x1, y1 = passing.T
            crossings = np.sort(x0 + ((low + high) / 2 - y0) * (x1 - x0) / (y1 - y0))
            total += (high - low) * float((crossings[1::2] - crossings[0::2]).sum())
        return total

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Lowest x, lowest y, highest x, highest y."""
        points = np.concatenate(self.rings)
        (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
        return float(x0), float(y0), float(x1), float(y1)

    def clipped(self, x0: float, y0: float, x1: float, y1: float) -> "Outline":
        """Give the part within a rectangle; parts of its rings may run along the rectangle's border and back."""
        rings = []
        for ring in self.rings:
            for axis, sign, limit in ((0, 1, x0), (0, -1, x1), (1, 1, y0), (1, -1, y1)):
                ring = _clip_ring(ring, axis, sign, limit)
            if len(ring) >= 3:
                rings.append(ring)
        return Outline(tuple(rings))

    def crossing(self) -> tuple[float, float] | None:
        """Give a place where two edges cross, or None. Edges that only touch do not cross."""
        return next(self.crossings(), None)

    def crossings(self) -> Iterator[tuple[float, float]]:
        """Give every place where two edges cross, as x, y."""
        edges = _edges(self.rings)
        x_low, x_high = np.minimum(edges[:, 0], edges[:, 2]), np.maximum(edges[:, 0], edges[:, 2])
        order = np.argsort(x_low, kind="stable")
        edges, x_low, x_high = edges[order], x_low[order], x_high[order]
        # In order of their left ends, an edge can only meet those that begin before it ends.
        last = np.searchsorted(x_low, x_high, "right")
        for index, edge in enumerate(edges):
            others = edges[index + 1 : last[index]]
            for other in others[_proper_crossings(edge, others)]:
                yield _meeting_point(edge, other)


def as_ring(points: Any) -> Ring:
    """Make a ring of a list of corners: repeated corners are dropped, as is a last one that closes it.

    Parameters
    ----------
    points : sequence of (x, y)
        Corners in order.

    Raises
    ------
    ValueError
        If these are not at least three different corners with finite numbers.
    """
    try:
        ring = np.asarray(points, np.float64)
    except (TypeError, ValueError):
        raise ValueError("is not a list of [x, y]") from None
    if ring.ndim != 2 or ring.shape[1] != 2:
        raise ValueError("is not a list of [x, y]" if ring.size else "is empty")
    if not np.isfinite(ring).all():
        raise ValueError("holds a number that is not finite")
    ring = ring[(ring != np.roll(ring, 1, axis=0)).any(axis=1)]
    if len(ring) < 3:
        raise ValueError("has fewer than three corners")
    return np.asarray(ring, np.float64)


def _edges(rings: Sequence[Ring]) -> NDArray[np.float64]:
    parts = [np.hstack([ring, np.roll(ring, -1, axis=0)]) for ring in rings]
    return np.concatenate(parts) if parts else np.empty((0, 4))


def _lower_end_first(rings: Sequence[Ring]) -> NDArray[np.float64]:
    """Edges in one direction, so that neighbours that share one compute the very same crossing with it."""
    edges = _edges(rings)
    return np.where((edges[:, 1] > edges[:, 3])[:, None], edges[:, [2, 3, 0, 1]], edges)


def _clip_ring(ring: Ring, axis: int, sign: int, limit: float) -> Ring:
    """Sutherland and Hodgman's step: cut a ring at one side of a rectangle."""
    if not len(ring):
        return ring
    depth = sign * (ring[:, axis] - limit)
    before, depth_before = np.roll(ring, 1, axis=0), np.roll(depth, 1)
    cut = (depth >= 0) != (depth_before >= 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        points = before + (ring - before) * (depth_before / (depth_before - depth))[:, None]
    points[:, axis] = limit
    slots = np.stack([points, ring], axis=1).reshape(-1, 2)
    keep: Ring = slots[np.stack([cut, depth >= 0], axis=1).reshape(-1)]
    return keep


def _side(ax: Any, ay: Any, bx: Any, by: Any, px: Any, py: Any) -> Any:
    return np.sign((bx - ax) * (py - ay) - (by - ay) * (px - ax))


def _proper_crossings(edge: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.bool_]:
    ax, ay, bx, by = edge
    cx, cy, dx, dy = others.T
    apart = _side(ax, ay, bx, by, cx, cy) * _side(ax, ay, bx, by, dx, dy) < 0
    crossed: NDArray[np.bool_] = apart & (_side(cx, cy, dx, dy, ax, ay) * _side(cx, cy, dx, dy, bx, by) < 0)
    return crossed


def _meeting_point(edge: NDArray[np.float64], other: NDArray[np.float64]) -> tuple[float, float]:
    ax, ay, bx, by = edge
    cx, cy, dx, dy = other
    t = ((cx - ax) * (dy - cy) - (cy - ay) * (dx - cx)) / ((bx - ax) * (dy - cy) - (by - ay) * (dx - cx))
    return float(ax + t * (bx - ax)), float(ay + t * (by - ay))
