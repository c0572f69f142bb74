"""The particle table, its CSV file, and the CSV file for each size group."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from golddigger_ij.csv_columns import parse_integers, parse_numbers, read_fields, write_columns
from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.palette import OTHER, group_order, with_present

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Texts = NDArray[np.object_]

POSITION_DECIMALS = 3
AREA_DECIMALS = 3
DIAMETER_DECIMALS = 4
SCORE_DECIMALS = 4


@dataclass(frozen=True, eq=False)
class Particles:
    """Gold particles, one row each, sorted by (y, x).

    Attributes
    ----------
    id : (n,) int64
        Counts from 1 in order of (y, x).
    x, y : (n,) float64
        Centre in pixels, x right and y down, a pixel's centre at whole numbers.
    area : (n,) float64
        Refined area in px².
    diameter_nm : (n,) float64
        Diameter in nm of the disc that has this area.
    score : (n,) float64
        How certain the detector is, 0 to 1.
    group : (n,) object array of str
        Size group, ``<nominal>nm`` or ``other``.
    region : (n,) object array of str, optional
        Name of the region that the particle lies in; empty for none.
    plane : (n,) int64, optional
        Plane of the stack, counted from 1.
    width_nm, height_nm : (n,) float64, optional
        Extent of a particle that is not round.
    class_name : (n,) object array of str, optional
        Label of a detector that tells classes apart; the column ``class`` of the file.
    """

    id: Ints
    x: Floats
    y: Floats
    area: Floats
    diameter_nm: Floats
    score: Floats
    group: Texts
    region: Texts | None = None
    plane: Ints | None = None
    width_nm: Floats | None = None
    height_nm: Floats | None = None
    class_name: Texts | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            column = getattr(self, field.name)
            if column is not None and column.shape != self.id.shape:
                raise ValueError(f"{field.name} has shape {column.shape} where id has {self.id.shape}")

    @classmethod
    def build(
        cls,
        x: ArrayLike,
        y: ArrayLike,
        *,
        area_px: ArrayLike,
        nm_per_px: float,
        score: ArrayLike,
        group: ArrayLike,
        region: ArrayLike | None = None,
        plane: ArrayLike | None = None,
        width_nm: ArrayLike | None = None,
        height_nm: ArrayLike | None = None,
        class_name: ArrayLike | None = None,
    ) -> Self:
        """Make a table: round as the file does, sort by (y, x), number from 1.

        Numbers are rounded here and not when they are written, so that a table that was read back is the same table,
        and the diameter comes from the rounded area, so that the two never disagree.

        Parameters
        ----------
        x, y : (n,) array-like
            Centres in pixels.
        area_px : (n,) array-like or float
            Areas in px².
        nm_per_px : float
            Pixel size.
        score : (n,) array-like or float
            Scores, 0 to 1.
        group, region, class_name : (n,) array-like of str or str
            Labels.
        plane : (n,) array-like of int or int
            Plane of the stack, counted from 1.
        width_nm, height_nm : (n,) array-like or float
            Extents in nm.

        Raises
        ------
        ValueError
            If a number is not finite, an area is negative, or lengths differ.
        """
        count = np.atleast_1d(np.asarray(x)).size
        area = _numbers("area_px", area_px, count, AREA_DECIMALS)
        if count and area.min() < 0:
            raise ValueError("area_px is negative")
        table = cls(
            id=np.arange(1, count + 1, dtype=np.int64),
            x=_numbers("x", x, count, POSITION_DECIMALS),
            y=_numbers("y", y, count, POSITION_DECIMALS),
            area=area,
            diameter_nm=diameter_of_area(area, nm_per_px),
            score=_numbers("score", score, count, SCORE_DECIMALS),
            group=_texts(group, count),
            region=None if region is None else _texts(region, count),
            plane=None if plane is None else np.broadcast_to(np.asarray(plane, np.int64), (count,)).copy(),
            width_nm=None if width_nm is None else _numbers("width_nm", width_nm, count, DIAMETER_DECIMALS),
            height_nm=None if height_nm is None else _numbers("height_nm", height_nm, count, DIAMETER_DECIMALS),
            class_name=None if class_name is None else _texts(class_name, count),
        )
        return table.renumbered()

    @classmethod
    def empty(cls) -> Self:
        """Give the table of an image without gold."""
        return cls.build([], [], area_px=[], nm_per_px=1.0, score=[], group=[])

    @classmethod
    def concatenate(cls, tables: Sequence[Self]) -> Self:
        """Put tables together, sorted and numbered anew.

        Parameters
        ----------
        tables : sequence of Particles
            A column of labels that some of them lack is empty there.

        Raises
        ------
        ValueError
            If only some of them have planes or extents.
        """
        if not tables:
            return cls.empty()
        columns: dict[str, NDArray[Any] | None] = {}
        for field in fields(cls):
            parts = [getattr(table, field.name) for table in tables]
            present = [part for part in parts if part is not None]
            if not present:
                columns[field.name] = None
                continue
            if len(present) < len(parts):
                if present[0].dtype != object:
                    raise ValueError(f"only some of the tables have the column {field.name}")
                parts = [_texts("", len(table)) if p is None else p for p, table in zip(parts, tables, strict=True)]
            columns[field.name] = np.concatenate(parts)
        return cls(**columns).renumbered()  # type: ignore[arg-type]

    def __len__(self) -> int:
        return int(self.id.size)

    @property
    def groups(self) -> list[str]:
        """The size groups that occur, in order of size, `other` last."""
        return group_order(self.group.tolist())

    def select(self, rows: ArrayLike) -> Self:
        """Give the rows of a boolean mask or an index array; ids stay as they are.

        Parameters
        ----------
        rows : (n,) bool or (m,) int array-like
            Which rows.
        """
        index = np.asarray(rows)
        if index.size == 0:
            index = index.astype(np.int64)
        columns = {f.name: None if (c := getattr(self, f.name)) is None else c[index] for f in fields(self)}
        return type(self)(**columns)  # type: ignore[arg-type]

    def renumbered(self) -> Self:
        """Give the table sorted by (y, x) with ids from 1."""
        plane = np.zeros(len(self), np.int64) if self.plane is None else self.plane
        # The keys after x break ties, so that the order in which tiles finish never shows in the table.
        order = np.lexsort((self.group.astype(str), self.score, self.area, plane, self.x, self.y))
        table = self.select(order)
        table.id[:] = np.arange(1, len(table) + 1)
        return table


def diameter_of_area(area_px: ArrayLike, nm_per_px: float) -> Floats:
    """Diameter in nm of the disc with an area in px², rounded as in the particle table.

    Parameters
    ----------
    area_px : array-like
        Areas in px².
    nm_per_px : float
        Pixel size.

    Returns
    -------
    float64 array of the same shape

    Examples
    --------
    >>> float(diameter_of_area(78.54, 0.5))
    5.0
    """
    diameter = 2.0 * np.sqrt(np.asarray(area_px, np.float64) / np.pi) * nm_per_px
    return np.asarray(np.round(diameter, DIAMETER_DECIMALS), np.float64)


def write_particles_csv(path: Path | str, particles: Particles) -> None:
    """Write the particle table.

    UTF-8, lines end in a line feed; `id, x, y, area, diameter_nm, score, group`, then `region`, `plane`, `width_nm`,
    `height_nm` and `class` where the table has them.

    Parameters
    ----------
    path : Path or str
        The file to make or replace.
    particles : Particles
        The table.

    Raises
    ------
    GoldDiggerError
        If the file cannot be written.
    """
    columns = [(name, form, getattr(particles, attribute)) for name, attribute, form in _COLUMNS]
    write_columns(path, [column for column in columns if column[2] is not None])


def write_group_csvs(
    folder: Path | str, stem: str, particles: Particles, groups: Sequence[str] | None = None
) -> list[Path]:
    """Write `STEM_GROUP.csv` with `x, y, area` for each size group, as the Gold Digger paper does.

    Parameters
    ----------
    folder : Path or str
        Where to write.
    stem : str
        First part of the file names.
    particles : Particles
        The table.
    groups : sequence of str, optional
        The groups of the run, each of which gets a file though it may be empty. Without it, the groups that occur.

    Returns
    -------
    list of Path
        The files, in order of group; `other` has one only where there are such particles.

    Raises
    ------
    GoldDiggerError
        If a file cannot be written or a group's label cannot be part of a file name.
    """
    written = []
    for label in with_present(groups, particles.groups):
        if not re.fullmatch(r"[\w.+ -]+", label):
            raise GoldDiggerError(f"size group {label!r} cannot be in a file name; use letters, digits, '.' and '-'")
        rows = particles.select(particles.group == label)
        if label == OTHER and not len(rows):
            continue
        path = Path(folder) / f"{stem}_{label}.csv"
        write_columns(path, [("x", _POSITION, rows.x), ("y", _POSITION, rows.y), ("area", _AREA, rows.area)])
        written.append(path)
    return written


def read_particles_csv(path: Path | str) -> Particles:
    """Read a particle table. Rows and ids stay as they are in the file; unknown columns are ignored.

    Parameters
    ----------
    path : Path or str
        A file that `write_particles_csv` wrote, or one like it.

    Returns
    -------
    Particles

    Raises
    ------
    GoldDiggerError
        If the file cannot be read, lacks a column, or holds something that is not a number, with its line.
    """
    fields_by_name, lines = read_fields(path, required=_REQUIRED)
    columns: dict[str, Any] = {}
    for name, attribute, form in _COLUMNS:
        texts = fields_by_name.get(name)
        if texts is None:
            continue
        if form == "%s":
            columns[attribute] = _texts(np.array(texts, object), len(texts))
        else:
            parse = parse_integers if form == "%d" else parse_numbers
            columns[attribute] = parse(path, name, texts, lines)
    return Particles(**columns)


def _numbers(name: str, values: ArrayLike, count: int, decimals: int) -> Floats:
    numbers = np.broadcast_to(np.asarray(values, np.float64), (count,))
    if not np.isfinite(numbers).all():
        raise ValueError(f"{name} holds a value that is not finite")
    # Adding zero turns -0.0, which would be written as -0.000, into 0.0.
    return np.asarray(np.round(numbers, decimals) + 0.0, np.float64)


def _texts(values: ArrayLike, count: int) -> Texts:
    texts = np.empty(count, object)
    texts[:] = values
    return texts


_POSITION = f"%.{POSITION_DECIMALS}f"
_AREA = f"%.{AREA_DECIMALS}f"
_NANOMETRES = f"%.{DIAMETER_DECIMALS}f"

# Name in the file, attribute and form, in the order of the file.
_COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("id", "id", "%d"),
    ("x", "x", _POSITION),
    ("y", "y", _POSITION),
    ("area", "area", _AREA),
    ("diameter_nm", "diameter_nm", _NANOMETRES),
    ("score", "score", f"%.{SCORE_DECIMALS}f"),
    ("group", "group", "%s"),
    ("region", "region", "%s"),
    ("plane", "plane", "%d"),
    ("width_nm", "width_nm", _NANOMETRES),
    ("height_nm", "height_nm", _NANOMETRES),
    ("class", "class_name", "%s"),
)
_REQUIRED = ("id", "x", "y", "area", "diameter_nm", "score", "group")
