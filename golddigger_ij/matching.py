"""Detections to true particles, one to one, as cheaply as the Hungarian method allows."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from golddigger_ij.errors import GoldDiggerError

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Matching:
    """Pairs of a detection and a true particle: their indices and their distance, each of shape (pairs,)."""

    found: Indices
    truth: Indices
    distance: Floats


def match(found_xy: ArrayLike, truth_xy: ArrayLike, cutoff: float) -> Matching:
    """Match detections to true particles one to one.

    As many pairs as can be made are made, and among all ways of doing so the one with the least total distance
    is taken (Hungarian method). Only particles that can reach one another are solved together, so that 100,000
    particles take about a second.

    Parameters
    ----------
    found_xy, truth_xy : array_like, shape (n, 2) and (m, 2), float
        Positions (x, y), both in the unit of `cutoff`.
    cutoff : float
        Greatest distance of a pair, inclusive.

    Returns
    -------
    Matching
        In order of the index into `truth_xy`.

    Raises
    ------
    GoldDiggerError
        If a position is not finite or an array has another shape.
    """
    found, truth = positions(found_xy, "detections"), positions(truth_xy, "ground truth")
    return match_candidates(*candidate_pairs(found, truth, cutoff), shape=(len(found), len(truth)))


def positions(xy: ArrayLike, name: str) -> Floats:
    """Positions as an array of shape (n, 2), or a GoldDiggerError that says whose are wrong."""
    array = np.asarray(xy, dtype=np.float64)
    if array.size == 0:
        return np.zeros((0, 2))
    if array.ndim != 2 or array.shape[1] != 2 or not np.isfinite(array).all():
        raise GoldDiggerError(f"{name}: positions must be finite (x, y) pairs, not an array of shape {array.shape}")
    return array


def candidate_pairs(found: Floats, truth: Floats, cutoff: float) -> tuple[Indices, Indices, Floats]:
    """All pairs within the cut-off: index into `found`, index into `truth`, distance."""
    from scipy.spatial import cKDTree

    if not (len(found) and len(truth)):
        return np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0)
    # The tree's own rounding must not decide about a pair that lies exactly at the cut-off.
    reach = cutoff * (1 + 1e-9) + 1e-12
    near = cKDTree(found).sparse_distance_matrix(cKDTree(truth), reach, output_type="ndarray")
    distance = np.hypot(*(found[near["i"]] - truth[near["j"]]).T)
    keep = distance <= cutoff
    return near["i"][keep], near["j"][keep], distance[keep]


def match_candidates(rows: Indices, columns: Indices, distances: Floats, *, shape: tuple[int, int]) -> Matching:
    """Match by candidate pairs, for `shape` = (detections, true particles); see `match`."""
    chosen: list[Indices] = [edges for edges in _solved(rows, columns, distances, shape) if len(edges)]
    picked = np.concatenate(chosen) if chosen else np.zeros(0, np.intp)
    picked = picked[np.argsort(columns[picked], kind="stable")]
    return Matching(rows[picked], columns[picked], distances[picked])


def _solved(rows: Indices, columns: Indices, distances: Floats, shape: tuple[int, int]) -> Iterator[Indices]:
    """Chosen candidates of each group of particles that hang together."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    alone = (np.bincount(rows, minlength=shape[0])[rows] == 1) & (
        np.bincount(columns, minlength=shape[1])[columns] == 1
    )
    yield np.flatnonzero(alone)
    contested = np.flatnonzero(~alone)
    if not len(contested):
        return
    size = sum(shape)
    links = coo_array((np.ones(len(contested)), (rows[contested], columns[contested] + shape[0])), shape=(size, size))
    _, component = connected_components(links, directed=False)
    contested = contested[np.argsort(component[rows[contested]], kind="stable")]
    borders = np.flatnonzero(np.diff(component[rows[contested]])) + 1
    for edges in np.split(contested, borders):
        yield edges[_assignment(rows[edges], columns[edges], distances[edges])]


def _assignment(rows: Indices, columns: Indices, distances: Floats) -> Indices:
    """Positions, among the candidates given, of the most pairs with the least total distance."""
    from scipy.optimize import linear_sum_assignment

    row_names, row = np.unique(rows, return_inverse=True)
    column_names, column = np.unique(columns, return_inverse=True)
    # More than all distances together: one pair more is always worth it.
    impossible = 2 * float(distances.sum()) + 1
    cost = np.full((len(row_names), len(column_names)), impossible)
    cost[row, column] = distances
    position = np.full(cost.shape, -1, dtype=np.intp)
    position[row, column] = np.arange(len(rows))
    taken = position[linear_sum_assignment(cost)]
    return np.asarray(taken[taken >= 0])
