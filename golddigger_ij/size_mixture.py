"""Sizes of gold among log diameters: Gaussian mixtures with an even background, the number of sizes by BIC.

The fit runs on a fine histogram, so that it takes as long for a hundred particles as for a million, knows no
order and uses no random numbers. The background takes debris and merged particles, which would otherwise widen
a size or make one of their own.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_LOWEST, _HIGHEST = math.log(1.0), math.log(120.0)
_BIN = 0.01
_MOST_SIZES = 5
# Colloidal gold scatters by 5 to 15 %. The prior says so to sizes with few particles, as so many more would.
_USUAL_SPREAD, _PRIOR_PARTICLES = 0.09, 6.0
_LEAST_SPREAD, _MOST_SPREAD = 0.03, 0.17
# Two sizes are two only if the larger is this much larger, and if the density between them dips this deep.
_LEAST_STEP = math.log(1.25)
_DEEPEST_DIP = 0.7
# With fewer particles a mixture means nothing; a gap in the sorted diameters does.
_FEW = 12
_GAP, _STEP_OF_FEW = math.log(1.3), math.log(1.4)
# The criterion counts a size's own particles, as if at least this many.
_LEAST_COUNTED = 20.0
# Particles that touch and were not separated measure √2 times one of them.
_PAIR_STEP, _PAIR_WINDOW, _PAIR_SHARE = math.log(math.sqrt(2)), 0.05, 0.015


@dataclass(frozen=True)
class Component:
    """One size: mean and standard deviation of log diameter, and its share of all particles."""

    mean: float
    spread: float
    share: float

    def density(self, logs: Floats) -> Floats:
        """Density of log diameters, times the share."""
        scaled = (logs - self.mean) / self.spread
        return np.asarray(np.exp(-0.5 * scaled**2) * (self.share / (self.spread * math.sqrt(2 * math.pi))))


def find_components(logs: Floats) -> tuple[Component, ...]:
    """Find the sizes among log diameters.

    Parameters
    ----------
    logs : ndarray, shape (n,), float64
        Natural logarithms of diameters in nm. What is below 1 or above 120 nm is left out.

    Returns
    -------
    tuple of Component
        In order of size; at most five. With fewer than twelve particles, each cluster that a gap of more than
        30 % separates and whose median is more than 40 % larger than the one before. Otherwise a size has at
        least three particles (five from fifty on) and 1 % of all, up to 50 particles; it is at least 25 % larger
        than the one before, with a clear dip between; and it is not what pairs of a much more frequent size
        would look like.
    """
    logs = np.sort(logs[(logs >= _LOWEST) & (logs < _HIGHEST)])
    if len(logs) < _FEW:
        return _split_at_gaps(logs)
    counts, edges = np.histogram(logs, bins=round((_HIGHEST - _LOWEST) / _BIN), range=(_LOWEST, _HIGHEST))
    filled = np.flatnonzero(counts)
    centres, weights = (edges[filled] + edges[filled + 1]) / 2, counts[filled].astype(np.float64)
    best: tuple[Component, ...] = ()
    best_criterion = math.inf
    fitted: tuple[Component, ...] = ()
    for _ in range(_MOST_SIZES):
        grown = _add_component(centres, weights, fitted)
        if grown is None:
            break
        fitted = _fit(centres, weights, grown)
        tidy = _tidy(centres, weights, fitted)
        criterion = _criterion(centres, weights, tidy)
        # Later mixtures are larger: they have to be better by more than rounding.
        if criterion < best_criterion - 1e-6:
            best, best_criterion = tidy, criterion
    return best


def _split_at_gaps(logs: Floats) -> tuple[Component, ...]:
    if not len(logs):
        return ()
    clusters = np.split(logs, np.flatnonzero(np.diff(logs) > _GAP) + 1)
    while len(clusters) > 1:
        steps = np.diff([np.median(cluster) for cluster in clusters])
        i = int(steps.argmin())
        if steps[i] > _STEP_OF_FEW:
            break
        clusters[i : i + 2] = [np.concatenate(clusters[i : i + 2])]
    return tuple(_component_of(cluster, len(cluster) / len(logs)) for cluster in clusters[-_MOST_SIZES:])


def _component_of(cluster: Floats, share: float) -> Component:
    spread = _shrunk_spread(float(cluster.var()) * len(cluster), len(cluster))
    return Component(float(np.median(cluster)), spread, share)


def _shrunk_spread(squares: float, count: float) -> float:
    variance = (squares + _PRIOR_PARTICLES * _USUAL_SPREAD**2) / (count + _PRIOR_PARTICLES)
    return min(max(math.sqrt(variance), _LEAST_SPREAD), _MOST_SPREAD)


def _background(components: Sequence[Component], total: float) -> float:
    share = max(1 - sum(component.share for component in components), 0.5 / total)
    return share / (_HIGHEST - _LOWEST)


def _fit(centres: Floats, weights: Floats, components: tuple[Component, ...]) -> tuple[Component, ...]:
    """Expectation maximisation from the components given."""
    total = float(weights.sum())
    before = -math.inf
    for _ in range(300):
        densities = np.array([component.density(centres) for component in components])
        mixture = densities.sum(axis=0) + _background(components, total)
        likelihood = float(weights @ np.log(mixture))
        if likelihood - before < 1e-7 * total:
            break
        before = likelihood
        members = densities / mixture * weights
        counts = np.maximum(members.sum(axis=1), 1e-9)
        means = members @ centres / counts
        squares = (members * (centres - means[:, None]) ** 2).sum(axis=1)
        components = tuple(
            Component(float(mean), _shrunk_spread(float(square), float(count)), float(count / total))
            for mean, square, count in zip(means, squares, counts, strict=True)
        )
    return tuple(sorted(components, key=lambda component: component.mean))


def _criterion(centres: Floats, weights: Floats, components: tuple[Component, ...]) -> float:
    """Bayesian information criterion: a share of all particles, and a mean and a spread from its own, for each size."""
    total = float(weights.sum())
    mixture = sum((component.density(centres) for component in components), np.full(len(centres), 0.0))
    likelihood = float(weights @ np.log(mixture + _background(components, total)))
    own = [max(component.share * total, min(total, _LEAST_COUNTED)) for component in components]
    return sum(math.log(total) + 2 * math.log(count) for count in own) - 2 * likelihood


def _add_component(centres: Floats, weights: Floats, components: tuple[Component, ...]) -> tuple[Component, ...] | None:
    """Add the size that would raise the likelihood most, away from those there are; None where there is no room."""
    total = float(weights.sum())
    mixture = sum((component.density(centres) for component in components), np.full(len(centres), 0.0))
    mixture = mixture + _background(components, total)
    best: Component | None = None
    best_gain = -math.inf
    for share in (0.02, 0.1, 0.4):
        for mean in centres[:: max(1, len(centres) // 150)]:
            if any(abs(mean - component.mean) < _LEAST_STEP for component in components):
                continue
            candidate = Component(float(mean), _USUAL_SPREAD, share)
            gain = float(weights @ np.log1p(share * (candidate.density(centres) / share / mixture - 1)))
            if gain > best_gain:
                best, best_gain = candidate, gain
    if best is None:
        return None
    kept = 1 - best.share
    return (*(Component(c.mean, c.spread, c.share * kept) for c in components), best)


def _tidy(centres: Floats, weights: Floats, components: tuple[Component, ...]) -> tuple[Component, ...]:
    """Leave out sizes that are none and join those that are one, fitting again each time, until all stand alone."""
    while len(components) > 1:
        fewer = _without_scattered(components, float(weights.sum())) or _with_one_joined(components)
        if fewer is None:
            return components
        components = _fit(centres, weights, fewer)
    return components


def _without_scattered(components: tuple[Component, ...], total: float) -> tuple[Component, ...] | None:
    needed = 3.0 if total < 50 else max(5.0, min(0.01 * total, 50.0))
    least = min(components, key=lambda component: component.share)
    # One in five may be counted to the background or to a neighbour.
    if least.share * total < 0.8 * needed:
        return tuple(component for component in components if component is not least)
    for small, large in pairwise(components):
        like_pairs = abs(large.mean - small.mean - _PAIR_STEP) < _PAIR_WINDOW
        if like_pairs and large.share < _PAIR_SHARE * small.share:
            return tuple(component for component in components if component is not large)
    return None


def _with_one_joined(components: tuple[Component, ...]) -> tuple[Component, ...] | None:
    for i, (small, large) in enumerate(pairwise(components)):
        path = np.linspace(small.mean, large.mean, 101)
        along = small.density(path) + large.density(path)
        dip = float(along.min() / min(along[0], along[-1]))
        if large.mean - small.mean < _LEAST_STEP or dip > _DEEPEST_DIP:
            return (*components[:i], _joined(small, large), *components[i + 2 :])
    return None


def _joined(small: Component, large: Component) -> Component:
    share = small.share + large.share
    mean = (small.share * small.mean + large.share * large.mean) / share
    variance = sum(c.share * (c.spread**2 + (c.mean - mean) ** 2) for c in (small, large)) / share
    return Component(mean, min(math.sqrt(variance), _MOST_SPREAD), share)
