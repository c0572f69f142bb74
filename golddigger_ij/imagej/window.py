"""ImageJ's window with images and results in it, from its opening until the user closes it."""

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.imagej.embedded import cancel_dialogs, open_window, wait_until_closed
from golddigger_ij.imagej.jvm import ImageJ, check_heap, require_display, start_imagej

RESULTS = ("_run.json", "_RoiSet.zip", "_particles.csv")
"""How the names of those files of a run end that are opened as results, not as images."""

_OPEN_RESULTS = "Open Gold Results..."
_ASKED_FOR = ("String", "File", "Boolean", "Double", "Integer")
_LOOK_EVERY_S = 0.05
_QUIT_WITHIN_S = 5.0


def show(files: Sequence[Path] = (), fiji: str | None = None, heap: str | None = None) -> None:
    """Open ImageJ's window with the menu *Plugins > Gold Digger*, and wait until the user closes it or presses Ctrl-C.

    Parameters
    ----------
    files : sequence of Path
        Images that ImageJ reads, and results of runs (see `RESULTS`), which appear as the menu command shows them.
    fiji, heap : str, optional
        See `golddigger_ij.imagej.jvm.start_imagej`.

    Raises
    ------
    GoldDiggerError
        If a file cannot be read, or if there is no Java, no ImageJ or no display.
    """
    check_heap(heap)
    require_display()
    results = [path for path in files if path.name.endswith(RESULTS)]
    _refuse_damaged(results)
    imagej = start_imagej(fiji, "interactive", heap)
    # Before the window: ImageJ without one prints its errors, with one it waits until they are clicked away.
    pictures = [_open_image(path) for path in files if path not in results]
    if imagej.source == "fiji":
        imagej.gateway.ui().showUI()
    else:
        open_window(imagej)
    try:
        for picture in pictures:
            picture.show()
        for path in results:
            _open_results(imagej, path)
        _tell(pictures, results)
        wait_until_closed()
    except KeyboardInterrupt:
        _quit()


def _refuse_damaged(results: Sequence[Path]) -> None:
    """Read results as the command will, whose errors wait in a window until they are clicked away."""
    from golddigger_ij.runs import load_run

    for path in results:
        if not path.name.endswith("_particles.csv"):
            load_run(path)


def _open_image(path: Path) -> Any:
    import jpype

    opener = jpype.JClass("ij.io.Opener")()
    opener.setSilentMode(True)
    picture = opener.openImage(str(path.absolute()))
    if picture is None:
        raise GoldDiggerError(f"{path}: ImageJ cannot open this image; save it as a plain TIFF")
    return picture


def _open_results(imagej: ImageJ, path: Path) -> None:
    """Run the menu command for results on a file, and wait for it."""
    from jpype import JClass

    scripts = imagej.service("org.scijava.script.ScriptService")
    known = {str(script.getMenuPath().getLeaf().getName()): script for script in scripts.getScripts()}
    if _OPEN_RESULTS not in known:
        raise GoldDiggerError(f"{_OPEN_RESULTS}: this ImageJ does not have the command; install golddigger-ij again")
    script = known[_OPEN_RESULTS]
    # Not as a macro would run it: a macro's options cannot hold every file name. All inputs are given, so none is
    # asked for.
    values = JClass("java.util.HashMap")()
    for item in script.inputs():
        if str(item.getType().getSimpleName()) in _ASKED_FOR:
            values.put(item.getName(), item.getDefaultValue())
    values.put("gd_path", JClass("java.io.File")(str(path.absolute())))
    run = imagej.service("org.scijava.module.ModuleService").run(script, True, values)
    # To wait inside Java would keep Ctrl-C from Python.
    while not run.isDone():
        time.sleep(_LOOK_EVERY_S)


def _tell(pictures: Sequence[Any], results: Sequence[Path]) -> None:
    from jpype import JClass

    manager = JClass("ij.WindowManager")
    shown = {int(picture.getID()): picture for picture in pictures}
    shown |= {int(number): manager.getImage(number) for number in manager.getIDList() or ()}
    version = f"ImageJ {JClass('ij.IJ').getVersion()}"
    if shown:
        count = sum(picture.getOverlay().size() for picture in shown.values() if picture.getOverlay() is not None)
        names = ", ".join(str(picture.getTitle()) for picture in shown.values())
        with_particles = f" with {count} particles" if results else ""
        said = f"{version} shows {names}{with_particles}."
    else:
        said = f"{version} is open, with Gold Digger in its menu Plugins."
    print(f"{said} Close ImageJ's main window, or press Ctrl-C here, to end.", flush=True)


def _quit() -> None:
    """Close the window without a question, whatever was changed."""
    import jpype

    # While ImageJ asks whether to save an image, it lets nobody else at its list of images.
    threading.Thread(target=_close, name="close", daemon=True).start()
    if not wait_until_closed(_QUIT_WITHIN_S):
        for one in jpype.JClass("java.awt.Window").getWindows():
            one.dispose()


def _close() -> None:
    import jpype

    cancel_dialogs()
    manager = jpype.JClass("ij.WindowManager")
    for number in manager.getIDList() or ():
        manager.getImage(number).changes = False
    window = jpype.JClass("ij.IJ").getInstance()
    if window is not None:
        window.quit()
