"""`golddigger-ij install` and `uninstall`: the menu commands in a Fiji that is started on its own."""

from pathlib import Path
from typing import Annotated

import typer

from golddigger_ij.cli.messages import WrongCommandLine, say

_FIJI = typer.Option(metavar="PATH", help="Folder of your Fiji or ImageJ2.")


def install(
    fiji: Annotated[Path | None, _FIJI] = None,
    python: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="The Python with golddigger-ij that the commands use. [default: this one]"),
    ] = None,
) -> None:
    """Put the menu commands into a Fiji, or bring them up to date.

    They appear in Plugins > Gold Digger when Fiji is started the next time. Files that you have changed are kept
    beside the new ones.

    Example: golddigger-ij install --fiji /opt/Fiji.app
    """
    from golddigger_ij.install import install as put

    report = put(_given(fiji), python)
    for path in report.removed:
        print(f"removed {path}")
    for path in report.kept:
        say(f"a file that you have changed is now {report.fiji / path}")
    done = f"{len(report.put)} files put there" if report.put else "all is there and of this version"
    print(f"{report.fiji}: {done}; restart Fiji and look into Plugins > Gold Digger")


def uninstall(fiji: Annotated[Path | None, _FIJI] = None) -> None:
    """Take the menu commands out of a Fiji; files that you have changed stay.

    Example: golddigger-ij uninstall --fiji /opt/Fiji.app
    """
    from golddigger_ij.install import uninstall as take

    report = take(_given(fiji))
    for path in report.kept:
        say(f"a file that you have changed stays: {report.fiji / path}")
    print(f"{report.fiji}: {len(report.removed)} files removed; restart Fiji")


def _given(fiji: Path | None) -> Path:
    if fiji is not None:
        return fiji
    from golddigger_ij.fiji_folders import find_fijis

    found = find_fijis()
    hint = "there is one in " + ", ".join(map(str, found)) if found else "such as /opt/Fiji.app"
    raise WrongCommandLine(f"give the folder of your Fiji with --fiji PATH ({hint})")
