"""Which size group a ROI belongs to: by its ImageJ group, by what it says of itself, or by its size."""

from collections import Counter, defaultdict
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.palette import OTHER, with_present
from golddigger_ij.position_tables import nominal_size
from golddigger_ij.roi_table import RoiTable
from golddigger_ij.runs import Run
from golddigger_ij.sizes import assign_groups, size_label

Floats = NDArray[np.float64]

# How far from a group's size a diameter may lie, as where sizes are given for a detection.
_LOW_FACTOR, _HIGH_FACTOR = 0.6, 1.5


def names_of_groups(run: Run, rois: RoiTable, group_labels: Mapping[int, str] | None) -> dict[int, str]:
    """Say which size group each of ImageJ's group numbers stands for.

    Parameters
    ----------
    run : Run
    rois : RoiTable
    group_labels : mapping of int to str, optional
        Names of the groups in ImageJ. Those that name no size group are left out: people have groups of their own.
        None where the names are not known, as in a file; then the numbers are those that `write_roi_set` gave, if most
        ROIs agree with that, else each number stands for what most of its ROIs call themselves.

    Returns
    -------
    dict of int to str
    """
    if group_labels is not None:
        labels = {number: label_of(text, run) for number, text in group_labels.items() if number > 0}
        return {number: label for number, label in labels.items() if label is not None}
    votes: dict[int, Counter[str]] = defaultdict(Counter)
    for number, properties in zip(rois.group.tolist(), rois.properties, strict=True):
        label = label_of(properties.get("gd_group", ""), run)
        if number > 0 and label is not None:
            votes[number][label] += 1
    written = dict(enumerate(with_present(run.groups, run.particles.groups), 1))
    agreeing = sum(count[written[number]] for number, count in votes.items() if number in written)
    voted = {number: count.most_common(1)[0][0] for number, count in votes.items()}
    if 2 * agreeing > sum(count.total() for count in votes.values()):
        return {**voted, **written}
    home = {label: max(votes, key=lambda number: votes[number][label]) for label in voted.values()}
    # One particle that was put into an unused group must not give that group the name of the one it came from.
    return {number: label for number, label in voted.items() if home[label] == number}


def label_of(text: str, run: Run) -> str | None:
    """Give the size group that a name in ImageJ stands for; None where it stands for none."""
    if text in run.groups:
        return text
    # A group called "1" is no size.
    return size_label(text) if "nm" in text.lower() or text.strip().lower() == OTHER else None


def typical_sizes(run: Run) -> dict[str, float]:
    """Give each group's size in nm: the median of its particles, else what it is named after, else NaN."""
    sizes = {label: nominal_size(label) for label in run.groups}
    for label in run.particles.groups:
        sizes[label] = float(np.median(run.particles.diameter_nm[run.particles.group == label]))
    return sizes


def groups_by_diameter(run: Run, diameter_nm: Floats) -> NDArray[np.object_]:
    """Sort ROIs into the run's size groups: the nearest, if it lies between 0.6 and 1.5 times its size, else `other`.

    A run without groups, such as that of an image marked from scratch, gets the groups that the diameters give.
    """
    sizes = {label: size for label, size in typical_sizes(run).items() if label != OTHER and np.isfinite(size)}
    if not sizes or not diameter_nm.size:
        return assign_groups(diameter_nm)[0]
    labels, values = np.array(list(sizes), object), np.array(list(sizes.values()))
    ratio = diameter_nm[:, None] / values
    nearest = np.argmin(np.abs(np.log(ratio)), axis=1)
    ratio = ratio[np.arange(len(ratio)), nearest]
    fits = (ratio >= _LOW_FACTOR) & (ratio < _HIGH_FACTOR)
    return np.where(fits, labels[nearest], OTHER)


def group_of_points(run: Run, default_group: str | None, count: int) -> str:
    """Give the group of `count` points that say nothing of it: `default_group`, else the run's only group.

    Raises
    ------
    GoldDiggerError
        If there is no such group, or its name is no size.
    """
    if default_group:
        label = default_group if default_group in run.groups else size_label(default_group)
        if label is None:
            raise GoldDiggerError(f"gd_default_group={default_group}: give a size in nm, such as 6nm")
        return label
    sized = [label for label in run.groups if label != OTHER]
    if len(sized) == 1:
        return sized[0]
    raise without_size(count, sized)


def without_size(count: int, sized: list[str]) -> GoldDiggerError:
    """What to say of points whose size nobody can know."""
    example = sized[0] if sized else "6nm"
    points = "1 point has" if count == 1 else f"{count} points have"
    return GoldDiggerError(
        f"{points} no size; give gd_default_group={example}, or set the group of the ROI to a size group, "
        "or draw a circle around each particle instead"
    )
