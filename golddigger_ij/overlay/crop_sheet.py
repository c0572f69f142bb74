"""The least certain particles, one by one, magnified: what to look at first."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from golddigger_ij.overlay.canvas import Canvas, plain, shortened, text_width
from golddigger_ij.overlay.greys import grey_range, to_grey
from golddigger_ij.palette import group_colours, with_present
from golddigger_ij.particles import Particles

if TYPE_CHECKING:
    from golddigger_ij.contrast import Contrast
    from golddigger_ij.montage import Montage

CROP_COUNT = 60
"""How many particles a sheet shows if nothing else is asked for."""

_BLANK = 240


def write_crop_sheet(
    path: Path | str,
    montage: "Montage",
    contrast: "Contrast",
    particles: Particles,
    nm_per_px: float,
    count: int = CROP_COUNT,
    groups: Sequence[str] | None = None,
) -> None:
    """Draw the least certain particles one by one, magnified, each with its id, size group and score.

    Parameters
    ----------
    path : Path or str
        The PNG file to make or replace.
    montage : Montage
        The image.
    contrast : Contrast
        Its grey values, for the brightness of the picture.
    particles : Particles
        Those whose scores are nearest to 0.5 are shown.
    nm_per_px : float
        Pixel size.
    count : int
        How many at most.
    groups : sequence of str, optional
        The groups of the run, so that colours are the same from image to image.

    Raises
    ------
    GoldDiggerError
        If the montage cannot be read or the file cannot be written.
    """
    text, width = 20.0, 1720
    margin, head = round(1.2 * text), round(2.9 * text)
    crops = Crops.of(particles, count, width, text)
    colours = group_colours(with_present(groups, particles.groups))
    canvas = Canvas(head + crops.height + margin, width + 2 * margin, colours)
    draw_head(canvas, Path(montage.name).name, f"{nm_per_px:.4g} nm/px", margin, text)
    draw_crops(canvas, crops, montage, contrast, particles, margin, head)
    canvas.save(Path(path))


@dataclass(frozen=True, eq=False)
class Crops:
    """Which particles a crop sheet shows, and where.

    Attributes
    ----------
    rows : (n,) int64
        Rows of the particle table, least certain first.
    columns, tile, gap : int
        How many crops stand beside each other, their side and what lies between them, in pixels of the sheet.
    field : int
        Side of what a crop shows, in pixels of the image.
    text, small : float
        Font sizes of the heading and of the captions.
    heading : str
        What the sheet shows.
    """

    rows: NDArray[np.int64]
    columns: int
    tile: int
    gap: int
    field: int
    text: float
    small: float
    heading: str

    @classmethod
    def of(cls, particles: Particles, count: int, width: int, text: float) -> "Crops":
        """Choose the least certain particles and lay them out on a sheet of a width, with a font size."""
        rows = np.argsort(np.abs(particles.score - 0.5), kind="stable")[:count]
        columns = 15 if width > 2400 else 10
        gap = round(0.6 * text)
        diameters = 2 * np.sqrt(particles.area[rows] / np.pi)
        field = int(np.clip(3.5 * np.percentile(diameters, 95), 64, 256)) if len(rows) else 64
        tile = (width - gap * (columns - 1)) // columns
        captions = [f"{particles.id[row]}{spaced(particles.group[row])}0.00" for row in rows]
        # Almost three more for the dot in front and the gaps between the three.
        widest = max((text_width(caption, 100) / 100 for caption in captions), default=1.0) + 2.8
        small = min(0.85 * text, tile / widest)
        heading = f"The {len(rows)} least certain of {len(particles):,} particles: id, size group, score"
        return cls(rows, columns, tile, gap, field, text, small, heading if len(rows) else "No particles")

    @property
    def caption(self) -> int:
        """Height of the line under a crop, in pixels."""
        return round(1.9 * self.small)

    @property
    def height(self) -> int:
        """Height of heading and crops, in pixels."""
        rows = -(-len(self.rows) // self.columns)
        return round(2.2 * self.text) + rows * (self.tile + self.caption + self.gap)


def draw_crops(
    canvas: Canvas,
    crops: Crops,
    montage: "Montage",
    contrast: "Contrast",
    particles: Particles,
    left: int,
    top: int,
) -> None:
    """Draw heading and crops with the first pixel at (left, top).

    Parameters
    ----------
    canvas : Canvas
        Where to draw.
    crops : Crops
        What to draw.
    montage, contrast, particles
        The image, its grey values and the table that `crops` was made of.
    left, top : int
        Place on the canvas in pixels.

    Raises
    ------
    GoldDiggerError
        If the montage cannot be read.
    """
    from PIL import Image

    canvas.text(left, top + crops.text * 0.8, crops.heading, crops.text, grey=70)
    top += round(2.2 * crops.text)
    windows = [_crop(montage, particles.x[row], particles.y[row], crops.field) for row in crops.rows]
    if not windows:
        return
    low, high = grey_range(np.concatenate([pixels.ravel() for pixels, _, _ in windows]), contrast)
    magnify = crops.tile / crops.field
    small = crops.small
    half = crops.field // 2
    for place, (row, (pixels, left_out, top_out)) in enumerate(zip(crops.rows.tolist(), windows, strict=True)):
        x = left + place % crops.columns * (crops.tile + crops.gap)
        y = top + place // crops.columns * (crops.tile + crops.caption + crops.gap)
        x0, y0 = round(float(particles.x[row])) - half, round(float(particles.y[row])) - half
        # What lies beyond the image is blank.
        field = np.full((crops.field, crops.field), _BLANK, np.uint8)
        inside = to_grey(pixels, low, high)
        field[top_out : top_out + inside.shape[0], left_out : left_out + inside.shape[1]] = inside
        grey = Image.fromarray(field).resize((crops.tile, crops.tile), Image.Resampling.BICUBIC)
        canvas.picture(x, y, np.asarray(grey))
        label = particles.group[row]
        radius = np.sqrt(particles.area[row] / np.pi) * magnify + 4
        centre_x = x + (particles.x[row] - x0 + 0.5) * magnify - 0.5
        centre_y = y + (particles.y[row] - y0 + 0.5) * magnify - 0.5
        frame = (x, y, x + crops.tile, y + crops.tile)
        canvas.ring(centre_x, centre_y, radius, max(2.4, crops.tile / 70), label, within=frame, gaps=True)
        line = y + crops.tile + crops.caption * 0.52
        canvas.ring(x + small * 0.4, line, small * 0.14, small * 0.28, label)
        canvas.text(x + small, line, f"{particles.id[row]}", small)
        score = f"{particles.score[row]:.2f}"
        canvas.text(x + crops.tile, line, score, small, anchor="rm")
        canvas.text(
            x + crops.tile - text_width(score, small) - small * 0.7, line, spaced(label), small, grey=110, anchor="rm"
        )


def _crop(montage: "Montage", x: float, y: float, field: int) -> tuple[NDArray[Any], int, int]:
    """Square window about a particle, cut off at the image's edges, and how much was cut off left and above."""
    height, width = montage.shape
    x0, y0 = round(float(x)) - field // 2, round(float(y)) - field // 2
    left, top, right, bottom = max(x0, 0), max(y0, 0), min(x0 + field, width), min(y0 + field, height)
    return montage.read(top, left, bottom - top, right - left), left - x0, top - y0


def draw_head(canvas: Canvas, title: str, facts: str, margin: int, text: float) -> None:
    """Write a heading on the left and, small, what there is to know about the image on the right."""
    middle = margin * 0.2 + text * 1.45
    room = canvas.width - 2 * margin - text_width(facts, 0.85 * text) - 2 * text
    canvas.text(margin, middle, shortened(plain(title), 1.25 * text, room), 1.25 * text)
    canvas.text(canvas.width - margin, middle, facts, 0.85 * text, grey=110, anchor="rm")


def spaced(label: str) -> str:
    """Give a size group's label as people write it: ``6 nm``."""
    return f"{label[:-2]} nm" if label.endswith("nm") and label[:-2] else label
