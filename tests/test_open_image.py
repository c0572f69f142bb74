"""The image that is open in ImageJ: read from its file where that still equals what is shown, else by its pixels."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.imagej.call import NeedsPixels, Stopped
from golddigger_ij.imagej.pixels import OpenImage
from golddigger_ij.montage import Montage

Shown = Callable[..., dict[str, Any]]
GREY = np.random.default_rng(4).integers(0, 255, (90, 70), dtype=np.uint8)


def nothing() -> None:
    """Nobody stops it."""


Opened = Callable[..., Montage]


@pytest.fixture
def opened() -> Iterator[Opened]:
    with ExitStack() as stack:
        yield lambda entries, known=None, check=nothing: stack.enter_context(OpenImage(entries).montage(check, known))


def whole(montage: Montage) -> NDArray[Any]:
    return montage.read(0, 0, *montage.shape)


def saved(path: Path, pixels: NDArray[Any], **how: Any) -> Path:
    tifffile.imwrite(path, pixels, **how)
    return path


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_an_unchanged_file_is_read_from_disk(dtype: type, shown: Shown, opened: Opened, tmp_path: Path) -> None:
    pixels = GREY.astype(dtype)
    path = saved(tmp_path / "a.tif", pixels, compression="zlib", rowsperstrip=7)
    montage = opened(shown(pixels, path))
    assert montage.path == path
    assert np.array_equal(whole(montage), pixels)


def test_types_that_imagej_converts_are_still_read_from_disk(shown: Shown, opened: Opened, tmp_path: Path) -> None:
    signed = GREY.astype(np.int16) - 100
    path = saved(tmp_path / "signed.tif", signed)
    assert opened(shown((signed.astype(int) + 32768).astype(np.uint16), path)).path == path
    for dtype in (np.int32, np.uint32, np.float64):
        path = saved(tmp_path / f"{np.dtype(dtype)}.tif", GREY.astype(dtype))
        assert opened(shown(GREY.astype(np.float32), path)).path == path


def argb(red: NDArray[Any], green: NDArray[Any], blue: NDArray[Any]) -> NDArray[np.int32]:
    """Colours as ImageJ keeps them in an int."""
    parts = np.uint32(0xFF000000) | red.astype(np.uint32) << 16 | green.astype(np.uint32) << 8 | blue.astype(np.uint32)
    return parts.astype(np.uint32).view(np.int32)


def test_a_colour_image_is_the_same_grey_from_file_and_by_pixels(shown: Shown, opened: Opened, tmp_path: Path) -> None:
    red, green, blue = (np.roll(GREY, turn, axis=1) for turn in (0, 7, 31))
    path = tmp_path / "colour.png"
    Image.fromarray(np.stack([red, green, blue], axis=-1)).save(path)
    pixels = argb(red, green, blue)
    from_file, by_pixels = opened(shown(pixels, path)), opened(shown(pixels))
    assert from_file.path == path
    assert by_pixels.path is None
    assert np.array_equal(whole(from_file), whole(by_pixels))


def test_the_slice_of_a_stack_is_found_in_the_file(shown: Shown, opened: Opened, tmp_path: Path) -> None:
    stack = np.stack([GREY, GREY[::-1], 255 - GREY])
    path = saved(tmp_path / "stack.tif", stack, photometric="minisblack")
    montage = opened(shown(stack[1], path, plane=2))
    assert montage.plane == 2
    assert np.array_equal(whole(montage), stack[1])
    with pytest.raises(NeedsPixels):
        opened(shown(stack[1], path, plane=3))


@pytest.mark.parametrize(
    "why", ["edited", "marked as changed", "another size", "gone", "no image", "no sample", "type"]
)
def test_what_is_not_as_on_disk_needs_its_pixels(why: str, shown: Shown, opened: Opened, tmp_path: Path) -> None:
    path = saved(tmp_path / "a.tif", GREY)
    pixels, more = GREY, {}
    match why:
        case "edited":
            pixels = GREY.copy()
            pixels[0, 3] ^= 1
        case "marked as changed":
            more = {"changed": True}
        case "another size":
            pixels = GREY[:-1]
        case "gone":
            path.unlink()
        case "no image":
            path.write_text("something else")
        case "no sample":
            more = {"rows": None, "sample": None}
        case "type":
            pixels = GREY.astype(np.uint16)
    with pytest.raises(NeedsPixels):
        opened(shown(pixels, path, **more))
    montage = opened(shown(pixels, path, **more, pixels=pixels.ravel()))
    assert montage.path is None
    assert montage.name == "a.tif"
    assert np.array_equal(whole(montage), pixels)


def test_bytes_from_java_have_no_sign(shown: Shown, opened: Opened) -> None:
    entries = shown(GREY)
    for name in ("pixels", "sample"):
        entries[name] = entries[name].view(np.int8)
    assert np.array_equal(whole(opened(entries)), GREY)
    wide = shown(GREY.astype(np.uint16) * 257)
    wide["pixels"] = wide["pixels"].view(np.int16)
    assert np.array_equal(whole(opened(wide)), GREY.astype(np.uint16) * 257)


def test_pixels_that_are_not_a_number_compare_as_themselves(shown: Shown, opened: Opened, tmp_path: Path) -> None:
    pixels = GREY.astype(np.float32)
    pixels[0, :5] = np.nan
    path = saved(tmp_path / "nan.tif", pixels)
    assert opened(shown(pixels, path)).path == path


def test_only_what_could_be_a_micrograph_counts_as_its_calibration(shown: Shown) -> None:
    sizes = {size: OpenImage(shown(GREY, nm_per_px=size)).nm_per_px for size in (None, 0.0, 0.55, 352777.8, np.nan)}
    assert sizes == {None: None, 0.0: None, 0.55: 0.55, 352777.8: None, np.nan: None}


def test_pixels_that_are_not_square_are_refused_unless_a_size_is_known(
    shown: Shown, opened: Opened, tmp_path: Path
) -> None:
    path = saved(tmp_path / "oblong.tif", GREY, resolution=(1e7, 2e7), resolutionunit="CENTIMETER")
    with pytest.raises(GoldDiggerError, match="not square"):
        opened(shown(GREY, path))
    assert opened(shown(GREY, path), 1.0).path == path
    assert opened(shown(GREY, path, nm_per_px=1.0)).path == path


def test_a_reading_can_be_stopped(shown: Shown, opened: Opened, tmp_path: Path) -> None:
    def stop() -> None:
        raise Stopped("stopped")

    montage = opened(shown(GREY, saved(tmp_path / "a.tif", GREY)), check=stop)
    with pytest.raises(Stopped):
        montage.read(0, 0, 5, 5)


def test_a_title_becomes_the_name_of_a_file(shown: Shown, tmp_path: Path) -> None:
    titles = {"a.ome.tif": "a", "x: 1/2*?.png": "x_ 1_2__", "  ": "image", "..": "image", "Ünï cödé-1": "Ünï cödé-1"}
    assert {title: OpenImage(shown(GREY, title=title)).stem for title in titles} == titles
    path = tmp_path / "montage.tif"
    assert OpenImage(shown(GREY, path, title="montage-1.tif")).stem == "montage"


def test_no_image_is_an_error_that_says_what_to_do() -> None:
    for nothing_open in (None, {}):
        with pytest.raises(GoldDiggerError, match="there is no image open; open a montage first"):
            OpenImage(nothing_open)
