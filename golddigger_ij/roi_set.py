"""Particles as a set of ImageJ ROIs, and ROIs read back."""

import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from golddigger_ij.atomic import replacing
from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.palette import group_colours, with_present
from golddigger_ij.particles import Particles

if TYPE_CHECKING:
    from roifile import ImagejRoi

_OVAL = 2
_SUB_PIXEL_RESOLUTION = 128
_VERSION = 228
_FIXED_TIME = (1980, 1, 1, 0, 0, 0)
"""The earliest time a zip file can hold: the same table gives the same bytes on any day."""

# The two headers of ImageJ's RoiDecoder, big-endian, 64 bytes each. First: "Iout", version, type, top, left, bottom,
# right, number of coordinates, sub-pixel x, y, width, height, stroke width, shape size, stroke colour, fill colour,
# subtype, options, three bytes of arrow and corner styles, position, offset of the second header.
_HEADER = struct.Struct(">4s h Bx 4H H 4f h i I I h h BBh i i")
# Second: channel, slice, frame, name offset and length, label colour, font size, group, opacity, image size, stroke
# width, properties offset and length, counters offset.
_HEADER2 = struct.Struct(">4x 3i 2i I h BB i f 2i i 12x")


@dataclass(frozen=True, eq=False)
class RoiTable:
    """ROIs as they were read, one row each and one for each point of a multi-point ROI.

    Attributes
    ----------
    x, y : (n,) float64
        Centre of the bounding box in pixels, a pixel's centre at whole numbers.
    width, height : (n,) float64
        Size of the bounding box in pixels; 0 for points.
    kind : (n,) object array of str
        ``oval``, ``rectangle``, ``point``, ``polygon``, ``line`` ...: what ImageJ calls it.
    name : (n,) object array of str
        Name in the ROI Manager.
    group : (n,) int64
        ImageJ's group number; 0 for none.
    position : (n,) int64
        Slice of the stack, from 1; 0 for none.
    properties : tuple of dict
        ImageJ's ROI properties, all as text.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    width: NDArray[np.float64]
    height: NDArray[np.float64]
    kind: NDArray[np.object_]
    name: NDArray[np.object_]
    group: NDArray[np.int64]
    position: NDArray[np.int64]
    properties: tuple[dict[str, str], ...]

    def __len__(self) -> int:
        return int(self.x.size)


def write_roi_set(path: Path | str, particles: Particles, run_id: str, groups: Sequence[str] | None = None) -> None:
    """Write particles as an ImageJ ROI set: ovals at their true diameter, coloured and numbered by size group.

    ImageJ's area ROIs put a pixel's corner at whole numbers, so the oval of a particle at x begins at x + 0.5 - r.
    The same table gives the same bytes.

    Parameters
    ----------
    path : Path or str
        The zip file to make or replace.
    particles : Particles
        The table. ROI names are ``GROUP-ID``, the properties `gd_id`, `gd_score`, `gd_group` and `gd_run`.
    run_id : str
        Which run the particles come from, one line of text.
    groups : sequence of str, optional
        The groups of the run, so that numbers and colours are the same in each image. Without it, those that occur.

    Raises
    ------
    GoldDiggerError
        If the file cannot be written.
    ValueError
        If `run_id` holds a line break, or there are more than 255 groups, the most that ImageJ has.
    """
    if len(run_id.splitlines()) > 1:
        raise ValueError("run_id holds a line break")
    labels = with_present(groups, particles.groups)
    if len(labels) > 255:
        raise ValueError("ImageJ has 255 ROI groups")
    number = {label: index + 1 for index, label in enumerate(labels)}
    colour = {label: 0xFF000000 | r << 16 | g << 8 | b for label, (r, g, b) in group_colours(labels).items()}
    radius = np.sqrt(particles.area / np.pi)
    lefts, tops = particles.x + 0.5 - radius, particles.y + 0.5 - radius
    planes = np.zeros(len(particles), np.int64) if particles.plane is None else particles.plane
    columns = (particles.id, lefts, tops, 2.0 * radius, particles.score, particles.group, planes)
    with replacing(Path(path)) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for identity, left, top, size, score, label, plane in zip(*(c.tolist() for c in columns), strict=True):
            name = f"{label}-{identity:06d}"
            # In order of key, as ImageJ itself stores them.
            properties = f"gd_group: {label}\ngd_id: {identity}\ngd_run: {run_id}\ngd_score: {score:.4f}\n"
            data = _oval(left, top, size, name, number[label], colour[label], properties, plane)
            entry = zipfile.ZipInfo(f"{name}.roi", _FIXED_TIME)
            entry.external_attr = 0o644 << 16
            entry.create_system = 3
            # Level 1: at 300 bytes a ROI, more effort saves nothing.
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED, 1)


def _oval(
    left: float, top: float, size: float, name: str, group: int, colour: int, properties: str, position: int
) -> bytes:
    name_bytes, property_bytes = name.encode("utf-16-be"), properties.encode("utf-16-be")
    # The 16-bit fields wrap beyond 65,535, as in ImageJ; readers go by the sub-pixel fields.
    whole_left, whole_top, extent = int(left), int(top), int(np.ceil(size))
    box = (whole_top & 0xFFFF, whole_left & 0xFFFF, whole_top + extent & 0xFFFF, whole_left + extent & 0xFFFF)
    # fmt: off
    header = _HEADER.pack(
        b"Iout", _VERSION, _OVAL, *box, 0, left, top, size, size, 0, 0, colour, 0, 0, _SUB_PIXEL_RESOLUTION,
        0, 0, 0, position, _HEADER.size,
    )
    after = _HEADER.size + _HEADER2.size
    header2 = _HEADER2.pack(
        0, 0, 0, after, len(name_bytes) // 2, 0, 0, group, 0, 0, 0.0,
        after + len(name_bytes), len(property_bytes) // 2, 0,
    )
    # fmt: on
    return header + header2 + name_bytes + property_bytes


def read_roi_set(path: Path | str) -> RoiTable:
    """Read a ROI set (`.zip`) or a single ROI (`.roi`) as a table of positions.

    Area ROIs are shifted by half a pixel, points and lines are not, so that a pixel's centre is at whole numbers.

    Parameters
    ----------
    path : Path or str
        A file from ImageJ's ROI Manager or from `write_roi_set`.

    Returns
    -------
    RoiTable

    Raises
    ------
    GoldDiggerError
        If the file cannot be read or is not a ROI set.
    """
    rows: list[tuple[float, float, float, float]] = []
    kinds, names, groups, positions = [], [], [], []
    properties: list[dict[str, str]] = []
    for name, roi in open_rois(path):
        boxes = _boxes(roi)
        rows += boxes
        kinds += [roi_kind(roi)] * len(boxes)
        names += [name] * len(boxes)
        groups += [roi.group] * len(boxes)
        positions += [roi.position] * len(boxes)
        properties += [_properties(roi.props)] * len(boxes)
    table = np.array(rows, np.float64).reshape(-1, 4)
    return RoiTable(
        x=table[:, 0],
        y=table[:, 1],
        width=table[:, 2],
        height=table[:, 3],
        kind=np.array(kinds, object),
        name=np.array(names, object),
        group=np.array(groups, np.int64),
        position=np.array(positions, np.int64),
        properties=tuple(properties),
    )


def open_rois(path: Path | str) -> list[tuple[str, "ImagejRoi"]]:
    """Read the ROIs of a file with their names.

    Parameters
    ----------
    path : Path or str
        A `.zip` or `.roi` file.

    Returns
    -------
    list of (str, roifile.ImagejRoi)
        In the order of the file. A ROI without a name takes that of its file.

    Raises
    ------
    GoldDiggerError
        If the file cannot be read or is not a ROI set.
    """
    path = Path(path)
    try:
        if path.suffix.lower() != ".zip":
            return [_decode(path, path.name, path.read_bytes())]
        with zipfile.ZipFile(path) as archive:
            # macOS puts a shadow of each file under __MACOSX when it packs a folder.
            entries = [e for e in archive.namelist() if e.lower().endswith(".roi") and not e.startswith("__MACOSX/")]
            if not entries and archive.namelist():
                raise GoldDiggerError(f"{path}: holds no .roi files; save the ROIs from ImageJ's ROI Manager")
            return [_decode(path, entry, archive.read(entry)) for entry in entries]
    except OSError as error:
        raise GoldDiggerError(f"{path}: cannot be read ({error.strerror or error}); check the path") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise GoldDiggerError(f"{path}: is not a readable ROI set ({error}); save it anew from ImageJ") from error


def _decode(path: Path, entry: str, data: bytes) -> tuple[str, "ImagejRoi"]:
    from roifile import ImagejRoi

    try:
        roi = ImagejRoi.frombytes(data)
        if roi_kind(roi) == "unknown":
            raise ValueError(f"type {int(roi.roitype)}")
    except (ValueError, TypeError, struct.error) as error:
        raise GoldDiggerError(f"{path}: {entry} is not an ImageJ ROI ({error}); save it anew from ImageJ") from error
    return roi.name or Path(entry).stem, roi


def roi_kind(roi: "ImagejRoi") -> str:
    """Say what ImageJ calls a ROI.

    Returns
    -------
    str
        ``oval``, ``rectangle``, ``rotated rectangle``, ``ellipse``, ``polygon``, ``freehand``, ``traced``,
        ``composite``, ``point``, ``line`` (of any kind), ``text``, ``image`` or ``unknown``.
    """
    from roifile import ROI_SUBTYPE, ROI_TYPE

    subtypes = {
        ROI_SUBTYPE.TEXT: "text",
        ROI_SUBTYPE.IMAGE: "image",
        ROI_SUBTYPE.ELLIPSE: "ellipse",
        ROI_SUBTYPE.ROTATED_RECT: "rotated rectangle",
    }
    if roi.subtype in subtypes:
        return subtypes[roi.subtype]
    if roi.composite:
        return "composite"
    types = {
        ROI_TYPE.OVAL: "oval",
        ROI_TYPE.RECT: "rectangle",
        ROI_TYPE.POLYGON: "polygon",
        ROI_TYPE.FREEHAND: "freehand",
        ROI_TYPE.TRACED: "traced",
        ROI_TYPE.POINT: "point",
    }
    lines = (ROI_TYPE.LINE, ROI_TYPE.FREELINE, ROI_TYPE.POLYLINE, ROI_TYPE.ANGLE)
    return types.get(roi.roitype, "line" if roi.roitype in lines else "unknown")


def bounding_box(roi: "ImagejRoi") -> tuple[float, float, float, float]:
    """Give a ROI's bounding box as left, top, width, height, in ImageJ's own coordinates for its kind.

    The 16-bit fields of the file wrap beyond 60,535 pixels, so the sub-pixel fields are used where there are any.
    """
    if roi.subpixelrect and not roi.composite:
        return roi.xd, roi.yd, roi.widthd, roi.heightd
    points = [np.asarray(part, np.float64) for part in roi.coordinates(multi=True)]
    if roi.integer_coordinates is None and roi.subpixel_coordinates is None and not roi.composite:
        return roi.left, roi.top, roi.right - roi.left, roi.bottom - roi.top
    if not points or not points[0].size:
        return roi.left, roi.top, 0.0, 0.0
    low = np.min([part.min(axis=0) for part in points], axis=0)
    high = np.max([part.max(axis=0) for part in points], axis=0)
    return float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])


def _boxes(roi: "ImagejRoi") -> list[tuple[float, float, float, float]]:
    kind = roi_kind(roi)
    if kind == "point":
        return [(float(x), float(y), 0.0, 0.0) for x, y in np.asarray(roi.coordinates())]
    left, top, width, height = bounding_box(roi)
    shift = 0.0 if kind == "line" else 0.5
    return [(left + width / 2 - shift, top + height / 2 - shift, width, height)]


def _properties(text: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in text.splitlines())
    return {key.strip(): value.strip() for key, colon, value in pairs if colon}
