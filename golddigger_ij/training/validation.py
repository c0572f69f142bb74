"""How good a generator is, on images that it does not learn from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from torch import nn

from golddigger_ij.components import find_seeds
from golddigger_ij.runtime import compress
from golddigger_ij.training.batches import TrainingImage


@dataclass(frozen=True)
class Counts:
    """True positives, false positives and missed particles."""

    found: int
    false: int
    missed: int

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.found / max(1, 2 * self.found + self.false + self.missed)


def painted_probability(generator: nn.Module, pixels: NDArray[np.float32], stride: int) -> NDArray[np.float32]:
    """Paint a whole image that fits into memory; probability (h, w) in 0 … 1."""
    height, width = pixels.shape
    padded = np.pad(pixels, ((0, -height % stride), (0, -width % stride)), "symmetric")
    device = next(generator.parameters()).device
    with torch.inference_mode():
        image = compress(torch.from_numpy(padded)[None, None].to(device))
        painted = generator(image)[0, 0].float().cpu().numpy()
    return np.asarray(painted[:height, :width] * 0.5 + 0.5)


def validate(generator: nn.Module, stride: int, images: Sequence[TrainingImage], threshold: float = 0.5) -> Counts:
    """Count what a generator finds, one to one within the particle's radius or 3 pixels, inside the known regions.

    Parameters
    ----------
    generator : Module
        In evaluation mode afterwards.
    stride : int
        Whole multiple that its input must have.
    images : sequence of TrainingImage
    threshold : float
        Least confidence of a component that counts.
    """
    generator.eval()
    found = false = missed = 0
    for image in images:
        seeds = find_seeds(painted_probability(generator, image.pixels, stride))
        sure = seeds.select(seeds.confidence >= threshold)
        found_xy, truth_xy = np.column_stack([sure.x, sure.y]), np.column_stack([image.x, image.y])
        distance = cdist(truth_xy, found_xy)
        limit = np.maximum(image.diameter / 2, 3.0)[:, None]
        rows, columns = linear_sum_assignment(np.where(distance <= limit, distance, 1e6))
        close = distance[rows, columns] <= limit[rows, 0]
        judged, marked = image.knows(sure.x, sure.y), image.knows(image.x, image.y)
        judged[columns[close]] = False
        marked[rows[close]] = False
        found, false, missed = found + int(close.sum()), false + int(judged.sum()), missed + int(marked.sum())
    return Counts(found, false, missed)
