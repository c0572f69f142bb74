"""The picture to look at: a micrograph with its particles circled."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from golddigger_ij.overlay.canvas import Canvas, text_width
from golddigger_ij.overlay.crop_sheet import CROP_COUNT, Crops, draw_crops, draw_head, spaced, write_crop_sheet
from golddigger_ij.overlay.greys import grey_picture
from golddigger_ij.palette import group_colours, with_present
from golddigger_ij.particles import Particles

if TYPE_CHECKING:
    from golddigger_ij.burned_in import Box
    from golddigger_ij.contrast import Contrast
    from golddigger_ij.montage import Montage

__all__ = ["LONGEST_SIDE", "round_length", "write_crop_sheet", "write_overlay"]

LONGEST_SIDE = 4096
"""Montages up to this many pixels are shown whole; larger ones are reduced, and the crops go with them."""

_SMALL_SIDE = 1200
_LEAST_SHEET_WIDTH = 720


def write_overlay(
    path: Path | str,
    montage: "Montage",
    contrast: "Contrast",
    particles: Particles,
    nm_per_px: float,
    groups: Sequence[str],
    boxes: "Sequence[Box]" = (),
    title: str = "",
) -> None:
    """Draw a montage with a ring round each particle, a scale bar and the counts.

    A montage of more than 4096 pixels is reduced, and its least certain particles follow below at full resolution. At
    most about 100 MB are held, however large it is.

    Parameters
    ----------
    path : Path or str
        The PNG file to make or replace.
    montage : Montage
        The image.
    contrast : Contrast
        Its grey values, for the brightness of the picture.
    particles : Particles
        What to ring, at its true diameter.
    nm_per_px : float
        Pixel size, for the scale bar.
    groups : sequence of str
        The groups of the run, in order: one colour and one count each.
    boxes : sequence of Box
        What was left out because it is burned in; drawn dashed.
    title : str
        Heading; the montage's name if it is empty.

    Raises
    ------
    GoldDiggerError
        If the montage cannot be read or the file cannot be written.
    """
    height, width = montage.shape
    longest = max(height, width)
    reduce = -(-longest // LONGEST_SIDE)
    enlarge = min(8, -(-_SMALL_SIDE // longest)) if longest < _SMALL_SIDE else 1
    labels = with_present(groups, particles.groups)
    colours = group_colours(labels)

    grey = grey_picture(montage, contrast, reduce, enlarge)
    shown_height, shown_width = grey.shape
    sheet_width = max(shown_width, _LEAST_SHEET_WIDTH)
    text = float(np.clip(sheet_width / 75, 15, 44))
    margin, head = round(1.2 * text), round(2.9 * text)
    entries = [(spaced(label), int(np.count_nonzero(particles.group == label)), label) for label in labels]
    legend = _legend_rows(entries, len(particles), bool(boxes), text, sheet_width * 0.72)
    foot = round(text * max(1.2 + 1.7 * len(legend), 3.6))
    crops = Crops.of(particles, CROP_COUNT, sheet_width, text) if reduce > 1 and len(particles) else None
    sheet_height = head + shown_height + foot + (crops.height + margin if crops else 0)
    canvas = Canvas(sheet_height, sheet_width + 2 * margin, colours)

    left, top = margin + (sheet_width - shown_width) // 2, head
    draw_head(canvas, title or Path(montage.name).name, f"{width} x {height} px, {nm_per_px:.4g} nm/px", margin, text)
    canvas.picture(left, top, grey)
    frame = (left, top, left + shown_width, top + shown_height)
    scale = enlarge / reduce
    line = float(np.clip(max(grey.shape) / 1000, 1.8, 2.0 if reduce > 1 else 2.8))
    for box in boxes:
        x0, y0, x1, y1 = left + box.x0 * scale, top + box.y0 * scale, left + box.x1 * scale, top + box.y1 * scale
        canvas.dashed_box(x0, y0, x1, y1, width=max(2, round(line)), dash=max(8, round(text / 2)))
    # Rings stay visible where a particle is hardly a pixel wide.
    radii = np.maximum(np.sqrt(particles.area / np.pi) * scale, 3.0 if reduce > 1 else 0.0) + line / 2 + 0.5
    xs, ys = left + (particles.x + 0.5) * scale - 0.5, top + (particles.y + 0.5) * scale - 0.5
    for x, y, radius, label in zip(xs.tolist(), ys.tolist(), radii.tolist(), particles.group.tolist(), strict=True):
        canvas.ring(x, y, radius, line, label, within=frame)

    below = top + shown_height
    _draw_legend(canvas, legend, margin, below + text * 1.4, text)
    _draw_scale_bar(canvas, margin + sheet_width, below + text * 1.1, shown_width, nm_per_px / scale, text)
    if crops:
        draw_crops(canvas, crops, montage, contrast, particles, margin, below + foot)
    canvas.save(Path(path))


_Entry = tuple[str, str, str | None]


def _legend_rows(
    entries: Sequence[tuple[str, int, str]], total: int, left_out: bool, text: float, width: float
) -> list[list[_Entry]]:
    """Legend entries (what is drawn: a ring's label, "" for nothing or "dashed"), wrapped to a width."""
    items: list[_Entry] = [(name, f"{count:,}", label) for name, count, label in entries]
    items.append(("all", f"{total:,}", None))
    if left_out:
        items.append(("left out", "", ""))
    rows: list[list[_Entry]] = [[]]
    used = 0.0
    for item in items:
        size = _entry_width(item, text)
        if rows[-1] and used + size > width:
            rows.append([])
            used = 0.0
        rows[-1].append(item)
        used += size
    return rows


def _entry_width(item: _Entry, text: float) -> float:
    name, count, label = item
    icon = 0.0 if label is None else 1.4 * text
    return icon + text_width(f"{name}  ", text) + text_width(count, text) + 1.8 * text


def _draw_legend(canvas: Canvas, rows: Sequence[Sequence[_Entry]], left: float, top: float, text: float) -> None:
    for index, row in enumerate(rows):
        x, y = left, top + 1.7 * text * index
        for item in row:
            name, count, label = item
            start = x
            if label:
                canvas.ring(x + 0.5 * text, y, 0.38 * text, max(2.0, text / 9), label)
            elif label == "":
                canvas.dashed_box(x, y - 0.38 * text, x + text, y + 0.38 * text, 2, max(3, round(text / 5)))
            if label is not None:
                start += 1.4 * text
            canvas.text(start, y, name, text, grey=110)
            canvas.text(start + text_width(f"{name}  ", text), y, count, text)
            x += _entry_width(item, text)


def _draw_scale_bar(canvas: Canvas, right: float, top: float, width: int, nm_per_px: float, text: float) -> None:
    length = round_length(0.2 * width * nm_per_px)
    pixels = length / nm_per_px
    canvas.rectangle(right - pixels, top, right, top + max(4, round(0.25 * text)), 20)
    canvas.text(right - pixels / 2, top + 1.15 * text, _nanometres(length), text, anchor="mm")


def _nanometres(length: float) -> str:
    # Not in µm: Pillow's own font, the only one that is the same on each machine, has no µ.
    return f"{length:,.0f} nm" if length >= 1 else f"{length:g} nm"


def round_length(nm: float) -> float:
    """Give the greatest of 1, 2, 5, 10, 20 ... (and 0.5, 0.2 ...) that is at most a length.

    Examples
    --------
    >>> round_length(430.0)
    200.0
    """
    decade = 10.0 ** np.floor(np.log10(nm))
    step = max(step for step in (1, 2, 5) if step * decade <= nm * (1 + 1e-9))
    return float(f"{step * decade:.3g}")
