"""Detect from a macro, without windows: what its options do, and what is said where something is wrong."""

import csv
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from golddigger_ij.annotations import read_annotation
from golddigger_ij.models import BUNDLED
from golddigger_ij.particles import read_particles_csv

if TYPE_CHECKING:
    from golddigger_ij.synthetic import Micrograph

PER_CM = 1e7 / 1.1
ODD = """it's "May 7", 40 % (é µ 金) & more"""


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


def between(scores: list[float]) -> float:
    """A score that no particle has, above some and below others."""
    ordered = np.sort(scores)
    step = int(np.diff(ordered).argmax())
    return float(ordered[step : step + 2].mean().round(6))


def test_threshold_sizes_and_pixel_size_do_what_they_say(imagej, montage):
    (plain,) = imagej.answers("open(path);" + detect(), montage)
    middle = between(plain["score"])
    macro = detect(f"gd_threshold={middle}") + detect("gd_sizes=[6, 15]") + detect("gd_pixel_size=2.2")
    strict, sized, large = imagej.answers(macro)
    assert strict["x"] == [x for x, score in zip(plain["x"], plain["score"], strict=True) if score >= middle]
    assert len(strict["x"]) < len(plain["x"])
    assert strict["threshold"] == middle
    assert sized["groups"][:2] == ["6nm", "15nm"]
    assert large["nm_per_px"] == 2.2
    assert np.allclose(large["diameter_nm"], 4.4 * np.sqrt(np.divide(large["area"], np.pi)), atol=1e-3)


def test_a_key_without_a_value_means_yes(imagej, section, tmp_path):
    framed = np.pad(section.image[:220, :300], ((0, 40), (0, 0)), constant_values=255)
    path = saved(framed, tmp_path / "framed.tif")
    macro = "open(path);" + detect() + detect("gd_keep_burned_in") + detect("gd_keep_burned_in=false")
    areas = [len(answer["burned_in"]["kind"]) for answer in imagej.answers(macro, path)]
    assert areas == [1, 0, 1]


def test_a_model_in_a_folder_with_a_space_is_used(imagej, montage, tmp_path):
    shutil.copytree(BUNDLED / "gold", tmp_path / "my models" / "gold, tuned")
    macro = "open(path + '/cell.tif');" + detect("gd_model=[PATH/my models/gold, tuned]", "gd_output=[PATH/out]")
    (found,) = imagej.answers(macro, tmp_path)
    assert len(found["x"]) > 10
    assert json.loads((tmp_path / "out" / "cell_run.json").read_text())["model"]["name"] == "gold"


def test_any_name_of_file_and_folder_will_do(imagej, section, tmp_path):
    folder = tmp_path / ODD
    folder.mkdir()
    path = saved(section.image[:260, :300], folder / f"{ODD}.tif")
    macro = "open(path);" + detect(f"gd_output=[{folder}/out, {ODD}]")
    (found,) = imagej.answers(macro, path)
    table = folder / f"out, {ODD}" / f"{ODD}_particles.csv"
    assert read_particles_csv(table).x.tolist() == found["x"]
    assert sorted(found["files"]) == sorted(map(str, table.parent.iterdir()))
    for end in ("run.json", "particles.csv", "RoiSet.zip"):
        (opened,) = imagej.answers(run("Open Gold Results...", "gd_path=[PATH]"), table.with_name(f"{ODD}_{end}"))
        assert opened["x"] == found["x"]
        imagej("tidy()")
    truth = "open(path);" + run("Open Gold Results...", f"gd_path=[{table}]")
    truth += run(
        "Save Gold Ground Truth...",
        f"gd_folder=[{folder}/truth {ODD}]",
        "gd_region=[whole image]",
        f"gd_author=[{ODD}]",
    )
    _, kept = imagej.answers(truth, path)
    assert kept["kept"] == len(found["x"])
    assert read_annotation(Path(kept["path"])).record["author"] == ODD


def test_a_pair_of_brackets_in_a_path_passes_and_a_single_one_is_pointed_out(imagej, section, tmp_path):
    folder = tmp_path / "cell [7]"
    folder.mkdir()
    path = saved(section.image[:260, :300], folder / "cell.tif")
    (found,) = imagej.answers("open(path);" + detect(f"gd_output=[{folder}/out]"), path)
    assert (folder / "out" / "cell_particles.csv").is_file()
    assert len(found["files"]) > 3
    for name in ("a]b", "a[b", "a] b"):
        told = imagej.fails("open(path);" + detect(f"gd_output=[{tmp_path}/{name}/out]"), path)
        assert "gd_output: a lone [ or ] cannot pass through the options of a macro" in told
        imagej("tidy()")
    # Without brackets around it, it can.
    imagej.answers("open(path);" + detect(f"gd_output={tmp_path}/a]b"), path)
    assert (tmp_path / "a]b" / "cell_particles.csv").is_file()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a]b", "cell [7]"]


def test_a_value_may_stand_in_single_quotes(imagej, montage):
    imagej.answers("open(path);" + detect("gd_output='PATH out'"), montage)
    assert Path(f"{montage} out", "cell_particles.csv").is_file()
    told = imagej.fails(detect("gd_output='PATH out"), montage)
    assert "gd_output: a value that begins with ' ends with '" in told


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
    "gd_threshold": "gd_threshold=True: give a number from 0 to 1",
}


@pytest.mark.parametrize("option", WRONG)
def test_a_wrong_option_stops_the_macro_and_is_named(imagej, montage, option):
    told = imagej.fails("open(path);" + detect(option), montage)
    assert WRONG[option] in told
    assert imagej("result = [str(IJ.getImage().getOverlay())]") == ["None"]


def test_a_folder_that_cannot_be_written_to_is_named_before_the_work(imagej, montage):
    told = imagej.fails("open(path);" + detect("gd_output=[PATH/out]"), montage)
    assert str(montage) in told
    assert imagej("result = heard[-1][1].get('x')") is None


def test_an_image_without_pixel_size_says_which_key_to_give(imagej, section, tmp_path):
    path = tmp_path / "bare.tif"
    tifffile.imwrite(path, section.image[:260, :300])
    told = imagej.fails("open(path);" + detect(), path)
    assert "bare.tif: the image has no pixel size; set it with Image > Properties..., or give" in told
    assert "gd_pixel_size=NM" in told
    imagej("tidy()")
    (found,) = imagej.answers("open(path);" + detect("gd_pixel_size=1.1"), path)
    assert len(found["x"]) > 10


def test_each_of_several_images_is_reached_by_title_and_by_id(imagej, section, tmp_path):
    for number, part in enumerate((section.image[:260, :300], section.image[100:360, 200:500])):
        saved(part, tmp_path / f"cell {number}.tif")
    macro = "setBatchMode(true); open(path + '/cell 0.tif'); first = getImageID(); open(path + '/cell 1.tif');"
    commands = (
        detect("gd_image=[cell 0.tif]"),
        detect("gd_image=[cell 1.tif]"),
        'run("Detect Gold Particles...", "gd_image=" + first);',
    )
    by_title, other, by_id = imagej.answers(macro + "".join(commands) + "close('*');", tmp_path)
    assert by_title["x"] == by_id["x"] != other["x"]
    # Without a name, what the macro has selected is meant.
    selecting = "selectImage(first);" + detect() + "selectImage('cell 1.tif');" + detect()
    selected, last = imagej.answers(macro + selecting + "close('*');", tmp_path)
    assert (selected["x"], last["x"]) == (by_title["x"], other["x"])


@pytest.mark.parametrize(
    "command",
    [
        "Detect Gold Particles",
        "Save Gold Ground Truth",
        "Load Gold Ground Truth",
        "Evaluate Gold Particles",
        "Show Gold Group",
    ],
)
def test_a_command_without_an_image_says_so(imagej, command):
    assert "No image is open; open the montage first." in imagej.fails(run(f"{command}..."))


def test_of_two_commands_at_once_one_works_and_the_other_says_busy(imagej, section, tmp_path):
    path = saved(np.tile(section.image, (8, 6)), tmp_path / "large.tif")
    errors, counts, shown = imagej(
        """
import threading

listen()
image = IJ.openImage(path)
image.show()


def detect(threshold):
    try:
        IJ.run(image, "Detect Gold Particles...", f"gd_image=large.tif gd_threshold={threshold}")
    except JClass("java.lang.RuntimeException"):
        # As a macro is stopped.
        pass


threads = [threading.Thread(target=detect, args=(threshold,)) for threshold in (0.5, 0.6)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join(100)
given = answered()
result = [[one.get("error", "") for one in given], [len(one.get("x", ())) for one in given], image.getOverlay().size()]
""",
        path=str(path),
    )
    busy = "Gold Digger is busy with Detect Gold Particles; wait for it or stop it with Esc"
    assert sorted(errors) == ["", busy]
    assert busy in imagej.log
    assert shown == max(counts) > 100


@pytest.mark.slow
def test_numbers_have_points_where_the_country_writes_commas(
    java, imagej_within_reach, imagej_process, montage, tmp_path
):
    home = tmp_path / "home"
    home.mkdir()
    german = imagej_process("headless", home, dict(os.environ), ("-Duser.language=de", "-Duser.country=DE"))
    try:
        assert german("result = str(JClass('java.util.Locale').getDefault())") == "de_DE"
        copy = tmp_path / "kopie.tif"
        macro = (
            "open(path);"
            + detect("gd_threshold=0.5", "gd_pixel_size=1.1", "gd_output=[PATH out]")
            + f"saveAs('tiff', '{copy}');"
        )
        (found,) = german.answers(macro, montage)
        assert found["nm_per_px"] == 1.1
        with Path(f"{montage} out", "cell_particles.csv").open() as stream:
            rows = list(csv.DictReader(stream))
        assert [float(row["x"]) for row in rows] == found["x"]
        german("tidy()")
        macro = (
            "open(path);"
            + run("Evaluate Gold Particles...", "gd_cutoff_nm=2.5")
            + run("Show Gold Group...", "gd_least_score=0.7")
        )
        (judged,) = german.answers(macro, copy)
        assert judged["true_positives"] == len(found["x"])
        assert "accuracy 1.000" in german.log
        assert "gd_threshold=0,5: give a number from 0 to 1" in german.fails(detect("gd_threshold=0,5"))
    finally:
        german.close()
