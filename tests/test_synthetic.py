"""Synthetic micrographs: the same seed gives the same image, and the truth is what the image shows."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from golddigger_ij.montage import open_montage
from golddigger_ij.synthetic import KINDS, Scene, fields, micrograph, write_montage
from golddigger_ij.synthetic_scenes import random_scene

CLEAN = Scene(noise=0.01, debris_per_um2=0, gradient=0, step=0, touching=0, clustered=0, absorption=0.4)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_image_and_another_seed_another(kind: str) -> None:
    scene = Scene(kind=kind)
    first, again, other = (micrograph(120, 150, scene, seed) for seed in (3, 3, 4))
    assert np.array_equal(first.image, again.image)
    assert np.array_equal(first.truth.x, again.truth.x)
    assert not np.array_equal(first.image, other.image)


def test_making_an_image_leaves_the_global_random_state_alone() -> None:
    np.random.seed(1)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    micrograph(80, 80, Scene(), 0)
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_there_are_as_many_particles_as_were_asked_for() -> None:
    made = micrograph(400, 400, CLEAN, 0, counts=(12, 7))
    assert [(made.truth.nominal_nm == size).sum() for size in (6, 12)] == [12, 7]
    assert len(made.truth) == 19


def test_the_density_is_that_of_the_scene() -> None:
    scene = replace(CLEAN, per_um2=(200.0, 100.0))
    counts = np.array([[(micrograph(300, 300, scene, s).truth.nominal_nm == n).sum() for n in (6, 12)] for s in (1, 2)])
    expected = 2 * np.array([200, 100]) * (300 * 1.11e-3) ** 2
    assert np.abs(counts.sum(0) - expected).max() < 4 * np.sqrt(expected.max())


@pytest.mark.parametrize("light", [False, True])
def test_gold_is_dark_where_the_truth_says_so(light: bool) -> None:
    made = micrograph(400, 400, replace(CLEAN, kind="resin", sizes_nm=(14.0,), light_gold=light), 2, counts=(30,))
    image = ndimage.gaussian_filter(made.image.astype(float), 1.5) * (-1 if light else 1)
    rows, columns = made.truth.y.round().astype(int), made.truth.x.round().astype(int)
    around = ndimage.gaussian_filter(image, 12)
    assert (image[rows, columns] < around[rows, columns]).mean() > 0.95
    elsewhere = np.roll(image, 57, 0)[rows, columns]
    assert np.median(elsewhere - image[rows, columns]) > 2 * image.std()


def test_the_centre_of_darkness_is_the_true_centre() -> None:
    misses = []
    for seed in range(6):
        made = micrograph(120, 120, replace(CLEAN, kind="resin", sizes_nm=(16.0,), per_um2=(1.0,)), seed, counts=(1,))
        x, y = made.truth.x[0], made.truth.y[0]
        if not 15 < min(x, y) <= max(x, y) < 105:
            continue
        with_gold = made.image.astype(float)
        top, left = round(y) - 10, round(x) - 10
        patch = with_gold[top : top + 21, left : left + 21]
        dark = np.clip(np.median(patch[[0, -1]]) - patch - 30, 0, None)
        row, column = ndimage.center_of_mass(dark)
        misses.append((column + left - x, row + top - y))
    assert len(misses) >= 2
    assert np.abs(np.mean(misses, 0)).max() < 0.5


def test_diameters_vary_about_the_nominal_size() -> None:
    made = micrograph(500, 500, replace(CLEAN, cv=0.08), 1, counts=(80, 60))
    for size in (6, 12):
        mine = made.truth.diameter_nm[made.truth.nominal_nm == size]
        assert mine.mean() == pytest.approx(size + CLEAN.excess_nm, rel=0.05)
        assert mine.std() / size == pytest.approx(0.08, abs=0.03)


def test_particles_touch_but_do_not_lie_on_top_of_one_another() -> None:
    made = micrograph(300, 300, replace(CLEAN, touching=0.6, clustered=0.5), 5, counts=(80, 40))
    xy, radius = np.column_stack([made.truth.x, made.truth.y]), made.truth.diameter_nm / 2 / 1.11
    distance = np.hypot(*(xy[:, None] - xy[None]).transpose(2, 0, 1)) + 1e3 * np.eye(len(xy))
    gap = distance - radius[:, None] - radius[None]
    assert gap.min() > -0.07 * 2 * radius.max()
    assert (gap.min(1) < 1.2).mean() > 0.3


def test_every_particle_lies_in_the_image() -> None:
    made = micrograph(90, 130, Scene(per_um2=(400.0, 200.0)), 7)
    assert ((made.truth.x >= 0) & (made.truth.x <= 129)).all()
    assert ((made.truth.y >= 0) & (made.truth.y <= 89)).all()


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_the_camera_has_the_depth_that_was_asked_for(dtype: str) -> None:
    assert micrograph(64, 64, replace(CLEAN, dtype=dtype), 0).image.dtype == dtype


@pytest.mark.parametrize("tiled", [False, True])
def test_a_montage_on_disk_is_its_fields_side_by_side(tmp_path: Path, tiled: bool) -> None:
    scene = replace(CLEAN, nm_per_px=1.25)
    height, width, done = 70, 2148, []
    path = tmp_path / "m.tif"
    truth = write_montage(path, height, width, scene, 3, tiled=tiled, progress=lambda *step: done.append(step))
    image = tifffile.imread(path)
    assert image.shape == (height, width)
    count = 0
    for y0, x0, part in fields(height, width, scene, 3):
        h, w = part.image.shape
        assert np.array_equal(image[y0 : y0 + h, x0 : x0 + w], part.image)
        mine = slice(count, count + len(part.truth))
        assert np.allclose(truth.x[mine], part.truth.x + x0)
        assert np.allclose(truth.y[mine], part.truth.y + y0)
        count += len(part.truth)
    assert len(truth) == count > 0
    assert done[-1] == (height * width, height * width)
    with open_montage(path) as montage:
        assert montage.pixel_size is not None
        assert montage.pixel_size.nm == pytest.approx(1.25, rel=1e-4)
    with tifffile.TiffFile(path) as file:
        assert file.pages[0].is_tiled == tiled


def test_a_montage_of_one_pixel_more_than_a_field_can_be_made(tmp_path: Path) -> None:
    write_montage(tmp_path / "m.tif", 64, 2049, CLEAN, 0)
    assert tifffile.imread(tmp_path / "m.tif").shape == (64, 2049)


def test_random_scenes_are_of_all_kinds_and_can_be_made() -> None:
    scenes = [random_scene(np.random.default_rng([1, n])) for n in range(60)]
    assert {scene.kind for scene in scenes} == set(KINDS)
    assert {len(scene.sizes_nm) for scene in scenes} == {1, 2, 3}
    for scene in scenes[:4]:
        made = micrograph(96, 96, scene, 1)
        assert made.image.std() > 0
    assert random_scene(np.random.default_rng([1, 5])) == scenes[5]
