"""The ImageJ that golddigger-ij brings along: ImageJ 1.54, SciJava's services, Groovy and Jython from Maven Central."""

import atexit
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.fiji_scripts import fiji_scripts_folder
from golddigger_ij.imagej.jvm import require_windows, start_jvm, stop_handing_back

if TYPE_CHECKING:
    from golddigger_ij.imagej.jvm import ImageJ

COORDINATES = (
    "net.imagej:ij:1.54p",
    "org.scijava:scijava-common:2.99.2",
    # The version that Maven would pick for SciJava cannot read the parameters of a script.
    "org.scijava:parsington:3.1.0",
    # By name, or it would be of another version than its parts.
    "org.apache.groovy:groovy:4.0.28",
    "org.apache.groovy:groovy-jsr223:4.0.28",
    "org.python:jython-standalone:2.7.4",
)
HEADLESS_COORDINATES = ("net.imagej:ij1-patcher:2.0.0",)
"""Without windows, ImageJ 1 knows its menu commands only when it is patched, as Fiji does."""

_LOOK_EVERY_S = 0.1


def start_embedded(headless: bool, options: Sequence[str] = ()) -> Any:
    """Start the JVM with ImageJ, and SciJava's services with the script languages and the menu commands.

    Parameters
    ----------
    headless : bool
        Without windows.
    options : sequence of str
        For the JVM.

    Returns
    -------
    org.scijava.Context

    Raises
    ------
    GoldDiggerError
        As `golddigger_ij.imagej.jvm.start_jvm`.
    """
    import jpype

    scripts = fiji_scripts_folder()
    ours = [f"-Dscijava.scripts.path={scripts}"]
    coordinates = list(COORDINATES)
    if headless:
        coordinates += HEADLESS_COORDINATES
        ours += ["-Djava.awt.headless=true", "--add-opens=java.base/java.lang=ALL-UNNAMED"]
    start_jvm(coordinates, [*ours, *options])
    if headless:
        jpype.JClass("net.imagej.patcher.LegacyInjector").preinit()
    else:
        require_windows()
    # With no argument JPype picks the constructor of a list of services, and an empty list gives none.
    context = jpype.JClass("org.scijava.Context")(False)
    # After JPype's own, and so before it: the JVM ends only when nothing of it is at work.
    atexit.register(_end, context)
    _commands(context)
    return context


def _end(context: Any) -> None:
    import jpype

    if jpype.isJVMStarted():
        cancel_dialogs()
        for window in jpype.JClass("java.awt.Window").getWindows():
            window.dispose()
        context.dispose()
        stop_handing_back()


def _commands(context: Any) -> None:
    """Let ImageJ know the menu commands: for its macros, and for its menu once there is a window."""
    from jpype import JClass

    loader = JClass("groovy.lang.GroovyClassLoader")(JClass("ij.IJ").class_.getClassLoader())
    loader.addClasspath(str(Path(__file__).with_name("groovy")))
    commands = loader.loadClass("EmbeddedCommands")
    commands.getMethod("install", context.getClass()).invoke(None, context)


def open_window(imagej: "ImageJ") -> None:
    """Open ImageJ's window with the menu *Plugins > Gold Digger*, if it is not open.

    Raises
    ------
    GoldDiggerError
        If there is no display for it.
    """
    from jpype import JClass

    if imagej.headless:
        raise GoldDiggerError("ImageJ runs without windows; start it with mode 'gui'")
    if JClass("ij.IJ").getInstance() is None:
        window = JClass("ij.ImageJ")
        # Embedded, and without an exit of the whole process when it is closed.
        window(window.EMBEDDED).exitWhenQuitting(False)
    objects = imagej.service("org.scijava.object.ObjectService")
    for task in objects.getObjects(JClass("java.lang.Runnable")):
        if objects.getName(task) == "golddigger-ij menu":
            task.run()
    # The first command need not wait for all this, seconds after the window is there.
    from golddigger_ij.imagej.service import warm_up

    threading.Thread(target=warm_up, name="warm up", daemon=True).start()


def cancel_dialogs(within_s: float = 2.0) -> None:
    """Close all dialogs as by their *Cancel*, within a time in seconds.

    To dispose of one, by itself or with the window that it belongs to, is an *OK* to ImageJ: the question whether to
    replace a file would be answered with yes.
    """
    from jpype import JClass

    dialog, closing = JClass("java.awt.Dialog"), JClass("java.awt.event.WindowEvent")
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        windows = JClass("java.awt.Window").getWindows()
        shown = [one for one in windows if isinstance(one, dialog) and one.isShowing()]
        if not shown:
            return
        # Only the one in front hears it, and another may lie behind it.
        queue = JClass("java.awt.Toolkit").getDefaultToolkit().getSystemEventQueue()
        for one in shown:
            queue.postEvent(closing(one, closing.WINDOW_CLOSING))
        time.sleep(_LOOK_EVERY_S)


def wait_until_closed(within_s: float | None = None) -> bool:
    """Wait until the user closes ImageJ's window; say whether it was closed within the time, in seconds."""
    import jpype

    imagej = jpype.JClass("ij.IJ")
    end = None if within_s is None else time.monotonic() + within_s
    while imagej.getInstance() is not None:
        if end is not None and time.monotonic() > end:
            return False
        time.sleep(_LOOK_EVERY_S)
    return True
