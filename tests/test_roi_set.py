"""Particles as ImageJ ROIs and back."""

import math
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from roifile import ROI_OPTIONS, ROI_SUBTYPE, ROI_TYPE, ImagejRoi, roiread, roiwrite

from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.palette import group_colours
from golddigger_ij.particles import Particles
from golddigger_ij.roi_set import read_overlay, read_readable_rois, read_roi_set, roi_table, write_roi_set


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


def _tilted(subtype: ROI_SUBTYPE, axis: tuple[float, float, float, float], parameter: float) -> bytes:
    """A rotated rectangle or an ellipse as ImageJ writes it; outlines are left to ImageJ."""
    low, high, arc = struct.unpack(">BBh", struct.pack(">f", parameter))
    corners = np.array([[0, 0], [1, 0], [1, 1]], np.float32)
    roi = ImagejRoi.frompoints(corners)
    roi.roitype, roi.subtype = ROI_TYPE.FREEHAND, subtype
    roi.x1, roi.y1, roi.x2, roi.y2 = axis
    roi.arrow_style_or_aspect_ratio, roi.arrow_head_size, roi.rounded_rect_arc_size = low, high, arc
    return roi.tobytes()


@pytest.mark.parametrize(("subtype", "parameter"), [(ROI_SUBTYPE.ROTATED_RECT, 6.0), (ROI_SUBTYPE.ELLIPSE, 0.6)])
@pytest.mark.parametrize("roitype", [ROI_TYPE.FREEHAND, ROI_TYPE.POLYGON])
def test_what_is_tilted_has_the_size_of_its_own_axes(
    tmp_path: Path, subtype: ROI_SUBTYPE, parameter: float, roitype: ROI_TYPE
) -> None:
    # The axis from (100, 200) to (106, 208) is 10 px long; ImageJ saves such a ROI as a polygon the second time.
    data = bytearray(_tilted(subtype, (100, 200, 106, 208), parameter))
    data[6] = int(roitype)
    (tmp_path / "a.roi").write_bytes(bytes(data))
    table = read_roi_set(tmp_path / "a.roi")
    assert (table.x[0], table.y[0]) == pytest.approx((102.5, 203.5))
    assert (table.width[0], table.height[0]) == pytest.approx((10, 6))


def test_ovals_are_read_as_roifile_reads_them(tmp_path: Path) -> None:
    write_roi_set(tmp_path / "a.zip", _table(), "run-1")
    table, rois = read_roi_set(tmp_path / "a.zip"), roiread(tmp_path / "a.zip")
    assert isinstance(rois, list)
    assert table.name.tolist() == [roi.name for roi in rois]
    assert table.group.tolist() == [roi.group for roi in rois]
    assert table.x.tolist() == [roi.xd + roi.widthd / 2 - 0.5 for roi in rois]
    assert ["".join(f"{key}: {text}\n" for key, text in row.items()) for row in table.properties] == [
        roi.props for roi in rois
    ]


def test_an_oval_without_sub_pixel_fields_is_read(tmp_path: Path) -> None:
    roi = ImagejRoi(roitype=ROI_TYPE.OVAL, left=10, top=20, right=16, bottom=26, version=217, name="old")
    roiwrite(tmp_path / "a.zip", roi, mode="w")
    table = read_roi_set(tmp_path / "a.zip")
    assert (table.x[0], table.y[0], table.width[0], table.name[0]) == (12.5, 22.5, 6, "old")


def test_live_rois_make_the_same_table_as_those_of_a_file(tmp_path: Path) -> None:
    write_roi_set(tmp_path / "a.zip", _table(), "run-1")
    read, rois = read_roi_set(tmp_path / "a.zip"), roiread(tmp_path / "a.zip")
    assert isinstance(rois, list)
    columns: dict[str, Any] = {
        "left": [roi.xd for roi in rois],
        "top": [roi.yd for roi in rois],
        "width": [roi.widthd for roi in rois],
        "height": [roi.heightd for roi in rois],
        "kind": ["oval"] * 3,
        "name": [roi.name for roi in rois],
        "group": [roi.group for roi in rois],
        **{key: [row[key] for row in read.properties] for key in ("gd_id", "gd_group", "gd_run", "gd_score")},
    }
    live = roi_table(columns)
    for name in ("x", "y", "width", "height", "kind", "name", "group", "position"):
        assert np.array_equal(getattr(live, name), getattr(read, name)), name
    assert live.properties == read.properties


@pytest.mark.parametrize(
    ("kind", "x"), [("point", 10.0), ("line", 10.0), ("oval", 9.5), ("freehand", 9.5), ("composite", 9.5)]
)
def test_live_areas_are_shifted_by_half_a_pixel(kind: str, x: float) -> None:
    table = roi_table({"left": [10.0], "top": [20.0], "width": [0.0], "height": [0.0], "kind": [kind]})
    assert (table.x[0], table.y[0]) == (x, x + 10)
    assert (table.name[0], table.group[0], table.position[0], table.properties) == ("", 0, 0, ({},))


def test_live_columns_that_do_not_fit_are_refused() -> None:
    columns: dict[str, Any] = {"left": [1.0], "top": [1.0], "width": [1.0], "height": [1.0], "kind": ["oval"]}
    with pytest.raises(ValueError, match="'gd_id' has 2 entries for 1 ROIs"):
        roi_table({**columns, "gd_id": ["1", "2"]})
    with pytest.raises(ValueError, match="lack 'kind'"):
        roi_table({name: values for name, values in columns.items() if name != "kind"})
    with pytest.raises(GoldDiggerError, match="ROI 'lost' has no finite position"):
        roi_table({**columns, "top": [math.nan], "name": ["lost"]})
    assert len(roi_table({name: [] for name in columns})) == 0


def _damage(path: Path, *names: str) -> Path:
    """Write a set whose entries of these names hold something else."""
    write_roi_set(path, _table(), "run-1")
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, data[:40] if name in names else data)
    return path


def test_what_can_be_read_of_a_damaged_set_is_read_and_the_rest_named(tmp_path: Path) -> None:
    path = _damage(tmp_path / "a.zip", "12nm-000002.roi")
    with pytest.raises(GoldDiggerError, match=r"12nm-000002\.roi"):
        read_roi_set(path)
    table = read_readable_rois(path)
    assert table.name.tolist() == ["6nm-000001", "other-000003"]
    assert table.unreadable == ("12nm-000002",)


def test_a_set_with_an_entry_whose_bytes_have_changed_is_read_without_it(tmp_path: Path) -> None:
    write_roi_set(tmp_path / "a.zip", _table(), "run-1")
    data = bytearray((tmp_path / "a.zip").read_bytes())
    data[60] ^= 0xFF
    (tmp_path / "a.zip").write_bytes(bytes(data))
    with pytest.raises(GoldDiggerError, match="6nm-000001"):
        read_roi_set(tmp_path / "a.zip")
    assert read_readable_rois(tmp_path / "a.zip").unreadable == ("6nm-000001",)


def test_a_set_of_which_nothing_can_be_read_is_refused(tmp_path: Path) -> None:
    names = ("6nm-000001.roi", "12nm-000002.roi", "other-000003.roi")
    with pytest.raises(GoldDiggerError, match="is not an ImageJ ROI"):
        read_readable_rois(_damage(tmp_path / "a.zip", *names))


def _tiff(path: Path, **metadata: object) -> Path:
    tifffile.imwrite(path, np.zeros((300, 400), np.uint8), imagej=True, metadata=metadata)
    return path


def test_the_overlay_of_a_tiff_is_read_without_its_pixels(tmp_path: Path) -> None:
    write_roi_set(tmp_path / "a.zip", _table(), "run-1")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        overlay = [archive.read(name) for name in archive.namelist()]
    path = _tiff(tmp_path / "a.tif", Overlays=overlay)
    path.write_bytes(path.read_bytes()[:-100_000])
    table = read_overlay(path)
    same = read_roi_set(tmp_path / "a.zip")
    assert np.array_equal(table.x, same.x)
    assert table.properties == same.properties
    assert read_overlay(_tiff(tmp_path / "one.tif", Overlays=overlay[0])).name.tolist() == ["6nm-000001"]
    broken = read_overlay(_tiff(tmp_path / "broken.tif", Overlays=[overlay[0], b"nonsense", overlay[2]]))
    assert (len(broken), broken.unreadable) == (2, ("2",))


def test_points_that_were_saved_as_the_selection_are_marks_and_a_selected_area_is_not(tmp_path: Path) -> None:
    points = ImagejRoi.frompoints(np.array([[3, 4], [70, 6.25]], np.float32))
    points.roitype = ROI_TYPE.POINT
    area = ImagejRoi(roitype=ROI_TYPE.RECT, left=10, top=20, right=14, bottom=26)
    assert read_overlay(_tiff(tmp_path / "a.tif", ROI=points.tobytes())).x.tolist() == [3, 70]
    with pytest.raises(GoldDiggerError, match=r"b\.tif: holds no overlay"):
        read_overlay(_tiff(tmp_path / "b.tif", ROI=area.tobytes()))


def test_files_without_an_overlay_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"no TIFF")
    tifffile.imwrite(tmp_path / "b.tif", np.zeros((3, 4), np.uint8))
    for name in ("a.tif", "b.tif", "missing.tif"):
        with pytest.raises(GoldDiggerError, match=name):
            read_overlay(tmp_path / name)


def test_points_on_a_stack_know_their_slice(tmp_path: Path) -> None:
    points = ImagejRoi.frompoints(np.array([[3, 4], [5, 6]], np.float32))
    points.roitype, points.position = ROI_TYPE.POINT, 4
    points.counters = np.zeros(2, np.uint8)
    points.counter_positions = np.array([2, 0], np.uint32)
    points.tofile(tmp_path / "a.roi")
    assert read_roi_set(tmp_path / "a.roi").position.tolist() == [2, 4]
    # What ImageJ writes where each point has its own slice.
    points.position = -2
    points.tofile(tmp_path / "a.roi")
    assert read_roi_set(tmp_path / "a.roi").position.tolist() == [2, 0]


def test_a_freehand_outline_is_where_its_box_is(tmp_path: Path) -> None:
    outline = ImagejRoi.frompoints(np.array([[10.5, 20], [20.5, 20], [15, 32]], np.float32))
    outline.roitype, outline.options = ROI_TYPE.FREEHAND, ROI_OPTIONS.SUB_PIXEL_RESOLUTION
    outline.tofile(tmp_path / "a.roi")
    table = read_roi_set(tmp_path / "a.roi")
    assert (table.x[0], table.y[0], table.width[0], table.height[0]) == (15, 25.5, 10, 12)


@pytest.mark.shared
def test_marks_that_people_saved_from_imagej_are_read(shared_folder: Path) -> None:
    folder = shared_folder / "data" / "ffril"
    table = read_roi_set(folder / "S4_6nm_RoiSet.zip")
    assert len(table) == 111
    assert (table.x[0], table.y[0]) == (633.0, 638.0)
    sets = [path for path in sorted(folder.iterdir()) if path.suffix in (".zip", ".roi")]
    assert len(sets) == 12
    for path in sets:
        table = read_roi_set(path)
        # The same marks are in a results table, with a row each.
        listed = path.with_name(path.name.replace("_RoiSet.zip", ".csv").replace(".roi", ".csv"))
        assert len(table) == len(listed.read_text().split()) - 1, path.name
        assert set(table.kind) == {"point"}
        assert table.unreadable == ()
