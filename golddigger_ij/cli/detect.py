"""`golddigger-ij detect`: montages in, particle lists, ROI sets and pictures out."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from golddigger_ij.config import DetectionConfig
from golddigger_ij.errors import GoldDiggerError

if TYPE_CHECKING:
    from golddigger_ij.models import Model

DEFAULT = DetectionConfig()


def detect(
    images: Annotated[
        list[Path], typer.Argument(help="Montages (TIFF, OME-TIFF, PNG, JPEG, MRC), or folders of them.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the results.")],
    model: Annotated[str, typer.Option(help="Name of a bundled model, or a model's folder.")] = DEFAULT.model,
    pixel_size: Annotated[float | None, typer.Option(help="nm per pixel; overrides what the file says.")] = None,
    sizes: Annotated[
        str, typer.Option(help="'auto', nominal sizes '6,12,18' (nm), or limits '4-9,9-15'.")
    ] = DEFAULT.sizes,
    threshold: Annotated[
        float | None, typer.Option(help="Least score of a particle, 0 to 1. [default: the model's]")
    ] = None,
    region: Annotated[
        Path | None, typer.Option(help="Look only inside these regions: RoiSet .zip, .roi, .json or a mask image.")
    ] = None,
    polarity: Annotated[str, typer.Option(help="Gold is 'dark', 'light' or 'auto'.")] = DEFAULT.polarity,
    plane: Annotated[str | None, typer.Option(help="Plane of a stack, from 1, or 'all'.")] = None,
    preview: Annotated[
        str | None, typer.Option(metavar="X,Y,W,H", help="Only this crop of the montage, in pixels.")
    ] = None,
    keep_tree: Annotated[
        bool, typer.Option("--keep-tree", help="Repeat the images' folders below the output folder.")
    ] = False,
    keep_burned_in: Annotated[
        bool, typer.Option("--keep-burned-in", help="Look under scale bars, captions and frames too.")
    ] = False,
    tile_size: Annotated[int, typer.Option(help="Largest side of a tile, in working pixels.")] = DEFAULT.tile_size,
    batch_size: Annotated[int, typer.Option(help="Tiles that go through the network together.")] = DEFAULT.batch_size,
    device: Annotated[str, typer.Option(help="'auto', 'cpu', 'cuda' or 'mps'.")] = DEFAULT.device,
    progress: Annotated[str, typer.Option(help="'auto', 'json' or 'none'.")] = "auto",
) -> int:
    """Find the gold in montages.

    Writes for each image STEM_particles.csv, one STEM_GROUP.csv for each size group, STEM_RoiSet.zip for ImageJ,
    STEM_overlay.png to look at, and STEM_run.json.
    """
    from golddigger_ij.file_names import expand_images, output_folders
    from golddigger_ij.models import load_model
    from golddigger_ij.runtime import choose_device
    from golddigger_ij.sizes import parse_sizes

    try:
        config = DetectionConfig(
            model, threshold, sizes, polarity, pixel_size, tile_size, batch_size, device, keep_burned_in
        )
        parse_sizes(sizes)
        choose_device(device)
        crop = None if preview is None else parse_crop(preview)
        if progress not in ("auto", "json", "none"):
            raise GoldDiggerError(f"--progress {progress}: choose 'auto', 'json' or 'none'")
        planes = None if plane in (None, "all") else _plane_number(str(plane))
        loaded = load_model(model)
        found = expand_images(images)
        folders = output_folders(found, output, keep_tree)
    except GoldDiggerError as error:
        print(f"golddigger-ij: {error}", file=sys.stderr)
        return 2
    failed = 0
    for image, folder in zip(found, folders, strict=True):
        try:
            for number in _planes(image, planes, plane == "all"):
                detect_one(image, folder, loaded, config, region, number, crop, progress)
        except GoldDiggerError as error:
            failed += 1
            text = str(error)
            print(f"golddigger-ij: {text if str(image) in text else f'{image}: {text}'}", file=sys.stderr)
    if failed and len(found) > 1:
        print(
            f"golddigger-ij: {failed} of {len(found)} images failed; the others' results are in {output}",
            file=sys.stderr,
        )
    return 1 if failed else 0


def detect_one(
    image: Path,
    folder: Path,
    model: "Model",
    config: DetectionConfig,
    region: Path | None = None,
    plane: int | None = None,
    crop: tuple[int, int, int, int] | None = None,
    progress_kind: str = "auto",
) -> list[Path]:
    """Detect the gold of one plane of one image, write its files and print a line.

    Returns
    -------
    list of Path
        The files.
    """
    from golddigger_ij.cli.progress import progress
    from golddigger_ij.crops import crop_of
    from golddigger_ij.detect import detect as run
    from golddigger_ij.file_names import image_stem
    from golddigger_ij.montage import open_montage
    from golddigger_ij.regions import load_regions
    from golddigger_ij.results import write_results

    with open_montage(image, plane=plane) as whole:
        stem = image_stem(image) + (f"_z{plane:03d}" if whole.plane is not None else "")
        montage = whole
        if crop is not None:
            montage, stem = crop_of(whole, crop), f"{stem}_preview"
        regions = load_regions(region, montage.shape) if region is not None else []
        with progress(progress_kind, image.name) as update:
            detection = run(montage, model, config, regions=regions, progress=update)
        files = write_results(folder, stem, montage, detection, model, config, regions)
    particles = detection.particles
    counts = ", ".join(f"{int((particles.group == g).sum())} {g}" for g in particles.groups) or "no gold"
    left_out = f"; {len(detection.burned_in.boxes)} burned-in areas left out" if detection.burned_in.boxes else ""
    print(f"{image}: {len(particles)} particles ({counts}){left_out} -> {files[0]}")
    return files


def parse_crop(text: str) -> tuple[int, int, int, int]:
    """Read X,Y,W,H.

    Raises
    ------
    GoldDiggerError
        If it is not four whole numbers, or the size is not positive.
    """
    try:
        x, y, width, height = (int(part) for part in text.split(","))
    except ValueError as error:
        raise GoldDiggerError(f"--preview {text}: give X,Y,W,H in whole pixels, such as 1000,2000,1024,1024") from error
    if x < 0 or y < 0 or width < 1 or height < 1:
        raise GoldDiggerError(f"--preview {text}: X and Y are 0 or more, W and H are 1 or more")
    return x, y, width, height


def _plane_number(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise GoldDiggerError(f"--plane {text}: give a number from 1, or 'all'")
    return int(text)


def _planes(image: Path, chosen: int | None, every: bool) -> list[int | None]:
    from golddigger_ij.montage import plane_count

    if not every:
        return [chosen]
    count = plane_count(image)
    return [None] if count == 1 else list(range(1, count + 1))
