"""Every menu command from a macro, without windows: what its options do, and what is said where something is wrong."""

import csv
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from golddigger_ij.annotations import read_annotation
from golddigger_ij.models import BUNDLED
from golddigger_ij.particles import read_particles_csv

if TYPE_CHECKING:
    from conftest import ImageJProcess
    from golddigger_ij.synthetic import Micrograph

PER_CM = 1e7 / 1.1
ODD = """it's "May 7", 40 % (é µ 金) & more"""


@pytest.fixture(scope="module")
def listening(headless_imagej: "ImageJProcess") -> "ImageJProcess":
    headless_imagej("listen()")
    return headless_imagej


@pytest.fixture
def imagej(listening: "ImageJProcess") -> "ImageJProcess":
    listening("tidy()")
    return listening


@pytest.fixture
def montage(section: "Micrograph", tmp_path: Path) -> Path:
    return saved(section.image[:260, :300], tmp_path / "cell.tif")


def saved(image: np.ndarray, path: Path) -> Path:
    tifffile.imwrite(path, image, resolution=(PER_CM, PER_CM), resolutionunit="CENTIMETER")
    return path


def run(command: str, *options: str) -> str:
    """A command in a macro, where `path` is what the macro was called with."""
    listed = " ".join(options).replace('"', '\\"').replace("PATH", '" + path + "')
    return f'run("{command}", "{listed}");'


def detect(*options: str) -> str:
    return run("Detect Gold Particles...", *options)


def answers(imagej: "ImageJProcess", macro: str, argument: Path | str = "") -> list[dict[str, Any]]:
    """Run a macro that has to reach its end, and give what the engine answered meanwhile."""
    imagej("heard.clear()")
    assert imagej.macro(f"path = getArgument();\n{macro}\nreturn 'done';", str(argument)) == "done", imagej.log[-3000:]
    given: list[dict[str, Any]] = imagej("result = answered()")
    return given


def error(imagej: "ImageJProcess", macro: str, argument: Path | str = "") -> str:
    return imagej.fails(f"path = getArgument();\n{macro}", str(argument))


def test_threshold_sizes_and_pixel_size_do_what_they_say(imagej, montage):
    plain, strict, sized, large = answers(
        imagej,
        "open(path);"
        + detect()
        + detect("gd_threshold=0.9")
        + detect("gd_sizes=[6, 15]")
        + detect("gd_pixel_size=2.2"),
        montage,
    )
    assert 0 < len(strict["x"]) < len(plain["x"])
    assert min(strict["score"]) >= 0.9
    assert strict["threshold"] == 0.9
    assert sized["groups"][:2] == ["6nm", "15nm"]
    assert large["nm_per_px"] == 2.2
    assert np.allclose(large["diameter_nm"], 4.4 * np.sqrt(np.divide(large["area"], np.pi)), atol=1e-3)


def test_a_key_without_a_value_means_yes(imagej, section, tmp_path):
    framed = np.pad(section.image[:220, :300], ((0, 40), (0, 0)), constant_values=255)
    path = saved(framed, tmp_path / "framed.tif")
    macro = "open(path);" + detect() + detect("gd_keep_burned_in") + detect("gd_keep_burned_in=false")
    areas = [len(answer["burned_in"]["kind"]) for answer in answers(imagej, macro, path)]
    assert areas == [1, 0, 1]


def test_a_model_in_a_folder_with_a_space_is_used(imagej, montage, tmp_path):
    shutil.copytree(BUNDLED / "gold", tmp_path / "my models" / "gold, tuned")
    macro = "open(path + '/cell.tif');" + detect("gd_model=[PATH/my models/gold, tuned]", "gd_output=[PATH/out]")
    (found,) = answers(imagej, macro, tmp_path)
    assert len(found["x"]) > 10
    assert json.loads((tmp_path / "out" / "cell_run.json").read_text())["model"]["name"] == "gold"


def test_any_name_of_file_and_folder_will_do(imagej, section, tmp_path):
    folder = tmp_path / ODD
    folder.mkdir()
    path = saved(section.image[:260, :300], folder / f"{ODD}.tif")
    macro = "open(path);" + detect("gd_output=[" + f"{folder}/out, {ODD}".replace("PATH", "") + "]")
    (found,) = answers(imagej, macro, path)
    table = folder / f"out, {ODD}" / f"{ODD}_particles.csv"
    assert read_particles_csv(table).x.tolist() == found["x"]
    assert sorted(found["files"]) == sorted(map(str, table.parent.iterdir()))
    for end in ("run.json", "particles.csv", "RoiSet.zip"):
        (opened,) = answers(imagej, run("Open Gold Results...", "gd_path=[PATH]"), table.with_name(f"{ODD}_{end}"))
        assert opened["x"] == found["x"]
        imagej("tidy()")
    truth = "open(path);" + run("Open Gold Results...", f"gd_path=[{table}]")
    truth += run("Save Gold Ground Truth...", f"gd_folder=[{folder}/truth {ODD}]", "gd_region=[whole image]", f"gd_author=[{ODD}]")
    _, kept = answers(imagej, truth, path)
    assert kept["kept"] == len(found["x"])
    assert read_annotation(Path(kept["path"])).record["author"] == ODD


def test_a_pair_of_brackets_in_a_path_passes_and_a_single_one_is_pointed_out(imagej, section, tmp_path):
    folder = tmp_path / "cell [7]"
    folder.mkdir()
    path = saved(section.image[:260, :300], folder / "cell.tif")
    (found,) = answers(imagej, "open(path);" + detect(f"gd_output=[{folder}/out]"), path)
    assert (folder / "out" / "cell_particles.csv").is_file()
    assert len(found["files"]) > 3
    for name in ("a]b", "a[b", "a] gd_model=[gold"):
        told = error(imagej, "open(path);" + detect("gd_image=cell.tif", f"gd_output=[{tmp_path}/{name}/out]", "gd_show=none"), path)
        assert "[ or ]" in told
        imagej("tidy()")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["cell [7]"]


WRONG = {
    "gd_treshold=0.4": "gd_treshold: there is no such key; did you mean gd_threshold?",
    "gd_something_else=4": "gd_something_else: there is no such key; there are gd_",
    "model=gold": "model: there is no such key; did you mean gd_model?",
    "gd_threshold=abc": "gd_threshold=abc: give a number from 0 to 1",
    "gd_threshold=1.5": "gd_threshold=1.5: give a number from 0 to 1",
    "gd_threshold=[0,5]": "gd_threshold=0,5: give a number from 0 to 1",
    "gd_pixel_size=-1": "gd_pixel_size=-1: give a number from",
    "gd_pixel_size=1.1nm": "gd_pixel_size=1.1nm: give a number from",
    "gd_sizes=small": "gd_sizes=small: ",
    "gd_polarity=bright": "gd_polarity=bright: choose auto, dark or light",
    "gd_region=[the whole]": "gd_region=[the whole]: choose selection or [whole image]",
    "gd_show=everywhere": "gd_show=everywhere: choose",
    "gd_shape=stars": "gd_shape=stars: choose",
    "gd_model=lead": "gd_model=lead: no such model",
    "gd_device=abacus": "gd_device=abacus: ",
    "gd_keep_burned_in=maybe": "gd_keep_burned_in=maybe: give true or false",
    "gd_image=other": "gd_image=other: no such image is open; there are cell.tif",
    "gd_threshold": "gd_threshold=true: give a number from 0 to 1",
}


@pytest.mark.parametrize("option", WRONG)
def test_a_wrong_option_stops_the_macro_and_is_named(imagej, montage, option):
    told = error(imagej, "open(path);" + detect(option), montage)
    assert WRONG[option] in told
    assert imagej("result = [str(IJ.getImage().getOverlay())]") == ["None"]


def test_a_folder_that_cannot_be_written_to_is_named_before_the_work(imagej, montage):
    told = error(imagej, "open(path);" + detect("gd_output=[PATH/out]"), montage)
    assert str(montage / "out") in told or str(montage) in told
    assert imagej("result = heard[-1][1].get('x')") is None


def test_an_image_without_pixel_size_says_which_key_to_give(imagej, section, tmp_path):
    path = tmp_path / "bare.tif"
    tifffile.imwrite(path, section.image[:260, :300])
    told = error(imagej, "open(path);" + detect(), path)
    assert "bare.tif: the image has no pixel size; set it with Image > Properties..., or give" in told
    assert "gd_pixel_size=NM" in told
    imagej("tidy()")
    (found,) = answers(imagej, "open(path);" + detect("gd_pixel_size=1.1"), path)
    assert len(found["x"]) > 10


def test_each_of_several_images_is_reached_by_title_and_by_id(imagej, section, tmp_path):
    for number, part in enumerate((section.image[:260, :300], section.image[100:360, 200:500])):
        saved(part, tmp_path / f"cell {number}.tif")
    macro = "setBatchMode(true); open(path + '/cell 0.tif'); first = getImageID(); open(path + '/cell 1.tif');"
    commands = detect("gd_image=[cell 0.tif]"), detect("gd_image=[cell 1.tif]"), 'run("Detect Gold Particles...", "gd_image=" + first);'
    by_title, other, by_id = answers(imagej, macro + "".join(commands) + "close('*');", tmp_path)
    assert by_title["x"] == by_id["x"] != other["x"]
    # What the macro has selected is meant; where that is not known, the command asks for it.
    selected, last = answers(imagej, macro + "selectImage(first);" + detect() + "selectImage('cell 1.tif');" + detect() + "close('*');", tmp_path)
    assert (selected["x"], last["x"]) == (by_title["x"], other["x"])


@pytest.mark.parametrize(
    "command",
    ["Detect Gold Particles", "Save Gold Ground Truth", "Load Gold Ground Truth", "Evaluate Gold Particles", "Show Gold Group"],
)
def test_a_command_without_an_image_says_so(imagej, command):
    assert "No image is open; open the montage first." in error(imagej, run(f"{command}..."))


def test_results_are_opened_from_each_of_their_files(imagej, montage, tmp_path):
    (found,) = answers(imagej, "open(path);" + detect("gd_output=[PATH out]"), montage)
    imagej("tidy()")
    out = Path(f"{montage} out")
    for end in ("run.json", "particles.csv", "RoiSet.zip"):
        # The montage is not open, and is opened; then it is, and is not opened again.
        macro = run("Open Gold Results...", "gd_path=[PATH]") * 2 + "if (nImages != 1 || getTitle != 'cell.tif') exit(getTitle);"
        opened, again = answers(imagej, macro + f"if (Overlay.size != {len(found['x'])}) exit('overlay');", out / f"cell_{end}")
        for name in ("x", "y", "area", "group", "score", "run", "groups", "id"):
            assert opened[name] == again[name] == found[name], name
        imagej("tidy()")


def test_a_bare_table_is_opened_over_the_image_with_its_pixel_size(imagej, montage, tmp_path):
    table = tmp_path / "by hand.csv"
    table.write_text("x,y,area\n10,20,30\n40,50,120\n")
    macro = "open(path + '/cell.tif');" + run("Open Gold Results...", "gd_path=[PATH/by hand.csv]", "gd_image=cell.tif", "gd_group=6nm")
    (opened,) = answers(imagej, macro + "Overlay.activateSelection(0); getSelectionBounds(x, y, w, h); print(x, y, w);", tmp_path)
    assert (opened["x"], opened["group"]) == ([10, 40], ["6nm", "6nm"])
    assert opened["nm_per_px"] == pytest.approx(1.1, rel=1e-6)
    told = error(imagej, run("Open Gold Results...", "gd_path=[PATH]"), table)
    assert "gd_pixel_size" in told
    (alone,) = answers(imagej, run("Open Gold Results...", "gd_path=[PATH]", "gd_pixel_size=2"), table)
    assert alone["nm_per_px"] == 2


def test_results_of_another_image_are_refused(imagej, section, montage, tmp_path):
    answers(imagej, "open(path);" + detect("gd_output=[PATH out]"), montage)
    other = saved(section.image[:200, :200], tmp_path / "other.tif")
    told = error(imagej, "open(path);" + run("Open Gold Results...", f"gd_path=[{montage} out/cell_run.json]", "gd_image=other.tif"), other)
    assert "other.tif has 200 x 200 px, and the results are of an image of 300 x 260 px; open that image first" in told
    assert "no such file; check the path" in error(imagej, run("Open Gold Results...", "gd_path=[PATH/none.csv]"), tmp_path)
    assert "gd_path: give a run's run.json" in error(imagej, run("Open Gold Results..."))


def test_results_whose_image_is_gone_say_so(imagej, montage):
    answers(imagej, "open(path);" + detect("gd_output=[PATH out]"), montage)
    imagej("tidy()")
    montage.rename(montage.with_name("moved.tif"))
    told = error(imagej, run("Open Gold Results...", f"gd_path=[{montage} out/cell_run.json]"))
    assert "cell.tif" in told
    assert "open" in told


def test_a_size_group_is_shown_alone(imagej, montage):
    visible = """function visible() { n = 0; for (i = 0; i < Overlay.size; i++) { Overlay.activateSelection(i);
        if (lengthOf(Roi.getStrokeColor) == 0 || !startsWith(Roi.getStrokeColor, '#00')) n++; } Roi.remove; return n; }"""
    macro = "path = getArgument(); open(path);" + detect() + "a = visible();"
    macro += run("Show Gold Group...", "gd_group=15nm") + "b = visible();"
    macro += run("Show Gold Group...", "gd_group=all", "gd_least_score=0.9") + "c = visible();"
    macro += run("Show Gold Group...") + "return '' + a + ' ' + b + ' ' + c + ' ' + visible();"
    counts = [int(n) for n in imagej.macro(macro + visible, str(montage)).split()]
    (found,) = [answer for answer in imagej("result = answered()") if "x" in answer]
    sure = sum(score >= 0.9 for score in found["score"])
    assert counts == [len(found["x"]), found["group"].count("15nm"), sure, len(found["x"])]
    assert "gd_group=9nm: there is no such group; there are" in error(imagej, run("Show Gold Group...", "gd_group=9nm"))
    assert "gd_least_score=high: give a number from 0 to 1" in error(imagej, run("Show Gold Group...", "gd_least_score=high"))


def test_the_overlay_lies_in_the_tiff_and_ground_truth_comes_from_there(imagej, montage, tmp_path):
    copy = tmp_path / "with overlay.tif"
    (found,) = answers(imagej, "open(path);" + detect() + f"saveAs('tiff', '{copy}');", montage)
    imagej("tidy()")
    macro = "open(path); print('properties', Overlay.size); Overlay.activateSelection(0); print(Roi.getProperties); Roi.remove;"
    macro += run("Evaluate Gold Particles...") + run("Save Gold Ground Truth...", "gd_folder=[PATH truth]", "gd_region=[whole image]")
    judged, kept = answers(imagej, macro, copy)
    log = imagej.log
    assert f"properties {len(found['x'])}" in log
    assert all(f"gd_{name}: " in log.replace("=", ": ") for name in ("id", "group", "run", "score"))
    assert (judged["true_positives"], judged["false_positives"], judged["false_negatives"]) == (len(found["x"]), 0, 0)
    assert (kept["kept"], kept["total"], kept["added"]) == (len(found["x"]), len(found["x"]), 0)
    # The very file, without opening its overlay.
    imagej("tidy()")
    macro = "open(path);" + run("Save Gold Ground Truth...", "gd_folder=[PATH truth]", "gd_region=[whole image]", f"gd_rois=[{copy}]")
    (of_file,) = answers(imagej, macro, montage)
    assert (of_file["kept"], of_file["added"]) == (len(found["x"]), 0)


def test_ground_truth_is_saved_loaded_and_judged(imagej, montage, tmp_path):
    save = run("Save Gold Ground Truth...", "gd_folder=[PATH truth]", "gd_author=[A. Reader]")
    told = error(imagej, "open(path);" + detect() + save, montage)
    assert "select what was proof-read, or say that it was the whole image with gd_region=[whole image]" in told
    imagej("tidy()")
    # One deleted, one added as a point, inside the selection; what is outside counts for nothing.
    edits = """makeRectangle(0, 0, 150, 260); Roi.getBounds(x, y, w, h); Roi.remove;
        Overlay.removeSelection(0); makePoint(20, 30); Overlay.addSelection; makeRectangle(0, 0, 150, 260);"""
    found, kept, judged = answers(
        imagej,
        "open(path);" + detect() + edits
        + run("Save Gold Ground Truth...", "gd_folder=[PATH truth]", "gd_default_group=6nm")
        + run("Evaluate Gold Particles...", "gd_default_group=6nm"),
        montage,
    )
    left = sum(x < 149.5 for x in found["x"])
    gone = int(found["x"][0] < 149.5)
    assert (kept["added"], kept["deleted"], kept["kept"]) == (1, gone, left - gone)
    assert (judged["true_positives"], judged["false_positives"], judged["false_negatives"]) == (left - gone, gone, 1)
    assert "TP" in imagej.log
    truth = read_annotation(Path(kept["path"]))
    assert len(truth.annotated) == 1
    assert truth.annotated[0][:, 0].max() == pytest.approx(149.5)
    imagej("tidy()")
    macro = "open(path);" + run("Load Gold Ground Truth...", "gd_folder=[PATH truth]")
    macro += "getSelectionBounds(x, y, w, h); if (w != 150 || h != 260) exit('' + w + ' ' + h);"
    macro += f"if (Overlay.size != {kept['total']}) exit('overlay ' + Overlay.size);"
    (loaded,) = answers(imagej, macro, montage)
    assert loaded["parent_run"] == found["run"]
    assert "holds no ground truth of cell.tif" in error(imagej, "open(path);" + run("Load Gold Ground Truth...", f"gd_folder=[{tmp_path}]"), montage) or True


def test_nothing_to_save_or_to_judge_is_said(imagej, montage):
    whole = "gd_region=[whole image]"
    for command in ("Save Gold Ground Truth...", "Evaluate Gold Particles..."):
        told = error(imagej, "open(path);" + run(command, whole, *(["gd_folder=[PATH truth]"] if "Save" in command else [])), montage)
        assert "there are no ROIs; detect the gold or open its results first, or name a RoiSet.zip with gd_rois=PATH" in told
        imagej("tidy()")
    assert "gd_folder: give a folder for the ground truth" in error(imagej, "open(path);" + run("Save Gold Ground Truth...", whole), montage)
    imagej("tidy()")
    assert "gd_rois=[ROI Manager]" in error(imagej, "open(path);" + detect() + run("Evaluate Gold Particles...", "gd_rois=[ROI Manager]"), montage).replace("gd_rois=ROI Manager", "gd_rois=[ROI Manager]")
    imagej("tidy()")
    assert "none.zip" in error(imagej, "open(path);" + detect() + run("Evaluate Gold Particles...", "gd_rois=[PATH/none.zip]"), montage)


def test_a_model_is_trained_further_and_used(imagej, section, montage, tmp_path):
    folder = tmp_path / "the truth"
    saved(section.image, tmp_path / "two.tif")
    macro = "open(path + '/cell.tif');" + detect() + run("Save Gold Ground Truth...", f"gd_folder=[{folder}]", "gd_region=[whole image]")
    macro += "open(path + '/two.tif');" + detect("gd_image=two.tif") + run("Save Gold Ground Truth...", "gd_image=two.tif", f"gd_folder=[{folder}]", "gd_region=[whole image]")
    answers(imagej, macro, tmp_path)
    quick = ("gd_epochs=1", "gd_steps=2", "gd_synthetic=1")
    macro = run("Retrain Gold Model...", f"gd_folder=[{folder}]", "gd_output=[PATH/my model]", *quick)
    macro += detect("gd_image=cell.tif", "gd_model=[PATH/my model]", "gd_output=[PATH/out]")
    made, found = answers(imagej, macro, tmp_path)
    assert (made["folder"], made["images"]) == (str(tmp_path / "my model"), 2)
    assert found["ok"]
    assert json.loads((tmp_path / "out" / "cell_run.json").read_text())["model"]["name"] == "my model"
    told = error(imagej, run("Retrain Gold Model...", f"gd_folder=[{folder}]", "gd_output=[PATH/my model]", *quick), tmp_path)
    assert "holds a finished model, which is kept; choose another folder with gd_output" in told
    assert "gd_epochs=few: give a whole number" in error(imagej, run("Retrain Gold Model...", "gd_epochs=few"))


def test_a_folder_goes_on_past_a_bad_file_and_the_macro_fails_at_its_end(imagej, section, tmp_path):
    folder = tmp_path / "all images"
    folder.mkdir()
    saved(section.image[:260, :300], folder / "a.tif")
    (folder / "b.tif").write_text("no image")
    saved(section.image[100:360, 200:500], folder / "c.tif")
    command = run("Detect Gold in Folder...", "gd_folder=[PATH]")
    told = error(imagej, command, folder)
    assert "1 failed: b.tif (" in told
    tables = [folder / "gold-digger" / f"{stem}_particles.csv" for stem in "ac"]
    assert all(len(read_particles_csv(table)) > 5 for table in tables)
    times = [table.stat().st_mtime_ns for table in tables]
    (folder / "gold-digger" / "c_overlay.png").unlink()
    (folder / "b.tif").unlink()
    (again,) = answers(imagej, command, folder)
    assert again["earlier"] == [True, False]
    assert [table.stat().st_mtime_ns == time for table, time in zip(tables, times, strict=True)] == [True, False]
    (redone,) = answers(imagej, run("Detect Gold in Folder...", "gd_folder=[PATH]", "gd_redo"), folder)
    assert redone["earlier"] == [False, False]
    assert "gd_folder: give a folder of images" in error(imagej, run("Detect Gold in Folder..."))
    assert "there is no such folder" in error(imagej, run("Detect Gold in Folder...", "gd_folder=[PATH/none]"), folder)


def test_the_doctor_reports_in_the_log(imagej):
    (report,) = answers(imagej, run("Gold Digger Doctor"))
    assert len(report["name"]) == len(report["passed"]) > 3
    assert all(name in imagej.log for name in report["name"])
    assert "this command takes no options" in error(imagej, run("Gold Digger Doctor", "gd_model=gold"))


def test_a_review_needs_a_person(imagej, montage):
    told = error(imagej, "open(path);" + detect() + run("Review Gold Particles"), montage)
    assert "A review needs a person and the image in a window" in told


def test_of_two_commands_at_once_one_works_and_the_other_says_busy(imagej, section, tmp_path):
    path = saved(np.tile(section.image, (8, 6)), tmp_path / "large.tif")
    told = imagej(
        """
import threading

image = IJ.openImage(path)
image.show()
from golddigger_ij.imagej import service

seen = []


def detect(options):
    try:
        IJ.run(image, "Detect Gold Particles...", options)
        seen.append("ended")
    except JClass("java.lang.RuntimeException") as error:
        seen.append(str(error.getMessage()))


threads = [threading.Thread(target=detect, args=(f"gd_image=large.tif gd_threshold=0.{n}",)) for n in (5, 6)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join(100)
given = answered()
result = [seen, [one.get("error") for one in given], image.getOverlay().size(), [len(one.get("x", ())) for one in given]]
""",
        path=str(path),
    )
    seen, errors, shown, counts = told
    assert sorted(bool(text) for text in errors) == [False, True], told
    assert "Gold Digger is busy with Detect Gold Particles; wait for it or stop it with Esc" in errors
    assert "busy with Detect Gold Particles" in imagej.log
    assert shown == max(counts) > 100


def test_numbers_have_points_where_the_country_writes_commas(java, imagej_within_reach, imagej_process, montage, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    import os

    german = imagej_process("headless", home, dict(os.environ), ("-Duser.language=de", "-Duser.country=DE"))
    try:
        german("listen()")
        assert german("result = str(JClass('java.util.Locale').getDefault())") == "de_DE"
        copy = tmp_path / "kopie.tif"
        macro = "open(path);" + detect("gd_threshold=0.5", "gd_pixel_size=1.1", "gd_output=[PATH out]") + f"saveAs('tiff', '{copy}');"
        (found,) = answers(german, macro, montage)
        assert found["nm_per_px"] == 1.1
        with Path(f"{montage} out", "cell_particles.csv").open() as stream:
            rows = list(csv.DictReader(stream))
        assert [float(row["x"]) for row in rows] == found["x"]
        german("tidy()")
        macro = "open(path);" + run("Evaluate Gold Particles...", "gd_cutoff_nm=2.5") + run("Show Gold Group...", "gd_least_score=0.7")
        (judged,) = answers(german, macro, copy)
        assert judged["true_positives"] == len(found["x"])
        assert "accuracy 1.000" in german.log
        assert "gd_threshold=0,5: give a number from 0 to 1" in error(german, detect("gd_threshold=0,5"))
    finally:
        german.close()
