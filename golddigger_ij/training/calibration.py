"""Learn what a score means, on images that the network did not learn from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import nn

from golddigger_ij.components import find_seeds
from golddigger_ij.refine import measure_outlines
from golddigger_ij.scores import Calibration, features, relative_darkness
from golddigger_ij.training.batches import TrainingImage
from golddigger_ij.training.validation import painted_probability


@dataclass(frozen=True)
class Judged:
    """Components in the known parts of held-out images; arrays of shape (n,).

    Attributes
    ----------
    confidence, relative_darkness : ndarray of float64
    is_gold : ndarray of bool
        The component nearest to a mark, within the particle's radius or 3 px, is gold; all others are not.
    """

    confidence: NDArray[np.float64]
    relative_darkness: NDArray[np.float64]
    is_gold: NDArray[np.bool_]

    @staticmethod
    def joined(parts: "Sequence[Judged]") -> "Judged":
        """Join the components of several images."""
        names = ("confidence", "relative_darkness", "is_gold")
        return Judged(*(np.concatenate([getattr(p, name) for p in parts]) for name in names))


def judge_components(generator: nn.Module, stride: int, mark_scale: float, images: Sequence[TrainingImage]) -> Judged:
    """Find every component of held-out images and compare with the marks."""
    generator.eval()
    return Judged.joined([_judge(generator, stride, mark_scale, image) for image in images])


def _judge(generator: nn.Module, stride: int, mark_scale: float, image: TrainingImage) -> Judged:
    seeds = find_seeds(painted_probability(generator, image.pixels, stride))
    outlines = measure_outlines(image.pixels, seeds.x, seeds.y, np.sqrt(seeds.area / np.pi) / mark_scale)
    relative = relative_darkness(outlines.darkness, outlines.area, seeds.confidence)
    is_gold, is_hidden = np.zeros(len(seeds), bool), np.zeros(len(seeds), bool)
    if len(seeds) and len(image.x):
        distance, nearest = cKDTree(np.column_stack([seeds.x, seeds.y])).query(np.column_stack([image.x, image.y]))
        close, known = distance <= np.maximum(image.diameter / 2, 3.0), image.knows(image.x, image.y)
        is_gold[nearest[close & known]] = True
        is_hidden[nearest[close & ~known]] = True
    # A mark in an unknown place says neither that there is gold nor that there is none.
    judged = is_gold | (image.knows(seeds.x, seeds.y) & ~is_hidden)
    return Judged(seeds.confidence[judged], relative[judged], is_gold[judged])


def fit_calibration(judged: Judged, source: str) -> Calibration:
    """Fit the logistic.

    Parameters
    ----------
    judged : Judged
        With both gold and other things in it.
    source : str
        Which images they are from; goes into the card.
    """
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=10.0).fit(features(judged.confidence, judged.relative_darkness), judged.is_gold)
    gold = int(judged.is_gold.sum())
    return Calibration(
        slope=float(fitted.coef_[0, 0]),
        darkness=float(fitted.coef_[0, 1]),
        offset=float(fitted.intercept_[0]),
        fitted_on=f"{gold} particles and {len(judged.is_gold) - gold} other components of {source}",
    )
