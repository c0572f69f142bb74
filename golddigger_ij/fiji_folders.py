"""Where a Fiji or ImageJ2 lies."""

import os
from contextlib import suppress
from pathlib import Path

from golddigger_ij.errors import GoldDiggerError


def fiji_folder(path: Path) -> Path:
    """Find the folder with the jars of a Fiji or ImageJ2.

    Parameters
    ----------
    path : Path
        The folder, the one above it, or the program in it.

    Raises
    ------
    GoldDiggerError
        If there is none, or only a plain ImageJ.
    """
    path = path.expanduser().absolute()
    if not path.exists():
        raise GoldDiggerError(f"{path}: there is no such folder; give the folder of your Fiji, such as Fiji.app")
    above = [path.parent] if path.is_file() or path.suffix == ".app" else []
    for folder in (path, path / "Fiji.app", path / "Fiji", path / "ImageJ.app", *above):
        if any((folder / "jars").glob("scijava-common*.jar")):
            return folder
    if (path / "ij.jar").is_file():
        raise GoldDiggerError(
            f"{path}: this is a plain ImageJ, whose menu cannot hold the commands; "
            "use 'golddigger-ij imagej', or install into a Fiji or ImageJ2"
        )
    raise GoldDiggerError(f"{path}: this is no Fiji or ImageJ2 (no jars/scijava-common there); give its folder")


def find_fijis() -> list[Path]:
    """Look for Fiji in the usual places."""
    home = Path.home()
    places = [home, home / "Desktop", home / "Downloads", home / "Applications", Path("/Applications"), Path("/opt")]
    places += [Path(os.environ[name]) for name in ("ProgramFiles", "LOCALAPPDATA") if name in os.environ]
    found = []
    for place in places:
        for name in ("Fiji.app", "Fiji", "fiji", "ImageJ.app"):
            with suppress(GoldDiggerError, OSError):
                found.append(fiji_folder(place / name).resolve())
    return list(dict.fromkeys(found))
