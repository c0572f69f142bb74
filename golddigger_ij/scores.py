"""What a particle's score means: the probability that it is gold, by the network's confidence and by how dark it is.

In one montage, gold of one size absorbs alike: a spot that is much lighter than the gold of its size is stain or
platinum. The network cannot know that, as it sees a small part of the montage only.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST_SURE = 8
"""Sure particles of about the same size that are needed to know how dark gold is."""

SURE = 0.9
"""Confidence of the network from which on a particle is sure enough to learn from."""


@dataclass(frozen=True)
class Calibration:
    """A logistic on two features (Platt 1999): the logit of the confidence, and the log of the relative darkness.

    Attributes
    ----------
    slope, darkness, offset : float
        Weights of the two features, and the constant.
    fitted_on : str
        What it was learned from.
    """

    slope: float = 1.0
    darkness: float = 0.0
    offset: float = 0.0
    fitted_on: str = "none: confidence as painted"

    def record(self) -> dict[str, Any]:
        """Give it as a plain dictionary, for cards."""
        return asdict(self)

    def score(self, confidence: NDArray[np.float64], relative_darkness: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn confidence and relative darkness, arrays of shape (n,), into probabilities."""
        first, second = features(confidence, relative_darkness).T
        return np.asarray(1 / (1 + np.exp(-(self.slope * first + self.darkness * second + self.offset))))


def features(confidence: NDArray[np.float64], relative_darkness: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the two features of each particle, shape (n, 2)."""
    clipped = np.clip(confidence, 1e-4, 1 - 1e-4)
    return np.column_stack([np.log(clipped / (1 - clipped)), np.log(np.clip(relative_darkness, 0.1, 1.0))])


def relative_darkness(
    darkness: NDArray[np.float64], area: NDArray[np.float64], confidence: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Compare each particle's darkness with that of the sure gold of its size in the same montage.

    Parameters
    ----------
    darkness : ndarray of float64, (n,)
        How much darker than its surroundings, or than the montage's median, a particle is.
    area : ndarray of float64, (n,)
    confidence : ndarray of float64, (n,)
        The network's.

    Returns
    -------
    ndarray of float64, (n,)
        1 where a particle is as dark as the median of the sure ones that are most like it in size, or where too few are
        sure to tell.
    """
    sure = np.flatnonzero((confidence >= SURE) & (darkness > 0))
    if len(sure) < LEAST_SURE:
        return np.ones(len(darkness))
    sure = sure[np.argsort(area[sure], kind="stable")]
    # The neighbours in the order of size: a tenth of the sure ones, so that a rare size is compared with itself.
    count = int(np.clip(len(sure) // 10, LEAST_SURE, 200))
    place = np.searchsorted(area[sure], area)
    start = np.clip(place - count // 2, 0, len(sure) - count)
    level = np.sort(np.lib.stride_tricks.sliding_window_view(darkness[sure], count), axis=1)[:, count // 2]
    return np.asarray(np.clip(darkness / level[start], 0.0, 1.0))
