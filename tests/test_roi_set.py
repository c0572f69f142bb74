"""Particles as ImageJ ROIs and back."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from roifile import ROI_TYPE, ImagejRoi, roiread, roiwrite

from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.palette import group_colours
from golddigger_ij.particles import Particles
from golddigger_ij.roi_set import read_roi_set, write_roi_set

SHARED = Path(__file__).parents[2] / "shared" / "data" / "ffril"


def _table() -> Particles:
    area = np.pi * np.array([5.5, 11.0, 4.0]) ** 2
    return Particles.build(
        [10, 60000.25, 30.5],
        [20, 21, 22],
        area_px=area,
        nm_per_px=0.5,
        score=[0.9, 0.51239, 1],
        group=["6nm", "12nm", "other"],
    )


def test_particles_are_ovals_at_their_true_diameter(tmp_path: Path) -> None:
    write_roi_set(tmp_path / "a.zip", _table(), "run-1")
    rois = roiread(tmp_path / "a.zip")
    assert isinstance(rois, list)
    first = rois[0]
    assert [roi.name for roi in rois] == ["6nm-000001", "12nm-000002", "other-000003"]
    assert all(roi.roitype == ROI_TYPE.OVAL and roi.subpixelrect for roi in rois)
    # The pixel at (10, 20) has its centre at (10.5, 20.5) for ImageJ's area ROIs.
    assert (first.xd + first.widthd / 2, first.yd + first.heightd / 2) == pytest.approx((10.5, 20.5), abs=1e-3)
    assert first.widthd == pytest.approx(11.0, abs=1e-3)
    assert (first.left, first.top, first.right, first.bottom) == (5, 15, 16, 26)


def test_group_number_colour_and_properties_are_in_the_roi(tmp_path: Path) -> None:
    write_roi_set(tmp_path / "a.zip", _table(), "run-1", groups=["6nm", "12nm", "18nm"])
    rois = roiread(tmp_path / "a.zip")
    assert isinstance(rois, list)
    assert [roi.group for roi in rois] == [1, 2, 4]
    colours = group_colours(["6nm", "12nm", "18nm", "other"])
    assert [tuple(roi.stroke_color) for roi in rois] == [(255, *colours[g]) for g in ("6nm", "12nm", "other")]
    assert rois[1].props == "gd_group: 12nm\ngd_id: 2\ngd_run: run-1\ngd_score: 0.5124\n"


def test_the_same_table_gives_the_same_bytes(tmp_path: Path) -> None:
    write_roi_set(tmp_path / "a.zip", _table(), "run-1")
    write_roi_set(tmp_path / "b.zip", _table(), "run-1")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_a_second_run_replaces_the_first(tmp_path: Path) -> None:
    write_roi_set(tmp_path / "a.zip", _table(), "run-1")
    write_roi_set(tmp_path / "a.zip", _table().select([0]), "run-2")
    assert len(read_roi_set(tmp_path / "a.zip")) == 1


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 100_000), st.floats(0, 100_000), st.floats(1, 3000))
def test_positions_survive_also_where_sixteen_bits_wrap(
    tmp_path_factory: pytest.TempPathFactory, x: float, y: float, area: float
) -> None:
    path = tmp_path_factory.mktemp("rois") / "a.zip"
    table = Particles.build([x], [y], area_px=area, nm_per_px=1, score=1, group="6nm")
    write_roi_set(path, table, "run")
    back = read_roi_set(path)
    assert (back.x[0], back.y[0]) == pytest.approx((table.x[0], table.y[0]), abs=0.01)
    assert back.width[0] == pytest.approx(2 * np.sqrt(table.area[0] / np.pi), abs=0.01)
    assert back.properties[0]["gd_id"] == "1"


def test_the_plane_of_a_stack_is_the_position_of_the_roi(tmp_path: Path) -> None:
    table = Particles.build([1], [1], area_px=9, nm_per_px=1, score=1, group="6nm", plane=3)
    write_roi_set(tmp_path / "a.zip", table, "run")
    assert read_roi_set(tmp_path / "a.zip").position.tolist() == [3]


def test_no_particles_give_an_empty_set(tmp_path: Path) -> None:
    write_roi_set(tmp_path / "a.zip", Particles.empty(), "run")
    assert len(read_roi_set(tmp_path / "a.zip")) == 0


def test_points_are_read_unshifted_and_areas_by_half_a_pixel(tmp_path: Path) -> None:
    points = ImagejRoi.frompoints(np.array([[3, 4], [70000.5, 6.25]], np.float32), name="clicks")
    points.roitype = ROI_TYPE.POINT
    box = ImagejRoi(roitype=ROI_TYPE.RECT, left=10, top=20, right=14, bottom=26, name="box")
    roiwrite(tmp_path / "a.zip", [points, box], mode="w")
    table = read_roi_set(tmp_path / "a.zip")
    assert table.kind.tolist() == ["point", "point", "rectangle"]
    assert table.name.tolist() == ["clicks", "clicks", "box"]
    # Four pixels from 10 to 13 have their middle at 11.5.
    assert table.x.tolist() == [3, 70000.5, 11.5]
    assert table.y.tolist() == [4, 6.25, 22.5]
    assert table.width.tolist() == [0, 0, 4]


def test_a_single_roi_file_is_named_after_the_file_where_it_has_no_name(tmp_path: Path) -> None:
    ImagejRoi(roitype=ROI_TYPE.OVAL, left=0, top=0, right=3, bottom=3).tofile(tmp_path / "spot.roi")
    table = read_roi_set(tmp_path / "spot.roi")
    assert (table.name[0], table.x[0], table.kind[0]) == ("spot", 1.0, "oval")


@pytest.mark.parametrize("name", ["a.zip", "a.roi"])
@pytest.mark.parametrize("content", [None, b"", b"not a ROI", b"Iout" + b"\xff" * 70, b"PK\x03\x04 cut short"])
def test_damaged_files_are_refused_by_name(tmp_path: Path, name: str, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(GoldDiggerError, match=name):
        read_roi_set(tmp_path / name)


def test_a_zip_of_something_else_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(GoldDiggerError, match=r"no \.roi files"):
        read_roi_set(tmp_path / "a.zip")


def test_a_damaged_entry_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("bad.roi", b"nonsense")
    with pytest.raises(GoldDiggerError, match=r"bad\.roi"):
        read_roi_set(tmp_path / "a.zip")


def test_a_run_id_with_a_line_break_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="line break"):
        write_roi_set(tmp_path / "a.zip", _table(), "a\nb")


@pytest.mark.shared
def test_marks_that_a_person_saved_from_imagej_are_read() -> None:
    if not SHARED.is_dir():
        pytest.skip("the real micrographs are not here")
    table = read_roi_set(SHARED / "S4_6nm_RoiSet.zip")
    assert len(table) == 111
    assert (table.x[0], table.y[0]) == (633.0, 638.0)
