"""A process with ImageJ that does what a test tells it: Python code in, the value of `result` out, a line of JSON each.

Arguments: the mode, the number of the file descriptor for answers, options of the JVM.
"""

import json
import os
import sys
import traceback
from typing import Any

import numpy as np
from imagej_hands import *  # noqa: F403 - for the code that runs here
from jpype import JArray, JByte, JClass

from golddigger_ij.imagej import jvm
from golddigger_ij.imagej.embedded import cancel_dialogs

heard: list[tuple[dict[str, Any], dict[str, Any]]] = []


def listen() -> None:
    """Note from now on what scripts ask the engine for, and what it answers."""
    from golddigger_ij.imagej import bridge, service

    if bridge.answer is not service.answer:
        return

    def listening(request: Any, callback: Any = None) -> dict[str, Any]:
        answer = service.answer(request, callback)
        heard.append((dict(request), answer))
        return answer

    bridge.answer = listening


def answered() -> list[dict[str, Any]]:
    """What it has answered, as JSON can hold it; the question for pixels is left out."""
    return [as_json(answer) for _, answer in heard if not answer.get("needs")]


def as_json(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value.tolist() if hasattr(value, "tolist") else value for name, value in answer.items()}


def tiled(path: str, side: int) -> Any:
    """An image as large as a montage that is on no disk, made of a small one."""
    small = IJ.openImage(path)
    pixels = np.frombuffer(memoryview(small.getProcessor().getPixels()), np.int8)
    pixels = pixels.reshape(small.getHeight(), small.getWidth())
    times = [-(-side // length) for length in pixels.shape]
    large = np.ascontiguousarray(np.tile(pixels, times)[:side, :side])
    processor = JClass("ij.process.ByteProcessor")(side, side, JArray(JByte)(large.ravel()))
    image = JClass("ij.ImagePlus")("montage", processor)
    image.setCalibration(small.getCalibration())
    return image


def show(image: Any) -> Any:
    """Show an image where it covers nothing that is needed."""
    image.show()
    image.getWindow().setLocation(100, 200)
    return image


def state(image: Any) -> dict[str, Any]:
    """All that a command could change."""
    manager, overlay = JClass("ij.plugin.frame.RoiManager").getInstance(), image.getOverlay()
    pixels = np.frombuffer(memoryview(image.getProcessor().getPixels()), np.uint8)
    return {
        "manager": [] if manager is None else _named(manager.getRoisAsArray()),
        "overlay": [] if overlay is None else _named(overlay.toArray()),
        "selection": str(image.getRoi()),
        "properties": str(image.getProperties()) + str(list(image.getPropertiesAsArray() or ())),
        "calibration": str(image.getCalibration()),
        "changed": bool(image.changes),
        "pixels": int(pixels.sum(dtype=np.int64)),
        "groups": str(JClass("ij.gui.Roi").getGroupNames()),
    }


def _named(rois: Any) -> list[list[Any]]:
    return [[str(roi.getName()), int(roi.getGroup()), str(roi.getProperty("gd_id"))] for roi in rois]


def engine_at_work() -> bool:
    """Whether a command waits for the engine, or the engine for nobody any more."""
    threads = JClass("java.lang.Thread").getAllStackTraces().keySet()
    return any(str(thread.getName()) == "Gold Digger engine" for thread in threads)


def tidy() -> None:
    """Close all images and what else is open, and forget what was heard."""
    windows = JClass("ij.WindowManager")
    if IJ.getInstance() is not None:
        cancel_dialogs()
        wait_for(lambda: not engine_at_work())  # noqa: F405
    for number in list(windows.getIDList() or ()):
        image = windows.getImage(number)
        image.changes = False
        image.close()
    # The image of a macro that was stopped is in no list.
    windows.setTempCurrentImage(None)
    if IJ.getInstance() is not None:
        manager = JClass("ij.plugin.frame.RoiManager").getInstance()
        if manager is not None:
            manager.reset()
            manager.close()
        for frame in list(windows.getNonImageWindows()):
            frame.dispose()
            windows.removeWindow(frame)
        JClass("ij.gui.Roi").setGroupNames(None)
        IJ.showStatus("")
    IJ.getErrorMessage()
    heard.clear()


mode, answers, options = sys.argv[1], os.fdopen(int(sys.argv[2]), "w", encoding="utf-8"), sys.argv[3:]
imagej = jvm.start_imagej(mode=mode, java_options=options)

IJ = JClass("ij.IJ")
names = globals()
print(json.dumps({"ready": True}), file=answers, flush=True)
for line in sys.stdin:
    names["result"] = None
    try:
        exec(json.loads(line), names)
        told = {"result": names["result"]}
    except BaseException:
        told = {"error": traceback.format_exc()}
    print(json.dumps(told, default=str), file=answers, flush=True)
os._exit(0)
