"""Results in a window of ImageJ: the micrograph with its particles drawn over it."""

import time
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.imagej.jvm import require_display, require_windows, start_jvm

_LOOK_EVERY_S = 0.2
_QUIT_WITHIN_S = 5.0


def show_results(image: Path, roi_set: Path, heap: str | None = None) -> None:
    """Show an image with its ROIs in ImageJ, and wait until the user closes ImageJ or presses Ctrl-C.

    Parameters
    ----------
    image : Path
        A TIFF file, or another that ImageJ itself reads.
    roi_set : Path
        The ROIs, as `golddigger_ij.roi_set.write_roi_set` or the ROI Manager writes them.
    heap : str, optional
        See `golddigger_ij.imagej.jvm.start_jvm`.

    Raises
    ------
    GoldDiggerError
        If there is no Java, no ImageJ or no display, or if ImageJ cannot read one of the files.
    """
    require_display()
    start_jvm(heap)
    require_windows()
    import jpype

    # Before the window: ImageJ without one prints its errors, with one it waits until they are clicked away.
    picture = _open_image(image)
    overlay = _overlay(roi_set)
    _start_imagej()
    picture.setOverlay(overlay)
    picture.show()
    # Nothing that the user did: closing must not ask whether to save it.
    picture.changes = False
    print(
        f"ImageJ {jpype.JClass('ij.IJ').getVersion()} shows {image.name} with {overlay.size()} particles. "
        "Close ImageJ's main window, or press Ctrl-C here, to end.",
        flush=True,
    )
    try:
        _wait_until_closed()
    except KeyboardInterrupt:
        _quit()


def _open_image(path: Path) -> Any:
    import jpype

    opener = jpype.JClass("ij.io.Opener")()
    opener.setSilentMode(True)
    picture = opener.openImage(str(path.absolute()))
    if picture is None:
        raise GoldDiggerError(f"{path}: ImageJ cannot open this image; save it as a plain TIFF")
    return picture


def _overlay(path: Path) -> Any:
    import jpype

    decoder, overlay = jpype.JClass("ij.io.RoiDecoder"), jpype.JClass("ij.gui.Overlay")()
    colour_class = jpype.JClass("java.awt.Color")
    colours: dict[int, Any] = {}
    of_group: dict[int, int] = {}
    _set_group_colours({})
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.namelist():
                if not entry.lower().endswith(".roi"):
                    continue
                data = archive.read(entry)
                roi = decoder(jpype.JArray(jpype.JByte)(data), Path(entry).stem).getRoi()
                # A ROI with a group comes out in the colour of ImageJ's table of groups, not in its own.
                argb = int.from_bytes(data[decoder.STROKE_COLOR : decoder.STROKE_COLOR + 4], "big", signed=True)
                if argb:
                    if argb not in colours:
                        colours[argb] = colour_class(jpype.JInt(argb), True)
                    roi.setStrokeColor(colours[argb])
                    of_group[int(roi.getGroup())] = argb
                overlay.add(roi)
    except (OSError, zipfile.BadZipFile, zlib.error) as error:
        raise GoldDiggerError(f"{path}: is not a readable ROI set ({error}); make it anew") from error
    except jpype.JException as error:
        raise GoldDiggerError(f"{path}: ImageJ cannot read {entry} ({error}); make it anew") from error
    _set_group_colours(of_group)
    return overlay


def _set_group_colours(argb: dict[int, int]) -> None:
    """Give ImageJ its table of group colours, so that a ROI that the user puts into a group looks like the others.

    ImageJ reads the table from a file of a full installation, which is not here: it would complain once for each ROI.
    There is no public way to give it, but one version of ImageJ, and so one name of the field.
    """
    import jpype

    table = np.full((3, 256), 255, np.uint8)
    for group, colour in argb.items():
        table[:, group] = [colour >> 16 & 0xFF, colour >> 8 & 0xFF, colour & 0xFF]
    channels = [jpype.JArray(jpype.JByte)(channel.tobytes()) for channel in table]
    field = jpype.JClass("ij.gui.Roi").class_.getDeclaredField("glasbeyLut")
    field.setAccessible(True)
    field.set(None, jpype.JClass("ij.process.LUT")(*channels))


def _start_imagej() -> None:
    import jpype

    if jpype.JClass("ij.IJ").getInstance() is None:
        imagej = jpype.JClass("ij.ImageJ")
        # Embedded, and without an exit of the whole process when it is closed.
        imagej(imagej.EMBEDDED).exitWhenQuitting(False)


def _wait_until_closed(within_s: float | None = None) -> bool:
    import jpype

    imagej = jpype.JClass("ij.IJ")
    end = None if within_s is None else time.monotonic() + within_s
    while imagej.getInstance() is not None:
        if end is not None and time.monotonic() > end:
            return False
        time.sleep(_LOOK_EVERY_S)
    return True


def _quit() -> None:
    import jpype

    manager = jpype.JClass("ij.WindowManager")
    for number in manager.getIDList() or ():
        manager.getImage(number).changes = False
    jpype.JClass("ij.IJ").getInstance().quit()
    if not _wait_until_closed(_QUIT_WITHIN_S):
        for window in jpype.JClass("java.awt.Window").getWindows():
            window.dispose()
