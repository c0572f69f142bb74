"""ImageJ's ROI file format: an oval as bytes, and the bytes of any ROI as rows of a table."""

import math
import struct
from codecs import utf_16_be_decode
from typing import TYPE_CHECKING

import numpy as np

from golddigger_ij.roi_table import POINT_KIND, RoiRow

if TYPE_CHECKING:
    from roifile import ImagejRoi

_OVAL = 2
_SUB_PIXEL_RESOLUTION = 128
_VERSION = 228
_SUB_PIXEL_VERSION = 223
"""The first version whose ovals and rectangles have sub-pixel fields."""

_AXIS_OFFSET = 18
_TILTED_KINDS = ("ellipse", "rotated rectangle")

# The two headers of ImageJ's RoiDecoder, big-endian, 64 bytes each. First: "Iout", version, type, top, left, bottom,
# right, number of coordinates, sub-pixel x, y, width, height, stroke width, shape size, stroke colour, fill colour,
# subtype, options, three bytes of arrow and corner styles, position, offset of the second header.
_HEADER = struct.Struct(">4s h Bx 4H H 4f h i I I h h BBh i i")
# Second: channel, slice, frame, name offset and length, label colour, font size, group, opacity, image size, stroke
# width, properties offset and length, counters offset.
_HEADER2 = struct.Struct(">4x 3i 2i I h BB i f 2i i 12x")


def encode_oval(
    left: float, top: float, size: float, name: str, group: int, colour: int, properties: str, position: int
) -> bytes:
    """Give a circle as the bytes of a `.roi` file.

    Parameters
    ----------
    left, top, size : float
        Bounding box in ImageJ's coordinates.
    name : str
    group : int
        0 to 255.
    colour : int
        Of the stroke, ARGB.
    properties : str
        Lines of ``key: value``.
    position : int
        Slice of the stack, from 1; 0 for none.
    """
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


def decode_rows(data: bytes, default_name: str) -> list[RoiRow]:
    """Read a `.roi` file's bytes as rows: one, or one for each point of a multi-point ROI.

    Parameters
    ----------
    data : bytes
    default_name : str
        For a ROI that has none.

    Raises
    ------
    ValueError
        If these are not the bytes of a ROI.
    """
    oval = _decode_oval(data, default_name)
    if oval is not None:
        return [oval]
    roi = decode_roi(data)
    try:
        kind, name, properties = roi_kind(roi), roi.name or default_name, _properties(roi.props)
        if kind == POINT_KIND:
            points = np.asarray(roi.coordinates(), np.float64)
            boxes = [(x, y, 0.0, 0.0) for x, y in points.tolist()]
        else:
            boxes = [_own_box(roi, kind)]
        positions = [roi.position or roi.z_position] * len(boxes)
        if kind == POINT_KIND and roi.counter_positions is not None and len(roi.counter_positions) == len(boxes):
            # On a stack each point of a multi-point ROI knows its own slice.
            positions = [int(own) or whole for own, whole in zip(roi.counter_positions, positions, strict=True)]
    except (TypeError, IndexError, KeyError) as error:
        raise ValueError(str(error)) from error
    if not np.isfinite(np.array(boxes)).all():
        raise ValueError("its position is not finite")
    return [
        RoiRow(*box, kind, name, roi.group, position, properties)
        for box, position in zip(boxes, positions, strict=True)
    ]


def decode_roi(data: bytes) -> "ImagejRoi":
    """Read a `.roi` file's bytes.

    Raises
    ------
    ValueError
        If these are not the bytes of a ROI, or of none that ImageJ has.
    """
    from roifile import ROI_TYPE, ImagejRoi

    try:
        roi = ImagejRoi.frombytes(data)
    except (TypeError, struct.error) as error:
        raise ValueError(str(error)) from error
    kind = roi_kind(roi)
    if kind == "unknown":
        raise ValueError(f"type {int(roi.roitype)}")
    if kind in _TILTED_KINDS and roi.roitype != ROI_TYPE.FREEHAND:
        # A rotated rectangle that ImageJ has read and saved again is a polygon, whose axis roifile passes over.
        roi.x1, roi.y1, roi.x2, roi.y2 = struct.unpack_from(">4f", data, _AXIS_OFFSET)
    return roi


def _decode_oval(data: bytes, default_name: str) -> RoiRow | None:
    """The oval of a particle, ten times as fast as any ROI; None for every other ROI."""
    if len(data) < _HEADER.size + _HEADER2.size or data[:4] != b"Iout" or data[6] != _OVAL:
        return None
    header = _HEADER.unpack_from(data)
    version, box, shape_size, subtype, options = header[1], header[8:12], header[13], header[16], header[17]
    position, offset = header[21:]
    sub_pixel = version >= _SUB_PIXEL_VERSION and options & _SUB_PIXEL_RESOLUTION
    if not sub_pixel or subtype or shape_size or not 0 < offset <= len(data) - _HEADER2.size:
        return None
    header2 = _HEADER2.unpack_from(data, offset)
    slice_, (name_at, name_length), group, (text_at, text_length) = header2[1], header2[3:5], header2[7], header2[11:13]
    ends = (name_at + 2 * name_length, text_at + 2 * text_length)
    # Versions after this one may keep the group elsewhere.
    if version > _VERSION or min(name_length, text_length) < 0 or max(ends) > len(data):
        return None
    left, top, width, height = box
    if not (math.isfinite(left + width) and math.isfinite(top + height)):
        return None
    name = utf_16_be_decode(data[name_at : ends[0]])[0] if name_length else ""
    properties = _properties(utf_16_be_decode(data[text_at : ends[1]])[0]) if text_length else {}
    return RoiRow(left, top, width, height, "oval", name or default_name, group, position or slice_, properties)


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
        ROI_TYPE.POINT: POINT_KIND,
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


def tilted_axis(roi: "ImagejRoi") -> tuple[float, float, float, float, float]:
    """Give what defines a rotated rectangle or an ellipse: x and y where its axis begins and where it ends, its width.

    The axis joins the middles of a rectangle's short sides, or the ends of an ellipse; the width lies across it.
    """
    # ImageJ keeps the fifth parameter as a float in the bytes of the arrow and corner styles.
    bits = struct.pack(">BBh", roi.arrow_style_or_aspect_ratio, roi.arrow_head_size, roi.rounded_rect_arc_size)
    width = float(struct.unpack(">f", bits)[0])
    if roi_kind(roi) == "ellipse":
        width *= math.hypot(roi.x2 - roi.x1, roi.y2 - roi.y1)
    return roi.x1, roi.y1, roi.x2, roi.y2, width


def _own_box(roi: "ImagejRoi", kind: str) -> tuple[float, float, float, float]:
    """The bounding box; of what is tilted, a box about the same centre that has its length and its width."""
    if kind not in _TILTED_KINDS:
        return bounding_box(roi)
    x1, y1, x2, y2, width = tilted_axis(roi)
    length = math.hypot(x2 - x1, y2 - y1)
    return (x1 + x2 - length) / 2, (y1 + y2 - width) / 2, length, width


def _properties(text: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in text.splitlines())
    return {key.strip(): value.strip() for key, colon, value in pairs if colon}
