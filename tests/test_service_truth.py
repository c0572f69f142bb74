"""Proof-reading through the engine: results opened, ROIs edited, ground truth written, read back and judged by."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from golddigger_ij.annotations import read_annotation
from golddigger_ij.montage import open_montage
from golddigger_ij.synthetic import Micrograph

Ask = Callable[..., dict[str, Any]]
Shown = Callable[..., dict[str, Any]]
Columns = dict[str, Any]
LEFT_HALF = {"name": "left", "rings": [[-0.5, -0.5, 279.5, -0.5, 279.5, 419.5, -0.5, 419.5]]}


def ovals(found: dict[str, Any]) -> Columns:
    """The ROIs that a script draws for an answer: circles at their true diameter, in ImageJ's coordinates."""
    size = 2 * np.sqrt(found["area"] / np.pi)
    number = {label: index for index, label in enumerate(found["groups"], 1)}
    return {
        "left": found["x"] + 0.5 - size / 2,
        "top": found["y"] + 0.5 - size / 2,
        "width": size,
        "height": size,
        "kind": ["oval"] * len(size),
        "name": [f"{label}-{int(n):06d}" for label, n in zip(found["group"], found["id"], strict=True)],
        "group": [number[label] for label in found["group"]],
        "label": list(found["group"]),
        "gd_id": [str(int(n)) for n in found["id"]],
        "gd_group": list(found["group"]),
        "gd_run": [found["run"] or ""] * len(size),
        "gd_score": [str(score) for score in found["score"]],
    }


def without(rois: Columns, rows: list[int]) -> Columns:
    kept = [row for row in range(len(rois["kind"])) if row not in rows]
    return {name: [values[row] for row in kept] for name, values in rois.items()}


def with_point(rois: Columns, x: float, y: float) -> Columns:
    point = {"left": x, "top": y, "width": 0.0, "height": 0.0, "kind": "point", "group": 0}
    return {name: [*values, point.get(name, "")] for name, values in rois.items()}


@pytest.fixture
def image(shown: Shown, section: Micrograph, section_file: Path) -> dict[str, Any]:
    return shown(section.image, section_file)


@pytest.fixture
def found(ask: Ask, image: dict[str, Any]) -> dict[str, Any]:
    """What is found in the section, which from now on is shown with that run."""
    answered = ask("detect", image=image)
    image["run"] = answered["run"]
    return answered


def test_a_finished_run_is_opened_by_any_of_its_files(
    ask: Ask, image: dict[str, Any], section_file: Path, tmp_path: Path
) -> None:
    made = ask("detect", {"output": str(tmp_path / "out")}, image=image)
    for end in ("run.json", "particles.csv", "RoiSet.zip"):
        opened = ask("open_results", {"path": str(tmp_path / "out" / f"section_{end}")}, image=image)
        assert opened["ok"], opened
        assert np.array_equal(opened["x"], made["x"])
        assert opened["group"] == made["group"]
        assert (opened["run"], opened["groups"], opened["colours"]) == (made["run"], made["groups"], made["colours"])
        assert opened["image_path"] == str(section_file)
        assert (opened["width"], opened["height"], opened["same_size"]) == (560, 420, True)
    other = {**image, "width": 100}
    assert ask("open_results", {"path": str(tmp_path / "out" / "section_run.json")}, image=other)["same_size"] is False
    assert ask("open_results", {"path": str(tmp_path / "out" / "section_run.json")})["same_size"] is None


def test_a_bare_table_needs_a_pixel_size_and_gets_that_of_the_image(
    ask: Ask, image: dict[str, Any], tmp_path: Path
) -> None:
    table = tmp_path / "by_hand.csv"
    table.write_text("x,y,area\n10,20,30\n40,50,120\n")
    refused = ask("open_results", {"path": str(table)})
    assert "gd_pixel_size" in refused["error"]
    opened = ask("open_results", {"path": str(table), "group": "6nm"}, image={**image, "nm_per_px": 1.1})
    assert opened["x"].tolist() == [10, 40]
    assert opened["group"] == ["6nm", "6nm"]
    assert opened["nm_per_px"] == 1.1
    assert opened["image_path"] is None


def test_no_file_of_results_is_an_error_that_says_what_to_give(ask: Ask, tmp_path: Path) -> None:
    assert ask("open_results")["error"].startswith("gd_path: give a run's run.json,")
    assert "no such file" in ask("open_results", {"path": str(tmp_path / "none.csv")})["error"]


def test_ground_truth_without_edits_is_the_run(
    ask: Ask, image: dict[str, Any], found: dict[str, Any], section_file: Path, tmp_path: Path
) -> None:
    options = {"folder": str(tmp_path / "truth"), "region": "whole image", "author": "A. Reader"}
    saved = ask("save_truth", options, image=image, rois=ovals(found), regions=[])
    assert saved["ok"], saved
    count = len(found["x"])
    assert (saved["kept"], saved["moved"], saved["added"], saved["deleted"], saved["regrouped"]) == (count, 0, 0, 0, 0)
    assert saved["total"] == count
    truth = read_annotation(Path(saved["path"]))
    assert truth.image == section_file
    assert truth.annotated == ()
    assert np.abs(truth.x - found["x"]).max() < 0.01
    assert truth.group is not None
    assert truth.group.tolist() == found["group"]
    assert truth.record["author"] == "A. Reader"
    assert truth.record["parent_run"] == found["run"]
    loaded = ask("load_truth", {"folder": str(tmp_path / "truth")}, image=image)
    assert np.abs(loaded["x"] - found["x"]).max() < 0.01
    assert np.abs(loaded["diameter_nm"] - found["diameter_nm"]).max() < 0.01
    assert loaded["group"] == found["group"]
    assert (loaded["run"], loaded["parent_run"]) == (None, found["run"])
    assert (loaded["regions"], loaded["warning"]) == ([], "")


def test_each_kind_of_edit_is_counted(ask: Ask, image: dict[str, Any], found: dict[str, Any], tmp_path: Path) -> None:
    rois = ovals(found)
    rois["left"] = rois["left"].copy()
    rois["left"][0] += 1.5
    other = next(label for label in found["groups"] if label not in (found["group"][1], "other"))
    rois["group"][1], rois["label"][1] = found["groups"].index(other) + 1, other
    rois = with_point(without(rois, [2, 3]), 5.0, 7.0)
    options = {"folder": str(tmp_path), "region": "whole image", "default_group": "6nm"}
    saved = ask("save_truth", options, image=image, rois=rois)
    assert saved["ok"], saved
    counts = {name: saved[name] for name in ("moved", "regrouped", "deleted", "added", "kept", "ignored", "outside")}
    assert counts == {
        "moved": 1,
        "regrouped": 1,
        "deleted": 2,
        "added": 1,
        "kept": len(found["x"]) - 4,
        "ignored": 0,
        "outside": 0,
    }
    # A point lies where ImageJ says, without the half pixel of areas.
    truth = read_annotation(Path(saved["path"]))
    assert (truth.x[-1], truth.y[-1]) == (5.0, 7.0)


def test_only_the_selection_is_proof_read_unless_the_whole_image_is_named(
    ask: Ask, image: dict[str, Any], found: dict[str, Any], tmp_path: Path
) -> None:
    refused = ask("save_truth", {"folder": str(tmp_path)}, image=image, rois=ovals(found), regions=None)
    assert "gd_region=[whole image]" in refused["error"]
    assert list(tmp_path.glob("*.json")) == []
    inside = found["x"] < 279.5
    saved = ask("save_truth", {"folder": str(tmp_path)}, image=image, rois=ovals(found), regions=[LEFT_HALF])
    assert (saved["kept"], saved["outside"]) == (int(inside.sum()), int((~inside).sum()))
    loaded = ask("load_truth", {"folder": saved["path"]}, image=image)
    assert [region["name"] for region in loaded["regions"]] == ["annotated"]
    assert np.allclose(loaded["regions"][0]["rings"][0], LEFT_HALF["rings"][0])


def test_the_run_is_found_by_its_rois_where_the_image_does_not_say(
    ask: Ask, image: dict[str, Any], found: dict[str, Any], tmp_path: Path
) -> None:
    options = {"folder": str(tmp_path), "region": "whole image"}
    saved = ask("save_truth", options, image={**image, "run": None}, rois=ovals(found))
    assert (saved["kept"], saved["added"], saved["warning"]) == (len(found["x"]), 0, "")


def test_marks_of_a_run_that_is_forgotten_count_as_added(
    ask: Ask, image: dict[str, Any], found: dict[str, Any], tmp_path: Path
) -> None:
    rois = ovals({**found, "run": "0123456789abcdef"})
    options = {"folder": str(tmp_path), "region": "whole image"}
    saved = ask("save_truth", options, image={**image, "run": None}, rois=rois)
    assert (saved["kept"], saved["added"]) == (0, len(found["x"]))
    assert "open its results first" in saved["warning"]


def test_an_image_that_was_marked_from_scratch_becomes_ground_truth(
    ask: Ask, shown: Shown, section: Micrograph, tmp_path: Path
) -> None:
    nothing = {name: [] for name in ("left", "top", "width", "height", "kind", "name", "group", "label", "gd_id")}
    rois = with_point(with_point(nothing, 30, 40), 50, 60)
    options = {"folder": str(tmp_path), "region": "whole image", "default_group": "12nm"}
    unsaved = shown(section.image, title="Capture 1")
    assert "gd_pixel_size=NM" in ask("save_truth", options, image=unsaved, rois=rois)["error"]
    unsaved["nm_per_px"] = 1.1
    assert "gd_default_group" in ask("save_truth", {**options, "default_group": ""}, image=unsaved, rois=rois)["error"]
    assert list(tmp_path.glob("Capture*")) == []
    saved = ask("save_truth", options, image=unsaved, rois=rois)
    assert (saved["added"], saved["warning"]) == (2, "")
    # Without the image the marks would be of no use: it lies beside them.
    truth = read_annotation(Path(saved["path"]))
    assert truth.image == tmp_path / "Capture 1.tif"
    assert np.array_equal(tifffile.imread(truth.image), section.image)
    with open_montage(truth.image) as montage:
        assert montage.pixel_size is not None
        assert montage.pixel_size.nm == pytest.approx(1.1)
        assert montage.sha256() == truth.sha256
    assert truth.diameter_nm.tolist() == [12, 12]
    assert ask("save_truth", options, image=unsaved, rois=rois)["ok"]
    another = shown(section.image[::-1], title="Capture 1", nm_per_px=1.1)
    assert "is another image of this name" in ask("save_truth", options, image=another, rois=rois)["error"]


def test_the_slice_of_a_stack_has_ground_truth_of_its_own(
    ask: Ask, shown: Shown, section: Micrograph, tmp_path: Path
) -> None:
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, np.stack([section.image[::-1], section.image]), photometric="minisblack")
    slice_2 = shown(section.image, path, plane=2, nm_per_px=1.1)
    found = ask("detect", image=slice_2)
    options = {"folder": str(tmp_path / "truth"), "region": "whole image"}
    saved = ask("save_truth", options, image={**slice_2, "run": found["run"]}, rois=ovals(found))
    assert Path(saved["path"]).name == "stack_z002.json"
    assert saved["kept"] == len(found["x"])
    assert read_annotation(Path(saved["path"])).plane == 2
    assert ask("load_truth", {"folder": str(tmp_path / "truth")}, image=slice_2)["ok"]
    slice_1 = shown(section.image[::-1], path, plane=1, nm_per_px=1.1)
    assert (
        "no ground truth of stack.tif" in ask("load_truth", {"folder": str(tmp_path / "truth")}, image=slice_1)["error"]
    )


def test_ground_truth_is_found_by_the_hash_of_a_renamed_image(
    ask: Ask,
    shown: Shown,
    image: dict[str, Any],
    found: dict[str, Any],
    section: Micrograph,
    section_file: Path,
    tmp_path: Path,
) -> None:
    folder = {"folder": str(tmp_path / "truth")}
    ask("save_truth", {**folder, "region": "whole image"}, image=image, rois=ovals(found))
    renamed = tmp_path / "renamed.tif"
    renamed.write_bytes(section_file.read_bytes())
    assert len(ask("load_truth", folder, image=shown(section.image, renamed))["x"]) == len(found["x"])
    other = tmp_path / "other.tif"
    tifffile.imwrite(other, section.image + 1)
    assert "holds no ground truth of other.tif" in ask("load_truth", folder, image=shown(section.image, other))["error"]
    section_too = tmp_path / "section.tif"
    tifffile.imwrite(section_too, section.image + 1)
    assert "has changed since" in ask("load_truth", folder, image=shown(section.image, section_too))["warning"]
    smaller = shown(section.image[:-1], section_too, changed=True)
    assert "open the image that was annotated" in ask("load_truth", folder, image=smaller)["error"]


def test_a_roi_set_is_proof_read_without_imagej(ask: Ask, image: dict[str, Any], tmp_path: Path) -> None:
    made = ask("detect", {"output": str(tmp_path / "out")}, image=image)
    options = {"folder": str(tmp_path), "region": "whole image", "rois": str(tmp_path / "out" / "section_RoiSet.zip")}
    saved = ask("save_truth", options, image=image)
    assert (saved["kept"], saved["added"], saved["deleted"]) == (len(made["x"]), 0, 0)


def test_without_rois_the_command_says_how_to_get_some(ask: Ask, image: dict[str, Any], tmp_path: Path) -> None:
    answered = ask("save_truth", {"folder": str(tmp_path), "region": "whole image"}, image=image)
    assert "there are no ROIs; detect the gold or open its results first" in answered["error"]


def test_a_run_is_judged_by_what_people_made_of_it(ask: Ask, image: dict[str, Any], found: dict[str, Any]) -> None:
    perfect = ask("evaluate", image=image, rois=ovals(found))
    count = len(found["x"])
    assert (perfect["true_positives"], perfect["false_positives"], perfect["false_negatives"]) == (count, 0, 0)
    assert (perfect["accuracy"], perfect["f1"], perfect["rmse_nm"]) == (1, 1, 0)
    assert perfect["confusion_true"] == perfect["confusion_found"]
    assert perfect["confusion_count"].sum() == count
    edited = with_point(without(ovals(found), [0, 1, 2]), 5.0, 7.0)
    judged = ask("evaluate", {"default_group": "6nm"}, image=image, rois=edited)
    assert (judged["true_positives"], judged["false_positives"], judged["false_negatives"]) == (count - 3, 3, 1)
    assert judged["accuracy"] == (count - 3) / (count - 2)
    assert judged["message"].startswith(f"{count - 3} true, 3 false, 1 missed: accuracy 0.")
    half = ask("evaluate", image=image, rois=ovals(found), regions=[LEFT_HALF])
    assert 0 < half["true_positives"] < count
    assert half["false_positives"] == 0


def test_figures_that_cannot_be_told_are_none(ask: Ask, image: dict[str, Any], found: dict[str, Any]) -> None:
    judged = ask("evaluate", image=image, rois=without(ovals(found), list(range(len(found["x"])))))
    assert (judged["rmse_nm"], judged["true_positives"]) == (None, 0)
    json.dumps({name: value for name, value in judged.items() if name != "confusion_count"}, allow_nan=False)


def test_without_a_run_there_is_nothing_to_judge(ask: Ask, image: dict[str, Any], found: dict[str, Any]) -> None:
    rois = ovals({**found, "run": ""})
    assert "there is no run to judge" in ask("evaluate", image={**image, "run": None}, rois=rois)["error"]


def test_the_marks_file_is_that_of_the_contract(
    ask: Ask, image: dict[str, Any], found: dict[str, Any], tmp_path: Path
) -> None:
    ask("save_truth", {"folder": str(tmp_path), "region": "whole image"}, image=image, rois=ovals(found))
    with (tmp_path / "section_marks.csv").open(newline="") as stream:
        assert next(csv.reader(stream))[:3] == ["x", "y", "diameter_nm"]
