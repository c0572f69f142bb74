"""The JVM inside this process: the machine's own Java, with the one version of ImageJ that is tested."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from golddigger_ij.errors import GoldDiggerError

IMAGEJ = "net.imagej:ij:1.54p"
"""What the JVM is started with: from Maven Central at the first start, from the user's own cache afterwards."""

_JAR = "ij-1.54p.jar"
_OLDEST_JAVA = 11
_INSTALL = "install a JDK (Debian, Ubuntu: apt install default-jdk; others: https://adoptium.net)"


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
    named = os.environ.get("JAVA_HOME")
    program = shutil.which("java", path=str(Path(named) / "bin") if named else None)
    if program is None:
        if named:
            raise GoldDiggerError(f"JAVA_HOME is {named}, which holds no Java; correct or unset it, or {_INSTALL}")
        raise GoldDiggerError(f"there is no Java on this machine; {_INSTALL}")
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
        raise GoldDiggerError(f"{program} does not run ({error}); {_INSTALL}") from error
    home = re.search(r"^\s*java\.home = (.+?)\s*$", told, re.MULTILINE)
    version = re.search(r"^\s*java\.specification\.version = (?:1\.)?(\d+)", told, re.MULTILINE)
    if home is None or version is None:
        raise GoldDiggerError(f"{program} does not say which Java it is; {_INSTALL}")
    java = Java(Path(home[1]), int(version[1]))
    if java.version < _OLDEST_JAVA:
        raise GoldDiggerError(f"{program} is Java {java.version}, and {_OLDEST_JAVA} or later is needed; {_INSTALL}")
    return java


def start_jvm(heap: str | None = None) -> None:
    """Start the JVM with ImageJ on its class path; do nothing if it runs already.

    Ctrl-C stays Python's: it raises KeyboardInterrupt, and does not end the JVM.

    Parameters
    ----------
    heap : str, optional
        The most memory that Java may take, such as ``"6g"`` or ``"800m"``. Without it, Java's own choice, a quarter of
        the machine's.

    Raises
    ------
    GoldDiggerError
        If there is no Java of use, if ImageJ is neither in the cache nor can be had from Maven Central, if the JVM
        does not start, or if it runs already and `heap` is given.
    """
    import jpype

    if heap is not None and not re.fullmatch(r"[1-9]\d*[kmgt]", heap, re.IGNORECASE):
        raise GoldDiggerError(f"heap {heap!r}: give a number with its unit, such as 800m or 6g")
    if jpype.isJVMStarted():
        if heap is not None:
            raise GoldDiggerError(f"heap {heap}: the JVM runs already, and its memory is set when it starts")
    else:
        _start(find_java(), [] if heap is None else [f"-Xmx{heap}"])
    try:
        jpype.JClass("ij.IJ")
    except TypeError as error:
        path = jpype.getClassPath()
        raise GoldDiggerError(f"the JVM runs without ImageJ; look at, or delete, what it was given: {path}") from error


def _start(java: Java, options: list[str]) -> None:
    import jpype
    import scyjava
    import scyjava.config

    # Without this, the folder above the link /usr/bin/java is searched, and any JVM below /usr is taken.
    os.environ["JAVA_HOME"] = str(java.home)
    # The version has been looked at; an empty one keeps scyjava from asking Java again, with a limit of 10 s.
    scyjava.config.set_java_constraints(fetch="never", version="")
    # Everything comes from Maven Central. What other libraries have added would be fetched, too.
    scyjava.config.endpoints[:] = [IMAGEJ]
    scyjava.config.get_repositories().clear()
    scyjava.config.add_kwargs(interrupt=False)
    try:
        scyjava.start_jvm([*scyjava.config.get_options(), *options])
    except (OSError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        if _JAR not in jpype.getClassPath():
            raise GoldDiggerError(
                f"ImageJ cannot be had from Maven Central ({reason[:200]}); "
                "look to the network, or to HTTPS_PROXY, and try again"
            ) from error
        raise GoldDiggerError(f"the JVM in {java.home} does not start ({reason}); {_INSTALL}") from error
    _keep_signals()


def _keep_signals() -> None:
    """Take Ctrl-C and the request to end back from the JVM.

    JPype hands them on to Python from a thread of Java's, where Python crashes if it has no handler of its own.
    """
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            handler = signal.getsignal(number)
            if handler is not None:
                signal.signal(number, handler)


def require_display() -> None:
    """Make sure that a window can be opened, as far as that can be told without a JVM.

    Raises
    ------
    GoldDiggerError
        On macOS, where windows belong to the main thread, which is Python's; and without a display.
    """
    if sys.platform == "darwin":
        raise GoldDiggerError("Python cannot open Java's windows on macOS; open the files in Fiji instead")
    if sys.platform != "win32" and not os.environ.get("DISPLAY"):
        raise GoldDiggerError("there is no display (DISPLAY is not set); run this on a desktop or through ssh -X")


def require_windows() -> None:
    """Make sure that the running JVM can open windows on the display.

    Raises
    ------
    GoldDiggerError
        If the display does not answer, or if Java was installed without windows.
    """
    import jpype

    require_display()
    try:
        headless = bool(jpype.JClass("java.awt.GraphicsEnvironment").isHeadless())
        if not headless:
            jpype.JClass("java.awt.Toolkit").getDefaultToolkit().getScreenSize()
    except jpype.JException as error:
        reason = " ".join(str(error).split())
        raise GoldDiggerError(
            f"Java cannot open windows on the display {os.environ.get('DISPLAY', '')} ({reason}); "
            "look to the display, and to Java: one whose name ends in -headless opens none"
        ) from error
    if headless:
        raise GoldDiggerError(f"this Java opens no windows (a headless one); {_INSTALL}")
