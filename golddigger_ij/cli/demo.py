"""`golddigger-ij demo`: the main job on a sample that is made on the spot."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer


def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the sample and its results.")
    ] = Path("golddigger-demo"),
    open_imagej: Annotated[
        bool | None,
        typer.Option(
            "--imagej/--no-imagej",
            help="Open the result in ImageJ, or don't.",
            show_default="open it in a terminal, where there are a JDK and a display",
        ),
    ] = None,
    size: Annotated[str, typer.Option(metavar="WxH", help="Width and height of the sample in pixels.")] = "2000x1500",
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Another seed makes another sample.")] = 8,
) -> int:
    """Make a sample montage, find its gold, compare with the truth, and say which files to look at."""
    from golddigger_ij.atomic import refuse_unwritable
    from golddigger_ij.cli.detect import detect_one
    from golddigger_ij.cli.evaluate import compare
    from golddigger_ij.cli.progress import progress
    from golddigger_ij.cli.synthesize import parse_size, write_sample
    from golddigger_ij.config import DetectionConfig
    from golddigger_ij.models import load_model
    from golddigger_ij.synthetic import Scene

    width, height = parse_size(size)
    refuse_unwritable(output)
    print(
        f"Making a sample: a freeze-fracture replica with 6 and 12 nm gold, {width} x {height} px at 1.11 nm per pixel",
        flush=True,
    )
    image = output / "sample.tif"
    with progress("auto", "sample") as update:
        truth = write_sample(image, height, width, Scene(per_um2=(70.0, 35.0)), seed, update)
    print("Looking for the gold", flush=True)
    files = detect_one(image, output, load_model(), DetectionConfig())
    print(f"\nCompared with the truth, {truth}:")
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
    if open_imagej is not False:
        print(flush=True)
        _open_in_imagej(image, by_end["run.json"], wanted=bool(open_imagej))
    return 0


def _open_in_imagej(image: Path, results: Path, wanted: bool) -> None:
    """Show the result until the user closes ImageJ; where that cannot be, say why: the demo has done its work."""
    from golddigger_ij.imagej.window import show

    # A script or a CI job has nobody who would close the window, so it would wait for ever.
    at_terminal = all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))
    interactive = at_terminal and not os.environ.get("CI")
    if not (interactive or wanted):
        print("ImageJ is not opened: nobody is at this terminal to close it (--imagej opens it all the same)")
        return
    try:
        show([image, results])
    except Exception as error:
        # Whatever Java has to say: the files are written and stay good.
        print(f"ImageJ is not opened: {' '.join(str(error).split())}")
