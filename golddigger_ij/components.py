"""Mask -> connected components -> seeds, with touching particles separated."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse import csgraph

LEVEL = 0.5
"""Where the painted mask is cut."""

FAINT_LEVEL = 0.1
"""Components that stay below `LEVEL` are kept from here on, with their low scores, for a person to look at."""

SMALLEST = 3
"""Components of fewer pixels are noise."""


@dataclass(frozen=True)
class Seeds:
    """Components of a mask; arrays of shape (n,).

    Attributes
    ----------
    x, y : ndarray of float64
        Centroids in the mask's pixels, weighted by probability.
    area : ndarray of float64
        Pixels above the level.
    confidence : ndarray of float64
        Mean probability of the component's stronger half, 0 to 1.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    area: NDArray[np.float64]
    confidence: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.x)

    def select(self, chosen: NDArray[np.bool_]) -> "Seeds":
        """Give those where `chosen` is true."""
        return Seeds(self.x[chosen], self.y[chosen], self.area[chosen], self.confidence[chosen])


def find_seeds(probability: NDArray[np.float32]) -> Seeds:
    """Find the components of a painted mask.

    Parameters
    ----------
    probability : ndarray of float32, (h, w)
        The mask in 0 … 1.

    Returns
    -------
    Seeds
        Components above `LEVEL`, those that look like several discs cut into them; and components that lie wholly
        between `FAINT_LEVEL` and `LEVEL`.
    """
    places = np.flatnonzero(probability > FAINT_LEVEL)
    if not len(places):
        return Seeds(*(np.zeros(0) for _ in range(4)))
    width = probability.shape[1]
    value = probability.ravel()[places].astype(np.float64)
    strong = value > LEVEL
    around = _connected(places, width)
    holds_strong = np.zeros(int(around.max()) + 1, bool)
    holds_strong[around[strong]] = True
    owner = np.full(len(places), -1, np.int64)
    owner[strong] = _connected(places[strong], width)
    strong_count = int(owner.max()) + 1
    faint = ~holds_strong[around]
    _, numbers = np.unique(around[faint], return_inverse=True)
    owner[faint] = strong_count + numbers
    kept = owner >= 0
    rows, columns = np.divmod(places[kept], width)
    parts = _separate(rows, columns, owner[kept], strong_count)
    return _measure(rows, columns, parts, value[kept])


def _connected(places: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    """Number the 4-connected components of a few pixels, given by their sorted flat indices in an image of `width`.

    Gold covers a hundredth of a mask, so this is many times faster than to label the whole image.
    """
    index = np.arange(len(places))
    beside = np.flatnonzero((np.diff(places) == 1) & (places[1:] % width != 0))
    below = np.searchsorted(places, places + width)
    has_below = (below < len(places)) & (places[np.minimum(below, len(places) - 1)] == places + width)
    first = np.concatenate([beside, index[has_below]])
    second = np.concatenate([beside + 1, below[has_below]])
    links = sparse.coo_array((np.ones(len(first), np.int8), (first, second)), shape=(len(places), len(places)))
    return np.asarray(csgraph.connected_components(links, directed=False)[1], np.int64)


def _measure(
    rows: NDArray[np.int64], columns: NDArray[np.int64], owner: NDArray[np.int64], value: NDArray[np.float64]
) -> Seeds:
    area = np.bincount(owner).astype(np.float64)
    kept = area >= SMALLEST
    total = np.maximum(np.bincount(owner, value), 1e-12)
    x, y = np.bincount(owner, value * columns) / total, np.bincount(owner, value * rows) / total
    # The stronger half: pixels above the component's own mean.
    mean = total / np.maximum(area, 1)
    upper = value >= mean[owner]
    confidence = np.bincount(owner, value * upper, len(area)) / np.maximum(np.bincount(owner, upper, len(area)), 1)
    return Seeds(x, y, area, confidence).select(kept)


def _separate(
    rows: NDArray[np.int64], columns: NDArray[np.int64], owner: NDArray[np.int64], strong_count: int
) -> NDArray[np.int64]:
    """Give the pixels of components that are not one disc to several new owners."""
    area = np.bincount(owner)
    x, y = np.bincount(owner, columns) / np.maximum(area, 1), np.bincount(owner, rows) / np.maximum(area, 1)
    dx, dy = columns - x[owner], rows - y[owner]
    xx, yy, xy = (np.bincount(owner, part) / np.maximum(area, 1) for part in (dx * dx, dy * dy, dx * dy))
    xx, yy = xx + 1 / 12, yy + 1 / 12
    spread = np.sqrt(np.maximum(xx * yy - xy * xy, 0))
    half_trace, half_difference = (xx + yy) / 2, np.sqrt(((xx - yy) / 2) ** 2 + xy**2)
    elongation = np.sqrt((half_trace + half_difference) / np.maximum(half_trace - half_difference, 1e-3))
    # An ellipse has area 4 pi sqrt(det); a chain or a cluster of discs has less, and a pair is twice as long as wide.
    suspicious = (area >= 8) & ((4 * np.pi * spread > 1.15 * area) | (elongation > 1.6))
    suspicious[strong_count:] = False
    if not suspicious.any():
        return owner
    order = np.argsort(owner, kind="stable")
    bounds = np.concatenate([[0], np.cumsum(area)])
    owner, following = owner.copy(), len(area)
    for component in np.flatnonzero(suspicious):
        pixels = order[bounds[component] : bounds[component + 1]]
        parts = _split(rows[pixels], columns[pixels])
        for part in range(1, int(parts.max(initial=0)) + 1):
            owner[pixels[parts == part]] = following
            following += 1
    return owner


def _split(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number the discs that a component is made of, by the peaks of its distance transform, from 0."""
    shape = np.ptp(rows) + 3, np.ptp(columns) + 3
    mask = np.zeros(shape, np.float32)
    mask[rows - rows.min() + 1, columns - columns.min() + 1] = 1
    fine = 3
    smooth = ndimage.zoom(mask, fine, order=1, grid_mode=True, mode="grid-constant") > 0.5
    distance = ndimage.gaussian_filter(ndimage.distance_transform_edt(smooth), 1.0)
    radius = float(distance.max())
    width = max(3, int(radius) | 1)
    peaks = (distance == ndimage.maximum_filter(distance, width)) & (distance > 0.4 * radius)
    markers, count = ndimage.label(peaks, np.ones((3, 3)))
    if count < 2:
        return np.zeros(len(rows), np.int64)
    places = np.array(ndimage.center_of_mass(peaks, markers, np.arange(1, count + 1)))
    heights = ndimage.maximum(distance, markers, np.arange(1, count + 1))
    places = places[_distinct(places, np.asarray(heights), distance)]
    pixel = (np.column_stack([rows - rows.min() + 1, columns - columns.min() + 1]) + 0.5) * fine - 0.5
    return np.asarray(((pixel[:, None] - places[None]) ** 2).sum(2).argmin(1), np.int64)


def _distinct(places: NDArray[np.float64], heights: NDArray[np.float64], distance: NDArray[np.float64]) -> list[int]:
    """Peaks between which the outline has a waist: the distance transform falls below 0.85 of the lower peak."""
    kept: list[int] = []
    for i in np.argsort(-heights, kind="stable"):
        steps = np.linspace(0, 1, 15)[:, None]
        waists = [
            ndimage.map_coordinates(distance, (places[i] + (places[j] - places[i]) * steps).T, order=1).min()
            for j in kept
        ]
        if all(waist < 0.85 * heights[i] for waist in waists):
            kept.append(int(i))
    return kept
