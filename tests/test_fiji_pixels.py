"""Detect from a macro on every kind of image: read from its file where that is what is shown, else by its pixels."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from PIL import Image

if TYPE_CHECKING:
    from conftest import ImageJProcess

    from golddigger_ij.synthetic import Micrograph

PER_CM = 1e7 / 1.1
SHOWN = {"resolution": (PER_CM, PER_CM), "resolutionunit": "CENTIMETER"}


@pytest.fixture(scope="module")
def small(section: "Micrograph") -> np.ndarray:
    """A part of the section with both sizes of gold."""
    return section.image[:260, :300]


def detect(imagej: "ImageJProcess", macro: str, argument: Path | str = "") -> list[dict[str, Any]]:
    """Run a macro with `detect` in it for the command, and give the engine's answers."""
    command = """run("Detect Gold Particles...", "gd_show=overlay gd_image=" + getImageID());"""
    return imagej.answers(macro.replace("detect;", command), argument)


TABLE = ("x", "y", "area", "diameter_nm", "score", "group", "groups")


def table(answer: dict[str, Any]) -> list[Any]:
    return [answer[name] for name in TABLE]


def from_file_and_pixels(imagej: "ImageJProcess", path: Path, before: str = "") -> dict[str, Any]:
    """Detect twice, the second time with the image marked as edited, and give what both times was found."""
    by_file, by_pixels = detect(imagej, f"open(path); {before} detect; setOption('Changes', true); detect;", path)
    assert (by_file["read_from"], by_pixels["read_from"]) == ("file", "pixels")
    assert len(by_file["x"]) > 5
    assert table(by_file) == table(by_pixels)
    return by_file


def stretched(values: np.ndarray, top: int) -> np.ndarray:
    return values.astype(np.float64) * (top / 255)


KINDS = {
    "8-bit": lambda v: v,
    "16-bit": lambda v: stretched(v, 60_000).astype(np.uint16),
    "signed 16-bit": lambda v: (stretched(v, 60_000) - 30_000).astype(np.int16),
    "32-bit": lambda v: (stretched(v, 3) - 1).astype(np.float32),
    "whole 32-bit": lambda v: stretched(v, 1_000_000).astype(np.uint32),
    "RGB": lambda v: np.stack([v, 255 - (255 - v) // 2, v], axis=-1),
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_gives_the_same_particles_by_its_file_and_by_its_pixels(imagej, small, kind, tmp_path):
    path = tmp_path / "a kind.tif"
    tifffile.imwrite(path, KINDS[kind](small), photometric="rgb" if kind == "RGB" else "minisblack", **SHOWN)
    found = from_file_and_pixels(imagej, path)
    assert found["nm_per_px"] == pytest.approx(1.1, rel=1e-6)


def test_packed_tiles_and_light_zeros_are_read_from_the_file(imagej, small, tmp_path):
    path = tmp_path / "packed.tif"
    tifffile.imwrite(path, small, compression="zlib", predictor=True, **SHOWN)
    from_file_and_pixels(imagej, path)
    tifffile.imwrite(path, 255 - small, photometric="miniswhite", **SHOWN)
    from_file_and_pixels(imagej, path)


@pytest.mark.parametrize("colours", ["grey", "coloured"])
def test_a_palette_is_read_as_it_is_shown(imagej, small, colours, tmp_path):
    path = tmp_path / "palette.png"
    blue = small if colours == "grey" else np.roll(small, 50, axis=1)
    picture = Image.fromarray(np.stack([small, small, blue], axis=-1)).quantize(200, dither=Image.Dither.NONE)
    picture.save(path)
    plain = tmp_path / "plain.tif"
    tifffile.imwrite(plain, np.asarray(picture.convert("RGB")), **SHOWN)
    calibrated = "run('Properties...', 'unit=nm pixel_width=1.1 pixel_height=1.1');"
    found, expected = detect(imagej, f"open(path); {calibrated} detect; open('{plain}'); detect;", path)
    assert len(found["x"]) > 15
    assert table(found) == table(expected)


LUTS = {
    "Fire": "run('Fire');",
    "Green": "run('Green');",
    "Invert LUT": "run('Invert LUT');",
    # Fiji's HiLo: what is 0 in blue, what is 255 in red.
    "HiLo": """r = newArray(256); g = newArray(256); b = newArray(256);
        for (i = 1; i < 255; i++) { r[i] = i; g[i] = i; b[i] = i; } b[0] = 255; r[255] = 255; setLut(r, g, b);""",
}


@pytest.mark.parametrize("lut", LUTS)
def test_a_lut_that_is_only_there_to_be_looked_at_changes_nothing(imagej, small, lut, tmp_path):
    path = tmp_path / "section.tif"
    tifffile.imwrite(path, small, **SHOWN)
    macro = f"open(path); detect; {LUTS[lut]} setOption('Changes', false); detect; setOption('Changes', true); detect;"
    plain, by_file, by_pixels = detect(imagej, macro, path)
    assert by_pixels["read_from"] == "pixels"
    # What is shown is light gold then, which is found all the same.
    assert by_file["read_from"] == ("pixels" if lut == "Invert LUT" else "file")
    assert table(plain) == table(by_file) == table(by_pixels)


def test_a_slice_of_a_stack_is_read_from_the_file_and_lies_on_its_slice(imagej, small, tmp_path):
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, np.stack([small[::-1], small, 255 - small]), photometric="minisblack", **SHOWN)
    found = from_file_and_pixels(imagej, path, "setSlice(2);")
    single = tmp_path / "single.tif"
    tifffile.imwrite(single, small, **SHOWN)
    assert table(detect(imagej, "open(path); detect;", single)[0]) == table(found)
    slices = imagej.macro(
        """open(getArgument()); setSlice(3); setSlice(2);
        run("Detect Gold Particles...", "gd_show=overlay gd_image=" + getImageID());
        Overlay.activateSelection(0); Roi.getPosition(c, z, t);
        return "" + Overlay.size + " " + getValue("selection.size") + " " + maxOf(maxOf(c, z), t);""",
        str(path),
    )
    assert slices.split()[0] == str(len(found["x"]))
    assert slices.split()[-1] == "2"


def test_a_slice_of_a_hyperstack_is_read_from_the_file(imagej, small, tmp_path):
    path = tmp_path / "hyper.tif"
    planes = np.zeros((2, 3, *small.shape), np.uint8) + 200
    planes[1, 2], planes[0, 1] = small, small[:, ::-1]
    tifffile.imwrite(path, planes, imagej=True, metadata={"axes": "ZCYX", "unit": "nm"}, resolution=(1 / 1.1, 1 / 1.1))
    found = from_file_and_pixels(imagej, path, "Stack.getDimensions(w, h, c, z, t); Stack.setPosition(3, 2, 1);")
    other = from_file_and_pixels(imagej, path, "Stack.setPosition(2, 1, 1);")
    assert len(found["x"]) > 10
    assert found["nm_per_px"] == pytest.approx(1.1, rel=1e-6)
    mirrored = sorted(small.shape[1] - 1 - x for x in other["x"])
    assert np.allclose(sorted(found["x"]), mirrored, atol=0.5)


def test_a_virtual_stack_is_read_from_the_file(imagej, small, tmp_path):
    path = tmp_path / "virtual.tif"
    tifffile.imwrite(path, np.stack([small[::-1], small]), photometric="minisblack", **SHOWN)
    opened = "run('TIFF Virtual Stack...', 'open=[' + path + ']'); setSlice(2); detect;"
    (found,) = detect(imagej, opened, path)
    assert imagej("result = bool(IJ.getImage().getStack().isVirtual())")
    assert found["read_from"] == "file"
    single = tmp_path / "single.tif"
    tifffile.imwrite(single, small, **SHOWN)
    assert table(found) == table(detect(imagej, "open(path); detect;", single)[0])


def test_a_folder_of_slices_as_virtual_stack_is_read(imagej, small, tmp_path):
    for number, image in enumerate([small[::-1], small]):
        tifffile.imwrite(tmp_path / f"slice-{number}.tif", image, **SHOWN)
    (found,) = detect(imagej, "File.openSequence(path, 'virtual'); setSlice(2); detect;", f"{tmp_path}/")
    (single,) = detect(imagej, "open(path); detect;", tmp_path / "slice-1.tif")
    assert found["x"] == single["x"]


def test_an_image_that_was_never_saved_goes_by_its_pixels(imagej, small, tmp_path):
    path = tmp_path / "section.tif"
    tifffile.imwrite(path, small, **SHOWN)
    made = """open(path); detect; w = getWidth; h = getHeight; run('Select All'); run('Copy');
        newImage('made here', '8-bit black', w, h, 1); run('Paste'); run('Select None');
        run('Properties...', 'unit=nm pixel_width=1.1 pixel_height=1.1 voxel_depth=1.1'); detect;"""
    by_file, made_here = detect(imagej, made, path)
    assert (by_file["read_from"], made_here["read_from"]) == ("file", "pixels")
    assert table(by_file) == table(made_here)


EDITS = [
    "run('Invert');",
    "fillRect(20, 20, 60, 60);",
    "run('Flip Horizontally');",
    "run('Rotate 90 Degrees Right');",
    "makeRectangle(0, 0, 200, 200); run('Crop');",
    "run('16-bit'); run('Multiply...', 'value=100');",
    "run('Size...', 'width=600 height=520 interpolation=Bilinear');",
]


@pytest.mark.parametrize("edit", EDITS)
def test_what_was_edited_goes_by_what_is_shown(imagej, small, edit, tmp_path):
    path = tmp_path / "section.tif"
    tifffile.imwrite(path, small, **SHOWN)
    # Also where another plugin has forgotten to say that it has changed the image.
    for forgotten in ("", "setOption('Changes', false);"):
        found, copy = detect(
            imagej, f"open(path); {edit} {forgotten} detect; saveAs('tiff', path + '-2'); detect;", path
        )
        assert found["read_from"] == "pixels"
        assert copy["read_from"] == "file"
        assert table(found) == table(copy)


def test_an_ome_tiff_is_read_from_the_file(imagej, small, tmp_path):
    path = tmp_path / "section.ome.tif"
    units = {"PhysicalSizeX": 1.1, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 1.1, "PhysicalSizeYUnit": "nm"}
    tifffile.imwrite(path, small, metadata={"axes": "YX", **units})
    # ImageJ itself does not read OME's pixel size.
    found = from_file_and_pixels(imagej, path, "run('Properties...', 'unit=nm pixel_width=1.1 pixel_height=1.1');")
    (calibrated,) = detect(imagej, "open(path); detect;", path)
    assert calibrated["nm_per_px"] == pytest.approx(1.1)
    assert table(calibrated) == table(found)


def test_a_big_tiff_that_another_plugin_has_opened_is_read_from_the_file(imagej, small, tmp_path):
    # ImageJ itself reads no BigTIFF; Bio-Formats notes the file like this.
    path = tmp_path / "big.tif"
    tifffile.imwrite(path, small, bigtiff=True, **SHOWN)
    tifffile.imwrite(tmp_path / "plain.tif", small, **SHOWN)
    imagej(
        """
image = IJ.openImage(plain)
info = JClass("ij.io.FileInfo")()
info.directory, info.fileName = folder, "big.tif"
image.setFileInfo(info)
image.show()
""",
        plain=str(tmp_path / "plain.tif"),
        folder=f"{tmp_path}/",
    )
    found, by_pixels = detect(imagej, "detect; setOption('Changes', true); detect;")
    assert (found["read_from"], by_pixels["read_from"]) == ("file", "pixels")
    assert table(found) == table(by_pixels)


REGIONS = {
    "rectangle": "makeRectangle(30, 20, 150, 120);",
    "oval": "makeOval(30, 20, 150, 120);",
    "freehand": "makeSelection('freehand', newArray(30, 180, 170, 100, 40), newArray(20, 30, 140, 90, 150));",
    "with a hole": """makeRectangle(30, 20, 200, 200); setKeyDown('alt'); makeRectangle(80, 60, 70, 70);
        setKeyDown('none');""",
    "rotated": "makeRotatedRectangle(40, 40, 200, 150, 80);",
    "ellipse": "makeEllipse(40, 40, 220, 200, 0.5);",
}


@pytest.mark.parametrize("selection", REGIONS)
def test_inside_a_selection_are_the_particles_that_imagej_says_are_inside(imagej, small, selection, tmp_path):
    path = tmp_path / "section.tif"
    tifffile.imwrite(path, small, **SHOWN)
    whole, inside, whole_again = detect(
        imagej,
        f"""open(path); detect; {REGIONS[selection]} detect; type = selectionType;
        run("Detect Gold Particles...", "gd_show=overlay gd_region=[whole image]");
        if (selectionType != type) exit("the selection is gone");""",
        path,
    )
    points = imagej(
        """
image = IJ.getImage()
IJ.runMacro(selection)
result = [bool(image.getRoi().contains(int(x + 0.5), int(y + 0.5))) for x, y in zip(xs, ys)]
""",
        selection=REGIONS[selection],
        xs=whole["x"],
        ys=whole["y"],
    )
    expected = [(x, y) for x, y, here in zip(whole["x"], whole["y"], points, strict=True) if here]
    assert 2 < len(expected) < len(whole["x"])
    assert list(zip(inside["x"], inside["y"], strict=True)) == expected
    assert set(inside["region"]) == {"selection"}
    assert table(whole_again) == table(whole)
    assert "region" not in whole_again


def test_a_named_selection_names_its_particles_and_its_table(imagej, small, tmp_path):
    path = tmp_path / "section.tif"
    tifffile.imwrite(path, small, **SHOWN)
    macro = """open(path); makeRectangle(30, 20, 150, 120); Roi.setName("mitochondrion 1");
        run("Detect Gold Particles...", "gd_show=overlay gd_output=[" + path + " out]");"""
    (found,) = detect(imagej, macro, path)
    assert set(found["region"]) == {"mitochondrion 1"}
    rows = (tmp_path / "section.tif out" / "section_regions.csv").read_text().splitlines()
    assert rows[1].startswith("mitochondrion 1,")


def test_a_particle_that_was_picked_is_no_region(imagej, small, tmp_path):
    path = tmp_path / "section.tif"
    tifffile.imwrite(path, small, **SHOWN)
    first, again = detect(imagej, "open(path); detect; Overlay.activateSelection(3); detect;", path)
    assert table(first) == table(again)


def test_a_line_is_no_region(imagej, small, tmp_path):
    path = tmp_path / "section.tif"
    tifffile.imwrite(path, small, **SHOWN)
    first, again = detect(imagej, "open(path); detect; makeLine(3, 3, 100, 100); detect;", path)
    assert table(first) == table(again)
