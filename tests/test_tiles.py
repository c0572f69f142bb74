"""Tiles: every place has one owner, and every window is of one size and starts in step with the network."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from golddigger_ij.tiles import Tile, tile_grid

grids = st.tuples(
    st.integers(1, 700), st.integers(1, 700), st.integers(1, 300), st.integers(0, 90), st.sampled_from([1, 8, 32, 256])
)


@given(grids, st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=20))
def test_every_place_is_owned_by_exactly_one_tile(grid: tuple[int, int, int, int, int], parts: list) -> None:
    height, width = grid[:2]
    y, x = (np.array(parts) * (np.array([height, width]) - 1e-6) - 0.5).T
    owners = np.sum([tile.owns(y, x) for tile in tile_grid(*grid)], axis=0)
    assert owners.tolist() == [1] * len(parts)


@given(grids)
def test_every_pixel_is_owned_by_exactly_one_tile(grid: tuple[int, int, int, int, int]) -> None:
    owners = np.zeros(grid[:2], int)
    for tile in tile_grid(*grid):
        owners[tile.y0 : tile.y1, tile.x0 : tile.x1] += 1
    assert (owners == 1).all()


@given(grids)
def test_windows_start_at_multiples_of_the_stride_and_are_of_one_size(grid: tuple[int, int, int, int, int]) -> None:
    *_, context, stride = grid
    tiles = list(tile_grid(*grid))
    for tile in tiles:
        y0, x0, height, width = tile.window
        assert [v % stride for v in (y0, x0, height, width)] == [0] * 4
        assert tile.context >= context
        assert y0 + tile.context == tile.y0
        assert x0 + tile.context == tile.x0
    assert len({tile.window[2:] for tile in tiles}) == 1


@given(grids)
def test_no_tile_owns_more_than_was_asked_for(grid: tuple[int, int, int, int, int]) -> None:
    *_, tile_size, _, stride = grid
    for tile in tile_grid(*grid):
        assert 0 < tile.y1 - tile.y0 <= tile.height <= max(tile_size, stride)
        assert 0 < tile.x1 - tile.x0 <= tile.width <= max(tile_size, stride)


def test_tiles_come_row_by_row_and_are_about_equal() -> None:
    tiles = [(t.y0, t.x0, t.height, t.width) for t in tile_grid(1100, 2000, 1024, 50, 8)]
    assert tiles == [(0, 0, 552, 1000), (0, 1000, 552, 1000), (552, 0, 552, 1000), (552, 1000, 552, 1000)]


def test_slack_gives_a_place_near_a_seam_to_both_neighbours() -> None:
    left, right = tile_grid(8, 16, 8, 0, 8)
    y, x = np.array([3.0, 3.0]), np.array([7.4, 7.6])
    assert left.owns(y, x).tolist() == [True, False]
    assert right.owns(y, x).tolist() == [False, True]
    assert left.owns(y, x, slack=0.2).all()
    assert right.owns(y, x, slack=0.2).all()


def test_a_window_reaches_outside_the_image_by_its_context() -> None:
    assert Tile(0, 8, 8, 16, 8, 8, 16).window == (-16, -8, 40, 40)
