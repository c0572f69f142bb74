"""Marked images -> tiles with painted targets: balanced between sizes, rescaled, turned and changed in contrast."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from golddigger_ij.runtime import compress
from golddigger_ij.training.recipes import Recipe


@dataclass(frozen=True)
class TrainingImage:
    """One image at the working pixel size, with its marks.

    Attributes
    ----------
    name : str
    pixels : ndarray of float32, (h, w)
        Normalised as for inference, before compression.
    x, y, diameter : ndarray of float64, (n,)
        Marks in working pixels.
    known : ndarray of bool, (h, w), optional
        Where no mark means no gold. Elsewhere nothing is learned. Left out: everywhere.
    weight : float
        How often tiles come from this image, relative to the others.
    """

    name: str
    pixels: NDArray[np.float32]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    diameter: NDArray[np.float64]
    known: NDArray[np.bool_] | None = None
    weight: float = 1.0

    def knows(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which of the places (n,) lie in the image, where no mark means no gold."""
        height, width = self.pixels.shape
        inside = (x > -0.5) & (y > -0.5) & (x < width - 0.5) & (y < height - 0.5)
        if self.known is not None:
            inside[inside] = self.known[y[inside].round().astype(int), x[inside].round().astype(int)]
        return np.asarray(inside)


def paint(
    height: int,
    width: int,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    diameter: NDArray[np.float64],
    recipe: Recipe,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Paint the target of a tile and the weight of each of its pixels.

    Parameters
    ----------
    height, width : int
        Size of the tile.
    x, y, diameter : ndarray of float64, (n,)
        Marks in the tile's pixels; those outside are clipped.
    recipe : Recipe
        Its `mark`, `mark_scale` and `pixel_loss` are used.

    Returns
    -------
    mask : ndarray of float32, (height, width)
        1 where a mark is painted, else 0.
    weight : ndarray of float32, (height, width)
        1 in the background; with the balanced loss all marks weigh the same whatever their size, and so do the rims
        that keep them apart, up to a radius at which their pixels weigh as much as the background's.
    """
    mask = np.zeros((height, width), np.float32)
    weight = np.ones((height, width), np.float32)
    for cx, cy, d in zip(x, y, diameter, strict=True):
        radius = max(1.25, recipe.mark_scale * d / 2)
        reach = int(max(1.7 * d / 2, radius)) + 2
        y0, y1 = max(0, int(cy) - reach), min(height, int(cy) + reach + 2)
        x0, x1 = max(0, int(cx) - reach), min(width, int(cx) + reach + 2)
        if y0 >= y1 or x0 >= x1:
            continue
        dy, dx = np.abs(np.arange(y0, y1)[:, None] - cy), np.abs(np.arange(x0, x1)[None] - cx)
        distance = np.maximum(dy, dx) if recipe.mark == "square" else np.hypot(dy, dx)
        inside = distance <= radius
        mask[y0:y1, x0:x1][inside] = 1
        if recipe.pixel_loss == "balanced":
            gold, rim = recipe.mark_weight / radius**2, 0.5 * recipe.mark_weight / radius**2
            mine = np.where(inside, gold, np.where(distance < 1.7 * d / 2 + 1, rim, 1)).astype(np.float32)
            np.maximum(weight[y0:y1, x0:x1], mine, out=weight[y0:y1, x0:x1])
    return mask, weight


class TileSource:
    """Draw random training tiles.

    Parameters
    ----------
    images : sequence of TrainingImage
    recipe : Recipe
    rng : numpy.random.Generator
        All randomness comes from it; its state goes into checkpoints.
    """

    def __init__(self, images: Sequence[TrainingImage], recipe: Recipe, rng: np.random.Generator) -> None:
        self.images = list(images)
        self.recipe = recipe
        self.rng = rng
        weights = np.array([image.weight for image in self.images], float)
        self._weights = weights / weights.sum()
        self._rarity = [_rarity(image.diameter) for image in self.images]

    def batch(self) -> tuple[Tensor, Tensor, Tensor]:
        """Draw a batch.

        Returns
        -------
        image, mask, weight : Tensor of float32, (batch, 1, tile, tile)
            Compressed grey values; 1 on marks, else 0; the weight of each pixel, 0 where nothing is known.
        """
        chosen = self.rng.choice(len(self.images), self.recipe.batch, p=self._weights)
        tiles = [self._tile(int(i)) for i in chosen]
        stacked = [torch.from_numpy(np.stack(part))[:, None] for part in zip(*tiles, strict=True)]
        return compress(stacked[0]), stacked[1], stacked[2]

    def _tile(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        image, rng, tile = self.images[index], self.rng, self.recipe.tile
        zoom = float(np.exp(rng.uniform(*np.log(self.recipe.magnifications))))
        side = round(tile / zoom)
        height, width = image.pixels.shape
        if len(image.x) and rng.random() < self.recipe.gold_share:
            near = int(rng.choice(len(image.x), p=self._rarity[index]))
            cy, cx = (c + rng.uniform(-0.4, 0.4) * side for c in (image.y[near], image.x[near]))
        else:
            cy, cx = rng.uniform(0, height), rng.uniform(0, width)
        y0, x0 = (
            round(min(max(cy - side / 2, 0), max(0, height - side))),
            round(min(max(cx - side / 2, 0), max(0, width - side))),
        )
        pixels, known = self._cut(image, y0, x0, side)
        zoom = tile / side
        here = (np.abs(image.x - x0 - side / 2) < side / 2 + 40) & (np.abs(image.y - y0 - side / 2) < side / 2 + 40)
        x, y = (image.x[here] - x0 + 0.5) * zoom - 0.5, (image.y[here] - y0 + 0.5) * zoom - 0.5
        mask, weight = paint(tile, tile, x, y, image.diameter[here] * zoom, self.recipe)
        if side != tile:
            pixels = _rescale(pixels, tile, "bilinear")
            known = _rescale(known, tile, "nearest")
        pixels = self._photometric(pixels)
        turn, mirror = int(rng.integers(4)), rng.random() < 0.5
        if rng.random() < 0.08 * self.recipe.photometric:
            # Burned-in bars and frames reach the network as flat areas with a sharp edge: nothing is to be seen there.
            edge = int(rng.integers(8, tile // 2))
            pixels[:edge], known[:edge] = 0, 0
        parts = [np.rot90(part, turn) for part in (pixels, mask, weight * known)]
        if mirror:
            parts = [part[:, ::-1] for part in parts]
        return tuple(np.ascontiguousarray(part, np.float32) for part in parts)  # type: ignore[return-value]

    @staticmethod
    def _cut(image: TrainingImage, y0: int, x0: int, side: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        window = np.s_[y0 : y0 + side, x0 : x0 + side]
        pixels = image.pixels[window]
        known = np.ones(pixels.shape, np.float32) if image.known is None else image.known[window].astype(np.float32)
        short = side - pixels.shape[0], side - pixels.shape[1]
        if max(short) > 0:
            pixels = np.pad(pixels, ((0, short[0]), (0, short[1])), "symmetric")
            known = np.pad(known, ((0, short[0]), (0, short[1])))
        return pixels, known

    def _photometric(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Contrast, brightness, gamma, blur, uneven light, noise; each only sometimes."""
        rng, strength = self.rng, self.recipe.photometric
        if strength == 0:
            return pixels
        pixels = pixels * np.float32(np.exp(rng.uniform(-0.6, 0.6) * strength)) + np.float32(
            rng.uniform(-0.6, 0.6) * strength
        )
        if rng.random() < 0.3 * strength:
            low, high = float(pixels.min()), float(pixels.max())
            unit = (pixels - low) / max(high - low, 1e-6)
            pixels = (unit ** np.float32(np.exp(rng.uniform(-0.5, 0.5))) * (high - low) + low).astype(np.float32)
        if rng.random() < 0.25 * strength:
            pixels = ndimage.gaussian_filter(pixels, rng.uniform(0.3, 1.0))
        if rng.random() < 0.3 * strength:
            slope = rng.normal(0, 1.0, 2)
            ramp = slope[0] * np.linspace(-1, 1, pixels.shape[0])[:, None] + slope[1] * np.linspace(
                -1, 1, pixels.shape[1]
            )
            pixels = pixels + ramp.astype(np.float32)
        if rng.random() < 0.4 * strength:
            noise = rng.standard_normal(pixels.shape, dtype=np.float32)
            if rng.random() < 0.5:
                noise = ndimage.gaussian_filter(noise, rng.uniform(0.4, 0.8)) * np.float32(2)
            pixels = pixels + noise * np.float32(rng.uniform(0, 0.8))
        return pixels


def _rarity(diameter: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights that draw every size equally often, however many particles it has."""
    if not len(diameter):
        return np.zeros(0)
    size = np.round(np.log(np.maximum(diameter, 1)) * 3).astype(int)
    _, inverse, count = np.unique(size, return_inverse=True, return_counts=True)
    weight = 1 / count[inverse] ** 0.75
    return np.asarray(weight / weight.sum())


def _rescale(part: NDArray[np.float32], tile: int, mode: str) -> NDArray[np.float32]:
    tensor = torch.from_numpy(np.ascontiguousarray(part))[None, None]
    smooth = {"align_corners": False, "antialias": True} if mode == "bilinear" else {}
    return functional.interpolate(tensor, size=(tile, tile), mode=mode, **smooth)[0, 0].numpy()
