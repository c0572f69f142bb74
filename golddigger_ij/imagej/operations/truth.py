"""Edited ROIs to ground truth, and ground truth to ROIs."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.imagej.call import Call
from golddigger_ij.imagej.columns import flat_ring, particle_columns
from golddigger_ij.imagej.commands import WHOLE_IMAGE
from golddigger_ij.imagej.operations.edits import edited_rois, proofread, run_of, selected_regions
from golddigger_ij.imagej.options import PREFIX
from golddigger_ij.imagej.pixels import OpenImage, uncalibrated

if TYPE_CHECKING:
    from golddigger_ij.annotations import Annotation, Polygon
    from golddigger_ij.montage import Montage


def save_truth(call: Call) -> dict[str, Any]:
    """Write what people made of the particles as ground truth; see `golddigger_ij.imagej.service` for what is answered.

    An image that is no file, or not as its file any more, is saved as a TIFF in the folder.

    Raises
    ------
    NeedsPixels
        If the image cannot be read from its file.
    GoldDiggerError
        If nothing is selected and not the whole image was proof-read; if a mark has no size; if the folder holds
        ground truth of another image by that name, or cannot be written to.
    """
    from golddigger_ij.atomic import refuse_unwritable
    from golddigger_ij.proofreading import save_ground_truth, to_annotation
    from golddigger_ij.runs import no_run

    image = OpenImage(call.request.get("image"))
    folder = call.path("folder", "give a folder for the ground truth")
    regions = selected_regions(call, image)
    if not regions and call.options["region"] != WHOLE_IMAGE:
        raise GoldDiggerError(
            "select what was proof-read, or say that it was the whole image with "
            f"{PREFIX}region=[{WHOLE_IMAGE}]: where no mark is means 'no gold' there"
        )
    refuse_unwritable(folder)
    rois, labels = edited_rois(call)
    run, warning = run_of(image, rois)
    given = call.options["pixel_size"]
    with image.montage(call.check, given or (None if run is None else run.nm_per_px)) as montage:
        if run is None:
            filed = None if montage.pixel_size is None else montage.pixel_size.nm
            nm_per_px = given or image.nm_per_px or filed
            if nm_per_px is None:
                raise uncalibrated(image, montage)
            run = no_run(nm_per_px, image.title, montage.shape, montage.plane)
        edits = proofread(call, run, rois, labels, regions)
        file = montage.path or _saved(montage, image, folder, run.nm_per_px)
        author = call.options["author"] or None
        truth = to_annotation(edits, file, sha256=_sha256(file), shape=montage.shape, author=author)
        truth = replace(truth, plane=montage.plane if montage.path is not None else None)
        saved_image = montage.path is None
    saved = save_ground_truth(folder, truth)
    beside = f", with the image ({file.name})" if saved_image else ""
    counts = {name.replace(" ", "_"): count for name, count in edits.counts.items()}
    return {
        **counts,
        "outside": edits.outside,
        "doubled": edits.doubled,
        "ignored": sum(edits.ignored.values()),
        "total": len(saved.annotation.x),
        "path": str(saved.path),
        "earlier": None if saved.earlier is None else str(saved.earlier),
        "warning": warning,
        "message": f"{edits.summary()} -> {saved.path}{beside}",
    }


def load_truth(call: Call) -> dict[str, Any]:
    """Give the ground truth of an image; see `golddigger_ij.imagej.service` for what is answered.

    Raises
    ------
    GoldDiggerError
        If there is none, or it is of an image of another size, or cannot be read.
    """
    from golddigger_ij.batch import summary
    from golddigger_ij.proofreading import truth_as_particles

    image = OpenImage(call.request.get("image"))
    truth, path, warning = _truth_of(image, call.path("folder", "give a folder of ground truth"))
    particles = truth_as_particles(truth)
    return {
        **particle_columns(particles, particles.groups, truth.nm_per_px, None),
        "regions": _rings("annotated", truth.annotated),
        "excluded": _rings("excluded", truth.excluded),
        "parent_run": truth.record.get("parent_run"),
        "path": str(path),
        "warning": warning,
        "message": f"{path.name}: {summary(particles)}",
    }


def _truth_of(image: OpenImage, source: Path) -> "tuple[Annotation, Path, str]":
    """Find the ground truth of an image: by its name, else by the hash of its file."""
    from golddigger_ij.annotations import read_annotation, read_annotations
    from golddigger_ij.batch import plane_stem

    filed = image.path is not None and image.path.is_file() and not image.changed
    sha256 = _sha256(image.path) if filed and image.path is not None else None
    named = [source]
    if source.is_dir():
        named = [source / f"{plane_stem(image.stem, plane)}.json" for plane in dict.fromkeys((image.plane, None))]
    for path in named:
        if path.is_file():
            truth = read_annotation(path)
            if truth.shape is not None and truth.shape != image.shape:
                raise GoldDiggerError(
                    f"{path}: is of an image of {truth.shape[1]} x {truth.shape[0]} px, and {image.title} has "
                    f"{image.shape[1]} x {image.shape[0]} px; open the image that was annotated"
                )
            same = sha256 is None or truth.sha256 in (None, sha256)
            return truth, path, "" if same else f"{image.title} has changed since it was annotated"
    if not source.is_dir():
        raise GoldDiggerError(f"{source}: there is no such file or folder; check the path")
    for truth in read_annotations(source):
        if sha256 is not None and truth.sha256 == sha256 and truth.plane in (None, image.plane):
            return truth, source / f"{truth.stem}.json", ""
    raise GoldDiggerError(f"{source}: holds no ground truth of {image.title}; check the folder, or name its NAME.json")


def _saved(montage: "Montage", image: OpenImage, folder: Path, nm_per_px: float) -> Path:
    """Save an image that is no file beside its ground truth, which is of no use without it."""
    import tifffile

    from golddigger_ij.atomic import replacing
    from golddigger_ij.batch import plane_stem
    from golddigger_ij.montage import open_montage

    path = folder / f"{plane_stem(image.stem, montage.plane)}.tif"
    pixels = montage.read(0, 0, *montage.shape)
    if path.exists():
        with open_montage(path, nm_per_px=nm_per_px) as there:
            if there.shape == montage.shape and np.array_equal(there.read(0, 0, *there.shape), pixels):
                return path
        raise GoldDiggerError(f"{path}: is another image of this name; rename the open image, or choose another folder")
    resolution = (1e7 / nm_per_px, 1e7 / nm_per_px)
    with replacing(path) as temporary:
        tifffile.imwrite(temporary, pixels, resolution=resolution, resolutionunit="CENTIMETER")
    return path


def _rings(name: str, polygons: "tuple[Polygon, ...]") -> list[dict[str, Any]]:
    """Give polygons as regions of the protocol."""
    numbered = enumerate(polygons, 1)
    return [{"name": name if n == 1 else f"{name}-{n}", "rings": [flat_ring(corners)]} for n, corners in numbered]


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise GoldDiggerError(f"{path}: cannot be read ({error.strerror or error}); check the path") from error
