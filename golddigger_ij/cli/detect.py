"""`golddigger-ij detect`: montages in, particle lists, ROI sets and pictures out."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from golddigger_ij.cli.messages import check_choice, command_line, say, say_failure
from golddigger_ij.cli.progress import KINDS as PROGRESS_KINDS
from golddigger_ij.config import DEFAULT, DetectionConfig
from golddigger_ij.errors import GoldDiggerError

if TYPE_CHECKING:
    from golddigger_ij.crops import Crop
    from golddigger_ij.models import Model
    from golddigger_ij.particles import Particles


def detect(
    images: Annotated[
        list[Path],
        typer.Argument(metavar="IMAGE...", help="Montages (TIFF, OME-TIFF, PNG, JPEG, MRC), or folders of them."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the results.")],
    model: Annotated[
        str, typer.Option(metavar="NAME", help="A bundled model, 'gold' or 'synthetic', or a model's folder.")
    ] = DEFAULT.model,
    pixel_size: Annotated[
        float | None, typer.Option(metavar="NM", help="Nanometres for each pixel; overrides what the file says.")
    ] = None,
    sizes: Annotated[
        str, typer.Option(metavar="NM,...", help="'auto', nominal sizes '6,12,18' (nm), or limits '4-9,9-15'.")
    ] = DEFAULT.sizes,
    threshold: Annotated[
        float | None, typer.Option(metavar="SCORE", help="Least score of a particle, 0 to 1. [default: the model's]")
    ] = None,
    region: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Look only inside these regions: RoiSet .zip, .roi, .json or a mask image."),
    ] = None,
    polarity: Annotated[
        str, typer.Option(metavar="KIND", help="Gold is 'dark' or 'light'; 'auto' finds out.")
    ] = DEFAULT.polarity,
    plane: Annotated[str | None, typer.Option(metavar="N", help="Plane of a stack, from 1, or 'all'.")] = None,
    preview: Annotated[
        str | None, typer.Option(metavar="X,Y,W,H", help="Only this part of the montage, in pixels, for a quick look.")
    ] = None,
    keep_tree: Annotated[
        bool, typer.Option("--keep-tree", help="Search folders in folders, and repeat them below the output folder.")
    ] = False,
    keep_burned_in: Annotated[
        bool, typer.Option("--keep-burned-in", help="Look under scale bars, captions and frames too.")
    ] = False,
    tile_size: Annotated[
        int, typer.Option(metavar="PX", help="Largest side of a tile; it changes speed and memory, not the result.")
    ] = DEFAULT.tile_size,
    batch_size: Annotated[
        int, typer.Option(metavar="N", help="Tiles that go through the network together.")
    ] = DEFAULT.batch_size,
    device: Annotated[str, typer.Option(metavar="NAME", help="'auto', 'cpu', 'cuda' or 'mps'.")] = DEFAULT.device,
    progress: Annotated[
        str, typer.Option(metavar="KIND", help="'auto' (a bar on a terminal), 'json' or 'none'.")
    ] = "auto",
) -> int:
    """Find the gold in montages.

    Writes for each image STEM_particles.csv, one STEM_GROUP.csv for each size group, STEM_RoiSet.zip for ImageJ,
    STEM_overlay.png to look at, and STEM_run.json.

    Example: golddigger-ij detect montage.tif -o results --sizes 6,12
    """
    from golddigger_ij.file_names import expand_images, output_folders

    # What costs nothing comes first: a slip of the keyboard should not have to wait for the network's library.
    check_choice("--progress", progress, PROGRESS_KINDS)
    with command_line():
        config = DetectionConfig(
            model, threshold, sizes, polarity, pixel_size, tile_size, batch_size, device, keep_burned_in
        )
        number = None if plane in (None, "all") else _plane_number(str(plane))
        if region is not None and not region.is_file():
            raise GoldDiggerError(f"--region {region}: there is no such file; check the name and the folder")
        found = expand_images(images, deep=keep_tree, leave_out=output)
        folders = output_folders(found, output, keep_tree, images)

    from golddigger_ij.atomic import refuse_unwritable
    from golddigger_ij.crops import parse_crop
    from golddigger_ij.models import load_model
    from golddigger_ij.runtime import choose_device
    from golddigger_ij.sizes import parse_sizes

    with command_line("--preview"):
        crop = None if preview is None else parse_crop(preview)
    with command_line():
        parse_sizes(sizes)
        loaded = load_model(model)
        choose_device(device)
    for folder in dict.fromkeys(folders):
        refuse_unwritable(folder)
    failed = 0
    for image, folder in zip(found, folders, strict=True):
        failed += not _detect_image(image, folder, loaded, config, region, number, plane == "all", crop, progress)
    if failed and len(found) > 1:
        rest = f"the others' results are in {output}" if failed < len(found) else "there is no result"
        say(f"{failed} of {len(found)} images failed; {rest}")
    return 1 if failed else 0


def _detect_image(
    image: Path,
    folder: Path,
    model: "Model",
    config: DetectionConfig,
    region: Path | None,
    plane: int | None,
    every_plane: bool,
    crop: "Crop | None",
    progress: str,
) -> bool:
    """Do all that was asked for of one image and say whether all of it worked; a bad plane does not stop the rest."""
    from golddigger_ij.montage import plane_count

    planes: Sequence[int | None] = [plane]
    if every_plane:
        try:
            planes = range(1, plane_count(image) + 1)
        except GoldDiggerError as error:
            say_failure(str(image), error)
            return False
    worked = True
    for number in planes:
        try:
            detect_one(image, folder, model, config, region, number, crop, progress)
        except Exception as error:
            say_failure(str(image) if len(planes) == 1 else f"{image}, plane {number}", error)
            worked = False
    return worked


def detect_one(
    image: Path,
    folder: Path,
    model: "Model",
    config: DetectionConfig,
    region: Path | None = None,
    plane: int | None = None,
    crop: "Crop | None" = None,
    progress_kind: str = "auto",
) -> list[Path]:
    """Detect the gold of one plane of one image, write its files and print a line.

    Returns
    -------
    list of Path
        The files, the particle table first.

    Raises
    ------
    GoldDiggerError
        If the image cannot be read or used, or the files cannot be written.
    """
    from dataclasses import replace

    from golddigger_ij.cli.progress import progress
    from golddigger_ij.crops import crop_region, crop_regions
    from golddigger_ij.detect import detect as run
    from golddigger_ij.file_names import image_stem
    from golddigger_ij.montage import open_montage
    from golddigger_ij.regions import load_regions
    from golddigger_ij.results import write_results

    with open_montage(image, plane=plane) as montage:
        stem = image_stem(image) + (f"_z{plane:03d}" if montage.plane is not None else "")
        regions = load_regions(region, montage.shape) if region is not None else []
        look_in = regions
        if crop is not None:
            crop, stem = crop.within(montage), f"{stem}_preview"
            regions = crop_regions(regions, crop) if regions else []
            look_in = regions or [crop_region(crop)]
        with progress(progress_kind, image.name) as update:
            detection = run(montage, model, config, regions=look_in, progress=update)
        if not regions:
            detection = replace(detection, particles=replace(detection.particles, region=None))
        files = write_results(folder, stem, montage, detection, model, config, regions, crop)
    boxes = len(detection.burned_in.boxes)
    left_out = f"; {boxes} burned-in area{'s' if boxes > 1 else ''} left out" if boxes else ""
    where = f"{image}" if montage.plane is None else f"{image}, plane {montage.plane}"
    print(f"{where}: {_summary(detection.particles)}{left_out} -> {files[0]}", flush=True)
    return files


def _summary(particles: "Particles") -> str:
    if not len(particles):
        return "no gold"
    counts = [(int((particles.group == label).sum()), label.replace("nm", " nm")) for label in particles.groups]
    each = ", ".join(f"{count} {'' if label == 'other' else 'of '}{label}" for count, label in counts)
    return f"{len(particles)} particle{'s' if len(particles) > 1 else ''} ({each})"


def _plane_number(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise GoldDiggerError(f"--plane {text}: give a number from 1, or 'all'")
    return int(text)
