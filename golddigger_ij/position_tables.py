"""Particles from a bare table of positions, such as `x, y, area` of the Gold Digger paper or ImageJ's results."""

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from golddigger_ij.csv_columns import parse_numbers, read_fields
from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.particles import Particles
from golddigger_ij.sizes import OTHER, assign_groups, size_label

Floats = NDArray[np.float64]

_NAME_WITH_GROUP = re.compile(r"(?:^|.*[_ -])(\d+(?:\.\d+)?nm|other)\.csv", re.IGNORECASE)
_SMALLEST_IMAGE_PX = 25.0
"""A results table of ImageJ whose positions are all below this is in microns."""


def read_positions(path: Path | str, nm_per_px: float | None, group: str | None = None) -> Particles:
    """Read a table of positions.

    Parameters
    ----------
    path : Path or str
        A CSV file with columns `x` and `y` in pixels, and where they are known `area` in px², `diameter_nm`, `group`
        and `score`, in capitals or not. Of a results table that ImageJ saved (its first column has no name) the
        centroids, which are where there is an area, are shifted by half a pixel, so that a pixel's centre is at whole
        numbers; points are not.
    nm_per_px : float or None
        Pixel size.
    group : str, optional
        The size group of particles that have none. By default that of the file's name, as in ``STEM_6nm.csv``, or
        that which their diameters give. What has no area gets the size in the name of its group.

    Returns
    -------
    Particles
        Sorted and numbered; scores that are not given are 1.

    Raises
    ------
    GoldDiggerError
        If the file cannot be read, lacks x or y, or holds something that is not a number; if the pixel size or the
        size of the particles is not known; or if the positions are in microns.
    """
    path = Path(path)
    texts, lines = read_fields(path)
    columns = {name.lower(): texts[name] for name in texts}
    for name in ("x", "y"):
        if name not in columns:
            raise GoldDiggerError(f"{path}: has no column {name!r}; name the columns in the first line: x, y, area")
    if nm_per_px is None:
        raise GoldDiggerError(
            f"{path}: its pixel size is not known; open its image and set the scale (Analyze > Set Scale...), "
            "or give the nanometres for each pixel"
        )
    if not 0 < nm_per_px < np.inf:
        raise GoldDiggerError(f"pixel size {nm_per_px:g} nm: give a positive number of nm per pixel")

    named = _NAME_WITH_GROUP.fullmatch(path.name)
    default = size_label(group or (named[1] if named else ""))
    if group and default is None:
        raise GoldDiggerError(f"size group {group!r}: give a size in nm, such as 6nm, or other")

    def numbers(name: str) -> Floats | None:
        return parse_numbers(path, name, columns[name], lines) if name in columns else None

    x, y = parse_numbers(path, "x", columns["x"], lines), parse_numbers(path, "y", columns["y"], lines)
    area, diameter = numbers("area"), numbers("diameter_nm")
    if area is None:
        area = np.zeros(len(x)) if diameter is None else np.pi * (diameter / nm_per_px / 2) ** 2
    if area.size and area.min() < 0:
        raise GoldDiggerError(f"{path}: column 'area' holds a negative number; correct the file")
    if "" in columns:
        _refuse_microns(path, x, y)
        centroid = 0.5 * (area > 0)
        x, y = x - centroid, y - centroid
    score = numbers("score")
    labels = np.array(columns["group"], object) if "group" in columns else np.full(len(x), "", object)
    labels[labels == ""] = default or ""
    area = _with_nominal_area(path, area, labels, nm_per_px)
    unnamed = labels == ""
    labels[unnamed] = assign_groups(2 * np.sqrt(area[unnamed] / np.pi) * nm_per_px)[0]
    return Particles.build(x, y, area_px=area, nm_per_px=nm_per_px, score=1.0 if score is None else score, group=labels)


def _with_nominal_area(path: Path, area: Floats, labels: NDArray[np.object_], nm_per_px: float) -> Floats:
    """Give what has no area that of the size that its group is named after."""
    area = area.copy()
    for label in set(labels[area == 0]):
        if size_label(label) in (None, OTHER):
            raise GoldDiggerError(
                f"{path}: holds positions without an area and without a size group; add a column 'area' or 'group', "
                "or name the file after the group, as in STEM_6nm.csv"
            )
        area[(area == 0) & (labels == label)] = np.pi * (nominal_size(label) / nm_per_px / 2) ** 2
    return area


def nominal_size(label: str) -> float:
    """Give the size in nm that a group is named after; NaN for `other` and names without a size."""
    size = size_label(label)
    return float("nan") if size in (None, OTHER) else float(str(size).removesuffix("nm"))


def _refuse_microns(path: Path, x: Floats, y: Floats) -> None:
    positions = np.concatenate([x, y])
    if positions.size and positions.max() < _SMALLEST_IMAGE_PX and (positions != np.round(positions)).any():
        raise GoldDiggerError(
            f"{path}: its positions are microns, not pixels; take the scale off the image in ImageJ (Analyze > Set "
            "Scale... > Click to Remove Scale), measure again and save that table"
        )
