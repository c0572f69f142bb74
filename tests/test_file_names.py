"""Results are called by the stem of their image, and no two images share a name."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.file_names import expand_images, image_stem, output_folders


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("a.tif", "a"),
        ("a.ome.tif", "a"),
        ("a.ome.btf", "a"),
        ("A.OME.TIFF", "A"),
        ("mouse 3.1 µm.tif", "mouse 3.1 µm"),
        ("a.b.c.png", "a.b.c"),
        ("stack.mrc", "stack"),
        ("a.tif.png", "a.tif"),
        ("noext", "noext"),
        (".tif", ".tif"),
    ],
)
def test_a_stem_is_the_name_without_the_suffix_of_its_format(name: str, stem: str) -> None:
    assert image_stem(Path("somewhere") / name) == stem


@given(st.text(st.characters(whitelist_categories=["L", "N"], whitelist_characters=" .-_"), min_size=1, max_size=20))
def test_a_stem_is_never_empty(name: str) -> None:
    assert image_stem(Path(f"x{name}.tif")) == f"x{name}".removesuffix(".ome")


def test_a_folder_gives_its_images_in_order_and_nothing_else(tmp_path: Path) -> None:
    for name in ("b.tif", "a.PNG", "c.mrc", "notes.txt", ".hidden.tif"):
        (tmp_path / name).touch()
    (tmp_path / "folder.tif").mkdir()
    other = tmp_path / "folder.tif" / "z.dat"
    found = expand_images([tmp_path, other])
    assert [path.name for path in found] == ["a.PNG", "b.tif", "c.mrc", "z.dat"]


def test_the_picture_of_an_earlier_run_is_not_an_image(tmp_path: Path) -> None:
    for name in ("a.tif", "a_overlay.png", "a_run.json"):
        (tmp_path / name).touch()
    assert [path.name for path in expand_images([tmp_path])] == ["a.tif"]


def test_a_folder_without_images_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(GoldDiggerError, match="holds no image"):
        expand_images([tmp_path])


def test_two_images_with_one_stem_are_refused() -> None:
    images = [Path("a/cell.tif"), Path("b/cell.ome.tif")]
    with pytest.raises(GoldDiggerError, match=r"cell_particles\.csv; use --keep-tree"):
        output_folders(images, Path("out"), keep_tree=False)


def test_keep_tree_repeats_the_folders_below_the_one_that_is_shared(tmp_path: Path) -> None:
    images = [tmp_path / "study" / "day1" / "cell.tif", tmp_path / "study" / "day2" / "left" / "cell.tif"]
    out = tmp_path / "out"
    assert output_folders(images, out, keep_tree=True) == [out / "day1", out / "day2" / "left"]


def test_keep_tree_cannot_tell_apart_two_formats_of_one_image(tmp_path: Path) -> None:
    images = [tmp_path / "cell.tif", tmp_path / "cell.png"]
    with pytest.raises(GoldDiggerError, match="rename one"):
        output_folders(images, tmp_path, keep_tree=True)


def test_without_keep_tree_everything_goes_into_one_folder() -> None:
    assert output_folders([Path("a/x.tif"), Path("b/y.tif")], Path("out"), keep_tree=False) == [Path("out")] * 2
