"""`golddigger-ij imagej`: ImageJ's window with the menu commands."""

from pathlib import Path
from typing import Annotated

import typer

from golddigger_ij.errors import GoldDiggerError


def imagej(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[IMAGE]...",
            help="Images to open; also STEM_run.json, STEM_RoiSet.zip or STEM_particles.csv of a run.",
        ),
    ] = None,
    fiji: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="Your Fiji or ImageJ2: its folder, a version such as 2.16.0, or coordinates such as sc.fiji:fiji.",
            show_default="golddigger-ij's own ImageJ",
        ),
    ] = None,
    heap: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE", help="The most memory for Java, such as 6g.", show_default="a quarter of the machine's"
        ),
    ] = None,
) -> int:
    """Open ImageJ with the menu Plugins > Gold Digger, and wait until it is closed.

    Example: golddigger-ij imagej montage.tif results/montage_run.json
    """
    from golddigger_ij.cli.messages import command_line
    from golddigger_ij.imagej.jvm import check_heap
    from golddigger_ij.imagej.window import show

    with command_line():
        check_heap(heap)
        for path in files or ():
            if not path.is_file():
                raise GoldDiggerError(f"{path}: there is no such file; check the name and the folder")
    show(files or (), fiji, heap)
    return 0
