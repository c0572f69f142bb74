"""Edited ROIs against the particles of a run: what was kept, moved, regrouped, added and deleted."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from golddigger_ij.palette import OTHER
from golddigger_ij.particles import AREA_DECIMALS, POSITION_DECIMALS, diameter_of_area
from golddigger_ij.position_tables import nominal_size
from golddigger_ij.proofreading.group_names import (
    group_of_points,
    groups_by_diameter,
    label_of,
    names_of_groups,
    typical_sizes,
    without_size,
)
from golddigger_ij.proofreading.marks import MOVED_PX, assign_marks
from golddigger_ij.regions import Region
from golddigger_ij.roi_table import RoiTable
from golddigger_ij.runs import Run

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Flags = NDArray[np.bool_]

KEPT, MOVED, REGROUPED, MOVED_AND_REGROUPED, ADDED = "kept", "moved", "regrouped", "moved and regrouped", "added"
CHANGES = (KEPT, MOVED, REGROUPED, MOVED_AND_REGROUPED, ADDED)

RESIZED = 0.05
"""A mark whose diameter differs by more than this share was resized, which counts as moved."""


@dataclass(frozen=True, eq=False)
class Proofreading:
    """The marks that people left in a region, and how they came from a run.

    Attributes
    ----------
    run : Run
    regions : tuple of Region
        What was proof-read; none for the whole image.
    x, y : (n,) float64
        Marks in pixels: those of the run's particles in their order, then the added ones. What was not moved is where
        the run had it.
    area : (n,) float64
        In px²; the run's own where a mark was not resized.
    diameter_nm : (n,) float64
    group : (n,) object array of str
    particle : (n,) intp
        Row of the mark's particle in the run's table; -1 for what was added.
    change : (n,) object array of str
        One of `kept`, `moved` (or resized), `regrouped`, `moved and regrouped`, `added`.
    inside : bool array, one for each particle of the run
        Which of them lie in the regions.
    deleted : intp array
        Rows of particles in the regions that have no mark any more.
    unknown : intp array
        Rows of particles whose ROI could not be read.
    outside : int
        Marks outside the regions, or outside the image; they count for nothing.
    doubled : int
        Marks that lie on another one, which alone counts.
    unreadable : int
        ROIs that could not be read, whether or not it is known of which particle they were.
    ignored : dict of str to int
        ROIs that are no marks: `lines`, `texts`, `images`, those `on another slice`, those `too large for gold`.
    unnamed_groups : dict of int to int
        Marks in an ImageJ group that names no size: they keep the group that they had.
    """

    run: Run
    regions: tuple[Region, ...]
    x: Floats
    y: Floats
    area: Floats
    diameter_nm: Floats
    group: NDArray[np.object_]
    particle: Indices
    change: NDArray[np.object_]
    inside: Flags
    deleted: Indices
    unknown: Indices
    outside: int = 0
    doubled: int = 0
    unreadable: int = 0
    ignored: dict[str, int] = field(default_factory=dict)
    unnamed_groups: dict[int, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return int(self.x.size)

    @property
    def id(self) -> NDArray[np.int64]:
        """Ids of the marks' particles in the run; 0 for what was added."""
        if not len(self.run.particles):
            return np.zeros(len(self), np.int64)
        return np.where(self.particle < 0, 0, self.run.particles.id[self.particle])

    @property
    def counts(self) -> dict[str, int]:
        """How many marks of each change, each mark counted once, and how many particles were deleted."""
        found = Counter(self.change.tolist())
        return {**{change: found[change] for change in CHANGES}, "deleted": len(self.deleted)}

    def summary(self) -> str:
        """What was changed, in one line; what did not occur is left out."""
        parts = [f"{count} {change}" for change, count in self.counts.items() if count] or ["no marks"]
        left_out = {"outside the region": self.outside, "on another mark": self.doubled, "unreadable": self.unreadable}
        omitted = ", ".join(f"{count} {what}" for what, count in {**left_out, **self.ignored}.items() if count)
        text = ", ".join(parts) + (f"; left out: {omitted}" if omitted else "")
        strange = sum(self.unnamed_groups.values())
        return text + (f"; {strange} in ImageJ groups that name no size keep their own" if strange else "")


def compare(
    run: Run,
    rois: RoiTable,
    group_labels: Mapping[int, str] | None = None,
    default_group: str | None = None,
    regions: Sequence[Region] = (),
) -> Proofreading:
    """Tell what people changed about a run's particles.

    A mark belongs to the particle whose id it carries; of several with one id the nearest does. The others belong
    to the nearest particle that is left within its radius, one to one, or else were added. ROIs of another run and ROIs
    without properties are matched by their centres alone.

    Parameters
    ----------
    run : Run
        `golddigger_ij.runs.no_run` for an image that was marked from scratch.
    rois : RoiTable
        Areas and points are marks; lines, texts and images are not.
    group_labels : mapping of int to str, optional
        What ImageJ's groups are called; None where that is not known, see `names_of_groups`. A mark whose group is a
        size group belongs to it; else it keeps its own; else an area is sorted by its diameter and a point gets
        `default_group`.
    default_group : str, optional
        Size group of points that have none. By default the run's only group.
    regions : sequence of Region
        What was proof-read; none for the whole image.

    Returns
    -------
    Proofreading

    Raises
    ------
    GoldDiggerError
        If points in the regions have no size, and there is nothing to know it from.
    """
    particles = run.particles
    size_px = np.sqrt(np.abs(rois.width * rois.height))
    marks, particle, doubled, ignored = assign_marks(run, rois, size_px)
    x, y, area, moved, resized = _places(run, rois, marks, particle, size_px)
    here = _inside(run, regions, x, y)
    marks, particle, moved, resized = marks[here], particle[here], moved[here], resized[here]
    x, y, area = x[here], y[here], area[here]
    labels, unnamed = _groups(run, rois, marks, particle, area, resized, group_labels, default_group)
    area, diameter_nm = _sizes(run, labels, area)
    same = particle >= 0
    diameter_nm[same & ~resized] = particles.diameter_nm[particle[same & ~resized]]
    change = _changes(run, labels, particle, moved | resized)

    inside = _inside(run, regions, particles.x, particles.y)
    missing = inside.copy()
    missing[particle[same]] = False
    unreadable = _named(run, rois.unreadable) & missing
    return Proofreading(
        run=run,
        regions=tuple(regions),
        x=x,
        y=y,
        area=area,
        diameter_nm=diameter_nm,
        group=labels,
        particle=particle,
        change=change,
        inside=inside,
        deleted=np.flatnonzero(missing & ~unreadable),
        unknown=np.flatnonzero(unreadable),
        outside=int(np.count_nonzero(~here)),
        doubled=doubled,
        unreadable=len(rois.unreadable),
        ignored=ignored,
        unnamed_groups=unnamed,
    )


def _places(
    run: Run, rois: RoiTable, marks: Indices, particle: Indices, size_px: Floats
) -> tuple[Floats, Floats, Floats, Flags, Flags]:
    """Where each mark is and its area, the run's own where nothing was changed; and which were moved and resized."""
    particles = run.particles
    x, y = np.round(rois.x[marks], POSITION_DECIMALS), np.round(rois.y[marks], POSITION_DECIMALS)
    area = np.round(np.pi / 4 * size_px[marks] ** 2, AREA_DECIMALS)
    moved, resized = np.zeros(len(marks), bool), np.zeros(len(marks), bool)
    known = particle >= 0
    rows = particle[known]
    moved[known] = np.hypot(x[known] - particles.x[rows], y[known] - particles.y[rows]) > MOVED_PX
    own_size = 2 * np.sqrt(particles.area[rows] / np.pi)
    resized[known] = (area[known] > 0) & (np.abs(size_px[marks[known]] - own_size) > RESIZED * own_size)
    unmoved, unsized = known & ~moved, known & ~resized
    x[unmoved], y[unmoved] = particles.x[particle[unmoved]], particles.y[particle[unmoved]]
    area[unsized] = particles.area[particle[unsized]]
    return x, y, area, moved, resized


def _changes(run: Run, labels: NDArray[np.object_], particle: Indices, moved: Flags) -> NDArray[np.object_]:
    regrouped = np.zeros(len(particle), bool)
    same = particle >= 0
    regrouped[same] = labels[same] != run.particles.group[particle[same]]
    change = np.full(len(particle), KEPT, object)
    change[moved] = MOVED
    change[regrouped] = REGROUPED
    change[moved & regrouped] = MOVED_AND_REGROUPED
    change[~same] = ADDED
    return change


def _inside(run: Run, regions: Sequence[Region], x: Floats, y: Floats) -> Flags:
    if regions:
        held: Flags = np.any([region.contains(x, y) for region in regions], axis=0)
        return held
    if run.shape is None:
        return np.ones(len(x), bool)
    height, width = run.shape
    return (x >= -0.5) & (y >= -0.5) & (x < width - 0.5) & (y < height - 0.5)


def _groups(
    run: Run,
    rois: RoiTable,
    marks: Indices,
    particle: Indices,
    area: Floats,
    resized: Flags,
    group_labels: Mapping[int, str] | None,
    default_group: str | None,
) -> tuple[NDArray[np.object_], dict[int, int]]:
    """Size group of each mark, and how many are in groups of ImageJ that are no size groups."""
    names = names_of_groups(run, rois, group_labels)
    labels = np.full(len(marks), "", object)
    numbers = rois.group[marks].tolist()
    for index, (mark, number) in enumerate(zip(marks.tolist(), numbers, strict=True)):
        labels[index] = names.get(number) or label_of(rois.properties[mark].get("gd_group", ""), run) or ""
    # Someone's own circle on a particle says what size it is only where it is not the particle's size.
    as_before = (labels == "") & (particle >= 0) & ~resized
    labels[as_before] = run.particles.group[particle[as_before]]
    points = (labels == "") & (area == 0)
    if points.any():
        labels[points] = group_of_points(run, default_group, int(np.count_nonzero(points)))
    rest = labels == ""
    labels[rest] = groups_by_diameter(run, diameter_of_area(area[rest], run.nm_per_px))
    return labels, dict(Counter(number for number in numbers if number > 0 and number not in names))


def _sizes(run: Run, labels: NDArray[np.object_], area: Floats) -> tuple[Floats, Floats]:
    """Areas and diameters, where a point has the typical ones of its group."""
    area = area.copy()
    points = area == 0
    if points.any():
        typical = typical_sizes(run)
        typical.update({label: nominal_size(label) for label in set(labels[points]) - set(typical)})
        diameters = np.array([typical[label] for label in labels[points]])
        if np.isnan(diameters).any():
            raise without_size(int(np.isnan(diameters).sum()), [label for label in run.groups if label != OTHER])
        area[points] = np.round(np.pi * (diameters / run.nm_per_px / 2) ** 2, AREA_DECIMALS)
    return area, diameter_of_area(area, run.nm_per_px)


def _named(run: Run, names: Sequence[str]) -> Flags:
    """Particles whose ROI is called one of `names`."""
    if not names:
        return np.zeros(len(run.particles), bool)
    lost = set(names)
    own = zip(run.particles.group.tolist(), run.particles.id.tolist(), strict=True)
    return np.array([f"{label}-{number:06d}" in lost for label, number in own], bool)
