"""`golddigger-ij macro`: run an ImageJ macro where there is no display."""

from typing import Annotated

import typer


def macro(
    file: Annotated[
        str,
        typer.Argument(metavar="FILE.ijm", help="The macro; one that golddigger-ij brings along by its name alone."),
    ],
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ARGS]...",
            help="What getArgument() gives the macro; several arguments with a line break between them.",
        ),
    ] = None,
    fiji: Annotated[
        str | None,
        typer.Option(
            metavar="PATH", help="Folder of a Fiji or ImageJ2 to run it in.", show_default="golddigger-ij's own ImageJ"
        ),
    ] = None,
    heap: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE", help="The most memory for Java, such as 6g.", show_default="a quarter of the machine's"
        ),
    ] = None,
) -> int:
    """Run an ImageJ macro without a display, with the commands of Gold Digger.

    What the macro prints is printed. The exit status is 1 when a command failed, when the macro is wrong, or when it
    ends with a message: exit("...").

    The ROI Manager needs a display; without one the particles go to the overlay and to the files.
    """
    from golddigger_ij.cli.messages import command_line
    from golddigger_ij.imagej.jvm import check_heap, start_imagej
    from golddigger_ij.imagej.macros import find_macro, run_macro

    with command_line():
        path = find_macro(file)
        check_heap(heap)
    run_macro(start_imagej(fiji, heap=heap), path, arguments or ())
    return 0
