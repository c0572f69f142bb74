"""Which ROI marks which particle of a run: by the id that it carries, then by its centre."""

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from golddigger_ij.matching import match_candidates
from golddigger_ij.roi_table import AREA_KINDS, POINT_KIND, RoiTable
from golddigger_ij.runs import Run

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Flags = NDArray[np.bool_]

MOVED_PX = 0.25
"""A mark that lies farther than this from its particle was moved; ImageJ's own rounding stays far below."""

LARGEST_GOLD_NM = 120.0
"""A ROI without a particle that is larger than this, or than twice the run's largest particle, outlines no gold."""


def assign_marks(run: Run, rois: RoiTable, size_px: Floats) -> tuple[Indices, Indices, int, dict[str, int]]:
    """Find the ROIs that are marks, and the particle of each.

    Parameters
    ----------
    run : Run
    rois : RoiTable
    size_px : (n,) float64
        Diameters of the ROIs; 0 for points.

    Returns
    -------
    marks : (m,) intp
        Rows of `rois`: those with a particle in order of the run's table, then the others.
    particle : (m,) intp
        Rows of the run's table; -1 for none.
    doubled : int
        How many were left out since they lie on another mark.
    ignored : dict of str to int
        How many are no marks, by what they are.
    """
    marks, ignored = _marks(run, rois, size_px)
    particle = _by_id(run, rois, marks)
    _by_centre(run, rois, marks, particle)
    single = _first_of_doubled(rois, marks, particle)
    marks, particle = marks[single], particle[single]
    order = np.argsort(np.where(particle < 0, len(run.particles), particle), kind="stable")
    return marks[order], particle[order], int(np.count_nonzero(~single)), ignored


def _marks(run: Run, rois: RoiTable, size_px: Floats) -> tuple[Indices, dict[str, int]]:
    """Rows of the ROIs that may be gold, and how many are not, by what they are."""
    reasons = np.array(["" if kind in AREA_KINDS or kind == POINT_KIND else f"{kind}s" for kind in rois.kind], object)
    if run.plane is not None:
        reasons[(reasons == "") & (rois.position != 0) & (rois.position != run.plane)] = "on another slice"
    largest = max(LARGEST_GOLD_NM, 2 * float(run.particles.diameter_nm.max(initial=0.0)))
    foreign = np.array(["gd_id" not in properties for properties in rois.properties], bool)
    reasons[(reasons == "") & foreign & (size_px * run.nm_per_px > largest)] = "too large for gold"
    return np.flatnonzero(reasons == ""), dict(Counter(reason for reason in reasons.tolist() if reason))


def _by_id(run: Run, rois: RoiTable, marks: Indices) -> Indices:
    """Row of the particle whose id each mark carries, -1 where it carries none or a nearer mark has the same."""
    row_of = {str(number): row for row, number in enumerate(run.particles.id.tolist())} if run.id else {}
    claimed = np.full(len(marks), -1, np.intp)
    for index, mark in enumerate(marks.tolist()):
        properties = rois.properties[mark]
        if properties.get("gd_run") == run.id:
            claimed[index] = row_of.get(properties.get("gd_id", ""), -1)
    claims = np.flatnonzero(claimed >= 0)
    rows = claimed[claims]
    distance = np.hypot(rois.x[marks[claims]] - run.particles.x[rows], rois.y[marks[claims]] - run.particles.y[rows])
    order = np.lexsort((distance, rows))
    nearest = np.ones(len(order), bool)
    nearest[1:] = np.diff(rows[order]) > 0
    particle = np.full(len(marks), -1, np.intp)
    winners = claims[order[nearest]]
    particle[winners] = claimed[winners]
    return particle


def _by_centre(run: Run, rois: RoiTable, marks: Indices, particle: Indices) -> None:
    """Give marks without a particle, one to one, those particles without a mark in whose discs they lie."""
    from scipy.spatial import cKDTree

    free_marks = np.flatnonzero(particle < 0)
    taken = np.zeros(len(run.particles), bool)
    taken[particle[particle >= 0]] = True
    free_particles = np.flatnonzero(~taken)
    if not (free_marks.size and free_particles.size):
        return
    found = np.column_stack([run.particles.x, run.particles.y])[free_particles]
    drawn = np.column_stack([rois.x, rois.y])[marks[free_marks]]
    # Between particles that touch, a radius is half the way; no less than a mark that counts as not moved.
    radius = np.maximum(np.sqrt(run.particles.area[free_particles] / np.pi), MOVED_PX)
    near = cKDTree(drawn).query_ball_point(found, radius)
    sizes = np.array([len(one) for one in near], np.intp)
    rows = np.repeat(np.arange(len(free_particles)), sizes)
    columns = np.concatenate([np.array(one, np.intp) for one in near if one] or [np.zeros(0, np.intp)])
    distances = np.hypot(*(found[rows] - drawn[columns]).T)
    pairs = match_candidates(rows, columns, distances, shape=(len(found), len(drawn)))
    particle[free_marks[pairs.truth]] = free_particles[pairs.found]


def _first_of_doubled(rois: RoiTable, marks: Indices, particle: Indices) -> Flags:
    """Which marks to keep where several lie on one spot: that of a particle, else the first."""
    from scipy.spatial import cKDTree

    single = np.ones(len(marks), bool)
    if (particle >= 0).all():
        return single
    pairs = cKDTree(np.column_stack([rois.x[marks], rois.y[marks]])).query_pairs(MOVED_PX, output_type="ndarray")
    first, second = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))].T
    swap = (particle[first] < 0) & (particle[second] >= 0)
    keep, drop = np.where(swap, second, first), np.where(swap, first, second)
    for kept, dropped in zip(keep.tolist(), drop.tolist(), strict=True):
        if particle[dropped] < 0 and single[kept]:
            single[dropped] = False
    return single
