"""Columns that go to ImageJ and come from it: particles, regions, ROIs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from golddigger_ij.palette import group_colours, with_present
from golddigger_ij.particles import Particles
from golddigger_ij.regions import Region, region_of_rings

NUMBERS = ("id", "x", "y", "area", "diameter_nm", "score")


def particle_columns(particles: Particles, groups: Sequence[str], nm_per_px: float, run: str | None) -> dict[str, Any]:
    """Give a particle table as entries of an answer.

    Parameters
    ----------
    particles : Particles
    groups : sequence of str
        The groups of the run, in order.
    nm_per_px : float
    run : str or None
        Its id.

    Returns
    -------
    dict
        `id`, `x`, `y`, `area`, `diameter_nm` and `score` as float64 arrays; `group`, and `region` where there are any,
        as lists; `groups` and `colours` (``#rrggbb``) of the groups; `nm_per_px` and `run`.
    """
    labels = with_present(groups, particles.groups)
    colours = group_colours(labels)
    columns: dict[str, Any] = {name: np.asarray(getattr(particles, name), np.float64) for name in NUMBERS}
    columns["group"] = particles.group.tolist()
    if particles.region is not None:
        columns["region"] = particles.region.tolist()
    return {
        **columns,
        "groups": labels,
        "colours": ["#{:02x}{:02x}{:02x}".format(*colours[label]) for label in labels],
        "nm_per_px": float(nm_per_px),
        "run": run,
    }


def regions_of(entries: Sequence[Mapping[str, Any]], shape: tuple[int, int], title: str) -> list[Region]:
    """Make regions of the selections in a request.

    Parameters
    ----------
    entries : sequence of mapping
        `name`, and `rings` as flat lists of x0, y0, x1, y1 … in pixels, a pixel's centre at whole numbers.
    shape : (height, width)
    title : str
        Of the image, for messages.

    Raises
    ------
    GoldDiggerError
        If one is no area, or lies outside the image.
    """
    regions: list[Region] = []
    taken: set[str] = set()
    for entry in entries:
        wanted = str(entry.get("name") or "").strip() or "selection"
        name, number = wanted, 2
        while name in taken:
            name, number = f"{wanted}-{number}", number + 1
        taken.add(name)
        rings = [np.asarray(ring, np.float64).reshape(-1, 2) for ring in entry.get("rings") or ()]
        regions.append(region_of_rings(name, rings, shape, title, may_cross=True))
    return regions


def flat_ring(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give corners (n, 2) as x0, y0, x1, y1 …: arrays cross to Java at once, lists of pairs do not."""
    return np.ascontiguousarray(corners, np.float64).ravel()
