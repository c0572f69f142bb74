"""How many nanometres a pixel is, out of what a file says about itself."""

import math
import re
import struct
import unicodedata
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from golddigger_ij.errors import GoldDiggerError

if TYPE_CHECKING:
    import tifffile

# Gold of 5 nm is smaller than a pixel above, and no electron microscope resolves what is below. A printer's
# resolution (72 to 2400 dots per inch: 350,000 to 10,000 nm) and a camera's pixel pitch lie far outside.
PLAUSIBLE_NM = (0.01, 100.0)

# Of the two sides of a pixel; what rounding to ImageJ's rationals and to a header's float32 leaves is far smaller.
_SQUARE_TOLERANCE = 0.01

# By the Greek letter mu, which is what NFKC makes of the micro sign.
_NM = {
    **dict.fromkeys(("pm", "picometer", "picometre"), 1e-3),
    **dict.fromkeys(("a", "å", "ang", "angstrom", "ångstrom", "ångström", "angström"), 0.1),
    **dict.fromkeys(("nm", "nanometer", "nanometre"), 1.0),
    **dict.fromkeys(("um", "μm", "micron", "micrometer", "micrometre", "μ", "u"), 1e3),
    **dict.fromkeys(("mm", "millimeter", "millimetre"), 1e6),
    **dict.fromkeys(("cm", "centimeter", "centimetre"), 1e7),
    **dict.fromkeys(("dm", "decimeter", "decimetre"), 1e8),
    **dict.fromkeys(("m", "meter", "metre"), 1e9),
    **dict.fromkeys(("in", "inch", "inches", '"'), 2.54e7),
}
_TIFF_UNIT_NM = {2: 2.54e7, 3: 1e7, 4: 1e6, 5: 1e3}


@dataclass(frozen=True)
class PixelSize:
    """The side of a square pixel.

    Parameters
    ----------
    nm : float
        Nanometres a pixel.
    source : str
        Who says so: "given", "OME metadata", "ImageJ metadata", "MRC header", "TIFF resolution" and the like.
    """

    nm: float
    source: str


def unit_in_nm(unit: str) -> float | None:
    r"""Give a unit of length in nm, as ImageJ and OME spell it ("micron", "µm", "\\u00B5m", "Å", "inch", ...).

    Returns
    -------
    float or None
        None for what is no length ("pixel", "").
    """
    text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), unit)
    # The micro sign and the Greek letter look the same, as do the Ångström sign and the Swedish letter; and UTF-8 that
    # was read as Latin-1 puts an Â before the micro sign.
    text = unicodedata.normalize("NFKC", text).replace("\u00c2", "").strip(" \t\0.").lower()
    return _NM.get(text, _NM.get(text.removesuffix("s")))


def square_pixel_size(x_nm: float, y_nm: float, source: str, name: str) -> PixelSize | None:
    """Make a pixel size out of two sides in nm.

    Returns
    -------
    PixelSize or None
        None if either side is no plausible pixel of an electron micrograph (0.01 to 100 nm).

    Raises
    ------
    GoldDiggerError
        If both are plausible and differ by more than 1 %: particles would be ellipses, and areas wrong.
    """
    low, high = PLAUSIBLE_NM
    if not (low <= x_nm <= high and low <= y_nm <= high):
        return None
    if abs(x_nm - y_nm) > _SQUARE_TOLERANCE * max(x_nm, y_nm):
        raise GoldDiggerError(
            f"{name}: its pixels are not square ({x_nm:.4g} nm wide and {y_nm:.4g} nm high by its {source}); resample "
            f"it to square pixels, or give --pixel-size where its {source} is wrong"
        )
    return PixelSize(x_nm, source)


def given_pixel_size(nm_per_px: float, name: str) -> PixelSize:
    """Check a pixel size in nm that the user gave.

    Raises
    ------
    GoldDiggerError
        If it is not a finite number above 0.
    """
    if not (math.isfinite(nm_per_px) and nm_per_px > 0):
        raise GoldDiggerError(f"{name}: a pixel size of {nm_per_px} nm cannot be; give nanometres per pixel above 0")
    return PixelSize(float(nm_per_px), "given")


def tiff_pixel_size(
    tiff: "tifffile.TiffFile", page: "tifffile.TiffPage", shape: tuple[int, int], name: str
) -> PixelSize | None:
    """Read the calibration of a TIFF: OME, ImageJ, FEI/Thermo or Zeiss metadata, or the resolution tags.

    Parameters
    ----------
    tiff : tifffile.TiffFile
    page : tifffile.TiffPage
        The page whose tags count.
    shape : (int, int)
        Height and width of the montage, which tells the full image of an OME file from its thumbnails.
    name : str
        The file, for messages.

    Returns
    -------
    PixelSize or None
        The first plausible one; None where the file says nothing that could be the pixel of an electron micrograph.

    Raises
    ------
    GoldDiggerError
        If the pixels are not square.
    """
    for source, x_nm, y_nm in _tiff_claims(tiff, page, shape):
        found = square_pixel_size(x_nm, y_nm, source, name)
        if found is not None:
            return found
    return None


def mrc_pixel_size(header: bytes, byte_order: str, name: str) -> PixelSize | None:
    """Read the calibration of an MRC header: cell size (Å) over sampling, along x and y.

    Parameters
    ----------
    header : bytes
        The first 1024 bytes.
    byte_order : str
        "<" or ">".
    """
    sampling = struct.unpack_from(f"{byte_order}2i", header, 28)
    cell = struct.unpack_from(f"{byte_order}2f", header, 40)
    if min(sampling) <= 0:
        return None
    return square_pixel_size(cell[0] / sampling[0] / 10, cell[1] / sampling[1] / 10, "MRC header", name)


def _tiff_claims(
    tiff: "tifffile.TiffFile", page: "tifffile.TiffPage", shape: tuple[int, int]
) -> Iterator[tuple[str, float, float]]:
    if tiff.is_ome and tiff.ome_metadata:
        for x_nm, y_nm in _ome_claims(tiff.ome_metadata, shape):
            yield "OME metadata", x_nm, y_nm
    per_unit = _resolution(page)
    if tiff.is_imagej and per_unit is not None:
        metadata = tiff.imagej_metadata or {}
        x_unit = str(metadata.get("unit", ""))
        x_unit_nm, y_unit_nm = unit_in_nm(x_unit), unit_in_nm(str(metadata.get("yunit", x_unit)))
        if x_unit_nm is not None and y_unit_nm is not None:
            yield "ImageJ metadata", x_unit_nm / per_unit[0], y_unit_nm / per_unit[1]
    yield from _microscope_claims(tiff)
    if per_unit is not None:
        unit = page.tags.valueof("ResolutionUnit", 2)
        unit_nm = _TIFF_UNIT_NM.get(int(unit)) if isinstance(unit, int) else None
        if unit_nm is not None:
            yield "TIFF resolution", unit_nm / per_unit[0], unit_nm / per_unit[1]


def _resolution(page: "tifffile.TiffPage") -> tuple[float, float] | None:
    """Give pixels per unit along x and y."""
    rationals = page.tags.valueof("XResolution"), page.tags.valueof("YResolution")
    found = [one[0] / one[1] for one in rationals if isinstance(one, tuple) and len(one) == 2 and min(one) > 0]
    return (found[0], found[1]) if len(found) == 2 else None


def _ome_claims(xml: str, shape: tuple[int, int]) -> Iterator[tuple[float, float]]:
    try:
        root = ElementTree.fromstring(xml.encode())
    except (ElementTree.ParseError, ValueError, LookupError):
        return
    images = [element for element in root.iter() if element.tag.rpartition("}")[2] == "Pixels"]
    size = (str(shape[0]), str(shape[1]))
    same = [image for image in images if (image.get("SizeY"), image.get("SizeX")) == size]
    for image in same or images[:1]:
        x_nm, y_nm = _ome_length(image, "X"), _ome_length(image, "Y")
        if x_nm is not None:
            yield x_nm, y_nm if y_nm is not None else x_nm


def _ome_length(image: ElementTree.Element, axis: str) -> float | None:
    try:
        value = float(image.get(f"PhysicalSize{axis}", ""))
    except ValueError:
        return None
    unit_nm = unit_in_nm(image.get(f"PhysicalSize{axis}Unit", "um"))
    return None if unit_nm is None else value * unit_nm


def _microscope_claims(tiff: "tifffile.TiffFile") -> Iterator[tuple[str, float, float]]:
    if tiff.is_fei:
        scan = (tiff.fei_metadata or {}).get("Scan") or {}
        width, height = _number(scan.get("PixelWidth")), _number(scan.get("PixelHeight"))
        if width is not None and height is not None:
            yield "FEI metadata", width * 1e9, height * 1e9
    if tiff.is_sem:
        metadata = tiff.sem_metadata or {}
        for key in ("ap_image_pixel_size", "ap_pixel_size"):
            entry = metadata.get(key)
            if isinstance(entry, tuple) and len(entry) == 3:
                side, unit_nm = _number(entry[1]), unit_in_nm(str(entry[2]))
                if side is not None and unit_nm is not None:
                    yield "Zeiss metadata", side * unit_nm, side * unit_nm


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None
