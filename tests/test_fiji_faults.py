"""What goes wrong while somebody works with windows: each time it is said, and nothing is lost."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tifffile

pytestmark = pytest.mark.slow

SIDE = 6000

# In ImageJ's process.
SETUP = """
import numpy as np
from jpype import JArray, JByte

WindowManager, Roi = JClass("ij.WindowManager"), JClass("ij.gui.Roi")
ROI_MANAGER = JClass("ij.plugin.frame.RoiManager")


def tiled(path, side):
    # As large as a montage, and on no disk.
    from_file = IJ.openImage(path)
    small = np.frombuffer(memoryview(from_file.getProcessor().getPixels()), np.int8)
    small = small.reshape(from_file.getHeight(), from_file.getWidth())
    times = [-(-side // length) for length in small.shape]
    pixels = np.ascontiguousarray(np.tile(small, times)[:side, :side])
    processor = JClass("ij.process.ByteProcessor")(side, side, JArray(JByte)(pixels.ravel()))
    made = JClass("ij.ImagePlus")("montage", processor)
    made.setCalibration(from_file.getCalibration())
    return made


def show(image):
    image.show()
    image.getWindow().setLocation(100, 200)
    return image


def named(rois):
    return [[str(roi.getName()), int(roi.getGroup()), str(roi.getProperty("gd_id"))] for roi in rois]


def state(image):
    manager, overlay = ROI_MANAGER.getInstance(), image.getOverlay()
    return {
        "manager": [] if manager is None else named(manager.getRoisAsArray()),
        "overlay": [] if overlay is None else named(overlay.toArray()),
        "selection": str(image.getRoi()),
        "properties": str(image.getProperties()) + str(list(image.getPropertiesAsArray() or ())),
        "calibration": str(image.getCalibration()),
        "changed": bool(image.changes),
        "pixels": int(np.frombuffer(memoryview(image.getProcessor().getPixels()), np.uint8).sum(dtype=np.int64)),
        "groups": str(Roi.getGroupNames()),
    }


def start(command="Detect Gold Particles..."):
    choose(command)
    return wait_for(lambda: dialogs(command.rstrip(".")))[0]


def at_work():
    wait_for(lambda: "Looking for gold" in status())


def engine_at_work():
    threads = JClass("java.lang.Thread").getAllStackTraces().keySet()
    return any(str(thread.getName()) == "Gold Digger engine" for thread in threads)


def escape(image):
    image.getWindow().toFront()
    image.getCanvas().requestFocus()
    time.sleep(0.3)
    begun = time.monotonic()
    press("ESCAPE")
    wait_for(lambda: "Stopped" in status())
    return time.monotonic() - begun


def clear():
    for box in dialogs():
        box.dispose()
    wait_for(lambda: not engine_at_work())
    for number in list(WindowManager.getIDList() or ()):
        image = WindowManager.getImage(number)
        image.changes = False
        image.close()
    manager = ROI_MANAGER.getInstance()
    if manager is not None:
        manager.reset()
        manager.close()
    for frame in list(WindowManager.getNonImageWindows()):
        frame.dispose()
        WindowManager.removeWindow(frame)
    Roi.setGroupNames(None)
    IJ.getErrorMessage()
    IJ.showStatus("")
"""


@pytest.fixture(scope="module")
def ready(desktop: str, imagej_window: Any) -> Any:
    imagej_window(SETUP)
    return imagej_window


@pytest.fixture
def window(ready: Any) -> Iterator[Any]:
    ready("clear()")
    yield ready
    assert "Exception" not in ready.log


@pytest.fixture(scope="module")
def bare_file(tmp_path_factory: pytest.TempPathFactory, section: Any) -> Path:
    """The section without a pixel size."""
    path = tmp_path_factory.mktemp("bare") / "bare.tif"
    tifffile.imwrite(path, section.image)
    return path


def test_esc_stops_a_run_within_a_second_and_leaves_everything_as_it_was(window, section_file):
    seconds, before, after, found, error = window(
        """
image = show(tiled(path, side))
own = Roi(10, 20, 300, 200)
own.setName("cell")
own.setGroup(1)
Roi.setGroupName(1, "mine")
manager = ROI_MANAGER()
manager.addRoi(own)
image.setOverlay(JClass("ij.gui.Overlay")(Roi(5, 5, 9, 9)))
image.setProp("operator", "Ada")
image.setRoi(100, 200, 5000, 5000)
before = state(image)
accept(start())
at_work()
seconds = escape(image)
after = state(image)
# At once, while the engine lets go.
image.setRoi(0, 0, 560, 420)
accept(start())
wait_for(lambda: manager.getCount() > 1 or IJ.getErrorMessage() is not None)
wait_for(lambda: "particles" in status())
result = [seconds, before, after, state(image), [title_of(box) for box in dialogs()]]
""",
        path=str(section_file),
        side=SIDE,
    )
    # By a clock in Python, which the engine shares; Java sees the key and ends the command sooner.
    assert seconds < 2
    assert after == before
    assert error == []
    # The user's own stay in front, and so does the name of their group.
    assert found["manager"][0] == ["cell", 1, "None"]
    assert len(found["manager"]) > 20
    assert found["groups"].startswith("mine,")
    assert found["overlay"][1:] == found["manager"][1:]


def test_closing_the_image_during_a_run_is_said_and_stops_it(window, section_file):
    told, open_images, tables = window(
        """
image = show(tiled(path, side))
accept(start())
at_work()
image.changes = False
event = JClass("java.awt.event.WindowEvent")(image.getWindow(), 201)
JClass("java.awt.Toolkit").getDefaultToolkit().getSystemEventQueue().postEvent(event)
told = message()
wait_for(lambda: not engine_at_work())
result = [told, list(WindowManager.getIDList() or ()), titles()]
""",
        path=str(section_file),
        side=SIDE,
    )
    assert told == "Detect Gold Particles: Stopped: the image was closed."
    assert open_images == []
    assert tables == ["ImageJ"]


def test_a_second_command_is_told_that_gold_digger_is_busy_and_the_first_goes_on(window, section_file):
    told, going_on, seconds = window(
        """
image = show(tiled(path, side))
accept(start())
at_work()
accept(start())
told = message()
going_on = engine_at_work()
result = [told, going_on, escape(image)]
""",
        path=str(section_file),
        side=SIDE,
    )
    assert told == (
        "Detect Gold Particles: Gold Digger is busy with Detect Gold Particles; wait for it or stop it with\nEsc"
    )
    assert going_on
    assert seconds < 2


def test_an_image_without_pixel_size_is_asked_for_it(window, bare_file):
    told = window(
        """
image = show(IJ.openImage(path))
before = state(image)

def asked():
    accept(start())
    return asking("Pixel size")

box = asked()
accept(box, "Cancel")
wait_for(lambda: "Nothing was done" in status())
cancelled = [state(image) == before, [title_of(one) for one in dialogs()]]

box = asked()
fill(box, "Pixel size", "0")
accept(box)
refused = message()

def run_with(ticked):
    image.setOverlay(None)
    box = asked()
    fill(box, "Pixel size", "1.1")
    tick = next(part for part in parts(box) if isinstance(part, JClass("java.awt.Checkbox")))
    if not ticked:
        until(lambda: not tick.getState(), lambda: click(tick, 0.05))
    accept(box)
    wait_for(lambda: image.getOverlay() is not None and "particles" in status())
    return [image.getOverlay().size(), str(image.getCalibration().getUnit()), float(image.getCalibration().pixelWidth)]

result = [cancelled, refused, run_with(False), run_with(True)]
""",
        path=str(bare_file),
    )
    cancelled, refused, unticked, ticked = told
    assert cancelled == [True, []]
    assert refused == "Detect Gold Particles: Give the pixel size in nanometres, from 0.01 to 1000."
    assert unticked[0] == ticked[0] > 20
    assert unticked[1:] == [" ", 1.0]
    assert ticked[1:] == ["nm", 1.1]


def test_a_wrong_value_in_the_dialog_is_named_in_a_message(window, section_file):
    threshold, model = window(
        """
image = show(IJ.openImage(path))
dialog = start()
fill(dialog, "Threshold (0 to 1)", "abc")
accept(dialog)
threshold = message()
dialog = start()
fill(dialog, "Model", "silver")
accept(dialog)
result = [threshold, message()]
""",
        path=str(section_file),
    )
    assert threshold == "Detect Gold Particles: gd_threshold=abc: give a number from 0 to 1 or auto"
    assert "gd_model=silver" in model


def test_a_model_with_broken_weights_is_named_with_the_remedy(window, section_file, tmp_path):
    from golddigger_ij.models import BUNDLED, WEIGHTS

    shutil.copytree(BUNDLED / "gold", tmp_path / "mine")
    (tmp_path / "mine" / WEIGHTS).write_bytes(b"not what the card says")
    told = window(
        """
image = show(IJ.openImage(path))
dialog = start()
fill(dialog, "Model", model)
accept(dialog)
result = [message(), image.getOverlay() is None]
""",
        path=str(section_file),
        model=str(tmp_path / "mine"),
    )
    assert WEIGHTS in told[0]
    assert "please report it" not in told[0]
    assert told[1]


@pytest.mark.parametrize("how", ["Cancel", "Esc"])
def test_a_dialog_that_is_cancelled_does_nothing(window, section_file, how):
    before, after, open_dialogs = window(
        """
image = show(IJ.openImage(path))
before = state(image)
dialog = start()
if how == "Esc":
    until(lambda: not dialog.isShowing(), lambda: press("ESCAPE"))
else:
    accept(dialog, "Cancel")
time.sleep(0.5)
result = [before, state(image), [title_of(box) for box in dialogs()]]
""",
        path=str(section_file),
        how=how,
    )
    assert after == before
    assert open_dialogs == []


def test_what_the_recorder_writes_gives_the_same_particles_as_a_macro(window, section_file, tmp_path):
    recorded, found = window(
        """
image = show(IJ.openImage(path))
recorder = JClass("ij.plugin.frame.Recorder")()
dialog = start()
fill(dialog, "Threshold (0 to 1)", "0.3")
fill(dialog, "Sizes (nm)", "7,14")
pick(dialog, "Show in", "overlay")
accept(dialog)
wait_for(lambda: image.getOverlay() is not None and "particles" in status())
recorded = str(recorder.getText())
recorder.close()
result = [recorded, state(image)["overlay"]]
""",
        path=str(section_file),
    )
    lines = [line for line in recorded.splitlines() if "Gold" in line]
    assert len(lines) == 1
    assert 'run("Detect Gold Particles...", "gd_model=gold gd_threshold=0.3 gd_sizes=7,14' in lines[0]
    again = window(
        """
image.setOverlay(None)
IJ.runMacro(line)
result = state(image)["overlay"]
""",
        line=lines[0],
    )
    assert len(found) > 20
    assert again == found


def test_the_menu_has_the_ten_commands_and_takes_clicks(window, section_file):
    labels, opened = window(
        """
show(IJ.openImage(path))

def opened(command):
    def try_it():
        press("ESCAPE")
        from_menu(command)
    until(lambda: dialogs(command.rstrip(".")), try_it)
    box = dialogs()[0]
    accept(box, "Cancel")
    return title_of(box)

result = [
    commands(),
    [opened("Detect Gold Particles..."), opened("Show Gold Group...")],
]
""",
        path=str(section_file),
    )
    assert labels == [
        "Detect Gold Particles...",
        "Detect Gold in Folder...",
        "Evaluate Gold Particles...",
        "Gold Digger Doctor",
        "Load Gold Ground Truth...",
        "Open Gold Results...",
        "Retrain Gold Model...",
        "Review Gold Particles",
        "Save Gold Ground Truth...",
        "Show Gold Group...",
    ]
    assert opened == ["Detect Gold Particles", "Show Gold Group"]


def test_other_windows_do_not_get_in_the_way(window, section_file):
    found, results, log, notes = window(
        """
image = show(IJ.openImage(path))
IJ.log("a line")
image.setRoi(3, 3, 20, 20)
IJ.run("Measure")
image.deleteRoi()
JClass("ij.text.TextWindow")("Notes", "what I saw", 300, 200)
accept(start())
wait_for(lambda: image.getOverlay() is not None and "particles" in status())
results = JClass("ij.measure.ResultsTable").getResultsTable()
result = [image.getOverlay().size(), int(results.size()), str(IJ.getLog()), "Notes" in titles()]
""",
        path=str(section_file),
    )
    assert found > 20
    assert results == 1
    assert log.endswith("a line\n")
    assert notes


def test_a_macro_in_batch_mode_takes_the_image_that_it_selected(window, section_file, bare_file):
    told = window.macro(
        """
paths = split(getArgument(), "|");
open(paths[1]);
setBatchMode(true);
open(paths[0]);
first = getImageID();
makeRectangle(0, 0, 280, 420);
open(paths[0]);
second = getImageID();
open(paths[1]);
counts = "";
ids = newArray(second, first);
for (i = 0; i < 2; i++) {
    selectImage(ids[i]);
    run("Detect Gold Particles...", "gd_show=overlay");
    counts = counts + Overlay.size + " ";
}
setBatchMode(false);
return counts;
""",
        f"{section_file}|{bare_file}",
    )
    whole, half = map(int, told.split())
    assert whole > half > 10
    # A batch of a hundred images would leave as many tables.
    assert not any(title.startswith("Gold Particles") for title in window("result = titles()"))


def test_imagejs_question_before_it_ends_can_be_answered_while_a_run_finishes(window, section_file):
    found, still_there = window(
        """
image = show(tiled(path, 3000))
image.changes = True
accept(start())
wait_for(engine_at_work)
IJ.getInstance().quit()
box = wait_for(lambda: dialogs("ImageJ"))[0]
wait_for(lambda: not engine_at_work())
time.sleep(0.5)
accept(box, "Cancel")
wait_for(lambda: image.getOverlay() is not None and "particles" in status())
result = [image.getOverlay().size(), image.getWindow() is not None]
""",
        path=str(section_file),
    )
    assert found > 1000
    assert still_there


def test_a_question_that_nobody_has_answered_at_the_end_is_answered_with_cancel(window):
    # As by Ctrl-C while ImageJ asks whether to replace a file: without an answer it would replace it.
    cancelled = window(
        """
import threading
from golddigger_ij.imagej.embedded import cancel_dialogs

asked = [JClass("ij.gui.GenericDialog")("Save as TIFF"), JClass("ij.gui.GenericDialog")("Replace?")]
for one in asked:
    threading.Thread(target=one.showDialog, daemon=True).start()
    wait_for(one.isShowing)
cancel_dialogs()
result = [bool(one.wasCanceled()) and not one.isShowing() for one in asked]
"""
    )
    assert cancelled == [True, True]
