"""A Fiji or ImageJ2 on disk: what it holds, told without starting it."""

import re
import sys
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from platform import machine

from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.fiji_folders import fiji_folder
from golddigger_ij.imagej.java import Java, examine_java

IMAGEJ1, IMAGEJ2 = "ij/IJ.class", "net/imagej/ImageJ.class"
LEGACY = "net/imagej/legacy/LegacyService.class"

_FIRST = {IMAGEJ1: "ij-", IMAGEJ2: "imagej-", LEGACY: "imagej-legacy"}
"""Where a class usually is; its library is looked at first."""


@dataclass(frozen=True)
class LocalFiji:
    """A Fiji or ImageJ2 on disk.

    Attributes
    ----------
    path : Path
        The absolute folder with `jars` and `plugins`.
    """

    path: Path

    @property
    def scripts(self) -> Path:
        """Where our menu commands are once they are installed."""
        return self.path / "scripts" / "Plugins" / "Gold_Digger"

    @cached_property
    def jars(self) -> list[Path]:
        """Its libraries, those of the folder `jars` first."""
        return [jar for name in ("jars", "plugins") for jar in sorted((self.path / name).rglob("*.jar"))]

    def holds(self, entry: str) -> bool:
        """Say whether one of its libraries holds a class, such as `IMAGEJ2`."""
        likely = _FIRST.get(entry, "")
        return any(_has(jar, entry) for jar in sorted(self.jars, key=lambda jar: not jar.name.startswith(likely)))

    def java(self) -> Java | None:
        """Find the Java that came with it for this machine; None where there is none that can be used."""
        system = {"darwin": "mac", "win32": "win"}.get(sys.platform, "linux")
        arm = machine().lower() in ("arm64", "aarch64")
        for folder in sorted((self.path / "java").glob(f"{system}*")):
            if ("arm" in folder.name) != arm:
                continue
            for place in ("", "*/", "*/jre/", "*/Contents/Home/", "*/*/Contents/Home/"):
                for program in sorted(folder.glob(f"{place}bin/java{'.exe' if system == 'win' else ''}")):
                    try:
                        return examine_java(program)
                    except GoldDiggerError:
                        # Fiji brought Java 8 until 2024, and a folder may have come from another kind of machine.
                        continue
        return None


def is_fetched(fiji: str) -> bool:
    """Say whether this is a version or Maven coordinates, not a folder. A folder of that name goes first.

    Parameters
    ----------
    fiji : str
        Such as ``2.16.0``, ``sc.fiji:fiji``, ``net.imagej:imagej:2.16.0`` or several, joined by ``+``.
    """
    if Path(fiji).expanduser().exists():
        return False
    # One letter before the colon is a drive of Windows.
    coordinates = all(re.fullmatch(r"[\w.-]{2,}(:[\w.-]+){1,4}", part) for part in fiji.split("+"))
    return coordinates or bool(re.fullmatch(r"\d+\.\d+\.\d+[\w.-]*", fiji))


def find_local_fiji(fiji: str) -> LocalFiji:
    """Find a Fiji or ImageJ2 on disk that can be started from Python.

    Parameters
    ----------
    fiji : str
        As for `golddigger_ij.fiji_folders.fiji_folder`.

    Raises
    ------
    GoldDiggerError
        If there is no such folder, or no ImageJ2 with the original ImageJ in it.
    """
    local = LocalFiji(fiji_folder(Path(fiji)))
    if not local.holds(IMAGEJ2):
        raise GoldDiggerError(f"{local.path}: none of its {len(local.jars)} jars is ImageJ2; give another Fiji")
    if not (local.holds(LEGACY) and local.holds(IMAGEJ1)):
        raise GoldDiggerError(
            f"{local.path}: is ImageJ2 without the original ImageJ (imagej-legacy), which shows the images; "
            "run Fiji's updater, or give another Fiji"
        )
    return local


def _has(jar: Path, entry: str) -> bool:
    try:
        with zipfile.ZipFile(jar) as archive:
            return entry in archive.NameToInfo
    except (OSError, zipfile.BadZipFile):
        return False
