"""`golddigger-ij demo`: the main job on a sample that is made on the spot."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the sample and its results.")] = Path(
        "golddigger-demo"
    ),
    open_imagej: Annotated[
        bool, typer.Option("--imagej/--no-imagej", help="Open the result in ImageJ where there is a JDK.")
    ] = True,
    seed: Annotated[int, typer.Option(help="Another seed makes another sample.")] = 8,
) -> int:
    """Make a sample montage, find its gold, compare with the truth, and say which files to look at."""
    from golddigger_ij.cli.detect import detect_one
    from golddigger_ij.cli.evaluate import compare
    from golddigger_ij.cli.progress import progress
    from golddigger_ij.cli.synthesize import write_sample
    from golddigger_ij.config import DetectionConfig
    from golddigger_ij.models import load_model
    from golddigger_ij.synthetic import Scene

    print("Making a sample: a freeze-fracture replica with 6 and 12 nm gold, 2400 x 1800 px at 1.11 nm per pixel ...")
    image = output / "sample.tif"
    with progress("auto", "sample") as update:
        truth = write_sample(image, 1800, 2400, Scene(per_um2=(70.0, 35.0)), seed, update)
    files = detect_one(image, output, load_model(), DetectionConfig())
    print(compare(files[0], truth, None, 5.0))
    by_end = {path.name.removeprefix("sample_"): path for path in files}
    print("\nLook at these files:")
    for end, text in (
        ("overlay.png", "the picture: every particle ringed, a colour for each size group"),
        ("particles.csv", "the table: position, area, diameter, score, group"),
        ("RoiSet.zip", "for ImageJ or Fiji: open sample.tif, then drag this file onto the window"),
        ("run.json", "what was done, with which model and settings"),
    ):
        print(f"  {by_end[end]}  {text}")
    return _open_in_imagej(by_end["overlay.png"]) if open_imagej else 0


def _open_in_imagej(picture: Path) -> int:
    return 0
