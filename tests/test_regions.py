"""Regions: what lies inside and how large they are."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from roifile import ROI_OPTIONS, ROI_SUBTYPE, ROI_TYPE, ImagejRoi, roiwrite
from skimage.draw import polygon2mask
from skimage.measure import points_in_poly

from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.outlines import Outline
from golddigger_ij.particles import Particles
from golddigger_ij.regions import Region, label_regions, load_regions, region_of_rings, write_regions_csv

SHAPE = (100, 120)
SQUARE = [[10, 10], [30, 10], [30, 30], [10, 30]]


def _json(tmp_path: Path, content: Any) -> Path:
    path = tmp_path / "regions.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def _one(tmp_path: Path, content: Any) -> Region:
    (region,) = load_regions(_json(tmp_path, content), SHAPE)
    return region


def _pixels(region: Region) -> np.ndarray:
    y, x = np.indices(SHAPE)
    return region.contains(x.ravel(), y.ravel()).reshape(SHAPE)


def test_a_json_polygon_is_in_pixel_centre_coordinates(tmp_path: Path) -> None:
    region = _one(tmp_path, {"axon": SQUARE})
    assert (region.name, region.area_px, region.bounds) == ("axon", 400.0, (10, 10, 31, 31))
    assert region.contains([9.9, 10.1, 29.9, 30.1], [20, 20, 20, 20]).tolist() == [False, True, True, False]


def test_a_hole_is_outside(tmp_path: Path) -> None:
    hole = [[15, 15], [20, 15], [20, 20], [15, 20]]
    region = _one(tmp_path, [{"name": "ring", "polygon": SQUARE, "holes": [hole]}])
    assert region.area_px == 375.0
    assert region.contains([12, 17], [12, 17]).tolist() == [True, False]


def test_an_imagej_rectangle_holds_just_its_pixels(tmp_path: Path) -> None:
    path = tmp_path / "a.roi"
    ImagejRoi(roitype=ROI_TYPE.RECT, left=5, top=7, right=15, bottom=10, name="box").tofile(path)
    (region,) = load_regions(path, SHAPE)
    expected = np.zeros(SHAPE, bool)
    expected[7:10, 5:15] = True
    assert np.array_equal(_pixels(region), expected)
    assert region.area_px == 30
    assert region.bounds == (7, 5, 10, 15)


def test_an_oval_has_the_area_of_its_ellipse(tmp_path: Path) -> None:
    path = tmp_path / "a.roi"
    ImagejRoi(roitype=ROI_TYPE.OVAL, left=10, top=10, right=50, bottom=30, name="oval").tofile(path)
    (region,) = load_regions(path, SHAPE)
    assert region.area_px == pytest.approx(np.pi * 20 * 10)
    assert region.contains([29.5, 10], [19.5, 10]).tolist() == [True, False]


@pytest.mark.parametrize("kind", [ROI_TYPE.POLYGON, ROI_TYPE.FREEHAND, ROI_TYPE.TRACED])
def test_imagej_polygons_are_shifted_by_half_a_pixel(tmp_path: Path, kind: ROI_TYPE) -> None:
    roi = ImagejRoi.frompoints(np.array(SQUARE), name="p")
    roi.roitype = kind
    roiwrite(tmp_path / "a.zip", [roi], mode="w")
    (region,) = load_regions(tmp_path / "a.zip", SHAPE)
    assert region.area_px == 400
    assert _pixels(region).sum() == 400
    assert region.bounds == (10, 10, 30, 30)


def test_a_rotated_rectangle_is_read_from_its_parameters(tmp_path: Path) -> None:
    roi = ImagejRoi.frompoints(np.array(SQUARE), name="tilted")
    roi.roitype, roi.subtype, roi.options = ROI_TYPE.FREEHAND, ROI_SUBTYPE.ROTATED_RECT, ROI_OPTIONS.NONE
    roi.subpixel_coordinates = None
    roi.x1, roi.y1, roi.x2, roi.y2 = 20.0, 20.0, 50.0, 60.0
    style = np.float32(10).tobytes()[::-1]
    roi.arrow_style_or_aspect_ratio, roi.arrow_head_size = style[0], style[1]
    roi.rounded_rect_arc_size = int.from_bytes(style[2:], "big", signed=True)
    roi.integer_coordinates = np.zeros((4, 2), np.int32)
    roi.tofile(tmp_path / "a.roi")
    (region,) = load_regions(tmp_path / "a.roi", SHAPE)
    assert region.area_px == pytest.approx(50 * 10, rel=1e-5)
    assert region.contains([34.5], [39.5]).all()


def test_each_value_of_a_mask_is_a_region(tmp_path: Path) -> None:
    labels = np.zeros(SHAPE, np.uint8)
    labels[5:9, 20:33] = 7
    labels[50:60, 3:5] = 255
    Image.fromarray(labels).save(tmp_path / "mask.png")
    seven, last = load_regions(tmp_path / "mask.png", SHAPE)
    assert (seven.name, seven.area_px, seven.bounds) == ("region-7", 52, (5, 20, 9, 33))
    assert last.name == "region-255"
    assert np.array_equal(_pixels(seven), labels == 7)
    assert seven.contains([19.5, 19.49, 32.49, 32.5], [6, 6, 6, 6]).tolist() == [True, False, True, False]


def test_a_sixteen_bit_tiff_mask_is_read(tmp_path: Path) -> None:
    import tifffile

    labels = np.zeros(SHAPE, np.uint16)
    labels[5:9, 20:33] = 1000
    tifffile.imwrite(tmp_path / "mask.tif", labels)
    (region,) = load_regions(tmp_path / "mask.tif", SHAPE)
    assert (region.name, region.area_px) == ("region-1000", 52)


def test_only_the_part_inside_the_image_counts_as_area(tmp_path: Path) -> None:
    region = _one(tmp_path, {"edge": [[-50, -50], [9.5, -50], [9.5, 500], [-50, 500]]})
    assert region.area_px == 10 * 100
    assert region.bounds == (0, 0, 100, 10)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "holds no region"),
        ({"a": []}, "'a' is empty"),
        ({"a": [[1, 1], [2, 2]]}, "fewer than three"),
        ({"a": [[1, 1], [5, 1], [9, 1]]}, "is empty"),
        ({"a": [[0, 0], [10, 10], [10, 0], [0, 10]]}, r"crosses itself near \(5, 5\)"),
        ({"a": [[500, 500], [600, 500], [600, 600]]}, "outside the image of 120 x 100 px"),
        ({"a": [1, 2, 3]}, r"not a list of \[x, y\]"),
        ({"": SQUARE}, "no name"),
        ('{"a": [[1, 1], [NaN, 1], [2, 2]]}', "not finite"),
        ('{"a": [[1,1],[5,1],[5,5]], "a": [[1,1],[5,1],[5,5]]}', "two regions are called 'a'"),
        ([{"name": "a"}], "entry 1"),
        ([{"name": "a", "polygon": SQUARE, "hole": []}], "unknown key 'hole'"),
        ("{", "not JSON"),
        ("3", "must be an object"),
    ],
)
def test_a_bad_region_is_refused_with_file_and_reason(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(GoldDiggerError, match=message) as error:
        load_regions(_json(tmp_path, content), SHAPE)
    assert "regions.json" in str(error.value)


def test_bad_masks_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.ones((50, 60), np.uint8)).save(tmp_path / "small.png")
    with pytest.raises(GoldDiggerError, match="60 x 50 px where the montage is 120 x 100 px"):
        load_regions(tmp_path / "small.png", SHAPE)
    Image.fromarray(np.zeros(SHAPE, np.uint8)).save(tmp_path / "black.png")
    with pytest.raises(GoldDiggerError, match="holds no region"):
        load_regions(tmp_path / "black.png", SHAPE)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    with pytest.raises(GoldDiggerError, match=r"broken\.png"):
        load_regions(tmp_path / "broken.png", SHAPE)
    (tmp_path / "broken.tif").write_bytes(b"II*\x00")
    with pytest.raises(GoldDiggerError, match=r"broken\.tif"):
        load_regions(tmp_path / "broken.tif", SHAPE)


def test_points_and_other_files_are_no_regions(tmp_path: Path) -> None:
    roi = ImagejRoi.frompoints(np.array(SQUARE), name="clicks")
    roi.roitype = ROI_TYPE.POINT
    roi.tofile(tmp_path / "a.roi")
    with pytest.raises(GoldDiggerError, match="is a point selection"):
        load_regions(tmp_path / "a.roi", SHAPE)
    with pytest.raises(GoldDiggerError, match="regions are read from"):
        load_regions(tmp_path / "a.docx", SHAPE)
    with pytest.raises(GoldDiggerError, match="cannot be read"):
        load_regions(tmp_path / "none.json", SHAPE)


stars = st.lists(st.floats(0.2, 1), min_size=3, max_size=30).map(
    lambda radii: [
        [50.25 + 45 * r * np.cos(2 * np.pi * i / len(radii)), 48.75 + 45 * r * np.sin(2 * np.pi * i / len(radii))]
        for i, r in enumerate(radii)
    ]
)


@settings(max_examples=40, deadline=None)
@given(stars)
def test_inside_and_area_agree_with_other_ways_to_compute_them(corners: list[list[float]]) -> None:
    ring = np.array(corners)
    outline = Outline((ring,))
    x, y = np.random.default_rng(0).uniform(0, 100, (2, 500))
    assert np.array_equal(outline.contains(x, y), points_in_poly(np.stack([x, y], axis=1), ring))
    twice = ring[:, 0] * np.roll(ring[:, 1], -1) - ring[:, 1] * np.roll(ring[:, 0], -1)
    assert outline.area == pytest.approx(abs(twice.sum()) / 2)
    assert outline.crossing() is None
    cut = outline.clipped(20, 30, 70, 60)
    mask = polygon2mask((300, 300), ring[:, ::-1] * 3)
    assert cut.area == pytest.approx(mask[90:180, 60:210].sum() / 9, abs=40)


@settings(max_examples=30, deadline=None)
@given(stars, st.floats(0, 6.3))
def test_neighbours_share_no_point_and_lose_none(corners: list[list[float]], angle: float) -> None:
    ring = np.array(corners)
    centre = ring.mean(axis=0)
    # Cut a big square in two along the star: what one does not hold, the other must.
    square = np.array([[-100.0, -100], [200, -100], [200, 200], [-100, 200]])
    inner, outer = Outline((ring,)), Outline((square, ring))
    on_edges = (ring + np.roll(ring, -1, axis=0)) / 2
    points = np.concatenate([ring, on_edges, [centre]])
    assert (inner.contains(*points.T) ^ outer.contains(*points.T)).all()


def test_a_particle_belongs_to_the_first_region_that_holds_it(tmp_path: Path) -> None:
    regions = load_regions(_json(tmp_path, {"a": SQUARE, "b": [[20, 20], [60, 20], [60, 60], [20, 60]]}), SHAPE)
    assert label_regions([15, 25, 50, 90], [15, 25, 50, 90], regions).tolist() == ["a", "a", "b", ""]
    assert label_regions([], [], regions).tolist() == []


def test_counts_area_and_density_are_written_for_each_region(tmp_path: Path) -> None:
    regions = load_regions(_json(tmp_path, {"a, left": SQUARE, "b": [[60, 60], [80, 60], [80, 80], [60, 80]]}), SHAPE)
    table = Particles.build(
        [15, 20, 25, 99], [15] * 4, area_px=9, nm_per_px=5, score=1, group=["6nm", "12nm", "6nm", "6nm"]
    )
    write_regions_csv(tmp_path / "r.csv", table, regions, 5.0, ["6nm", "12nm", "18nm"])
    assert (tmp_path / "r.csv").read_bytes().decode() == (
        "region,area_um2,6nm,12nm,18nm,total,particles_per_um2\n"
        '"a, left",0.010000,2,1,0,3,300.0000\n'
        "b,0.010000,0,0,0,0,0.0000\n"
    )


def test_a_selection_may_cross_itself_where_it_is_said_so() -> None:
    bow_tie = [np.array([[10.0, 10], [30, 10], [10, 30], [30, 30]])]
    with pytest.raises(GoldDiggerError, match=r"crosses itself near \(20, 20\)"):
        region_of_rings("tie", bow_tie, (100, 100), "file")
    region = region_of_rings("tie", bow_tie, (100, 100), "file", may_cross=True)
    assert region.area_px == pytest.approx(200)
    assert region.contains([20, 20, 15, 25], [12, 28, 20, 20]).tolist() == [True, True, False, False]
    over_the_edge = region_of_rings("tie", [ring - [20, 0] for ring in bow_tie], (100, 100), "file", may_cross=True)
    assert over_the_edge.area_px == pytest.approx(100 + 2 * (5 - 0.125))


def test_two_rings_that_overlap_hold_what_is_in_one_of_them() -> None:
    squares = [np.array([[0.0, 0], [20, 0], [20, 20], [0, 20]]) + shift for shift in (0, 10)]
    assert region_of_rings("s", squares, (100, 100), "file", may_cross=True).area_px == pytest.approx(2 * 400 - 2 * 100)
