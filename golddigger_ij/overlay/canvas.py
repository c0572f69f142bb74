"""A sheet to draw on: a grey micrograph with thin coloured rings and text, as a PNG with a palette."""

import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from golddigger_ij.atomic import replacing
from golddigger_ij.palette import Colour

# A micrograph and a few colours fit a palette: a third of the size of an RGB file, and written three times as fast.
# Each colour takes this many entries, from nearly black to full; the greys share the rest.
_LEVELS = 10
_HALO_DEPTH = 0.6
_ZLIB_RLE = 3


class Canvas:
    """A white sheet.

    Parameters
    ----------
    height, width : int
        Size in pixels.
    colours : mapping of str to (int, int, int)
        The colours that rings can have, by label: at most 16 different ones.

    Attributes
    ----------
    height, width : int
        Size in pixels.
    """

    def __init__(self, height: int, width: int, colours: Mapping[str, Colour]) -> None:
        self.height, self.width = height, width
        shades = list(dict.fromkeys(colours.values()))
        self._grey_count = 256 - _LEVELS * len(shades)
        if self._grey_count < 64:
            raise ValueError("a canvas has at most 16 colours of rings besides its greys")
        self._first_entry = {label: self._grey_count + _LEVELS * shades.index(c) for label, c in colours.items()}
        greys = np.round(np.linspace(0, 255, self._grey_count))
        steps = np.arange(1, _LEVELS + 1) / _LEVELS
        ramps = [np.round(steps[:, None] * np.array(shade, np.float64)) for shade in shades]
        self._palette = np.concatenate([np.repeat(greys[:, None], 3, axis=1), *ramps]).astype(np.uint8)
        self._entry_of_grey = np.round(np.arange(256) * ((self._grey_count - 1) / 255)).astype(np.uint8)
        self._pixels = np.full((height, width), self._grey_count - 1, np.uint8)

    def picture(self, x: int, y: int, grey: NDArray[np.uint8]) -> None:
        """Put a grey picture with its first pixel at (x, y)."""
        # A translation of bytes is several times faster than NumPy's indexing with a whole picture.
        entries = np.frombuffer(grey.tobytes().translate(self._entry_of_grey.tobytes()), np.uint8)
        self._pixels[y : y + grey.shape[0], x : x + grey.shape[1]] = entries.reshape(grey.shape)

    def rectangle(self, x0: float, y0: float, x1: float, y1: float, grey: int) -> None:
        """Fill a rectangle (half-open) with a grey of 0 to 255."""
        rows, columns = self._window(x0, y0, x1, y1)
        self._pixels[rows, columns] = self._entry_of_grey[grey]

    def dashed_box(self, x0: float, y0: float, x1: float, y1: float, width: int, dash: int) -> None:
        """Outline a rectangle (half-open) with light dashes on dark, which show on any ground."""
        sides = ((x0, y0, x1, y0 + width), (x0, y1 - width, x1, y1), (x0, y0, x0 + width, y1), (x1 - width, y0, x1, y1))
        for side in sides:
            rows, columns = self._window(*side)
            grey = np.where(
                (np.arange(rows.start, rows.stop)[:, None] + np.arange(columns.start, columns.stop)) % (2 * dash)
                < dash,
                235,
                60,
            )
            self._pixels[rows, columns] = self._entry_of_grey[grey]

    def ring(
        self, x: float, y: float, radius: float, width: float, label: str, *, within: Any = None, gaps: bool = False
    ) -> None:
        """Draw an antialiased ring with a thin dark edge, which parts it from a ground of any grey.

        Parameters
        ----------
        x, y, radius, width : float
            Centre, radius of the line's middle and width of the line, in pixels.
        label : str
            One of the canvas's colours.
        within : tuple of int, optional
            x0, y0, x1, y1 (half-open) that it must not leave.
        gaps : bool
            Draw four arcs only, so that more of what lies around can be seen.
        """
        halo = max(0.6, 0.35 * width)
        reach = radius + width / 2 + halo + 1
        rows, columns = self._window(x - reach, y - reach, x + reach + 1, y + reach + 1, within)
        if rows.stop <= rows.start or columns.stop <= columns.start:
            return
        dx = np.arange(columns.start, columns.stop, dtype=np.float32) - np.float32(x)
        dy = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] - np.float32(y)
        distance = np.abs(np.sqrt(dx * dx + dy * dy) - np.float32(radius))
        if gaps:
            # Distance from the diagonals: the arcs stand in the four corners, 40 degrees long.
            along = np.abs(np.abs(np.arctan2(np.abs(dy), np.abs(dx)) - np.pi / 4)) * radius
            distance = np.maximum(distance, along - np.deg2rad(20) * radius + width / 2)
        colour = np.clip(width / 2 + 0.5 - distance, 0, 1)
        shade = np.clip(width / 2 + halo + 0.5 - distance, 0, 1) * _HALO_DEPTH
        pixels = self._pixels[rows, columns]
        ground = pixels < self._grey_count
        darker = np.where(ground, pixels * (1 - shade), pixels).astype(np.uint8)
        level = np.round(colour * _LEVELS).astype(np.uint8)
        self._pixels[rows, columns] = np.where(level > 0, self._first_entry[label] + level - 1, darker)

    def text(self, x: float, y: float, text: str, size: float, *, grey: int = 20, anchor: str = "lm") -> None:
        """Write a line of text; `anchor` is Pillow's: l, m or r and a, m or s for where (x, y) is in it."""
        from PIL import Image, ImageDraw

        font = _font(size)
        x0, y0, x1, y1 = font.getbbox(text, anchor=anchor)
        rows, columns = self._window(x + x0 - 2, y + y0 - 2, x + x1 + 2, y + y1 + 2)
        if rows.stop <= rows.start or columns.stop <= columns.start:
            return
        mask = Image.new("L", (columns.stop - columns.start, rows.stop - rows.start))
        ImageDraw.Draw(mask).text((x - columns.start, y - rows.start), text, 255, font, anchor)
        cover = np.asarray(mask, np.float32) / 255
        pixels = self._pixels[rows, columns]
        ink = float(self._entry_of_grey[grey])
        self._pixels[rows, columns] = np.round(pixels + (ink - pixels) * cover).astype(np.uint8)

    def save(self, path: Path) -> None:
        """Write the sheet as a PNG file.

        Raises
        ------
        GoldDiggerError
            If the file cannot be written.
        """
        from PIL import Image

        image = Image.fromarray(self._pixels)
        image.putpalette(self._palette.tobytes())
        # Run lengths alone: flat margins shrink to nothing, and a noisy micrograph would not shrink further anyway.
        with replacing(path) as temporary:
            image.save(temporary, "PNG", compress_level=1, compress_type=_ZLIB_RLE)

    def _window(self, x0: float, y0: float, x1: float, y1: float, within: Any = None) -> tuple[slice, slice]:
        left, top, right, bottom = within or (0, 0, self.width, self.height)
        rows = slice(max(int(np.floor(y0)), top, 0), min(int(np.ceil(y1)), bottom, self.height))
        columns = slice(max(int(np.floor(x0)), left, 0), min(int(np.ceil(x1)), right, self.width))
        return rows, columns


def text_width(text: str, size: float) -> float:
    """Width in pixels of a line of text."""
    return float(_font(size).getlength(text))


def plain(text: str) -> str:
    """Give a text in ASCII, all that Pillow's own font can write: accents go, other signs become question marks."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(c if " " <= c <= "~" else "?" for c in decomposed if not unicodedata.combining(c))


def shortened(text: str, size: float, width: float) -> str:
    """Give a text that fits a width, with its middle left out where it must be."""
    if text_width(text, size) <= width:
        return text
    for keep in range(len(text) - 1, 0, -1):
        short = text[: (keep + 1) // 2] + "…" + text[len(text) - keep // 2 :]
        if text_width(short, size) <= width:
            return short
    return ""


def _font(size: float) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size=round(size))
