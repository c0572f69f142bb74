"""A person's day in ImageJ, from the menu to ground truth, with a mouse and a keyboard."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def montage(tmp_path_factory, section) -> Path:
    path = tmp_path_factory.mktemp("day") / "cell one.tif"
    per_cm = 1e7 / section.nm_per_px
    tifffile.imwrite(path, section.image, resolution=(per_cm, per_cm), resolutionunit="CENTIMETER")
    return path


def choose(window, command: str) -> None:
    """Pick a command from the menu; what the menu item does, it does on ImageJ's own thread."""
    window(
        """
menu = JClass("ij.Menus").getImageJMenu("Plugins")
menus = [menu.getItem(i) for i in range(menu.getItemCount())]
gold = next(one for one in menus if str(one.getLabel()) == "Gold Digger")
item = next(one for one in (gold.getItem(i) for i in range(gold.getItemCount())) if str(one.getLabel()) == command)
event = JClass("java.awt.event.ActionEvent")(item, 1001, command)
JClass("java.awt.EventQueue").invokeLater(lambda: None)
[listener.actionPerformed(event) for listener in item.getActionListeners()]
""",
        command=command,
    )


def rois(window) -> list[dict]:
    return window(
        """
manager = JClass("ij.plugin.frame.RoiManager").getInstance()
result = [] if manager is None else [
    {
        "name": str(roi.getName()), "group": int(roi.getGroup()), "id": str(roi.getProperty("gd_id")),
        "x": float(roi.getFloatBounds().getCenterX()) - 0.5, "y": float(roi.getFloatBounds().getCenterY()) - 0.5,
        "width": float(roi.getFloatWidth()),
    }
    for roi in manager.getRoisAsArray()
]
"""
    )


def click_row(window, row: int) -> None:
    window(
        """
manager = window("ROI Manager")
rows = next(part for part in parts(manager) if isinstance(part, JClass("javax.swing.JList")))
rows.ensureIndexIsVisible(row)
box, size = rows.getCellBounds(row, row), rows.getSize()
until(
    lambda: manager.getSelectedIndex() == row,
    lambda: click(rows, (box.x + 20) / size.width, (box.y + box.height / 2) / size.height),
)
""",
        row=row,
    )


@pytest.fixture(scope="module")
def day(desktop, imagej_window, montage, tmp_path_factory) -> dict:
    """All that happens, once; the tests look at what came of it."""
    window, seen = imagej_window, {}
    folder = tmp_path_factory.mktemp("truth")
    window("picture = IJ.openImage(path); picture.show(); picture.getWindow().setLocation(300, 250)", path=str(montage))

    choose(window, "Detect Gold Particles...")
    window(
        """
dialog = window("Detect Gold Particles")
fill(dialog, "Threshold (0 to 1)", "0.4")
screenshot(str(picture_of_dialog))
accept(dialog)
manager = wait_for(lambda: JClass("ij.plugin.frame.RoiManager").getInstance())
wait_for(lambda: manager.getCount() > 0)
wait_for(lambda: picture.getOverlay() is not None and picture.getOverlay().size() == manager.getCount())
manager.setLocation(900, 250)
""",
        picture_of_dialog=str(folder / "dialog.png"),
    )
    seen["found"] = rois(window)

    # One is deleted, one is moved by two pixels, one is drawn and added, one goes into the other group.
    click_row(window, 3)
    window(
        "until(lambda: manager.getCount() == count, lambda: click(button(manager, 'Delete')))",
        count=len(seen["found"]) - 1,
    )
    click_row(window, 5)
    window(
        """
picture.getWindow().toFront()
picture.getCanvas().requestFocus()
time.sleep(0.3)
left = picture.getRoi().getBounds().x
until(lambda: picture.getRoi().getBounds().x == left + 2, lambda: press("RIGHT"))
click(button(manager, "Update"))
IJ.setTool("oval")
scale = picture.getCanvas().getMagnification()
drag(picture.getCanvas(), (20 * scale, 30 * scale), (33 * scale, 43 * scale))
until(lambda: manager.getCount() == count, lambda: press("T"))
""",
        count=len(seen["found"]),
    )
    first = seen["found"][0]
    other = next(one["group"] for one in seen["found"] if one["group"] != first["group"])
    window("manager.select(0); manager.setGroup(group); manager.deselect(); picture.deleteRoi()", group=other)
    window("screenshot(path)", path=str(folder / "edited.png"))
    seen["edited"] = rois(window)

    choose(window, "Save Gold Ground Truth...")
    window(
        """
dialog = window("Save Gold Ground Truth")
fill(dialog, "Ground truth folder", folder)
pick(dialog, "Region", "whole image")
accept(dialog)
from pathlib import Path
wait_for(lambda: list(Path(folder).glob("*.json")))
""",
        folder=str(folder / "truth"),
    )
    seen["truth"] = json.loads(next((folder / "truth").glob("*.json")).read_text(encoding="utf-8"))
    with next((folder / "truth").glob("*_marks.csv")).open(encoding="utf-8") as stream:
        seen["marks"] = list(csv.DictReader(stream))

    choose(window, "Evaluate Gold Particles...")
    seen["evaluation"] = window(
        """
dialog = window("Evaluate Gold Particles")
pick(dialog, "Region", "whole image")
accept(dialog)
table = wait_for(lambda: JClass("ij.measure.ResultsTable").getResultsTable("Gold Evaluation"))
wait_for(lambda: table.size() > 0)
result = {str(name): table.getValue(name, 0) for name in ("TP", "FP", "FN", "accuracy", "RMSE_nm")}
"""
    )
    return seen


def test_every_particle_of_the_engine_is_in_the_roi_manager(day, section_file, model):
    from golddigger_ij.config import DetectionConfig
    from golddigger_ij.detect import detect
    from golddigger_ij.montage import open_montage

    with open_montage(section_file) as montage:
        particles = detect(montage, model, DetectionConfig(threshold=0.4)).particles
    found = day["found"]
    assert [one["name"] for one in found] == [
        f"{group}-{number:06d}" for group, number in zip(particles.group, particles.id, strict=True)
    ]
    assert np.allclose([one["x"] for one in found], particles.x, atol=0.01)
    assert np.allclose([one["y"] for one in found], particles.y, atol=0.01)
    assert np.allclose([one["width"] for one in found], 2 * np.sqrt(particles.area / np.pi), atol=0.01)


def test_what_was_edited_is_told_apart_and_counted(day):
    found, marks = day["found"], day["marks"]
    assert len(marks) == len(found)
    counts = day["truth"]["changes"]
    assert (counts["deleted"], counts["moved"], counts["added"], counts["regrouped"]) == (1, 1, 1, 1)
    assert counts["kept"] == len(found) - 3


def mark_at(marks: list[dict], x: float, y: float, within: float = 0.1) -> dict | None:
    near = [mark for mark in marks if np.hypot(float(mark["x"]) - x, float(mark["y"]) - y) < within]
    assert len(near) <= 1
    return near[0] if near else None


def test_ground_truth_holds_the_particles_as_they_were_left(day):
    found, marks = day["found"], day["marks"]
    deleted, moved, first = found[3], found[6], found[0]
    assert mark_at(marks, deleted["x"], deleted["y"]) is None
    assert mark_at(marks, moved["x"], moved["y"]) is None
    # ImageJ moves a selection by whole pixels, from the whole pixel that it begins in.
    assert mark_at(marks, moved["x"] + 2, moved["y"], within=0.75)
    assert mark_at(marks, 26, 36, within=2)
    assert mark_at(marks, first["x"], first["y"])["group"] not in (None, "", first["name"].split("-")[0])


def test_the_run_is_judged_by_the_edits(day):
    count, evaluation = len(day["found"]), day["evaluation"]
    assert (evaluation["TP"], evaluation["FP"], evaluation["FN"]) == (count - 1, 1, 1)
    assert evaluation["accuracy"] == pytest.approx((count - 1) / count)
    assert 0 < evaluation["RMSE_nm"] < 1.5
