"""The six real micrographs of ../shared/data/ffril and the whole-field marks that are kept beside this file.

The images have no licence and are not part of the repository; the marks are our own: gold of all sizes in the whole
field, marked by eye on enlarged tiles, with an `unsure` class that is left out of training and of scoring.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from golddigger_ij.annotations import Annotation, disc

HERE = Path(__file__).resolve().parent
SHARED = HERE.parents[1] / "shared"
IMAGES = SHARED / "data" / "ffril"
REFEREE = SHARED / "referee" / "score.py"
NAMES = ("S1", "S13", "S15", "S25", "S29", "S4")
NM_PER_PX = 0.55868
UNSURE_RADIUS_PX = 25.0


@dataclass(frozen=True)
class Marks:
    """Whole-field marks of one image, in pixels and nm; `unsure` are places, shape (n, 2)."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    size_nm: NDArray[np.float64]
    unsure: NDArray[np.float64]


def read_marks(name: str) -> Marks:
    """Read the marks of one image."""
    with (HERE / "ffril_marks" / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    sure = [r for r in rows if r["size_nm"] != "unsure"]
    unsure = [(float(r["x"]), float(r["y"])) for r in rows if r["size_nm"] == "unsure"]
    x, y, size = (np.array([float(r[key]) for r in sure]) for key in ("x", "y", "size_nm"))
    return Marks(x, y, size, np.array(unsure).reshape(-1, 2))


def annotation(name: str) -> Annotation:
    """Give the marks of one image as ground truth to train on."""
    marks = read_marks(name)
    return Annotation(
        image=IMAGES / f"{name}.jpg",
        nm_per_px=NM_PER_PX,
        x=marks.x,
        y=marks.y,
        diameter_nm=marks.size_nm,
        excluded=tuple(disc(x, y, UNSURE_RADIUS_PX) for x, y in marks.unsure),
    )
