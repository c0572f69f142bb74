"""Tile geometry, nothing else: which window to read, how much context it needs, which window owns a particle."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Tile:
    """A window that owns the half-open rectangle [y0, y1) × [x0, x1) and is read with `context` pixels around it.

    Attributes
    ----------
    y0, x0, y1, x1 : int
        What the tile owns; every place of the image belongs to exactly one tile.
    height, width : int
        Size of the window without context; larger than what is owned in the last row and column, so that all windows
        of a grid are of one size.
    context : int
        Pixels around it.
    """

    y0: int
    x0: int
    y1: int
    x1: int
    height: int
    width: int
    context: int

    @property
    def window(self) -> tuple[int, int, int, int]:
        """First row, first column, height and width of the window with context; it may reach outside the image."""
        return (
            self.y0 - self.context,
            self.x0 - self.context,
            self.height + 2 * self.context,
            self.width + 2 * self.context,
        )

    def owns(self, y: NDArray[np.float64], x: NDArray[np.float64], slack: float = 0.0) -> NDArray[np.bool_]:
        """Which places (image coordinates, pixel centres at whole numbers) are this tile's, give or take `slack`."""
        inside = (y >= self.y0 - 0.5 - slack) & (y < self.y1 - 0.5 + slack)
        return np.asarray(inside & (x >= self.x0 - 0.5 - slack) & (x < self.x1 - 0.5 + slack))


def tile_grid(height: int, width: int, tile_size: int, context: int, stride: int) -> Iterator[Tile]:
    """Cut an image into tiles of about equal size, row by row from the top.

    Parameters
    ----------
    height, width : int
        Size of the image.
    tile_size : int
        Largest side of what a tile owns.
    context : int
        Pixels that are read around each tile: at least the network's receptive field. It is rounded up to the stride.
    stride : int
        Total stride of the network. Every window starts at a multiple of it, so that a pixel meets the same phase of
        the network in whichever tile it lies.

    Yields
    ------
    Tile
    """
    context = _up(context, stride)
    tile_height, tile_width = (_side(length, max(tile_size, stride), stride) for length in (height, width))
    for y0 in range(0, height, tile_height):
        for x0 in range(0, width, tile_width):
            yield Tile(
                y0, x0, min(y0 + tile_height, height), min(x0 + tile_width, width), tile_height, tile_width, context
            )


def fixed_grid(height: int, width: int, window: int, context: int) -> Iterator[Tile]:
    """Cut an image into windows of one size on a fixed grid from (0, 0), for networks that see all of their window.

    Parameters
    ----------
    height, width : int
        Size of the image.
    window : int
        Side of a window, context included.
    context : int
        Pixels on each side that the window's owner does not own; there the networks of neighbours disagree most.

    Yields
    ------
    Tile
    """
    side = window - 2 * context
    for y0 in range(0, height, side):
        for x0 in range(0, width, side):
            yield Tile(y0, x0, min(y0 + side, height), min(x0 + side, width), side, side, context)


def _side(length: int, largest: int, stride: int) -> int:
    largest = max(stride, largest // stride * stride)
    return _up(-(-length // -(-length // largest)), stride)


def _up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
