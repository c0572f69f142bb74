"""Centres and areas are measured to a fraction of a pixel, on noise, beside ridges and beside neighbours."""

import numpy as np
import pytest
from scipy import ndimage

from golddigger_ij.refine import measure_outlines

SIDE = 64


def _field(*discs: tuple[float, float, float], depth: float = 8.0, blur: float = 0.8) -> np.ndarray:
    """Draw dark discs (x, y, radius) with a steep edge on a background of 0, and blur them."""
    fine = 8
    y, x = (np.indices((SIDE * fine, SIDE * fine)) + 0.5) / fine - 0.5
    image = np.zeros(x.shape, np.float32)
    for cx, cy, radius in discs:
        image[np.hypot(x - cx, y - cy) <= radius] = -depth
    return ndimage.gaussian_filter(image.reshape(SIDE, fine, SIDE, fine).mean((1, 3)), blur)


def _measure(image: np.ndarray, *discs: tuple[float, float, float], off: float = 0.0) -> tuple:
    x, y, radius = np.array(discs).T
    found = measure_outlines(image.astype(np.float32), x + off, y - off, radius)
    return np.hypot(found.x - x, found.y - y), np.sqrt(found.area / np.pi) / radius, found


@pytest.mark.parametrize("radius", [2.7, 4.0, 5.5, 8.0])
def test_a_disc_on_noise_is_measured_to_a_fraction_of_a_pixel(radius: float) -> None:
    rng = np.random.default_rng(int(10 * radius))
    misses, sizes = [], []
    for _ in range(12):
        disc = (*rng.uniform(27, 37, 2), radius)
        noise = rng.normal(0, 0.5, (SIDE, SIDE))
        miss, size, found = _measure(_field(disc) + noise, disc, off=0.5)
        misses.append(float(miss[0]))
        sizes.append(float(size[0]))
        assert found.covered[0] > 0.8
        assert found.darkness[0] > 4
    assert np.sqrt(np.mean(np.square(misses))) < 0.15
    assert np.median(sizes) == pytest.approx(1, abs=0.1)
    assert np.std(sizes) < 0.05


def test_a_ridge_beside_a_particle_shifts_it_by_less_than_a_third_of_a_pixel() -> None:
    disc = (32.0, 32.0, 5.0)
    x = np.arange(SIDE)
    ridge = -3.0 * np.exp(-0.5 * ((x - 41.5) / 1.5) ** 2)
    image = _field(disc) + ridge + np.random.default_rng(0).normal(0, 0.3, (SIDE, SIDE))
    miss, size, _ = _measure(image, disc)
    assert miss[0] < 0.33
    assert size[0] == pytest.approx(1, abs=0.12)


def test_the_edge_of_a_dark_area_behind_a_particle_hardly_shifts_it() -> None:
    disc = (32.3, 31.8, 5.0)
    dark = np.where(np.arange(SIDE) > 32, -2.0, 0.0)
    image = np.minimum(_field(disc, depth=9), ndimage.gaussian_filter1d(dark, 1.0)[None])
    miss, size, _ = _measure(image, disc)
    assert miss[0] < 0.4
    assert size[0] == pytest.approx(1, abs=0.12)


@pytest.mark.parametrize(("first", "second"), [(5.0, 5.0), (5.0, 4.0)])
def test_neighbours_that_touch_keep_their_own_places_and_sizes(first: float, second: float) -> None:
    angle = 0.5
    distance = first + second + 0.4
    discs = (
        (28.0, 30.0, first),
        (28.0 + distance * np.cos(angle), 30.0 + distance * np.sin(angle), second),
    )
    image = _field(*discs, blur=0.6) + np.random.default_rng(1).normal(0, 0.3, (SIDE, SIDE))
    miss, size, _ = _measure(image, *discs)
    assert miss.max() < 0.6
    assert np.abs(size - 1).max() < 0.15


def test_an_irregular_outline_gives_its_own_area_and_is_less_round() -> None:
    fine = 8
    y, x = (np.indices((SIDE * fine, SIDE * fine)) + 0.5) / fine - 0.5
    angle = np.arctan2(y - 32, x - 32)
    inside = np.hypot(x - 32, y - 32) <= 9 * (1 + 0.18 * np.cos(3 * angle) + 0.1 * np.cos(2 * angle))
    image = -8.0 * ndimage.gaussian_filter(inside.reshape(SIDE, fine, SIDE, fine).mean((1, 3)), 0.8)
    _, _, found = _measure(image, (32.0, 32.0, 9.0))
    _, _, disc = _measure(_field((32.0, 32.0, 9.0)), (32.0, 32.0, 9.0))
    assert found.area[0] == pytest.approx(inside.sum() / fine**2, rel=0.1)
    assert found.roundness[0] < disc.roundness[0] - 0.05
    assert disc.roundness[0] > 0.95


def test_a_rough_radius_is_put_right() -> None:
    disc = (32.0, 32.0, 5.0)
    for guess in (4.0, 6.0):
        found = measure_outlines(_field(disc), np.array([32.0]), np.array([32.0]), np.array([guess]))
        assert np.sqrt(found.area[0] / np.pi) == pytest.approx(5.0, abs=0.5)


def test_a_particle_moves_by_no_more_than_its_rough_radius() -> None:
    found = measure_outlines(_field((40.0, 32.0, 5.0)), np.array([33.0]), np.array([32.0]), np.array([3.0]))
    assert np.hypot(found.x[0] - 33, found.y[0] - 32) <= 3 + 1e-9


def test_where_there_is_nothing_no_edge_is_found() -> None:
    noise = np.random.default_rng(3).normal(0, 1, (SIDE, SIDE)).astype(np.float32)
    real = measure_outlines(_field((32, 32, 5)) + noise, np.array([32.0]), np.array([32.0]), np.array([5.0]))
    none = measure_outlines(noise, np.array([32.0]), np.array([32.0]), np.array([5.0]))
    assert none.darkness[0] < 2 < real.darkness[0]
    assert all(np.isfinite(getattr(none, name)).all() for name in ("x", "y", "area", "roundness", "covered"))


def test_a_particle_that_the_border_cuts_gives_finite_numbers() -> None:
    found = measure_outlines(_field((1, 1, 5)), np.array([1.0]), np.array([1.0]), np.array([5.0]))
    assert np.isfinite([found.x[0], found.y[0], found.area[0]]).all()
    assert found.area[0] > 0


def test_no_seeds_give_no_particles() -> None:
    none = np.zeros(0)
    assert len(measure_outlines(np.zeros((8, 8), np.float32), none, none, none).x) == 0
