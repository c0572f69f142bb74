"""The working grid: one physical pixel size, and values that do not depend on the window they are made in."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from golddigger_ij.working_grid import WorkingGrid

ratios = st.sampled_from([0.31, 0.5, 0.83, 1.0, 1.37, 1.9642857, 2.0, 2.45, 3.0])


def _window(grid: WorkingGrid, image: np.ndarray, y0: int, y1: int, x0: int, x1: int) -> np.ndarray:
    (top, bottom), (left, right) = grid.source(y0, y1, 0), grid.source(x0, x1, 1)
    return grid.resample(image[top:bottom, left:right], y0, y1, x0, x1)


def _noise(shape: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 1, shape).astype(np.float32)


@given(ratios, st.integers(5, 60), st.integers(5, 60), st.data())
def test_a_value_does_not_depend_on_its_window(ratio: float, height: int, width: int, data: st.DataObject) -> None:
    grid = WorkingGrid((height, width), ratio)
    rows, columns = grid.size
    image = _noise((height, width))
    y0, x0 = data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, columns - 1))
    y1, x1 = data.draw(st.integers(y0 + 1, rows)), data.draw(st.integers(x0 + 1, columns))
    whole = _window(grid, image, 0, rows, 0, columns)
    assert whole.shape == grid.size
    assert np.array_equal(_window(grid, image, y0, y1, x0, x1), whole[y0:y1, x0:x1])


@pytest.mark.parametrize("ratio", [1.37, 2.0, 2.45, 3.0])
def test_area_means_keep_the_mean(ratio: float) -> None:
    size = 200
    grid = WorkingGrid((size, size), ratio)
    image = _noise((size, size))
    made = _window(grid, image, 0, grid.size[0], 0, grid.size[1])
    covered = np.minimum((np.arange(grid.size[0]) + 1) * ratio, size) - np.arange(grid.size[0]) * ratio
    mean = np.average(made, weights=np.outer(covered, covered))
    assert mean == pytest.approx(image.mean(), abs=1e-6)


def test_a_whole_ratio_gives_block_means() -> None:
    image = _noise((12, 20))
    made = _window(WorkingGrid((12, 20), 2.0), image, 0, 6, 0, 10)
    assert np.allclose(made, image.reshape(6, 2, 10, 2).mean((1, 3)), atol=1e-6)


@given(ratios, st.booleans())
def test_a_flat_image_stays_flat(ratio: float, tall: bool) -> None:
    shape = (41, 17) if tall else (17, 41)
    grid = WorkingGrid(shape, ratio)
    made = _window(grid, np.full(shape, 7.25, np.float32), 0, grid.size[0], 0, grid.size[1])
    assert np.allclose(made, 7.25, atol=1e-5)


@pytest.mark.parametrize(("ratio", "pixels"), [(0.4, 1e-3), (0.5, 1e-3), (1.9, 0.13), (2.0, 1e-3)])
def test_a_slope_stays_where_it_was(ratio: float, pixels: float) -> None:
    shape = (60, 80)
    x, y = np.meshgrid(np.arange(shape[1]), np.arange(shape[0]))
    grid = WorkingGrid(shape, ratio)
    made = _window(grid, (3 * x - 2 * y).astype(np.float32), 0, grid.size[0], 0, grid.size[1])
    rows, columns = (grid.to_original(np.arange(n, dtype=float)) for n in grid.size)
    expected = 3 * columns[None] - 2 * rows[:, None]
    # Not at the border, where the image ends within a pixel. Parts of pixels are flat: up to 1/8 px of error.
    assert np.allclose(made[3:-3, 3:-3], expected[3:-3, 3:-3], atol=5 * pixels)


@given(ratios, st.floats(-100, 30000))
def test_coordinates_go_there_and_back(ratio: float, place: float) -> None:
    grid = WorkingGrid((10, 10), ratio)
    there_and_back = grid.to_original(grid.to_working(np.array([place])))
    assert there_and_back[0] == pytest.approx(place, abs=1e-8)


def test_the_corner_of_the_image_is_the_corner_of_the_grid() -> None:
    grid = WorkingGrid((10, 10), 2.5)
    assert grid.to_working(np.array([-0.5, 0.75, 9.5])).tolist() == [-0.5, 0.0, 3.5]


@pytest.mark.parametrize(
    ("nm_per_px", "ratio"), [(1.1, 1.0), (1.117, 1.0), (1.2, 1.0), (0.55868, 2.0), (0.37, 3.0), (1.5, 1.1 / 1.5)]
)
def test_ratios_near_a_whole_number_snap_to_it(nm_per_px: float, ratio: float) -> None:
    assert WorkingGrid.over((100, 100), nm_per_px, 1.1).ratio == pytest.approx(ratio)


def test_a_last_partial_pixel_counts() -> None:
    assert WorkingGrid((9, 10), 2.0).size == (5, 5)
    assert WorkingGrid((9, 10), 0.5).size == (18, 20)


def test_upsampling_interpolates_between_neighbours() -> None:
    grid = WorkingGrid((1, 3), 0.5)
    made = _window(grid, np.array([[0, 4, 8]], np.float32), 0, 2, 0, 6)
    assert made.tolist() == [[0, 1, 3, 5, 7, 8]] * 2
