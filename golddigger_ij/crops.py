"""A part of a montage, for a quick look at what the whole would give."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from golddigger_ij.burned_in import Box
from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.montage import Montage, open_montage
from golddigger_ij.outlines import Outline
from golddigger_ij.particles import Particles
from golddigger_ij.regions import MaskArea, Region


@dataclass(frozen=True)
class Crop:
    """A window of a montage in pixels: first column, first row, width and height."""

    x: int
    y: int
    width: int
    height: int

    @property
    def bounds(self) -> tuple[int, int, int, int]:
        """y0, x0, y1, x1, half-open."""
        return self.y, self.x, self.y + self.height, self.x + self.width

    def within(self, montage: Montage) -> "Crop":
        """Cut off what lies outside a montage.

        Raises
        ------
        GoldDiggerError
            If nothing is left.
        """
        height, width = montage.shape
        cut = replace(self, width=min(self.width, width - self.x), height=min(self.height, height - self.y))
        if cut.width < 1 or cut.height < 1:
            raise GoldDiggerError(
                f"{montage.name}: the crop at {self.x},{self.y} lies outside its {width} x {height} px; choose another"
            )
        return cut


def parse_crop(text: str) -> Crop:
    """Read X,Y,W,H.

    Raises
    ------
    GoldDiggerError
        If it is not four whole numbers, or the size is not positive.
    """
    try:
        x, y, width, height = (int(part) for part in text.split(","))
    except ValueError as error:
        raise GoldDiggerError(f"{text}: give X,Y,W,H in whole pixels, such as 1000,2000,1024,1024") from error
    if x < 0 or y < 0 or width < 1 or height < 1:
        raise GoldDiggerError(f"{text}: X and Y are 0 or more, W and H are 1 or more")
    return Crop(x, y, width, height)


def crop_region(crop: Crop) -> Region:
    """Make a region of a crop's rectangle."""
    y0, x0, y1, x1 = (v - 0.5 for v in crop.bounds)
    ring = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    return Region("preview", crop.bounds, float(crop.width * crop.height), Outline((ring,)))


def crop_regions(regions: Sequence[Region], crop: Crop) -> list[Region]:
    """Give the parts of regions that lie in a crop, in the montage's coordinates.

    Raises
    ------
    GoldDiggerError
        If none does.
    """
    parts = [part for region in regions if (part := _part(region, crop)) is not None]
    if not parts:
        raise GoldDiggerError("no region reaches into the crop; choose another crop, or leave --region away")
    return parts


def _part(region: Region, crop: Crop) -> Region | None:
    y0, x0 = max(region.bounds[0], crop.y), max(region.bounds[1], crop.x)
    y1, x1 = min(region.bounds[2], crop.y + crop.height), min(region.bounds[3], crop.x + crop.width)
    if y0 >= y1 or x0 >= x1:
        return None
    shape: Outline | MaskArea
    if isinstance(region.shape, Outline):
        shape = region.shape.clipped(x0 - 0.5, y0 - 0.5, x1 - 0.5, y1 - 0.5)
        area = shape.area if shape.rings else 0.0
    else:
        mask = region.shape
        rows = np.unpackbits(mask.packed[y0 - mask.y0 : y1 - mask.y0], axis=1, count=mask.width)
        pixels = rows[:, x0 - mask.x0 : x1 - mask.x0]
        shape = MaskArea(np.packbits(pixels, axis=1), y0, x0, x1 - x0)
        area = float(np.count_nonzero(pixels))
    return Region(region.name, (y0, x0, y1, x1), area, shape) if area else None


def crop_picture(
    montage: Montage, particles: Particles, boxes: Sequence[Box], crop: Crop
) -> tuple[Montage, Particles, list[Box]]:
    """Give what is needed to draw a crop: its pixels in memory, and the particles and boxes in its own coordinates."""
    view = open_montage(montage.read(crop.y, crop.x, crop.height, crop.width))
    moved = replace(particles, x=particles.x - crop.x, y=particles.y - crop.y)
    shown = []
    for box in boxes:
        y0, x0 = max(box.y0 - crop.y, 0), max(box.x0 - crop.x, 0)
        y1, x1 = min(box.y1 - crop.y, crop.height), min(box.x1 - crop.x, crop.width)
        if y0 < y1 and x0 < x1:
            shown.append(Box(y0, x0, y1, x1, kind=box.kind))
    return view, moved, shown
