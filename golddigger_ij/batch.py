"""Many montages, one after the other: each plane's files, and what went wrong with which."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from golddigger_ij.candidates import Progress
from golddigger_ij.config import DetectionConfig
from golddigger_ij.crops import Crop, crop_region, crop_regions
from golddigger_ij.detect import detect
from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.file_names import image_stem
from golddigger_ij.models import Model
from golddigger_ij.montage import open_montage, plane_count
from golddigger_ij.particles import Particles, read_particles_csv
from golddigger_ij.regions import load_regions
from golddigger_ij.results import finished_files, run_identity, write_results

Show = Callable[[Path], AbstractContextManager[Progress | None]]
"""Gives for an image what its progress is told to, for as long as it is worked on."""


@dataclass(frozen=True)
class Finished:
    """The result of one plane.

    Attributes
    ----------
    particles : Particles
    files : list of Path
        The particle table first.
    plane : int or None
        Of a stack, from 1.
    left_out : int
        Burned-in areas that were not looked at.
    earlier : bool
        Whether it was there already.
    """

    particles: Particles
    files: list[Path]
    plane: int | None
    left_out: int = 0
    earlier: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of one plane of one image: a result or an error.

    Attributes
    ----------
    subject : str
        The image, and the plane where there are several.
    """

    image: Path
    subject: str
    finished: Finished | None
    error: Exception | None = None


def detect_many(
    images: Sequence[Path],
    folders: Sequence[Path],
    model: Model,
    config: DetectionConfig,
    *,
    region: Path | None = None,
    plane: int | None = None,
    every_plane: bool = False,
    crop: Crop | None = None,
    keep_finished: bool = False,
    show: Show = lambda _image: nullcontext(),
) -> Iterator[Outcome]:
    """Detect the gold of images, one after the other; one that fails does not stop the rest.

    Parameters
    ----------
    images, folders : sequence of Path
        The images, and the folder that the results of each go into.
    model, config
        With what.
    region, plane, crop
        As in `detect_one`.
    every_plane : bool
        All planes of a stack.
    keep_finished : bool
        As in `detect_one`.
    show : callable
        For each plane, a context that gives what to tell the progress to.

    Yields
    ------
    Outcome
    """
    for image, folder in zip(images, folders, strict=True):
        planes: Sequence[int | None] = [plane]
        if every_plane:
            try:
                planes = range(1, plane_count(image) + 1)
            except GoldDiggerError as error:
                yield Outcome(image, str(image), None, error)
                continue
        for number in planes:
            subject = str(image) if len(planes) == 1 else f"{image}, plane {number}"
            try:
                with show(image) as progress:
                    finished = detect_one(
                        image,
                        folder,
                        model,
                        config,
                        region=region,
                        plane=number,
                        crop=crop,
                        keep_finished=keep_finished,
                        progress=progress,
                    )
            except Exception as error:
                yield Outcome(image, subject, None, error)
            else:
                yield Outcome(image, subject, finished)


def detect_one(
    image: Path,
    folder: Path,
    model: Model,
    config: DetectionConfig,
    *,
    region: Path | None = None,
    plane: int | None = None,
    crop: Crop | None = None,
    keep_finished: bool = False,
    progress: Progress | None = None,
) -> Finished:
    """Detect the gold of one plane of one image and write its files.

    Parameters
    ----------
    image : Path
    folder : Path
        For the files.
    model, config
        With what.
    region : Path, optional
        A file of regions: look only inside these.
    plane : int, optional
        Of a stack, from 1.
    crop : Crop, optional
        Only this part, for a quick look.
    keep_finished : bool
        Do nothing where the files of the same run are there already.
    progress : callable, optional
        Called with tiles done and tiles in all; may raise to stop.

    Raises
    ------
    GoldDiggerError
        If the image cannot be read or used, or the files cannot be written.
    """
    with open_montage(image, plane=plane) as montage:
        stem = plane_stem(image_stem(image), montage.plane)
        regions = load_regions(region, montage.shape) if region is not None else []
        look_in = regions
        if crop is not None:
            crop, stem = crop.within(montage), f"{stem}_preview"
            regions = crop_regions(regions, crop) if regions else []
            look_in = regions or [crop_region(crop)]
        if keep_finished:
            run = run_identity(montage.sha256(), model, config, montage.plane, regions, crop)
            files = finished_files(folder, stem, run)
            if files:
                return Finished(read_particles_csv(files[0]), files, montage.plane, earlier=True)
        detection = detect(montage, model, config, regions=look_in, progress=progress)
        if not regions:
            detection = replace(detection, particles=replace(detection.particles, region=None))
        files = write_results(folder, stem, montage, detection, model, config, regions, crop)
        return Finished(detection.particles, files, montage.plane, len(detection.burned_in.boxes))


def plane_stem(stem: str, plane: int | None) -> str:
    """Give what the files of a plane are called by: `STEM_z003`, or the image's own stem where it is no stack."""
    return stem if plane is None else f"{stem}_z{plane:03d}"


def summary(particles: Particles, left_out: int = 0) -> str:
    """Say in one line what was found, such as "3 particles (2 of 6 nm, 1 other)"."""
    boxes = f"; {left_out} burned-in area{'s' if left_out > 1 else ''} left out" if left_out else ""
    if not len(particles):
        return f"no gold{boxes}"
    counts = [(int((particles.group == label).sum()), label.replace("nm", " nm")) for label in particles.groups]
    each = ", ".join(f"{count} {'' if label == 'other' else 'of '}{label}" for count, label in counts)
    return f"{len(particles)} particle{'s' if len(particles) > 1 else ''} ({each}){boxes}"
