"""Edited ROIs against a run: what was kept, moved, regrouped, added and deleted, and the ground truth of it."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golddigger_ij.annotations import Annotation, read_annotation, read_annotations
from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.particles import Particles
from golddigger_ij.proofreading import (
    Proofreading,
    compare,
    evaluate_edits,
    save_ground_truth,
    to_annotation,
    truth_as_particles,
)
from golddigger_ij.regions import Region, region_of_rings
from golddigger_ij.roi_set import RoiTable, read_readable_rois, read_roi_set, roi_table, write_roi_set
from golddigger_ij.runs import Run, no_run

NM_PER_PX = 0.5
SHAPE = (400, 600)
LABELS = {1: "6nm", 2: "12nm"}


def _run(count: int = 12, groups: tuple[str, ...] = ("6nm", "12nm")) -> Run:
    """Particles on a loose lattice, every third one of 12 nm."""
    row, column = np.divmod(np.arange(count), 4)
    group = np.where(np.arange(count) % 3 == 0, groups[-1], groups[0])
    radius = np.where(group == "12nm", 12.1, 6.2)
    particles = Particles.build(
        40.123 + 60 * column,
        30.456 + 60 * row,
        area_px=np.pi * radius**2,
        nm_per_px=NM_PER_PX,
        score=0.9,
        group=group,
    )
    return Run("run-1", particles, groups, NM_PER_PX, "cell.tif", shape=SHAPE)


def _columns(run: Run) -> dict[str, Any]:
    """The particles as ImageJ's live ovals."""
    particles = run.particles
    radius = np.sqrt(particles.area / np.pi)
    size = (2 * radius).astype(np.float32).astype(float)
    return {
        "left": (particles.x + 0.5 - radius).astype(np.float32).astype(float),
        "top": (particles.y + 0.5 - radius).astype(np.float32).astype(float),
        "width": size.copy(),
        "height": size.copy(),
        "kind": ["oval"] * len(particles),
        "name": [f"{g}-{i:06d}" for g, i in zip(particles.group, particles.id, strict=True)],
        "group": [run.groups.index(g) + 1 for g in particles.group],
        "gd_id": [str(i) for i in particles.id],
        "gd_group": list(particles.group),
        "gd_run": [run.id] * len(particles),
    }


def _without(columns: dict[str, Any], *rows: int) -> dict[str, Any]:
    return {k: [v for row, v in enumerate(values) if row not in rows] for k, values in columns.items()}


def _with(columns: dict[str, Any], **row: Any) -> dict[str, Any]:
    empty = {"left": 0.0, "top": 0.0, "width": 0.0, "height": 0.0, "kind": "oval", "group": 0}
    return {k: [*values, row.get(k, empty.get(k, ""))] for k, values in columns.items()}


def _oval(x: float, y: float, diameter: float) -> dict[str, Any]:
    return {"left": x + 0.5 - diameter / 2, "top": y + 0.5 - diameter / 2, "width": diameter, "height": diameter}


def _only(**row: Any) -> RoiTable:
    return roi_table(_with({k: [] for k in _columns(_run())}, **row))


def _square(x0: float, y0: float, x1: float, y1: float, *holes: list[tuple[float, float]]) -> Region:
    ring = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    return region_of_rings("square", [ring, *holes], SHAPE, "test")


def _changed(proofreading: Proofreading) -> dict[str, int]:
    return {change: count for change, count in proofreading.counts.items() if count}


def _is_the_run(proofreading: Proofreading) -> bool:
    own = proofreading.run.particles
    return all(
        np.array_equal(getattr(proofreading, name), getattr(own, name))
        for name in ("id", "x", "y", "area", "diameter_nm", "group")
    )


def test_unedited_ovals_give_back_the_table() -> None:
    result = compare(_run(), roi_table(_columns(_run())), LABELS)
    assert _changed(result) == {"kept": 12}
    assert _is_the_run(result)


def test_unedited_points_without_ids_give_back_the_table() -> None:
    run = _run()
    columns = {
        "left": run.particles.x.astype(np.float32),
        "top": run.particles.y.astype(np.float32),
        "width": np.zeros(12),
        "height": np.zeros(12),
        "kind": ["point"] * 12,
        "group": _columns(run)["group"],
    }
    result = compare(run, roi_table(columns), LABELS)
    assert _changed(result) == {"kept": 12}
    assert _is_the_run(result)


def test_an_unedited_file_gives_back_the_table_in_any_order(tmp_path: Path) -> None:
    write_roi_set(tmp_path / "a.zip", _run().particles, "run-1", _run().groups)
    read = read_roi_set(tmp_path / "a.zip")
    assert _is_the_run(compare(_run(), read))
    backwards = roi_table({k: list(values)[::-1] for k, values in _columns(_run()).items()})
    assert _is_the_run(compare(_run(), backwards, LABELS))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6000), st.integers(0, 6000)), min_size=1, max_size=40, unique=True))
def test_unedited_ovals_come_back_beyond_sixteen_bits(
    tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[int, int]]
) -> None:
    x, y = np.array(cells).T * 16.337
    particles = Particles.build(x, y, area_px=50.0, nm_per_px=1, score=1, group="6nm")
    run = Run("far", particles, ("6nm",), 1.0)
    path = tmp_path_factory.mktemp("rois") / "a.zip"
    write_roi_set(path, particles, "far")
    result = compare(run, read_roi_set(path))
    assert _changed(result) == {"kept": len(cells)}
    assert _is_the_run(result)


def test_each_kind_of_edit_is_told_apart() -> None:
    run, columns = _run(), _columns(_run())
    columns["left"][1] += 3  # moved
    columns["width"][2] += 2  # resized
    columns["height"][2] += 2
    columns["group"][4] = 2  # regrouped
    columns["top"][5] -= 2  # both
    columns["group"][5] = 2
    columns = _with(_without(columns, 7, 8), **_oval(500, 300, 12))
    result = compare(run, roi_table(columns), LABELS)
    assert result.counts == {
        "kept": 6,
        "moved": 2,
        "regrouped": 1,
        "moved and regrouped": 1,
        "added": 1,
        "deleted": 2,
    }
    assert result.id.tolist() == [1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 0]
    assert result.deleted.tolist() == [7, 8]
    assert (result.x[1], result.y[1]) == pytest.approx((run.particles.x[1] + 3, run.particles.y[1]), abs=0.01)
    assert result.area[1] == run.particles.area[1]
    assert result.area[2] == pytest.approx(np.pi / 4 * (2 * 6.2 + 2) ** 2, rel=1e-3)
    assert result.group[[4, 5, 10]].tolist() == ["12nm", "12nm", "6nm"]
    assert result.diameter_nm[10] == pytest.approx(6.0)


def test_a_copy_is_an_addition_and_the_nearest_keeps_the_id() -> None:
    columns = _columns(_run())
    columns["left"][0] += 1
    copy = {k: values[0] for k, values in columns.items()}
    result = compare(_run(), roi_table(_with(columns, **{**copy, "left": copy["left"] + 300, "top": 200.0})), LABELS)
    assert _changed(result) == {"moved": 1, "kept": 11, "added": 1}
    assert result.x[0] == pytest.approx(_run().particles.x[0] + 1, abs=0.01)
    assert result.group[-1] == "12nm"


def test_the_same_mark_twice_counts_once() -> None:
    columns = _columns(_run())
    twice = {k: [*values, values[3]] for k, values in columns.items()}
    result = compare(_run(), roi_table(twice), LABELS)
    assert _is_the_run(result)
    assert result.doubled == 1
    assert "1 on another mark" in result.summary()


def test_marks_of_another_run_are_matched_by_their_centres() -> None:
    columns = _columns(_run())
    columns["gd_run"] = ["another"] * 12
    columns["gd_id"] = columns["gd_id"][::-1]
    assert _is_the_run(compare(_run(), roi_table(columns), LABELS))


def test_lines_texts_images_and_outlines_of_cells_are_no_marks() -> None:
    columns = _columns(_run())
    for kind in ("line", "line", "text", "image"):
        columns = _with(columns, kind=kind, left=300.0, top=100.0, width=20.0, height=20.0)
    columns = _with(columns, kind="freehand", left=0.0, top=0.0, width=300.0, height=250.0)
    result = compare(_run(), roi_table(columns), LABELS)
    assert _changed(result) == {"kept": 12}
    assert result.ignored == {"lines": 2, "texts": 1, "images": 1, "too large for gold": 1}


def test_marks_on_another_slice_are_left_out() -> None:
    run = _run()
    run = Run(run.id, run.particles, run.groups, run.nm_per_px, plane=2)
    columns = {**_columns(run), "position": [2] * 10 + [0, 3]}
    result = compare(run, roi_table(columns), LABELS)
    assert _changed(result) == {"kept": 11, "deleted": 1}
    assert result.ignored == {"on another slice": 1}


@pytest.mark.parametrize(("name", "label"), [("12nm", "12nm"), ("12 nm", "12nm"), ("18nm", "18nm"), ("other", "other")])
def test_a_group_of_imagej_that_names_a_size_counts(name: str, label: str) -> None:
    columns = _columns(_run())
    columns["group"][1] = 7
    result = compare(_run(), roi_table(columns), {**LABELS, 7: name})
    assert _changed(result) == {"kept": 11, "regrouped": 1}
    assert result.group[1] == label


def test_a_group_of_imagej_that_names_no_size_changes_nothing() -> None:
    columns = _columns(_run())
    columns["group"][1] = 7
    result = compare(_run(), roi_table(columns), {**LABELS, 7: "synapse"})
    assert _is_the_run(result)
    assert result.unnamed_groups == {7: 1}
    assert "1 in ImageJ groups that name no size" in result.summary()


def test_in_a_file_a_group_is_what_the_run_numbered_it() -> None:
    run = _run(groups=("6nm", "18nm", "12nm"))
    columns = _columns(run)
    columns["group"][1] = 2  # no particle of the run is in this group
    result = compare(run, roi_table(columns))
    assert (result.group[1], _changed(result)) == ("18nm", {"kept": 11, "regrouped": 1})


def test_in_a_file_with_other_numbers_a_group_is_what_most_of_its_rois_are() -> None:
    columns = _columns(_run())
    columns["group"] = [number + 4 for number in columns["group"]]
    assert _is_the_run(compare(_run(), roi_table(columns)))
    columns["group"][1] = 6
    assert compare(_run(), roi_table(columns)).group[1] == "12nm"
    columns["group"][1] = 9  # a new group, whose name the file does not tell
    result = compare(_run(), roi_table(columns))
    assert (result.group[1], result.unnamed_groups) == ("6nm", {9: 1})


@pytest.mark.parametrize(("diameter_nm", "label"), [(5.2, "6nm"), (7.5, "6nm"), (11.0, "12nm"), (2.0, "other")])
def test_a_drawn_circle_is_sorted_by_its_diameter(diameter_nm: float, label: str) -> None:
    columns = _with(_columns(_run()), **_oval(500, 300, diameter_nm / NM_PER_PX))
    result = compare(_run(), roi_table(columns), LABELS, default_group="12nm")
    assert result.group[-1] == label
    assert result.diameter_nm[-1] == pytest.approx(diameter_nm, rel=1e-4)


def test_a_circle_drawn_over_a_deleted_particle_takes_its_place() -> None:
    run = _run()
    x, y = run.particles.x[1], run.particles.y[1]
    columns = _without(_columns(run), 1)
    same = compare(run, roi_table(_with(columns, **_oval(x + 2, y, 12.5))), LABELS)
    assert _changed(same) == {"kept": 11, "moved": 1}
    larger = compare(run, roi_table(_with(columns, **_oval(x + 2, y, 24))), LABELS)
    assert _changed(larger) == {"kept": 11, "moved and regrouped": 1}
    assert larger.group[1] == "12nm"


def test_an_added_point_needs_a_group_and_gets_its_typical_size() -> None:
    columns = _with(_columns(_run()), kind="point", left=500.0, top=300.0)
    with pytest.raises(GoldDiggerError, match=r"1 point has no size; give gd_default_group=6nm"):
        compare(_run(), roi_table(columns), LABELS)
    result = compare(_run(), roi_table(columns), LABELS, default_group="12 nm")
    assert (result.group[-1], result.x[-1], result.y[-1]) == ("12nm", 500, 300)
    assert result.diameter_nm[-1] == pytest.approx(12.1, abs=0.01)
    with pytest.raises(GoldDiggerError, match="gd_default_group=big"):
        compare(_run(), roi_table(columns), LABELS, default_group="big")


def test_an_added_point_belongs_to_the_only_group() -> None:
    columns = _with(_columns(_run(groups=("6nm",))), kind="point", left=500.0, top=300.0)
    result = compare(_run(groups=("6nm",)), roi_table(columns))
    assert result.group[-1] == "6nm"


def test_points_outside_the_region_need_no_size() -> None:
    columns = _with(_columns(_run()), kind="point", left=500.0, top=300.0)
    assert compare(_run(), roi_table(columns), LABELS, regions=[_square(0, 0, 300, 300)]).outside == 1


def test_an_image_marked_from_scratch_has_additions_only() -> None:
    empty = no_run(NM_PER_PX, "cell.tif", SHAPE)
    circles = compare(empty, roi_table(_with(_columns(_run()), **_oval(500, 300, 12))))
    assert _changed(circles) == {"added": 13}
    points = _only(kind="point", left=10.0, top=20.0)
    with pytest.raises(GoldDiggerError, match="gd_default_group=6nm"):
        compare(empty, points)
    assert compare(empty, points, default_group="12nm").diameter_nm.tolist() == [12.0]
    no_rois = compare(empty, roi_table({"left": [], "top": [], "width": [], "height": [], "kind": []}))
    assert (len(no_rois), no_rois.summary()) == (0, "no marks")


def test_only_the_region_was_proof_read() -> None:
    columns = _without(_columns(_run()), 0, 11)
    left_half = _square(0, 0, 130, 300)
    result = compare(_run(), roi_table(columns), LABELS, regions=[left_half])
    # Two of four columns lie in it; the first particle was deleted there, the last one is unknown.
    assert _changed(result) == {"kept": 5, "deleted": 1}
    assert (result.deleted.tolist(), result.outside) == ([0], 5)
    assert result.inside.sum() == 6


def test_marks_outside_the_image_count_for_nothing() -> None:
    result = compare(_run(), roi_table(_with(_columns(_run()), **_oval(600.5, 20, 12))), LABELS)
    assert (_changed(result), result.outside) == ({"kept": 12}, 1)


def test_a_particle_whose_roi_cannot_be_read_is_unknown_and_not_deleted(tmp_path: Path) -> None:
    write_roi_set(tmp_path / "whole.zip", _run().particles, "run-1", _run().groups)
    with zipfile.ZipFile(tmp_path / "whole.zip") as whole, zipfile.ZipFile(tmp_path / "a.zip", "w") as broken:
        for entry in whole.namelist():
            broken.writestr(entry, b"nonsense" if entry == "6nm-000002.roi" else whole.read(entry))
    result = compare(_run(), read_readable_rois(tmp_path / "a.zip"))
    assert _changed(result) == {"kept": 11}
    assert result.unknown.tolist() == [1]
    assert result.summary() == "11 kept; left out: 1 unreadable"
    truth = to_annotation(result, Path("cell.tif"), sha256=None, shape=SHAPE)
    known = truth.known(SHAPE)
    assert known is not None
    x, y = round(_run().particles.x[1]), round(_run().particles.y[1])
    assert not known[y, x]
    assert known[y, x + 10]
    assert evaluate_edits(result).false_positives == 0


def test_a_run_is_scored_against_its_edits() -> None:
    columns = _columns(_run())
    columns["left"][1] += 4
    columns["group"][4] = 2
    columns = _with(_without(columns, 7, 8), **_oval(500, 300, 12))
    score = evaluate_edits(compare(_run(), roi_table(columns), LABELS))
    assert (score.true_positives, score.false_positives, score.false_negatives) == (10, 2, 1)
    assert score.accuracy == pytest.approx(10 / 11)
    assert score.precision == pytest.approx(10 / 12)
    assert score.rmse_nm == pytest.approx(4 * NM_PER_PX / np.sqrt(10), abs=0.01)
    assert ("12nm", "6nm", 1) in score.confusion
    assert evaluate_edits(compare(_run(), roi_table(columns), LABELS), cutoff_nm=1).true_positives == 9


def test_what_lies_outside_the_region_is_not_scored() -> None:
    columns = _without(_columns(_run()), 0, 11)
    score = evaluate_edits(compare(_run(), roi_table(columns), LABELS, regions=[_square(0, 0, 130, 300)]))
    assert (score.true_positives, score.false_positives, score.false_negatives) == (5, 1, 0)


def _truth(rois: RoiTable | None = None, image: str = "cell.tif", sha256: str = "ab", **given: Any) -> Annotation:
    proofreading = compare(_run(), roi_table(_columns(_run())) if rois is None else rois, LABELS, **given)
    return to_annotation(proofreading, Path(image), sha256=sha256, shape=SHAPE, author="me")


def test_ground_truth_says_where_it_comes_from(tmp_path: Path) -> None:
    saved = save_ground_truth(tmp_path, _truth(roi_table(_without(_columns(_run()), 2))))
    content = json.loads((tmp_path / "cell.json").read_text())
    assert saved.path == tmp_path / "cell.json"
    assert saved.earlier is None
    assert (content["author"], content["parent_run"], content["sha256"]) == ("me", "run-1", "ab")
    assert content["shape"] == list(SHAPE)
    assert content["changes"]["deleted"] == 1
    assert content["time"]
    header, *rows = (tmp_path / "cell_marks.csv").read_text().splitlines()
    assert header == "x,y,diameter_nm,group"
    assert len(rows) == 11
    assert rows[0] == "40.123,30.456,12.100,12nm"


def test_ground_truth_shown_again_is_the_same_table(tmp_path: Path) -> None:
    save_ground_truth(tmp_path, _truth())
    (read,) = read_annotations(tmp_path)
    shown = truth_as_particles(read)
    run = _run().particles
    assert np.array_equal(shown.x, run.x)
    assert np.array_equal(shown.group, run.group)
    assert shown.diameter_nm == pytest.approx(run.diameter_nm, abs=1e-3)


def test_marks_without_a_group_are_shown_in_the_group_of_their_diameter() -> None:
    truth = Annotation(Path("a.tif"), 1.0, np.arange(3.0), np.arange(3.0), np.array([6.0, 6.0, 12.0]))
    assert truth_as_particles(truth).group.tolist() == ["6nm", "6nm", "12nm"]


def test_a_region_with_a_hole_and_an_island_covers_what_it_encloses() -> None:
    hole = [(100.0, 100.0), (200.0, 100.0), (200.0, 200.0), (100.0, 200.0)]
    island = [(140.2, 140.2), (160.2, 140.2), (160.2, 160.2), (140.2, 160.2)]
    known = _truth(regions=[_square(50.2, 50.2, 250.2, 250.2, hole, island)]).known(SHAPE)
    assert known is not None
    wanted = np.zeros(SHAPE, bool)
    wanted[51:251, 51:251] = True
    wanted[101:200, 101:200] = False
    wanted[141:161, 141:161] = True
    # The border of the hole runs through pixel centres, which may fall to either side.
    different = np.argwhere(known != wanted)
    assert all(y in (100, 200) or x in (100, 200) for y, x in different.tolist())


def test_another_image_of_the_same_name_is_refused(tmp_path: Path) -> None:
    save_ground_truth(tmp_path, _truth())
    before = (tmp_path / "cell.json").read_bytes()
    with pytest.raises(GoldDiggerError, match=r"cell\.json: is the ground truth of another image"):
        save_ground_truth(tmp_path, _truth(sha256="cd"))
    with pytest.raises(GoldDiggerError, match="another image"):
        save_ground_truth(tmp_path, _truth(image="cell.jpg", sha256="cd"))
    assert (tmp_path / "cell.json").read_bytes() == before


def test_a_second_region_joins_the_first(tmp_path: Path) -> None:
    left, right = _square(0, 0, 130, 300), _square(130, 0, 300, 300)
    save_ground_truth(tmp_path, _truth(roi_table(_without(_columns(_run()), 0)), regions=[left]))
    # The other half, without the proof-reading of the first.
    saved = save_ground_truth(tmp_path, _truth(regions=[right]))
    (read,) = read_annotations(tmp_path)
    assert len(read.annotated) == 2
    assert len(read.x) == 11
    assert read.group is not None
    assert set(read.group) == {"6nm", "12nm"}
    assert (len(saved.annotation.x), [e["changes"]["deleted"] for e in read.record["earlier"]]) == (11, [1])


def test_what_is_proof_read_again_replaces_the_earlier_marks_which_are_kept_aside(tmp_path: Path) -> None:
    region = _square(0, 0, 130, 300)
    save_ground_truth(tmp_path, _truth(regions=[region]))
    marks = (tmp_path / "cell_marks.csv").read_bytes()
    for _ in range(2):
        saved = save_ground_truth(tmp_path, _truth(roi_table(_without(_columns(_run()), 0)), regions=[region]))
    (read,) = read_annotations(tmp_path)
    assert (len(read.x), len(read.annotated)) == (5, 1)
    kept = sorted((tmp_path / "earlier").glob("*.json"))
    assert len(kept) == 2
    assert saved.earlier in kept
    assert [path.read_bytes() for path in sorted((tmp_path / "earlier").glob("*_marks.csv"))].count(marks) == 1
    assert [len(read_annotation(path).x) for path in kept].count(6) == 1


def test_the_whole_image_replaces_everything(tmp_path: Path) -> None:
    save_ground_truth(tmp_path, _truth(regions=[_square(0, 0, 130, 300)]))
    save_ground_truth(tmp_path, _truth(roi_table(_without(_columns(_run()), 5))))
    (read,) = read_annotations(tmp_path)
    assert (len(read.x), read.annotated) == (11, ())


def test_a_particle_on_the_border_of_two_regions_is_marked_once(tmp_path: Path) -> None:
    first, second = _only(**_oval(99.5, 50, 12)), _only(**_oval(100.5, 50, 12))
    save_ground_truth(tmp_path, _truth(first, regions=[_square(0, 0, 100, 300)]))
    save_ground_truth(tmp_path, _truth(second, regions=[_square(100, 0, 300, 300)]))
    (read,) = read_annotations(tmp_path)
    assert read.x.tolist() == [100.5]


def test_a_region_at_another_pixel_size_does_not_join(tmp_path: Path) -> None:
    save_ground_truth(tmp_path, _truth())
    run = no_run(1.11, "cell.tif", SHAPE)
    other = compare(run, _only(**_oval(40, 50, 6)), regions=[_square(0, 0, 100, 300)])
    with pytest.raises(GoldDiggerError, match=r"was marked at 0\.5 nm per pixel, not 1\.11"):
        save_ground_truth(tmp_path, to_annotation(other, Path("cell.tif"), sha256="ab", shape=SHAPE))


def test_ground_truth_of_an_image_of_another_size_is_refused() -> None:
    with pytest.raises(GoldDiggerError, match="50 x 40 px where the image of run run-1 is 600 x 400 px"):
        to_annotation(compare(_run(), roi_table(_columns(_run())), LABELS), Path("a.tif"), sha256=None, shape=(40, 50))


@pytest.mark.shared
def test_clicks_of_people_become_ground_truth(shared_folder: Path) -> None:
    clicks = read_roi_set(shared_folder / "data" / "ffril" / "S4_6nm_RoiSet.zip")
    result = compare(no_run(0.55868, "S4.jpg", (2048, 2115)), clicks, default_group="6nm")
    truth = to_annotation(result, Path("S4.jpg"), sha256=None, shape=(2048, 2115))
    assert len(truth.x) + result.doubled == 111
    assert (truth.x[0], truth.y[0]) == (633.0, 638.0)
    assert set(truth.diameter_nm) == {6.0}
