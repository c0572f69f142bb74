"""The pixel size, as microscopes, Fiji, OME and Photoshop write it down."""

from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.montage import open_montage
from golddigger_ij.reading.pixel_size import PixelSize, square_pixel_size, unit_in_nm

IMAGE = np.zeros((40, 60), np.uint8)


def pixel_size(path: Path) -> PixelSize | None:
    with open_montage(path) as montage:
        return montage.pixel_size


@pytest.mark.parametrize(
    ("unit", "nm"),
    [
        ("nm", 1), ("nanometers", 1), ("micron", 1e3), ("microns", 1e3), ("um", 1e3), ("\u00b5m", 1e3),
        ("\u03bcm", 1e3),
        ("\\u00B5m", 1e3), ("\u00c2\u00b5m", 1e3), ("micrometre", 1e3), ("mm", 1e6), ("cm", 1e7), ("inch", 2.54e7),
        ("inches", 2.54e7), ("meter", 1e9), ("pm", 1e-3), ("A", 0.1), ("\u00c5", 0.1), ("\u212b", 0.1),
        ("Angstroms", 0.1), (" NM ", 1), ("pixel", None), ("", None), ("pixels", None), ("reference frame", None),
    ],
)  # fmt: skip
def test_units_are_known_by_all_their_names(unit: str, nm: float | None) -> None:
    assert unit_in_nm(unit) == nm


@pytest.mark.parametrize(
    ("unit", "per_unit"),
    [("nm", 1 / 1.11), ("micron", 1e3 / 1.11), ("\\u00B5m", 1e3 / 1.11), ("mm", 1e6 / 1.11), ("cm", 1e7 / 1.11),
     ("inch", 2.54e7 / 1.11), ("Angstrom", 0.1 / 1.11)],
)  # fmt: skip
def test_imagej_calibration_is_read(tmp_path: Path, unit: str, per_unit: float) -> None:
    tifffile.imwrite(tmp_path / "m.tif", IMAGE, imagej=True, resolution=(per_unit, per_unit), metadata={"unit": unit})
    found = pixel_size(tmp_path / "m.tif")
    assert found is not None
    assert found.nm == pytest.approx(1.11, rel=1e-4)
    assert found.source == "ImageJ metadata"


def test_an_imagej_file_without_a_unit_has_no_pixel_size(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "m.tif", IMAGE, imagej=True)
    assert pixel_size(tmp_path / "m.tif") is None
    tifffile.imwrite(tmp_path / "m.tif", IMAGE, imagej=True, resolution=(1, 1), metadata={"unit": "pixel"})
    assert pixel_size(tmp_path / "m.tif") is None


@pytest.mark.parametrize(
    ("size", "unit"), [(0.00111, "\u00b5m"), (1.11, "nm"), (11.1, "\u00c5"), (1.11e-6, "mm"), (0.00111, None)]
)
def test_ome_pixel_size_is_read(tmp_path: Path, size: float, unit: str | None) -> None:
    metadata: dict[str, Any] = {"axes": "YX", "PhysicalSizeX": size, "PhysicalSizeY": size}
    if unit is not None:
        metadata |= {"PhysicalSizeXUnit": unit, "PhysicalSizeYUnit": unit}
    tifffile.imwrite(tmp_path / "m.ome.tif", IMAGE, metadata=metadata)
    found = pixel_size(tmp_path / "m.ome.tif")
    assert found == PixelSize(pytest.approx(1.11), "OME metadata")


def test_the_full_image_of_an_ome_file_gives_the_pixel_size(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "m.ome.tif", ome=True) as writer:
        for image, nm in ((IMAGE[:10, :10], 8.0), (IMAGE, 2.0)):
            writer.write(
                image,
                metadata={
                    "axes": "YX", "PhysicalSizeX": nm, "PhysicalSizeXUnit": "nm",
                    "PhysicalSizeY": nm, "PhysicalSizeYUnit": "nm",
                },
            )  # fmt: skip
    assert pixel_size(tmp_path / "m.ome.tif") == PixelSize(2.0, "OME metadata")


@pytest.mark.parametrize(("per_unit", "unit", "nm"), [(1e7 / 1.11, "CENTIMETER", 1.11), (2.54e7 / 0.5, "INCH", 0.5)])
def test_tiff_resolution_in_a_real_unit_is_read(tmp_path: Path, per_unit: float, unit: str, nm: float) -> None:
    tifffile.imwrite(tmp_path / "m.tif", IMAGE, resolution=(per_unit, per_unit), resolutionunit=unit)
    found = pixel_size(tmp_path / "m.tif")
    assert found == PixelSize(pytest.approx(nm, rel=1e-4), "TIFF resolution")


@pytest.mark.parametrize("dpi", [1, 72, 96, 150, 300, 600, 1200, 2400])
def test_a_printers_resolution_is_no_calibration(tmp_path: Path, dpi: int) -> None:
    tifffile.imwrite(tmp_path / "inch.tif", IMAGE, resolution=(dpi, dpi), resolutionunit="INCH")
    tifffile.imwrite(tmp_path / "cm.tif", IMAGE, resolution=(dpi / 2.54, dpi / 2.54), resolutionunit="CENTIMETER")
    tifffile.imwrite(tmp_path / "ij.tif", IMAGE, imagej=True, resolution=(dpi, dpi), metadata={"unit": "inch"})
    for suffix in ("png", "jpg", "tif"):
        Image.fromarray(IMAGE).save(tmp_path / f"pil.{suffix}", dpi=(dpi, dpi))
    for path in tmp_path.iterdir():
        assert pixel_size(path) is None


def test_a_resolution_without_a_unit_is_no_calibration(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "m.tif", IMAGE, resolution=(1e7, 1e7), resolutionunit="NONE")
    assert pixel_size(tmp_path / "m.tif") is None


@pytest.mark.parametrize("nm", [0.0, -1.0, 0.001, 500.0, float("nan"), float("inf")])
def test_an_unlikely_value_in_metadata_is_no_calibration(tmp_path: Path, nm: float) -> None:
    assert square_pixel_size(nm, nm, "OME metadata", "m.tif") is None


def test_png_resolution_is_read_where_it_is_a_microscopes(tmp_path: Path) -> None:
    Image.fromarray(IMAGE).save(tmp_path / "m.png", dpi=(2.54e7 / 2, 2.54e7 / 2))
    assert pixel_size(tmp_path / "m.png") == PixelSize(pytest.approx(2.0, rel=1e-4), "PNG resolution")


def test_mrc_pixel_size_is_read_in_angstrom(tmp_path: Path) -> None:
    with mrcfile.new(tmp_path / "m.mrc") as file:
        file.set_data(IMAGE.astype(np.float32))
        file.voxel_size = 11.1
    assert pixel_size(tmp_path / "m.mrc") == PixelSize(pytest.approx(1.11), "MRC header")


def test_mrc_without_a_cell_has_no_pixel_size(tmp_path: Path) -> None:
    with mrcfile.new(tmp_path / "m.mrc") as file:
        file.set_data(IMAGE.astype(np.float32))
    assert pixel_size(tmp_path / "m.mrc") is None


def test_zeiss_metadata_is_read(tmp_path: Path) -> None:
    text = b"\r\n" * 70 + b"AP_IMAGE_PIXEL_SIZE\r\nImage Pixel Size = 1.116 nm\r\n\0"
    tifffile.imwrite(tmp_path / "m.tif", IMAGE, metadata=None, extratags=[(34118, 2, 0, text, True)])
    assert pixel_size(tmp_path / "m.tif") == PixelSize(pytest.approx(1.116), "Zeiss metadata")


def test_fei_metadata_is_read(tmp_path: Path) -> None:
    text = b"[User]\r\nDate=01/01/2020\r\n[Scan]\r\nPixelWidth=1.5e-009\r\nPixelHeight=1.5e-009\r\n\0"
    tifffile.imwrite(tmp_path / "m.tif", IMAGE, metadata=None, extratags=[(34682, 2, 0, text, True)])
    assert pixel_size(tmp_path / "m.tif") == PixelSize(pytest.approx(1.5), "FEI metadata")


def test_pixels_that_are_not_square_are_refused_unless_a_size_is_given(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "m.tif", IMAGE, imagej=True, resolution=(1, 0.5), metadata={"unit": "nm"})
    with pytest.raises(GoldDiggerError, match=r"m\.tif: .*not square \(1 nm wide and 2 nm high.*--pixel-size"):
        open_montage(tmp_path / "m.tif")
    with open_montage(tmp_path / "m.tif", nm_per_px=1.5) as montage:
        assert montage.pixel_size == PixelSize(1.5, "given")


def test_what_is_given_counts_more_than_the_file(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "m.tif", IMAGE, imagej=True, resolution=(1, 1), metadata={"unit": "nm"})
    with open_montage(tmp_path / "m.tif", nm_per_px=3) as montage:
        assert montage.pixel_size == PixelSize(3.0, "given")


@pytest.mark.parametrize("nm", [0.0, -2.0, float("nan"), float("inf")])
def test_an_impossible_pixel_size_cannot_be_given(nm: float) -> None:
    with pytest.raises(GoldDiggerError, match="above 0"):
        open_montage(IMAGE, nm_per_px=nm)


@given(st.text(max_size=12))
def test_no_unit_is_an_error(unit: str) -> None:
    assert unit_in_nm(unit) is None or unit_in_nm(unit) > 0  # type: ignore[operator]
