"""One way to ImageJ, from three sources: embedded, the user's Fiji through PyImageJ, or the Fiji that we are inside."""

import os
import re
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.imagej.jar_cache import cached_jars
from golddigger_ij.imagej.java import INSTALL_JAVA, Java, find_java

Mode = Literal["headless", "interactive", "gui"]
MODES: tuple[Mode, ...] = ("headless", "interactive", "gui")


@dataclass(frozen=True)
class ImageJ:
    """A running ImageJ with the engine and the menu commands.

    Attributes
    ----------
    context : org.scijava.Context
        SciJava's services; the engine is in its ObjectService.
    source : {"embedded", "fiji", "inside"}
        Where it came from.
    headless : bool
        Whether it can open no windows.
    gateway : net.imagej.ImageJ or None
        PyImageJ's gateway, where it started ImageJ.
    """

    context: Any
    source: Literal["embedded", "fiji", "inside"]
    headless: bool
    gateway: Any = None

    def service(self, name: str) -> Any:
        """Give a service by the name of its Java interface, such as ``org.scijava.script.ScriptService``."""
        from jpype import JClass

        return self.context.getService(JClass(name))


_running: ImageJ | None = None


def start_imagej(
    fiji: str | None = None, mode: Mode = "headless", heap: str | None = None, java_options: Sequence[str] = ()
) -> ImageJ:
    """Start ImageJ in this process with the engine and the menu commands; give the running one if there is one.

    Ctrl-C stays Python's: it raises KeyboardInterrupt, and does not end the JVM.

    Parameters
    ----------
    fiji : str, optional
        The folder of a Fiji or ImageJ2, a version of ImageJ2 such as ``2.16.0``, or Maven coordinates such as
        ``sc.fiji:fiji``. Without it, the ImageJ that golddigger-ij brings along.
    mode : {"headless", "interactive", "gui"}
        Without windows; with windows that the caller opens; or with ImageJ's window open.
    heap : str, optional
        The most memory that Java may take, such as ``"6g"`` or ``"800m"``. Without it, Java's own choice, a quarter of
        the machine's.
    java_options : sequence of str
        Further options of the JVM, such as ``-Duser.home=...``.

    Returns
    -------
    ImageJ

    Raises
    ------
    GoldDiggerError
        If there is no Java of use or no display for windows, if ImageJ cannot be had or the folder holds none, if the
        JVM does not start, or if one runs already that is not what was asked for.
    """
    global _running
    if mode not in MODES:
        raise GoldDiggerError(f"mode {mode!r}: choose 'headless', 'interactive' or 'gui'")
    check_heap(heap)
    if _running is not None:
        _refuse_another(_running, fiji, mode, heap)
        return _running
    _refuse_foreign_jvm()
    if mode != "headless":
        require_display()
    options = [*([] if heap is None else [f"-Xmx{heap}"]), *java_options]
    if fiji is None:
        from golddigger_ij.imagej.embedded import start_embedded

        context, gateway = start_embedded(mode == "headless", options), None
    else:
        from golddigger_ij.imagej.fiji import start_fiji

        gateway = start_fiji(fiji, mode, options)
        context = gateway.context()
    from golddigger_ij.imagej.bridge import register

    register(context)
    _running = ImageJ(context, "embedded" if fiji is None else "fiji", mode == "headless", gateway)
    if fiji is None and mode == "gui":
        from golddigger_ij.imagej.embedded import open_window

        open_window(_running)
    return _running


def attach(context: Any) -> ImageJ:
    """Put the engine into a Fiji that runs Python in its own process; the menu commands find it there.

    Parameters
    ----------
    context : org.scijava.Context
        Fiji's.
    """
    global _running
    from golddigger_ij.imagej.bridge import register

    register(context)
    if _running is None:
        from jpype import JClass

        headless = bool(JClass("java.awt.GraphicsEnvironment").isHeadless())
        _running = ImageJ(context, "inside", headless)
    return _running


def start_jvm(coordinates: Sequence[str], options: Sequence[str] = ()) -> None:
    """Start the JVM with libraries from Maven Central, or from the user's own cache after the first time.

    Parameters
    ----------
    coordinates : sequence of str
        ``group:artifact:version`` each, the first of them ImageJ's.
    options : sequence of str
        For the JVM.

    Raises
    ------
    GoldDiggerError
        If there is no Java of use, if the libraries cannot be had, or if the JVM does not start.
    """
    import scyjava
    import scyjava.config

    java = prepare_scyjava()
    jars = cached_jars(coordinates)
    # Nothing is fetched here, nor what other libraries have added to these.
    scyjava.config.endpoints.clear()
    scyjava.config.add_classpath(*map(str, jars))
    try:
        scyjava.start_jvm([*scyjava.config.get_options(), *options])
    except (OSError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise GoldDiggerError(f"the JVM in {java.home} does not start ({reason}); {INSTALL_JAVA}") from error
    keep_signals()


def prepare_scyjava(java: Java | None = None) -> Java:
    """Make scyjava take a Java that is on the machine, and leave Ctrl-C to Python.

    Parameters
    ----------
    java : Java, optional
        Without it, the one that `golddigger_ij.imagej.java.find_java` finds.

    Raises
    ------
    GoldDiggerError
        If there is no Java of use.
    """
    import scyjava.config

    java = java or find_java()
    # Without this, the folder above the link /usr/bin/java is searched, and any JVM below /usr is taken.
    os.environ["JAVA_HOME"] = str(java.home)
    # On Windows, where the program is java.exe, scyjava looks for it on the search path only.
    os.environ["PATH"] = os.pathsep.join([str(java.home / "bin"), os.environ.get("PATH", os.defpath)])
    # The version has been looked at; an empty one keeps scyjava from asking Java again, with a limit of 10 s.
    scyjava.config.set_java_constraints(fetch="never", version="")
    scyjava.config.add_kwargs(interrupt=False)
    return java


def keep_signals() -> None:
    """Take Ctrl-C and the request to end back from the JVM.

    JPype hands them on to Python from a thread of Java's, where Python crashes if it has no handler of its own.
    """
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            handler = signal.getsignal(number)
            if handler is not None:
                signal.signal(number, handler)


def stop_handing_back() -> None:
    """Keep Java's collector of garbage from handing Python objects back to a Python that ends: that aborts it."""
    from jpype import JClass

    JClass("org.jpype.ref.JPypeReferenceQueue").getInstance().stop()


def check_heap(heap: str | None) -> None:
    """Refuse what is no amount of memory.

    Raises
    ------
    GoldDiggerError
    """
    if heap is not None and not re.fullmatch(r"[1-9]\d*[kmgt]", heap, re.IGNORECASE):
        raise GoldDiggerError(f"heap {heap!r}: give a number with its unit, such as 800m or 6g")


def _refuse_another(running: ImageJ, fiji: str | None, mode: Mode, heap: str | None) -> None:
    if heap is not None:
        raise GoldDiggerError(f"heap {heap}: ImageJ runs already, and its memory is set when it starts")
    if (fiji is not None) != (running.source == "fiji") and running.source != "inside":
        raise GoldDiggerError(f"ImageJ ({running.source}) runs already in this process; start Python anew for another")
    if mode != "headless" and running.headless:
        raise GoldDiggerError("ImageJ runs already, without windows; start Python anew for one with windows")


def _refuse_foreign_jvm() -> None:
    jpype = sys.modules.get("jpype")
    if jpype is not None and jpype.isJVMStarted():
        raise GoldDiggerError(
            "a JVM runs already in this process, started by something else; start ImageJ before it, "
            "or hand its SciJava context to golddigger_ij.imagej.jvm.attach"
        )


def require_display() -> None:
    """Make sure that a window can be opened, as far as that can be told without a JVM.

    Raises
    ------
    GoldDiggerError
        On macOS, where windows belong to the main thread, which is Python's; and without a display.
    """
    if sys.platform == "darwin":
        raise GoldDiggerError(
            "Python cannot open Java's windows on macOS; run 'golddigger-ij install --fiji PATH', and start Fiji itself"
        )
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
        raise GoldDiggerError(f"this Java opens no windows (a headless one); {INSTALL_JAVA}")
