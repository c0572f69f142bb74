"""One colour for each size group, the same in the ROI set and in the picture."""

import re
from collections.abc import Iterable, Sequence

Colour = tuple[int, int, int]

OTHER = "other"
"""The label of particles that fit no size group."""

OTHER_COLOUR: Colour = (217, 217, 217)

# Okabe and Ito's set, which people with any of the common colour blindnesses can tell apart, made brighter to stand out
# from a grey micrograph; in an order that keeps the first three, the usual 6, 12 and 18 nm, farthest apart.
GROUP_COLOURS: tuple[Colour, ...] = (
    (72, 190, 255),
    (255, 172, 0),
    (255, 112, 190),
    (0, 205, 140),
    (245, 235, 80),
    (250, 95, 30),
    (110, 125, 255),
)


def group_order(labels: Iterable[str]) -> list[str]:
    """Put size groups in order: by nominal size, then labels without a size by name, `other` last.

    Parameters
    ----------
    labels : iterable of str
        Labels such as ``6nm``; repeated ones count once.

    Returns
    -------
    list of str

    Examples
    --------
    >>> group_order(["other", "12nm", "6nm", "12nm"])
    ['6nm', '12nm', 'other']
    """

    def key(label: str) -> tuple[int, float, str]:
        size = re.match(r"\d+(\.\d+)?(?=\s*nm)", label)
        return (label == OTHER, float(size.group()) if size else float("inf"), label)

    return sorted(set(labels), key=key)


def with_present(groups: Sequence[str] | None, labels: Iterable[str]) -> list[str]:
    """Give the groups of a run and, after them in order, labels that occur without being among them.

    Naming a run's groups keeps each group's number and colour from image to image, though one image may lack a group.

    Parameters
    ----------
    groups : sequence of str or None
        The groups of the run; None for those that occur.
    labels : iterable of str
        The labels that occur.

    Returns
    -------
    list of str
        Each label once, `other` last.
    """
    named = [label for label in dict.fromkeys(groups or ()) if label != OTHER]
    others = set(labels) | set(groups or ())
    return named + group_order(others - set(named))


def group_colours(groups: Sequence[str]) -> dict[str, Colour]:
    """Give each group its colour, as red, green and blue (0-255).

    Parameters
    ----------
    groups : sequence of str
        Labels in order. The colours repeat after the seventh; `other` is always light grey and uses up none.

    Returns
    -------
    dict of str to (int, int, int)

    Examples
    --------
    >>> group_colours(["6nm", "other"])
    {'6nm': (72, 190, 255), 'other': (217, 217, 217)}
    """
    sized = [label for label in dict.fromkeys(groups) if label != OTHER]
    colours = {label: GROUP_COLOURS[index % len(GROUP_COLOURS)] for index, label in enumerate(sized)}
    return {label: colours.get(label, OTHER_COLOUR) for label in groups}
