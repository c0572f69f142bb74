"""Ground truth on disk: what is written comes back, and belongs to one image only."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from golddigger_ij.annotations import Annotation, disc, read_annotation, read_annotations, write_annotation
from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.montage import open_montage
from golddigger_ij.training.marked_images import prepare_image

SQUARE = np.array([[2.0, 3.0], [6.0, 3.0], [6.0, 8.0], [2.0, 8.0]])


def _annotation(image: Path, **changed: object) -> Annotation:
    content: dict = {
        "image": image,
        "nm_per_px": 1.1,
        "x": np.array([10.25, 40.0]),
        "y": np.array([20.5, 30.125]),
        "diameter_nm": np.array([6.0, 12.0]),
        **changed,
    }
    return Annotation(**content)


def _image(path: Path, seed: int = 0) -> Path:
    tifffile.imwrite(path, np.random.default_rng(seed).integers(90, 160, (64, 72), np.uint8))
    return path


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    written = _annotation(
        Path("cell.ome.tif"), annotated=(SQUARE,), excluded=(disc(4, 5, 1.5),), sha256="ab", shape=(64, 72)
    )
    path = write_annotation(tmp_path, written)
    assert path.name == "cell.json"
    (read,) = read_annotations(tmp_path)
    assert read.image == tmp_path / "cell.ome.tif"
    for name in ("x", "y", "diameter_nm", "annotated", "excluded"):
        assert np.allclose(getattr(read, name), getattr(written, name)), name
    assert (read.nm_per_px, read.sha256, read.shape) == (1.1, "ab", (64, 72))


def test_writing_again_what_was_read_changes_nothing_but_its_place(tmp_path: Path) -> None:
    write_annotation(tmp_path, _annotation(Path("a.tif"), record={"author": "me"}))
    (first,) = read_annotations(tmp_path)
    before = (tmp_path / "a.json").read_bytes()
    write_annotation(tmp_path, first)
    assert (tmp_path / "a.json").read_bytes() == before
    write_annotation(tmp_path / "elsewhere", first)
    (second,) = read_annotations(tmp_path / "elsewhere")
    assert second.image == first.image
    assert second.record["author"] == "me"


def test_images_whose_names_differ_after_a_dot_keep_their_own_marks(tmp_path: Path) -> None:
    for name in ("mouse.1.tif", "mouse.2.tif"):
        write_annotation(tmp_path, _annotation(Path(name)))
    assert [a.image.name for a in read_annotations(tmp_path)] == ["mouse.1.tif", "mouse.2.tif"]


def test_an_image_that_has_changed_is_refused(tmp_path: Path) -> None:
    image = _image(tmp_path / "a.tif")
    with open_montage(image) as montage:
        digest = montage.sha256()
    write_annotation(tmp_path, _annotation(Path("a.tif"), sha256=digest))
    (annotation,) = read_annotations(tmp_path)
    assert len(prepare_image(annotation, 1.1).x) == 2
    _image(image, seed=1)
    with pytest.raises(GoldDiggerError, match=r"a\.tif: is not the image that was annotated"):
        prepare_image(annotation, 1.1)


def test_a_whole_image_is_known_where_nothing_is_outlined() -> None:
    assert _annotation(Path("a.tif")).known((64, 72)) is None


def test_only_the_annotated_region_is_known() -> None:
    known = _annotation(Path("a.tif"), annotated=(SQUARE,)).known((12, 12))
    assert known is not None
    inside = np.zeros((12, 12), bool)
    inside[4:8, 3:6] = True
    assert known[inside].all()
    # Corners lie on pixel centres: the pixels on the border may fall to either side.
    assert not known[:3].any()
    assert not known[9:].any()
    assert not known[:, :2].any()
    assert not known[:, 7:].any()


def test_an_excluded_place_is_unknown_within_a_known_image() -> None:
    known = _annotation(Path("a.tif"), excluded=(disc(20, 10, 4),)).known((40, 50))
    assert known is not None
    assert not known[10, 20]
    assert known[10, 26]
    assert (~known).sum() == pytest.approx(np.pi * 16, rel=0.15)


def test_regions_shrink_with_the_image() -> None:
    large = np.array([[19.5, 39.5], [59.5, 39.5], [59.5, 79.5], [19.5, 79.5]])
    known = _annotation(Path("a.tif"), annotated=(large,)).known((50, 50), 0.5)
    assert known is not None
    rows, columns = np.nonzero(known)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (20, 39, 10, 29)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"image": "a.tif"}',
        '{"image": "a.tif", "nm_per_px": 0}',
        '{"image": "a.tif", "nm_per_px": NaN}',
        '{"image": "a.tif", "nm_per_px": 1.1, "annotated": [[1, 2, 3]]}',
        '{"image": "a.tif", "nm_per_px": 1.1, "shape": 5}',
        '{"image": 3, "nm_per_px": 1.1}',
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    write_annotation(tmp_path, _annotation(Path("a.tif")))
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(GoldDiggerError, match=r"a\.json: is not a ground-truth file"):
        read_annotations(tmp_path)


def test_a_mark_that_is_no_number_is_named_by_its_line(tmp_path: Path) -> None:
    write_annotation(tmp_path, _annotation(Path("a.tif")))
    (tmp_path / "a_marks.csv").write_text("x,y,diameter_nm\n1,2,6\n3,oops,6\n")
    with pytest.raises(GoldDiggerError, match=r"a_marks\.csv: line 3, column 'y'"):
        read_annotations(tmp_path)


def test_a_folder_without_ground_truth_says_what_belongs_there(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({}))
    with pytest.raises(GoldDiggerError, match="holds no ground truth"):
        read_annotations(tmp_path)
    with pytest.raises(GoldDiggerError, match="no such folder"):
        read_annotations(tmp_path / "nowhere")


def test_marks_may_name_their_group_instead_of_a_diameter(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text('{"image": "m.tif", "nm_per_px": 1.0}')
    (tmp_path / "m_marks.csv").write_text("x,y,group\n1,2,6nm\n3,4,12nm\n")
    assert read_annotations(tmp_path)[0].diameter_nm.tolist() == [6.0, 12.0]


def test_groups_of_marks_come_back(tmp_path: Path) -> None:
    groups = np.array(["6nm", ""], object)
    write_annotation(tmp_path, _annotation(Path("a.tif"), group=groups))
    assert (tmp_path / "a_marks.csv").read_text().splitlines()[:2] == [
        "x,y,diameter_nm,group",
        "10.250,20.500,6.000,6nm",
    ]
    (read,) = read_annotations(tmp_path)
    assert read.group is not None
    assert read.group.tolist() == ["6nm", ""]


def test_marks_without_groups_are_written_and_read_as_ever(tmp_path: Path) -> None:
    write_annotation(tmp_path, _annotation(Path("a.tif")))
    assert (tmp_path / "a_marks.csv").read_text().splitlines()[0] == "x,y,diameter_nm"
    assert read_annotations(tmp_path)[0].group is None


def test_each_plane_of_a_stack_has_its_own_ground_truth(tmp_path: Path) -> None:
    stack = tmp_path / "stack.tif"
    tifffile.imwrite(stack, np.random.default_rng(0).integers(90, 160, (3, 64, 72), np.uint8), photometric="minisblack")
    for plane in (1, 3):
        write_annotation(tmp_path, _annotation(Path("stack.tif"), plane=plane, x=np.array([10.0, 40.0 + plane])))
    first, third = read_annotations(tmp_path)
    assert (first.stem, third.stem) == ("stack_z001", "stack_z003")
    assert (first.plane, third.plane) == (1, 3)
    pixels = [prepare_image(annotation, 1.1).pixels for annotation in (first, third)]
    assert not np.array_equal(*pixels)


def test_one_annotation_is_read_by_its_path(tmp_path: Path) -> None:
    path = write_annotation(tmp_path, _annotation(Path("a.tif")))
    assert read_annotation(path).x.tolist() == [10.25, 40.0]
    (tmp_path / "a_marks.csv").unlink()
    with pytest.raises(GoldDiggerError, match=r"a_marks\.csv"):
        read_annotation(path)
