"""A day's work in macros: results opened, ground truth saved, loaded and judged, a model trained, a folder searched."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from golddigger_ij.annotations import read_annotation
from golddigger_ij.particles import read_particles_csv

if TYPE_CHECKING:
    from golddigger_ij.synthetic import Micrograph

WHOLE = "gd_region=[whole image]"
QUICK = ("gd_epochs=1", "gd_steps=2", "gd_synthetic=1")


@pytest.fixture
def montage(section: "Micrograph", tmp_path: Path) -> Path:
    return saved(section.image[:260, :300], tmp_path / "cell.tif")


def saved(image: np.ndarray, path: Path) -> Path:
    per_cm = 1e7 / 1.1
    tifffile.imwrite(path, image, resolution=(per_cm, per_cm), resolutionunit="CENTIMETER")
    return path


def run(command: str, *options: str) -> str:
    """A command in a macro, where PATH is what the macro was called with."""
    listed = " ".join(options).replace('"', '\\"').replace("PATH", '" + path + "')
    return f'run("{command}...", "{listed}");'


def detect(*options: str) -> str:
    return run("Detect Gold Particles", *options)


def open_results(*options: str) -> str:
    return run("Open Gold Results", *options)


def save_truth(*options: str) -> str:
    return run("Save Gold Ground Truth", *options)


def evaluate(*options: str) -> str:
    return run("Evaluate Gold Particles", *options)


def test_results_are_opened_from_each_of_their_files(imagej, montage):
    (found,) = imagej.answers("open(path);" + detect("gd_output=[PATH out]"), montage)
    imagej("tidy()")
    # The montage is not open, and is opened; then it is, and is not opened again.
    check = f"if (nImages != 1 || getTitle != 'cell.tif' || Overlay.size != {len(found['x'])}) exit(getTitle);"
    for end in ("run.json", "particles.csv", "RoiSet.zip"):
        macro = open_results("gd_path=[PATH]") + check + open_results("gd_path=[PATH]") + check
        opened, again = imagej.answers(macro, f"{montage} out/cell_{end}")
        for name in ("id", "x", "y", "area", "diameter_nm", "score", "group", "groups", "run"):
            assert opened[name] == again[name] == found[name], name
        imagej("tidy()")


def test_a_bare_table_is_opened_over_the_image_with_its_pixel_size(imagej, montage, tmp_path):
    table = tmp_path / "by hand.csv"
    table.write_text("x,y,area\n10,20,30\n40,50,120\n")
    macro = open_results("gd_path=[PATH/by hand.csv]", "gd_image=cell.tif", "gd_group=6nm")
    (opened,) = imagej.answers("open(path + '/cell.tif');" + macro, tmp_path)
    assert (opened["x"], opened["group"]) == ([10, 40], ["6nm", "6nm"])
    assert opened["nm_per_px"] == pytest.approx(1.1, rel=1e-6)
    assert "gd_pixel_size" in imagej.fails(open_results("gd_path=[PATH]"), table)
    (alone,) = imagej.answers(open_results("gd_path=[PATH]", "gd_pixel_size=2"), table)
    assert alone["nm_per_px"] == 2


def test_results_that_do_not_fit_or_are_not_there_are_refused(imagej, section, montage, tmp_path):
    imagej.answers("open(path);" + detect("gd_output=[PATH out]"), montage)
    other = saved(section.image[:200, :200], tmp_path / "other.tif")
    results = f"gd_path=[{montage} out/cell_run.json]"
    told = imagej.fails("open(path);" + open_results(results, "gd_image=other.tif"), other)
    assert "other.tif has 200 x 200 px, and the results are of an image of 300 x 260 px; open that image first" in told
    told = imagej.fails(open_results("gd_path=[PATH/none.csv]"), tmp_path)
    assert "none.csv: no such file; check the path" in told
    assert "gd_path: give a run's run.json" in imagej.fails(open_results())


def test_results_whose_image_has_moved_are_opened_over_the_open_one(imagej, montage):
    (found,) = imagej.answers("open(path);" + detect("gd_output=[PATH out]"), montage)
    imagej("tidy()")
    results = f"gd_path=[{montage} out/cell_run.json]"
    moved = montage.rename(montage.with_name("moved.tif"))
    told = imagej.fails(open_results(results))
    assert "No image is open; open the montage first." in told
    imagej("tidy()")
    (opened,) = imagej.answers(
        "open(path);" + open_results(results) + f"if (Overlay.size != {len(found['x'])}) exit('none');", moved
    )
    assert opened["x"] == found["x"]


def test_a_size_group_is_shown_alone(imagej, montage):
    visible = "result = sum(r.getStrokeColor().getAlpha() > 0 for r in IJ.getImage().getOverlay().toArray())"
    (found,) = imagej.answers("open(path);" + detect(), montage)
    middle = round(float(np.median(found["score"])), 3) + 0.0005
    counts = [imagej(visible)]
    for options in (["gd_group=15nm"], ["gd_group=all", f"gd_least_score={middle:.4f}"], []):
        imagej.answers(run("Show Gold Group", *options))
        counts.append(imagej(visible))
    sure = sum(round(score, 4) >= round(middle, 4) for score in found["score"])
    assert counts == [len(found["x"]), found["group"].count("15nm"), sure, len(found["x"])]
    assert 0 < counts[1] < counts[0] > counts[2]
    told = imagej.fails(run("Show Gold Group", "gd_group=9nm"))
    assert "gd_group=9nm: there is no such group; there are" in told
    told = imagej.fails(run("Show Gold Group", "gd_least_score=high"))
    assert "gd_least_score=high: give a number from 0 to 1" in told


def test_the_overlay_lies_in_the_tiff_and_ground_truth_comes_from_there(imagej, montage, tmp_path):
    copy = tmp_path / "with overlay.tif"
    (found,) = imagej.answers("open(path);" + detect() + f"saveAs('tiff', '{copy}');", montage)
    count = len(found["x"])
    imagej("tidy()")
    save = save_truth("gd_folder=[PATH truth]", WHOLE)
    judged, kept = imagej.answers("open(path);" + evaluate() + save, copy)
    properties = imagej("result = [str(roi.getProperties()) for roi in IJ.getImage().getOverlay().toArray()]")
    assert len(properties) == count
    assert all(f"gd_{name}: " in text for name in ("id", "group", "run", "score") for text in properties)
    assert (judged["true_positives"], judged["false_positives"], judged["false_negatives"]) == (count, 0, 0)
    assert (kept["kept"], kept["total"], kept["added"]) == (count, count, 0)
    # From the file, with the overlay not shown.
    imagej("tidy()")
    (of_file,) = imagej.answers(
        "open(path);" + save_truth("gd_folder=[PATH truth]", WHOLE, f"gd_rois=[{copy}]"), montage
    )
    assert (of_file["kept"], of_file["added"]) == (count, 0)


def test_ground_truth_is_saved_loaded_and_judged(imagej, montage, tmp_path):
    told = imagej.fails("open(path);" + detect() + save_truth("gd_folder=[PATH truth]"), montage)
    assert "select what was proof-read, or say that it was the whole image with gd_region=[whole image]" in told
    assert not Path(f"{montage} truth").exists()
    imagej("tidy()")
    # One deleted and one added inside the selection; what is outside counts for nothing.
    left_half = "makeRectangle(0, 0, 150, 260);"
    edits = f"""{left_half} run("Detect Gold Particles...", "gd_region=[whole image]"); Roi.remove;
        Overlay.removeSelection(0); makePoint(20, 30); Overlay.addSelection; {left_half}"""
    grouped = "gd_default_group=6nm"
    macro = "open(path);" + edits + save_truth("gd_folder=[PATH truth]", grouped, "gd_author=[A. Reader]")
    found, kept, judged = imagej.answers(macro + evaluate(grouped), montage)
    inside = sum(x < 149.5 for x in found["x"])
    gone = int(found["x"][0] < 149.5)
    assert 2 < inside < len(found["x"])
    assert (kept["added"], kept["deleted"], kept["kept"], kept["total"]) == (1, gone, inside - gone, inside - gone + 1)
    counts = judged["true_positives"], judged["false_positives"], judged["false_negatives"]
    assert counts == (inside - gone, gone, 1)
    assert f"TP {inside - gone}" in imagej.log
    truth = read_annotation(Path(kept["path"]))
    assert truth.record["author"] == "A. Reader"
    assert truth.annotated[0].max(axis=0).tolist() == [149.5, 259.5]
    imagej("tidy()")
    load = run("Load Gold Ground Truth", "gd_folder=[PATH truth]")
    check = f"getSelectionBounds(x, y, w, h); if (w != 150 || h != 260 || Overlay.size != {kept['total']}) exit('no');"
    (loaded,) = imagej.answers("open(path);" + load + check, montage)
    assert (loaded["parent_run"], len(loaded["x"])) == (found["run"], kept["total"])
    imagej("tidy()")
    told = imagej.fails("open(path);" + run("Load Gold Ground Truth", f"gd_folder=[{tmp_path}]"), montage)
    assert f"{tmp_path}: " in told


def test_nothing_to_save_or_to_judge_is_said(imagej, montage):
    told = imagej.fails("open(path);" + save_truth(WHOLE, "gd_folder=[PATH truth]"), montage)
    none = "there are no ROIs; detect the gold or open its results first, or name a RoiSet.zip with gd_rois=PATH"
    assert none in told
    assert none in imagej.fails(evaluate(WHOLE))
    assert "gd_folder: give a folder for the ground truth" in imagej.fails(save_truth(WHOLE))
    assert "gd_rois=ROI Manager: it is not open; take gd_rois=overlay" in imagej.fails(
        evaluate("gd_rois=[ROI Manager]")
    )
    assert "gd_rois=clipboard: choose 'ROI Manager', 'overlay'" in imagej.fails(evaluate("gd_rois=clipboard"))
    told = imagej.fails(evaluate("gd_rois=[PATH/none.zip]"), montage.parent)
    assert "none.zip: " in told
    assert "there is no such file or folder" in imagej.fails(run("Load Gold Ground Truth", "gd_folder=[PATH/no]"), "/")


def test_a_model_is_trained_further_and_used(imagej, section, montage, tmp_path):
    saved(section.image, tmp_path / "two.tif")
    macro = ""
    for name in ("cell.tif", "two.tif"):
        macro += f"open(path + '/{name}');" + detect(f"gd_image={name}")
        macro += save_truth(f"gd_image={name}", "gd_folder=[PATH/the truth]", WHOLE)
    macro += run("Retrain Gold Model", "gd_folder=[PATH/the truth]", "gd_output=[PATH/my model]", *QUICK)
    macro += detect("gd_image=cell.tif", "gd_model=[PATH/my model]", "gd_output=[PATH/out]")
    *_, made, found = imagej.answers(macro, tmp_path)
    assert (made["folder"], made["images"]) == (str(tmp_path / "my model"), 2)
    record = json.loads((tmp_path / "out" / "cell_run.json").read_text())
    assert (record["model"]["name"], record["run"]) == ("my model", found["run"])
    retrain = run("Retrain Gold Model", "gd_folder=[PATH/the truth]", "gd_output=[PATH/my model]", *QUICK)
    told = imagej.fails(retrain, tmp_path)
    assert "holds a finished model, which is kept; choose another folder with gd_output" in told
    assert "gd_epochs=few: give a whole number" in imagej.fails(run("Retrain Gold Model", "gd_epochs=few"))
    assert "gd_folder: give the folder of ground truth" in imagej.fails(run("Retrain Gold Model"))


def test_a_folder_goes_on_past_a_bad_file_and_the_macro_fails_at_its_end(imagej, section, tmp_path):
    folder = tmp_path / "all images"
    folder.mkdir()
    saved(section.image[:260, :300], folder / "a.tif")
    (folder / "b.tif").write_text("no image")
    saved(section.image[100:360, 200:500], folder / "c.tif")
    command = run("Detect Gold in Folder", "gd_folder=[PATH]")
    told = imagej.fails(command, folder)
    assert "1 failed: b.tif (" in told
    tables = [folder / "gold-digger" / f"{stem}_particles.csv" for stem in "ac"]
    assert all(len(read_particles_csv(table)) > 5 for table in tables)
    times = [table.stat().st_mtime_ns for table in tables]
    (folder / "gold-digger" / "c_overlay.png").unlink()
    (folder / "b.tif").unlink()
    (again,) = imagej.answers(command, folder)
    assert again["earlier"] == [True, False]
    assert [table.stat().st_mtime_ns == time for table, time in zip(tables, times, strict=True)] == [True, False]
    (redone,) = imagej.answers(run("Detect Gold in Folder", "gd_folder=[PATH]", "gd_redo"), folder)
    assert redone["earlier"] == [False, False]
    assert "gd_folder: give a folder of images" in imagej.fails(run("Detect Gold in Folder"))
    told = imagej.fails(run("Detect Gold in Folder", "gd_folder=[PATH/none]"), folder)
    assert "none: there is no such folder" in told


def test_the_doctor_reports_in_the_log(imagej):
    (report,) = imagej.answers('run("Gold Digger Doctor");')
    assert len(report["name"]) == len(report["passed"]) > 3
    assert all(name in imagej.log for name in report["name"])
    assert "no options" in imagej.fails('run("Gold Digger Doctor", "gd_model=gold");')


def test_a_review_needs_a_person(imagej, montage):
    told = imagej.fails("open(path);" + detect() + 'run("Review Gold Particles");', montage)
    assert "A review needs a person and the image in a window" in told
