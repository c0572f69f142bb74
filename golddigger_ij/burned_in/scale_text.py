"""Read the caption of a scale bar, such as "200 nm" or "0.5 µm", out of a binary picture of text."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

# Captions in use on microscopes: anything else is taken for a misreading.
_NUMBERS = {1, 2, 5, 10, 20, 25, 30, 40, 50, 60, 80, 100, 120, 150, 200, 250, 300, 400, 500, 600, 800, 1000, 2000, 5000}
_FRACTIONS = {0.1, 0.2, 0.25, 0.5}
_ALPHABET = "0123456789nmuµabcdefghijklopqrstvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ%&+=()[]/"
_GLYPH = (24, 16)
_FONT_SIZE = 64
_STROKES = (0, 1, 2, 3)
_DIGIT_FLOOR = 0.78
_LETTER_FLOOR = 0.74
_MARGIN = 0.06
_MAX_GLYPHS = 600
_TAIL = 0.38
# Shapes that differ by their height in a line only, or not at all in a sans-serif font.
_LOOKALIKES = {"0": "OoDQ", "1": "lIi|", "5": "Ss", "2": "Zz", "8": "B", "6": "G"}
_HOLES = dict.fromkeys("0469abdegopqADOPQR", 1) | dict.fromkeys("8B&", 2) | {"%": 2}


@dataclass(frozen=True)
class LengthText:
    """A length in nm that was read, and the box of its glyphs (half-open, in pixels of the picture)."""

    nm: float
    y0: int
    x0: int
    y1: int
    x1: int


@dataclass(frozen=True)
class _Glyph:
    y0: int
    x0: int
    y1: int
    x1: int
    scores: dict[str, float]
    holes: int

    @property
    def height(self) -> int:
        return self.y1 - self.y0

    def is_digit(self) -> str | None:
        digit = max("0123456789", key=lambda c: self.scores[c])
        if self.holes != _HOLES.get(digit, 0):
            return None
        # A 5 resembles a 6 on a coarse grid, but not in its number of holes.
        rivals = [c for c in self.scores if c != digit and _HOLES.get(c, 0) == self.holes]
        others = max(self.scores[c] for c in rivals if c not in _LOOKALIKES.get(digit, ""))
        return digit if self.scores[digit] >= max(_DIGIT_FLOOR, others + _MARGIN) else None

    def is_letter(self, letter: str, rivals_allowed: str = "") -> bool:
        others = max(s for c, s in self.scores.items() if c != letter and c not in rivals_allowed)
        return self.scores[letter] >= _LETTER_FLOOR and self.scores[letter] >= others + _MARGIN / 2


def read_lengths(text: NDArray[np.bool_]) -> list[LengthText]:
    """Read every upright "<number> nm" or "<number> µm" in a binary picture.

    A misreading would give every particle a wrong size, so glyphs that are not clear, unusual numbers and anything
    attached to the number or the unit make a caption unread.

    Parameters
    ----------
    text : (height, width) bool ndarray
        True on the strokes of the glyphs, a line of text being horizontal.

    Returns
    -------
    list of LengthText
        From left to right. Empty when nothing can be read with confidence.
    """
    glyphs = _glyphs(text)
    found: dict[tuple[int, int], LengthText] = {}
    for start in glyphs:
        if start.height >= 7 and (read := _parse(start, glyphs)) is not None:
            found[(read.x0, read.y0)] = read
    return sorted(found.values(), key=lambda read: (read.x0, read.y0))


def _parse(start: _Glyph, glyphs: list[_Glyph]) -> LengthText | None:
    digit = start.is_digit()
    if digit is None:
        return None
    size = start.height
    line = [g for g in glyphs if g.y1 > start.y1 - 0.5 * size and g.y0 < start.y1 + 0.1 * size and g.height < 2 * size]
    if any(g is not start and g.x0 < start.x0 and start.x0 - g.x1 < 0.35 * size for g in line):
        return None
    line = [g for g in line if g.x0 > start.x0]
    number, last, used = digit, start, [start]
    while line:
        glyph = line[0]
        digit = glyph.is_digit() if abs(glyph.height - size) <= max(2, 0.12 * size) else None
        is_point = glyph.height <= 0.3 * size and abs(glyph.y1 - start.y1) <= 0.12 * size + 1
        if glyph.x0 - last.x1 > 0.5 * size or (digit is None and not is_point):
            break
        number += "." if is_point else str(digit)
        last = line.pop(0)
        used.append(last)
    unit = _unit(line, last, size)
    if unit is None or number.endswith(".") or number.count(".") > 1 or number.startswith("0") != (number[:2] == "0."):
        return None
    value = float(number)
    if value not in _NUMBERS and value not in _FRACTIONS:
        return None
    if value in _FRACTIONS and unit == 1.0:
        return None
    used += line[:2]
    return LengthText(value * unit, min(g.y0 for g in used), start.x0, max(g.y1 for g in used), used[-1].x1)


def _unit(line: list[_Glyph], last: _Glyph, size: int) -> float | None:
    """Give how many nm the unit is that follows, or None."""
    if len(line) < 2:
        return None
    prefix, metre = line[:2]
    if prefix.x0 - last.x1 > 0.9 * size or metre.x0 - prefix.x1 > 0.35 * size:
        return None
    if len(line) > 2 and line[2].x0 - metre.x1 < 0.35 * size:
        return None
    low_letter = 0.55 * size <= metre.height <= 0.9 * size
    if not low_letter or abs(metre.y1 - last.y1) > 0.12 * size + 1 or not metre.is_letter("m"):
        return None
    if abs(prefix.y0 - metre.y0) > 0.12 * size + 1:
        return None
    descends = prefix.y1 - metre.y1 > 0.12 * size
    if not descends and prefix.is_letter("n"):
        return 1.0
    if descends and prefix.is_letter("µ"):
        return 1000.0
    return 1000.0 if not descends and prefix.is_letter("u", rivals_allowed="U") else None


def _glyphs(text: NDArray[np.bool_]) -> list[_Glyph]:
    labels, _ = ndimage.label(text, np.ones((3, 3)))
    boxes = ndimage.find_objects(labels)
    chosen = []
    for number, box in enumerate(boxes, 1):
        height, width = box[0].stop - box[0].start, box[1].stop - box[1].start
        if height >= 2 and width <= 3 * max(height, 8) and height <= 400:
            chosen.append((number, box))
    if not 0 < len(chosen) <= _MAX_GLYPHS:
        return []
    shapes = [labels[box] == number for number, box in chosen]
    vectors = np.stack([_normalised(shape.astype(np.float32)) for shape in shapes])
    templates, ratios, characters = _templates()
    correlation = vectors @ templates.T
    own = np.log([shape.shape[1] / shape.shape[0] for shape in shapes])
    # A narrow 1 and a wide m differ in their proportions, which the fixed grid hides.
    correlation -= 0.5 * np.maximum(np.abs(own[:, None] - ratios[None]) - 0.15, 0)
    glyphs = []
    for (_, box), shape, row in zip(chosen, shapes, correlation, strict=True):
        scores = {c: float(row[characters == c].max()) for c in _ALPHABET}
        holes = int(ndimage.label(np.pad(~shape, 1, constant_values=True))[1]) - 1
        glyphs.append(_Glyph(box[0].start, box[1].start, box[0].stop, box[1].stop, scores, holes))
    return sorted(glyphs, key=lambda glyph: glyph.x0)


def _normalised(shape: NDArray[np.float32]) -> NDArray[np.float32]:
    """Stretch a glyph to a fixed grid, blur it a little and make it a unit vector with mean 0."""
    from PIL import Image

    stretched = Image.fromarray(shape * np.float32(255)).resize((_GLYPH[1], _GLYPH[0]), Image.Resampling.BOX)
    vector = ndimage.gaussian_filter(np.asarray(stretched, dtype=np.float32), 1.0, mode="constant").ravel()
    vector -= vector.mean()
    unit: NDArray[np.float32] = vector / max(float(np.linalg.norm(vector)), 1e-6)
    return unit


@cache
def _templates() -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.str_]]:
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(_FONT_SIZE)
    vectors, ratios, characters = [], [], []
    for stroke in _STROKES:
        for character in _ALPHABET:
            picture = Image.new("L", (3 * _FONT_SIZE, 3 * _FONT_SIZE))
            drawn = "u" if character == "µ" else character
            ImageDraw.Draw(picture).text(
                (_FONT_SIZE, _FONT_SIZE), drawn, fill=255, font=font, stroke_width=stroke, stroke_fill=255
            )
            ink = np.asarray(picture) > 127
            rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
            glyph = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            if character == "µ":
                # The bundled font has no µ: give the u a tail below its left stem.
                stem = glyph[len(glyph) // 3] & (np.arange(glyph.shape[1]) < glyph.shape[1] // 2)
                glyph = np.concatenate([glyph, np.repeat(stem[None], round(_TAIL * len(glyph)), axis=0)])
            shapes = [glyph]
            if character == "1":
                # Many fonts give the 1 a foot, twice as wide as the rest of it.
                wide = np.pad(glyph, ((0, 0), (0, glyph.shape[1] // 2)))
                wide[-max(len(glyph) // 9, 1) :] = True
                shapes.append(wide)
            vectors += [_normalised(shape.astype(np.float32)) for shape in shapes]
            ratios += [np.log(shape.shape[1] / shape.shape[0]) for shape in shapes]
            characters += [character] * len(shapes)
    return np.stack(vectors), np.array(ratios), np.array(characters)
