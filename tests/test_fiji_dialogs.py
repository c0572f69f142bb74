"""The commands' dialogs, and what ImageJ says and records: all that somebody meets who has a mouse."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tifffile

pytestmark = pytest.mark.slow


@pytest.fixture
def window(desktop: str, imagej_window: Any) -> Iterator[Any]:
    imagej_window("tidy()")
    yield imagej_window
    assert "Exception" not in imagej_window.log


@pytest.fixture(scope="module")
def bare_file(tmp_path_factory: pytest.TempPathFactory, section: Any) -> Path:
    """The section without a pixel size."""
    path = tmp_path_factory.mktemp("bare") / "bare.tif"
    tifffile.imwrite(path, section.image)
    return path


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
