"""Painted masks become particles: one for each disc, whether it touches another or not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golddigger_ij.components import find_seeds


def _mask(*discs: tuple[float, float, float], shape: tuple[int, int] = (60, 80)) -> np.ndarray:
    """Paint discs (x, y, radius) with an edge one pixel wide."""
    y, x = np.indices(shape)
    mask = np.zeros(shape)
    for cx, cy, radius in discs:
        mask = np.maximum(mask, np.clip(radius - np.hypot(x - cx, y - cy) + 0.5, 0, 1))
    return (0.97 * mask).astype(np.float32)


def _places(mask: np.ndarray, level: float = 0.5) -> np.ndarray:
    seeds = find_seeds(mask)
    seeds = seeds.select(seeds.confidence >= level)
    return np.column_stack([seeds.x, seeds.y])


@settings(deadline=None)
@given(st.floats(10, 60), st.floats(10, 45), st.floats(2, 8))
def test_a_disc_is_found_where_it_was_painted(x: float, y: float, radius: float) -> None:
    seeds = find_seeds(_mask((x, y, radius)))
    assert len(seeds) == 1
    # Within a third of a pixel: `refine` does the rest.
    assert np.hypot(seeds.x[0] - x, seeds.y[0] - y) < 0.33
    assert np.sqrt(seeds.area[0] / np.pi) == pytest.approx(radius, abs=0.33)
    assert seeds.confidence[0] > 0.7


@pytest.mark.parametrize("radius", [3.0, 4.0, 6.0])
@pytest.mark.parametrize("angle", [0.0, 0.4, 0.785, 1.2, 1.571])
def test_two_discs_that_touch_are_two_particles(radius: float, angle: float) -> None:
    dx, dy = np.cos(angle) * radius, np.sin(angle) * radius
    expected = np.array([[40 - dx, 30 - dy], [40 + dx, 30 + dy]])
    found = _places(_mask(*((x, y, radius) for x, y in expected)))
    assert len(found) == 2
    order = np.argsort(found @ [np.cos(angle), np.sin(angle)])
    assert np.abs(found[order] - expected).max() < 0.25 * radius


def test_a_small_disc_that_touches_a_large_one_is_a_particle_of_its_own() -> None:
    found = _places(_mask((30, 30, 8.0), (42.6, 30, 5.0)))
    assert len(found) == 2
    assert np.abs(found[np.argsort(found[:, 0]), 0] - [30, 42.6]).max() < 1.2


def test_three_discs_in_a_cluster_are_three_particles() -> None:
    radius, distance = 5.0, 5.9
    corners = [(40 + distance * np.cos(a), 30 + distance * np.sin(a), radius) for a in (0.3, 2.394, 4.489)]
    assert len(_places(_mask(*corners))) == 3


def test_a_chain_of_four_discs_is_four_particles() -> None:
    found = _places(_mask(*((14 + 10.2 * i, 30 + 2 * (i % 2), 5.0) for i in range(4))))
    assert len(found) == 4


@pytest.mark.parametrize("aspect", [1.0, 1.2, 1.4, 1.5])
@pytest.mark.parametrize("turn", [0.0, 0.5, 0.785])
def test_an_ellipse_is_one_particle(aspect: float, turn: float) -> None:
    y, x = np.indices((60, 80))
    along = (x - 40) * np.cos(turn) + (y - 30) * np.sin(turn)
    across = (y - 30) * np.cos(turn) - (x - 40) * np.sin(turn)
    distance = np.hypot(along / aspect**0.5, across * aspect**0.5)
    assert len(find_seeds(np.clip(6.5 - distance, 0, 1).astype(np.float32))) == 1


def test_an_empty_mask_has_no_particle() -> None:
    assert len(find_seeds(np.zeros((20, 20), np.float32))) == 0


def test_specks_of_a_pixel_or_two_are_noise() -> None:
    mask = np.zeros((20, 20), np.float32)
    mask[5, 5], mask[10, 10:12] = 1, 1
    assert len(find_seeds(mask)) == 0


def test_what_is_painted_faintly_is_kept_with_a_low_confidence() -> None:
    seeds = find_seeds(np.float32(0.3) * _mask((20, 20, 5)) + _mask((50, 20, 5)))
    assert np.round(seeds.x[np.argsort(seeds.confidence)]).tolist() == [20, 50]
    assert (np.sort(seeds.confidence) < [0.35, 1.0]).all()


def test_a_disc_that_the_border_cuts_is_found() -> None:
    seeds = find_seeds(_mask((0, 25, 5)))
    assert len(seeds) == 1
    assert 0 <= seeds.x[0] < 3
