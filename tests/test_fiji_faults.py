"""What goes wrong while somebody works with windows: each time it is said, and nothing is lost."""

from collections.abc import Iterator
from typing import Any

import pytest

pytestmark = pytest.mark.slow

SIDE = 6000


@pytest.fixture
def window(desktop: str, imagej_window: Any) -> Iterator[Any]:
    imagej_window("tidy()")
    yield imagej_window
    assert "Exception" not in imagej_window.log


def test_esc_stops_a_run_within_a_second_and_leaves_everything_as_it_was(window, section_file):
    seconds, before, after, found, error = window(
        """
image = show(tiled(path, side))
Roi = JClass("ij.gui.Roi")
own = Roi(10, 20, 300, 200)
own.setName("cell")
own.setGroup(1)
Roi.setGroupName(1, "mine")
manager = JClass("ij.plugin.frame.RoiManager")()
manager.addRoi(own)
image.setOverlay(JClass("ij.gui.Overlay")(Roi(5, 5, 9, 9)))
image.setProp("operator", "Ada")
image.setRoi(100, 200, 5000, 5000)
before = state(image)
accept(start())
wait_for(lambda: "Looking for gold" in status())
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
wait_for(lambda: "Looking for gold" in status())
image.changes = False
event = JClass("java.awt.event.WindowEvent")(image.getWindow(), 201)
JClass("java.awt.Toolkit").getDefaultToolkit().getSystemEventQueue().postEvent(event)
told = message()
wait_for(lambda: not engine_at_work())
result = [told, list(JClass("ij.WindowManager").getIDList() or ()), titles()]
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
wait_for(lambda: "Looking for gold" in status())
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
