"""Ground truth from proof-read marks: what is written, how it joins what was there, and how the run compares."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from golddigger_ij.annotations import Annotation, Polygon, disc, read_annotation, write_annotation
from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.evaluation import Evaluation, evaluate
from golddigger_ij.matching import candidate_pairs
from golddigger_ij.outlines import Outline
from golddigger_ij.particles import Particles
from golddigger_ij.proofreading.comparison import Proofreading
from golddigger_ij.regions import Region
from golddigger_ij.sizes import assign_groups

EARLIER = "earlier"
"""The folder, within that of the ground truth, that keeps what was there before."""

_SAME_PIXEL_SIZE = 1e-3


class SavedTruth(NamedTuple):
    """Where ground truth was written, what the files now hold, and the copy of what they held before, if anything."""

    path: Path
    annotation: Annotation
    earlier: Path | None


def to_annotation(
    proofreading: Proofreading,
    image: Path,
    *,
    sha256: str | None,
    shape: tuple[int, int],
    author: str | None = None,
    excluded: Sequence[Polygon] = (),
) -> Annotation:
    """Make the ground truth of an image from what people left of a run.

    Parameters
    ----------
    proofreading : Proofreading
        Its regions become the annotated ones; none means the whole image.
    image : Path
        The image file.
    sha256 : str or None
        Of that file.
    shape : (height, width)
    author : str, optional
    excluded : sequence of (k, 2) ndarray
        Polygons within which nothing is known. The places of particles whose ROI could not be read are added.

    Raises
    ------
    GoldDiggerError
        If the run is of an image of another size, or a region is a mask.
    """
    run = proofreading.run
    if run.shape is not None and tuple(run.shape) != tuple(shape):
        raise GoldDiggerError(
            f"{image}: is {shape[1]} x {shape[0]} px where the image of run {run.id} is {run.shape[1]} x "
            f"{run.shape[0]} px; open the image that was detected"
        )
    lost = run.particles.select(proofreading.unknown)
    radii = np.sqrt(lost.area / np.pi)
    places = [disc(x, y, r) for x, y, r in zip(lost.x.tolist(), lost.y.tolist(), radii.tolist(), strict=True)]
    record = {"author": author, "parent_run": run.id or None, "changes": proofreading.counts}
    return Annotation(
        image=image,
        nm_per_px=run.nm_per_px,
        x=proofreading.x,
        y=proofreading.y,
        diameter_nm=proofreading.diameter_nm,
        annotated=tuple(polygon for region in proofreading.regions for polygon in _polygons(region)),
        excluded=(*excluded, *places),
        sha256=sha256,
        shape=shape,
        record={key: value for key, value in record.items() if value is not None},
        group=proofreading.group,
        plane=run.plane,
    )


def save_ground_truth(folder: Path, annotation: Annotation) -> SavedTruth:
    """Write ground truth into a folder, where it joins what is there of the same image.

    Inside the newly annotated region the new marks alone count; outside it the earlier marks and their region stay. A
    whole image replaces everything. Excluded places stay excluded. What the files held is copied to the folder
    ``earlier`` first, with its time in the names, and its record is kept in the list ``earlier`` of the new one.

    Parameters
    ----------
    folder : Path
    annotation : Annotation

    Raises
    ------
    GoldDiggerError
        If the folder holds ground truth of another image under the same name, or of the same image at another pixel
        size; or a file cannot be read or written.
    """
    path = folder / f"{annotation.stem}.json"
    if not path.exists():
        return SavedTruth(write_annotation(folder, annotation), annotation, None)
    before = read_annotation(path)
    _refuse_another_image(path, before, annotation)
    joined = _joined(before, annotation)
    kept = _copied(path, before)
    return SavedTruth(write_annotation(folder, joined), joined, kept)


def evaluate_edits(proofreading: Proofreading, cutoff_nm: float = 5.0) -> Evaluation:
    """Score a run against what people made of it, in the regions that they proof-read.

    Parameters
    ----------
    proofreading : Proofreading
    cutoff_nm : float
        Greatest distance between a particle and the mark that it is counted for.

    Returns
    -------
    Evaluation
        Particles outside the regions and those whose ROI could not be read are not judged.
    """
    particles = proofreading.run.particles
    judged = proofreading.inside.copy()
    judged[proofreading.unknown] = False
    return evaluate(
        np.column_stack([particles.x, particles.y]),
        np.column_stack([proofreading.x, proofreading.y]),
        nm_per_px=proofreading.run.nm_per_px,
        cutoff_nm=cutoff_nm,
        found_group=particles.group,
        truth_group=proofreading.group,
        inside=judged,
    )


def truth_as_particles(annotation: Annotation) -> Particles:
    """Give marks as particles, to be shown; their score is 1, and a group that is not known comes from the diameter."""
    group = np.full(len(annotation.x), "", object) if annotation.group is None else annotation.group.copy()
    unnamed = group == ""
    group[unnamed] = assign_groups(annotation.diameter_nm[unnamed])[0]
    area = np.pi * (annotation.diameter_nm / annotation.nm_per_px / 2) ** 2
    return Particles.build(
        annotation.x, annotation.y, area_px=area, nm_per_px=annotation.nm_per_px, score=1.0, group=group
    )


def _polygons(region: Region) -> list[Polygon]:
    """A region's parts, each with its holes, as polygons that are inside themselves an odd number of times.

    A hole is joined to its part by a line that is followed there and back, so that one polygon holds both.
    """
    if not isinstance(region.shape, Outline):
        raise GoldDiggerError(f"region {region.name!r} is a mask image; ground truth needs outlines, such as a ROI")
    rings = region.shape.rings
    corner = [(ring[:1, 0], ring[:1, 1]) for ring in rings]
    within = np.array([[bool(Outline((outer,)).contains(*at)[0]) for outer in rings] for at in corner])
    np.fill_diagonal(within, False)
    depth = within.sum(axis=1)
    polygons = []
    for part in np.flatnonzero(depth % 2 == 0):
        holes = np.flatnonzero(within[:, part] & (depth == depth[part] + 1))
        pieces = [rings[part]]
        for hole in holes:
            pieces += [rings[part][:1], rings[hole], rings[hole][:1]]
        polygons.append(np.concatenate([*pieces, rings[part][:1]]) if holes.size else rings[part])
    return polygons


def _refuse_another_image(path: Path, before: Annotation, after: Annotation) -> None:
    hashes, shapes = {before.sha256, after.sha256} - {None}, {before.shape, after.shape} - {None}
    if len(hashes) > 1 or len(shapes) > 1:
        raise GoldDiggerError(
            f"{path}: is the ground truth of another image, or {after.image.name} has changed since; "
            "choose another folder, or move that file and its marks away"
        )
    differs = abs(before.nm_per_px / after.nm_per_px - 1) > _SAME_PIXEL_SIZE
    if differs and after.annotated:
        raise GoldDiggerError(
            f"{path}: was marked at {before.nm_per_px:g} nm per pixel, not {after.nm_per_px:g}; set the scale to that "
            "(Analyze > Set Scale...), choose another folder, or annotate the whole image anew"
        )


def _joined(before: Annotation, after: Annotation) -> Annotation:
    record = dict(before.record)
    earlier = [*record.pop("earlier", []), record]
    excluded = _each_once([*before.excluded, *after.excluded])
    if not after.annotated:
        return replace(after, excluded=excluded, record={**after.record, "earlier": earlier})
    stay = ~_holds(after.annotated, before.x, before.y) & ~_marked_again(before, after)
    return replace(
        after,
        x=np.concatenate([before.x[stay], after.x]),
        y=np.concatenate([before.y[stay], after.y]),
        diameter_nm=np.concatenate([before.diameter_nm[stay], after.diameter_nm]),
        annotated=_each_once([*before.annotated, *after.annotated]) if before.annotated else (),
        excluded=excluded,
        record={**after.record, "earlier": earlier},
        group=np.concatenate([_named(before)[stay], _named(after)]),
    )


def _marked_again(before: Annotation, after: Annotation) -> NDArray[np.bool_]:
    """Earlier marks whose particle has a new mark: at the border of two regions both may hold one."""
    old, new = (np.column_stack([marks.x, marks.y]) for marks in (before, after))
    radius = before.diameter_nm / before.nm_per_px / 2
    rows, _, distance = candidate_pairs(old, new, float(radius.max(initial=0.0)))
    again = np.zeros(len(old), bool)
    again[rows[distance <= radius[rows]]] = True
    return again


def _holds(polygons: Sequence[Polygon], x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    held: NDArray[np.bool_] = np.any([Outline((corners,)).contains(x, y) for corners in polygons], axis=0)
    return held


def _each_once(polygons: Sequence[Polygon]) -> tuple[Polygon, ...]:
    different = {(corners.shape, corners.tobytes()): corners for corners in polygons}
    return tuple(different.values())


def _named(annotation: Annotation) -> NDArray[np.object_]:
    return np.full(len(annotation.x), "", object) if annotation.group is None else annotation.group


def _copied(path: Path, before: Annotation) -> Path:
    """Copy the files of earlier ground truth to a folder of their own; nothing there is ever overwritten."""
    folder = path.parent / EARLIER
    when = "".join(sign for sign in str(before.record.get("time", ""))[:19] if sign.isalnum())
    stem, number = f"{path.stem}_{when}", 1
    while (folder / f"{stem}.json").exists():
        number += 1
        stem = f"{path.stem}_{when}_{number}"
    try:
        folder.mkdir(exist_ok=True)
        for source, suffix in ((path.with_name(f"{path.stem}_marks.csv"), "_marks.csv"), (path, ".json")):
            shutil.copy2(source, folder / f"{stem}{suffix}")
    except OSError as error:
        raise GoldDiggerError(
            f"{folder}: cannot be written ({error.strerror or error}); choose a folder that can be written to"
        ) from error
    return folder / f"{stem}.json"
