"""`golddigger-ij detect`: montages in, particle lists, ROI sets and pictures out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from golddigger_ij.cli.messages import check_choice, command_line, say, say_failure
from golddigger_ij.cli.progress import KINDS as PROGRESS_KINDS
from golddigger_ij.config import DEFAULT, HELP, DetectionConfig
from golddigger_ij.errors import GoldDiggerError

if TYPE_CHECKING:
    from golddigger_ij.batch import Finished
    from golddigger_ij.models import Model


def detect(
    images: Annotated[
        list[Path],
        typer.Argument(metavar="IMAGE...", help="Montages (TIFF, OME-TIFF, PNG, JPEG, MRC), or folders of them."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the results.")],
    model: Annotated[str, typer.Option(metavar="NAME", help=HELP["model"])] = DEFAULT.model,
    pixel_size: Annotated[float | None, typer.Option(metavar="NM", help=HELP["pixel_size"])] = None,
    sizes: Annotated[str, typer.Option(metavar="NM,...", help=HELP["sizes"])] = DEFAULT.sizes,
    threshold: Annotated[
        float | None, typer.Option(metavar="SCORE", help=f"{HELP['threshold']} [default: the model's]")
    ] = None,
    region: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Look only inside these regions: RoiSet .zip, .roi, .json or a mask image."),
    ] = None,
    polarity: Annotated[str, typer.Option(metavar="KIND", help=HELP["polarity"])] = DEFAULT.polarity,
    plane: Annotated[str | None, typer.Option(metavar="N", help="Plane of a stack, from 1, or 'all'.")] = None,
    preview: Annotated[
        str | None, typer.Option(metavar="X,Y,W,H", help="Only this part of the montage, in pixels, for a quick look.")
    ] = None,
    keep_tree: Annotated[
        bool, typer.Option("--keep-tree", help="Search folders in folders, and repeat them below the output folder.")
    ] = False,
    keep_burned_in: Annotated[bool, typer.Option("--keep-burned-in", help=HELP["keep_burned_in"])] = False,
    tile_size: Annotated[int, typer.Option(metavar="PX", help=HELP["tile_size"])] = DEFAULT.tile_size,
    batch_size: Annotated[int, typer.Option(metavar="N", help=HELP["batch_size"])] = DEFAULT.batch_size,
    device: Annotated[str, typer.Option(metavar="NAME", help=HELP["device"])] = DEFAULT.device,
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
    from golddigger_ij.batch import detect_many
    from golddigger_ij.cli.progress import progress as show
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
    failed_images = set()
    outcomes = detect_many(
        found,
        folders,
        loaded,
        config,
        region=region,
        plane=number,
        every_plane=plane == "all",
        crop=crop,
        show=lambda image: show(progress, image.name),
    )
    for outcome in outcomes:
        if outcome.finished is not None:
            _print_line(outcome.image, outcome.finished)
        elif outcome.error is not None:
            say_failure(outcome.subject, outcome.error)
            failed_images.add(outcome.image)
    failed = len(failed_images)
    if failed and len(found) > 1:
        rest = f"the others' results are in {output}" if failed < len(found) else "there is no result"
        say(f"{failed} of {len(found)} images failed; {rest}")
    return 1 if failed else 0


def detect_one(
    image: Path, folder: Path, model: "Model", config: DetectionConfig, progress_kind: str = "auto"
) -> list[Path]:
    """Detect the gold of one image, write its files and print a line.

    Returns
    -------
    list of Path
        The files, the particle table first.

    Raises
    ------
    GoldDiggerError
        If the image cannot be read or used, or the files cannot be written.
    """
    from golddigger_ij.batch import detect_one as run
    from golddigger_ij.cli.progress import progress

    with progress(progress_kind, image.name) as update:
        finished = run(image, folder, model, config, progress=update)
    _print_line(image, finished)
    return finished.files


def _print_line(image: Path, finished: "Finished") -> None:
    from golddigger_ij.batch import summary

    where = f"{image}" if finished.plane is None else f"{image}, plane {finished.plane}"
    print(f"{where}: {summary(finished.particles, finished.left_out)} -> {finished.files[0]}", flush=True)


def _plane_number(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise GoldDiggerError(f"--plane {text}: give a number from 1, or 'all'")
    return int(text)
