"""Diameters in nm to size groups, found from the data or given.

Diameters of colloidal gold scatter by 5 to 15 % about each nominal size, so everything is done on their
logarithm, where all sizes are equally wide. All limits are physical: the magnification plays no part.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.size_mixture import Component, find_components

OTHER = "other"
# What is sold for immunolabelling, in nm.
MAKERS_SIZES = (4, 5, 6, 8, 10, 12, 15, 18, 20, 25, 30, 40, 50, 60, 80)
# How far a group's median may lie from what it says on the bottle.
_LOWEST_EXCESS, _HIGHEST_EXCESS = 0.88, 1.17
# How far from a given size a particle may lie where no neighbouring size sets the limit.
_LOW_FACTOR, _HIGH_FACTOR = 0.6, 1.5
# How far from a found group's centre a particle may lie: in standard deviations, and in log diameter.
_SIGMAS = 3.5
_NARROWEST, _WIDEST = 0.15, 0.40

Sizes = Sequence[float] | Sequence[tuple[float, float]] | None


@dataclass(frozen=True)
class SizeGroup:
    """One size of gold: diameters from `low_nm` up to but not including `high_nm` belong to it."""

    label: str
    nominal_nm: float
    low_nm: float
    high_nm: float


def assign_groups(
    diameter_nm: ArrayLike, sizes: Sizes = None, sure: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.object_], list[SizeGroup]]:
    """Sort particles into size groups.

    Parameters
    ----------
    diameter_nm : array_like, shape (n,), float
        Diameters in nm.
    sizes : sequence of float, sequence of (float, float), or None
        None finds the groups: a Gaussian mixture of the log diameters with an even background for debris, the
        number of groups by the Bayesian information criterion (see `golddigger_ij.size_mixture`). Numbers are
        nominal sizes in nm; the limit between neighbours is their geometric mean, and nothing below 0.6 or
        above 1.5 times a size belongs to it. The limits are not adapted to the data. Pairs are the limits
        themselves, in nm.
    sure : ndarray of bool, shape (n,), optional
        Groups are found among these particles, if they are at least half of all; then every particle is sorted into
        them. So a few false particles of one size do not make a group.

    Returns
    -------
    labels : ndarray of str, shape (n,), object
        The label of each particle's group: `<nominal>nm`, or `other` for what fits no group.
    groups : list of SizeGroup
        The groups in order of size. Found groups are named after the nearest maker's size within -12 % and
        +17 %, otherwise after their median in whole nm; given limits after their middle.

    Raises
    ------
    GoldDiggerError
        If the sizes are not positive, are given twice, or limits overlap.

    Notes
    -----
    The order of the particles does not matter, and the same diameters always give the same groups.

    Examples
    --------
    >>> labels, groups = assign_groups([5.8, 6.4, 12.1, 30.0], [6, 12])
    >>> list(labels)
    ['6nm', '6nm', '12nm', 'other']
    """
    diameters = np.asarray(diameter_nm, dtype=np.float64).ravel()
    trusted = diameters if sure is None or 2 * np.count_nonzero(sure) < len(diameters) else diameters[sure]
    groups = _find_groups(trusted) if sizes is None else _given_groups(sizes)
    labels = np.full(len(diameters), OTHER, dtype=object)
    for group in groups:
        labels[(diameters >= group.low_nm) & (diameters < group.high_nm)] = group.label
    return labels, groups


def parse_sizes(text: str) -> Sizes:
    """Read the size groups as they are written on the command line.

    Parameters
    ----------
    text : str
        `auto`, nominal sizes such as `6,12,18`, or limits such as `4-9,9-15`; in nm.

    Returns
    -------
    None, list of float, or list of (float, float)
        What `assign_groups` takes.

    Raises
    ------
    GoldDiggerError
        If the text is none of these.

    Examples
    --------
    >>> parse_sizes("4-9, 9-15")
    [(4.0, 9.0), (9.0, 15.0)]
    """
    if text.strip().lower() == "auto":
        return None
    # People type, or paste, an en dash as well.
    parts = [part.strip().lower().replace("nm", "").replace("–", "-") for part in text.split(",")]
    try:
        pieces = [[float(piece) for piece in part.split("-")] for part in parts]
    except ValueError:
        pieces = []
    lengths = {len(piece) for piece in pieces}
    sizes: list[float] | list[tuple[float, float]]
    if lengths == {1}:
        sizes = [piece[0] for piece in pieces]
    elif lengths == {2}:
        sizes = [(piece[0], piece[1]) for piece in pieces]
    else:
        raise GoldDiggerError(f"sizes '{text}': give 'auto', sizes in nm such as 6,12,18, or limits such as 4-9,9-15")
    _given_groups(sizes)
    return sizes


def size_label(text: str) -> str | None:
    """Give a size group as tables name it, or None where a text names none.

    Parameters
    ----------
    text : str
        What a person typed, such as ``6 nm``, ``6`` or ``Other``.

    Examples
    --------
    >>> size_label(" 6.0 NM"), size_label("other"), size_label("synapse")
    ('6nm', 'other', None)
    """
    cleaned = text.strip().lower()
    if cleaned == OTHER:
        return OTHER
    size = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(?:nm)?", cleaned)
    return f"{float(size[1]):g}nm" if size and float(size[1]) > 0 else None


def _given_groups(sizes: Sequence[float] | Sequence[tuple[float, float]]) -> list[SizeGroup]:
    limits: list[tuple[float, float]] = []
    nominal: list[float] = []
    for size in sizes:
        if isinstance(size, Sequence | np.ndarray):
            limits.append((float(size[0]), float(size[1])))
        else:
            nominal.append(float(size))
    if limits and nominal:
        raise GoldDiggerError("sizes: give either nominal sizes such as 6,12 or limits such as 4-9,9-15, not both")
    return _groups_from_limits(limits) if limits else _groups_from_nominal(nominal)


def _groups_from_nominal(sizes: list[float]) -> list[SizeGroup]:
    if not sizes:
        raise GoldDiggerError("sizes: none is given; give at least one in nm, or 'auto'")
    for size in sizes:
        if not (math.isfinite(size) and size > 0):
            raise GoldDiggerError(f"sizes: {size:g} is not a diameter; give positive numbers in nm")
    ordered = sorted(sizes)
    labels = [f"{size:g}nm" for size in ordered]
    if len(set(labels)) < len(labels):
        raise GoldDiggerError(f"sizes: {', '.join(labels)} names one size twice; give each once")
    between = [math.sqrt(small * large) for small, large in pairwise(ordered)]
    lows = [max(low, size * _LOW_FACTOR) for low, size in zip([0.0, *between], ordered, strict=True)]
    highs = [min(high, size * _HIGH_FACTOR) for high, size in zip([*between, math.inf], ordered, strict=True)]
    return [SizeGroup(*group) for group in zip(labels, ordered, lows, highs, strict=True)]


def _groups_from_limits(limits: list[tuple[float, float]]) -> list[SizeGroup]:
    ordered = sorted(limits)
    for low, high in ordered:
        if not (0 <= low < high < math.inf):
            raise GoldDiggerError(f"sizes: {low:g}-{high:g} is not a range; give the smaller limit first, in nm")
    for (_, high), (low, other_high) in pairwise(ordered):
        if low < high:
            raise GoldDiggerError(f"sizes: the range {low:g}-{other_high:g} overlaps its neighbour; make them meet")
    middles = [(low + high) / 2 for low, high in ordered]
    return [
        SizeGroup(label, middle, low, high)
        for label, middle, (low, high) in zip(_labels(middles), middles, ordered, strict=True)
    ]


def _find_groups(diameters: NDArray[np.float64]) -> list[SizeGroup]:
    usable = diameters[np.isfinite(diameters) & (diameters > 0)]
    logs = np.sort(np.log(usable))
    components = find_components(logs)
    limits = _limits(components)
    medians = []
    for component, (low, high) in zip(components, limits, strict=True):
        members = logs[(logs >= low) & (logs < high)]
        medians.append(math.exp(float(np.median(members)) if len(members) else component.mean))
    nominal = [_nominal_size(median) for median in medians]
    if len(set(nominal)) < len(nominal):
        nominal = [round(median, 2) for median in medians]
    return [
        SizeGroup(label, size, math.exp(low), math.exp(high))
        for label, size, (low, high) in zip(_labels(nominal), nominal, limits, strict=True)
    ]


def _limits(components: Sequence[Component]) -> list[tuple[float, float]]:
    """Interval of log diameter for each component: up to where its neighbour is likelier, or it is itself unlikely."""
    reach = [min(max(_SIGMAS * component.spread, _NARROWEST), _WIDEST) for component in components]
    lows = [component.mean - r for component, r in zip(components, reach, strict=True)]
    highs = [component.mean + r for component, r in zip(components, reach, strict=True)]
    for i, (small, large) in enumerate(pairwise(components)):
        path = np.linspace(small.mean, large.mean, 1001)
        border = float(path[np.argmax(large.density(path) >= small.density(path))])
        highs[i], lows[i + 1] = min(highs[i], border), max(lows[i + 1], border)
    return list(zip(lows, highs, strict=True))


def _nominal_size(median_nm: float) -> float:
    """Maker's size that a group with this median most likely is, or the median in whole nm where none is near."""
    near = [size for size in MAKERS_SIZES if _LOWEST_EXCESS <= median_nm / size <= _HIGHEST_EXCESS]
    if near:
        return float(min(near, key=lambda size: abs(math.log(median_nm / size))))
    return float(max(1, round(median_nm)))


def _labels(sizes: Sequence[float]) -> list[str]:
    return [f"{size:g}nm" for size in sizes]
