"""Make scores mean something: the probability that a particle is gold, fitted on images that were held out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import nn

from golddigger_ij.components import find_seeds
from golddigger_ij.training.batches import TrainingImage
from golddigger_ij.training.validation import painted_probability


@dataclass(frozen=True)
class Calibration:
    """Slope and offset of Platt's logistic on the logit of the confidence, and how many components it was fitted on."""

    slope: float
    offset: float
    gold: int
    other: int


def judged_components(
    generator: nn.Module, stride: int, images: Sequence[TrainingImage]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Confidence of every component in the known parts of held-out images, and whether it is gold.

    Returns
    -------
    confidence : ndarray of float64, (n,)
    is_gold : ndarray of bool, (n,)
        The nearest component within the radius (or 3 px) of a mark is gold, all others are not.
    """
    confidences: list[NDArray[np.float64]] = []
    gold: list[NDArray[np.bool_]] = []
    generator.eval()
    for image in images:
        seeds = find_seeds(painted_probability(generator, image.pixels, stride))
        mine = np.zeros(len(seeds), bool)
        if len(seeds) and len(image.x):
            distance, nearest = cKDTree(np.column_stack([seeds.x, seeds.y])).query(np.column_stack([image.x, image.y]))
            mine[nearest[distance <= np.maximum(image.diameter / 2, 3.0)]] = True
        known = np.ones(len(seeds), bool)
        if image.known is not None and len(seeds):
            known = image.known[seeds.y.round().astype(int), seeds.x.round().astype(int)]
        confidences.append(seeds.confidence[known | mine])
        gold.append(mine[known | mine])
    return np.concatenate(confidences), np.concatenate(gold)


def fit_calibration(confidence: NDArray[np.float64], is_gold: NDArray[np.bool_]) -> Calibration:
    """Fit the logistic (Platt 1999), rare outcomes weighing as often as they occur.

    Raises
    ------
    ValueError
        If all components are gold, or none.
    """
    from sklearn.linear_model import LogisticRegression

    clipped = np.clip(confidence, 1e-4, 1 - 1e-4)
    logit = np.log(clipped / (1 - clipped))
    fitted = LogisticRegression(C=10.0).fit(logit[:, None], is_gold)
    return Calibration(
        float(fitted.coef_[0, 0]), float(fitted.intercept_[0]), int(is_gold.sum()), int((~is_gold).sum())
    )
