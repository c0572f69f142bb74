"""The machine's Java."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from golddigger_ij.errors import GoldDiggerError

OLDEST_JAVA = 11
INSTALL_JAVA = "install a JDK (Debian, Ubuntu: apt install default-jdk; others: https://adoptium.net)"


@dataclass(frozen=True)
class Java:
    """A Java installation.

    Attributes
    ----------
    home : Path
        Its folder, as JAVA_HOME would name it.
    version : int
        Major version.
    """

    home: Path
    version: int


def named_java() -> str | None:
    """Give what JAVA_HOME names, if it names anything."""
    return os.environ.get("JAVA_HOME") or None


def find_java() -> Java:
    """Find the machine's Java: the one that JAVA_HOME names, otherwise the one on the search path.

    Returns
    -------
    Java

    Raises
    ------
    GoldDiggerError
        If there is none, if it does not run, or if it is older than Java 11.
    """
    named = named_java()
    program = shutil.which("java", path=str(Path(named) / "bin") if named else None)
    if program is None:
        if named:
            raise GoldDiggerError(f"JAVA_HOME is {named}, which holds no Java; correct or unset it, or {INSTALL_JAVA}")
        raise GoldDiggerError(f"there is no Java on this machine; {INSTALL_JAVA}")
    return examine_java(program)


def examine_java(program: str | Path) -> Java:
    """Ask a Java where it is and which version it has.

    Parameters
    ----------
    program : str or Path
        The program ``java``.

    Raises
    ------
    GoldDiggerError
        If it does not run, or is older than Java 11.
    """
    # Java itself knows its folder best: the program on the path may be a link, a launcher or a version switcher.
    try:
        told = subprocess.run(
            [program, "-XshowSettings:properties", "-version"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=60,
            check=False,
        ).stderr
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GoldDiggerError(f"{program} does not run ({error}); {INSTALL_JAVA}") from error
    home = re.search(r"^\s*java\.home = (.+?)\s*$", told, re.MULTILINE)
    version = re.search(r"^\s*java\.specification\.version = (?:1\.)?(\d+)", told, re.MULTILINE)
    if home is None or version is None:
        raise GoldDiggerError(f"{program} does not say which Java it is; {INSTALL_JAVA}")
    java = Java(Path(home[1]), int(version[1]))
    if java.version < OLDEST_JAVA:
        raise GoldDiggerError(f"{program} is Java {java.version}, and {OLDEST_JAVA} or later is needed; {INSTALL_JAVA}")
    return java
