"""ROIs as a table, wherever they come from: a file, an overlay or ImageJ's live ROIs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from golddigger_ij.errors import GoldDiggerError

POINT_KIND = "point"
AREA_KINDS = frozenset(
    ("oval", "rectangle", "rotated rectangle", "ellipse", "polygon", "freehand", "traced", "composite")
)
"""Kinds of ROIs that have a size."""

_CENTRED_KINDS = (POINT_KIND, "line")
"""Kinds of ROIs whose whole numbers are pixel centres (since ImageJ 1.52u); for the others they are pixel corners."""

_PROPERTIES = ("gd_id", "gd_group", "gd_run", "gd_score")


@dataclass(frozen=True, eq=False)
class RoiTable:
    """ROIs as they were read, one row each and one for each point of a multi-point ROI.

    Attributes
    ----------
    x, y : (n,) float64
        Centre in pixels, a pixel's centre at whole numbers.
    width, height : (n,) float64
        Size in pixels: that of the bounding box, or along and across a rotated rectangle or ellipse; 0 for points.
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
    unreadable : tuple of str
        Names of the entries of a set that could not be read; see `golddigger_ij.roi_set.read_readable_rois`.
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
    unreadable: tuple[str, ...] = ()

    def __len__(self) -> int:
        return int(self.x.size)


class RoiRow(NamedTuple):
    """One ROI, or one point of a multi-point ROI, where ImageJ says that it is."""

    left: float
    top: float
    width: float
    height: float
    kind: str
    name: str
    group: int
    position: int
    properties: dict[str, str]


def table_of_rows(rows: Sequence[RoiRow], unreadable: Sequence[str] = ()) -> RoiTable:
    """Make a table of ROIs that were decoded one by one.

    Parameters
    ----------
    rows : sequence of RoiRow
        In ImageJ's own coordinates.
    unreadable : sequence of str
        Names of what could not be read.
    """
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(RoiRow._fields)
    left, top, width, height, kind, name, group, position, properties = columns
    boxes = [np.array(column, np.float64) for column in (left, top, width, height)]
    return _table(boxes, kind, name, group, position, properties, unreadable)


def roi_table(columns: Mapping[str, Any]) -> RoiTable:
    """Make a table of ImageJ's live ROIs, which a script hands over in columns.

    Parameters
    ----------
    columns : mapping of str to sequence
        One entry for each ROI and one for each point of a multi-point ROI. `left`, `top`, `width`, `height`: the
        bounding box in ImageJ's own coordinates; for a rotated rectangle or ellipse a box about its centre whose sides
        are its length and its width; for a point its position, 0 and 0. `kind` as in `RoiTable`. Where they are known
        `name`, `group`, `position`, `gd_id`, `gd_group`, `gd_run` and `gd_score`.

    Returns
    -------
    RoiTable

    Raises
    ------
    GoldDiggerError
        If a ROI has no finite position.
    ValueError
        If a column is missing or has another length than `left`.
    """
    count = len(columns["left"]) if "left" in columns else 0
    for name in ("left", "top", "width", "height", "kind"):
        if name not in columns:
            raise ValueError(f"the ROI columns lack {name!r}")
    for name, values in columns.items():
        if values is not None and len(values) != count:
            raise ValueError(f"ROI column {name!r} has {len(values)} entries for {count} ROIs")

    def column(name: str, default: Any) -> Sequence[Any]:
        values = columns.get(name)
        return [default] * count if values is None else values

    boxes = [np.array(columns[name], np.float64) for name in ("left", "top", "width", "height")]
    names = column("name", "")
    astray = np.flatnonzero(~np.isfinite(boxes).all(axis=0))
    if astray.size:
        raise GoldDiggerError(f"ROI {names[astray[0]]!r} has no finite position; delete it and draw it anew")
    texts = [[str(value or "") for value in column(name, "")] for name in _PROPERTIES]
    properties = [
        {name: text for name, text in zip(_PROPERTIES, row, strict=True) if text} for row in zip(*texts, strict=True)
    ]
    return _table(boxes, columns["kind"], names, column("group", 0), column("position", 0), properties)


def _table(
    boxes: Sequence[NDArray[np.float64]],
    kind: Sequence[str],
    name: Sequence[str],
    group: ArrayLike,
    position: ArrayLike,
    properties: Sequence[dict[str, str]],
    unreadable: Sequence[str] = (),
) -> RoiTable:
    left, top, width, height = boxes
    kinds = np.array([str(one) for one in kind], object)
    # Half a pixel between ImageJ's two habits: the one place where it is taken off.
    shift = np.where(np.isin(kinds.astype(str), _CENTRED_KINDS), 0.0, 0.5)
    return RoiTable(
        x=left + width / 2 - shift,
        y=top + height / 2 - shift,
        width=width,
        height=height,
        kind=kinds,
        name=np.array([str(one) for one in name], object),
        group=np.array(group, np.int64),
        # A multi-point ROI says -2 of points whose slices differ.
        position=np.maximum(np.array(position, np.int64), 0),
        properties=tuple(properties),
        unreadable=tuple(unreadable),
    )
