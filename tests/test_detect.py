"""From a montage to particles: each once, the same whatever the tiles, nothing where something is burned in."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage
from scipy.spatial import cKDTree

from golddigger_ij.config import DetectionConfig
from golddigger_ij.detect import Detection, detect
from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.evaluation import evaluate
from golddigger_ij.models import Model
from golddigger_ij.montage import open_montage
from golddigger_ij.particles import Particles
from golddigger_ij.regions import load_regions
from golddigger_ij.results import write_results
from golddigger_ij.synthetic import Micrograph, Scene, micrograph

SCORE_TOLERANCE = 1e-4
POSITION_TOLERANCE = 0.01


def found_in(image: NDArray[Any], model: Model, nm_per_px: float | None = 1.1, **options: Any) -> Detection:
    with open_montage(image, nm_per_px=nm_per_px) as montage:
        return detect(montage, model, DetectionConfig(**options))


def positions(particles: Particles) -> NDArray[np.float64]:
    return np.column_stack([particles.x, particles.y])


def assert_same_table(one: Particles, other: Particles, threshold: float) -> None:
    """Same particles to 0.01 px, save those whose score is at the threshold."""
    for a, b in ((one, other), (other, one)):
        sure = a.select(a.score > threshold + SCORE_TOLERANCE + 1e-9)
        distance, nearest = cKDTree(positions(b)).query(positions(sure))
        assert distance.max() <= POSITION_TOLERANCE
        assert len(set(nearest)) == len(sure)
        assert np.abs(sure.area - b.area[nearest]).max() <= 0.05
        assert list(sure.group) == list(b.group[nearest])


@pytest.fixture(scope="module")
def lattice() -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """225 particles of 9 nm, so close that every seam of small tiles runs through many of them."""
    random = np.random.default_rng(0)
    ticks = np.arange(11, 330, 22.0)
    xy = np.stack(np.meshgrid(ticks, ticks), -1).reshape(-1, 2) + random.uniform(-2, 2, (225, 2))
    rows, columns = np.mgrid[:330, :330]
    distance = cKDTree(xy).query(np.stack([columns, rows], -1).reshape(-1, 2))[0].reshape(330, 330)
    picture = 170 - 120 * np.clip(9 / 2 / 1.1 - distance + 0.5, 0, 1)
    picture = ndimage.gaussian_filter(picture, 0.7) + random.normal(0, 5, (330, 330))
    return np.clip(picture, 0, 255).astype(np.uint8), xy


@pytest.mark.parametrize("tile_size", [64, 100])
def test_particles_on_a_seam_are_counted_once(
    tile_size: int, lattice: tuple[NDArray[np.uint8], NDArray[np.float64]], model: Model
) -> None:
    image, xy = lattice
    found = found_in(image, model, tile_size=tile_size).particles
    assert len(found) == len(xy)
    distance, nearest = cKDTree(positions(found)).query(xy)
    assert distance.max() < 1
    assert len(set(nearest)) == len(xy)


@pytest.mark.parametrize("tile_size", [64, 128, 250, 512])
def test_the_tile_size_does_not_change_the_table(
    tile_size: int, section: Micrograph, detection: Detection, model: Model
) -> None:
    other = found_in(section.image, model, section.nm_per_px, tile_size=tile_size)
    assert_same_table(detection.particles, other.particles, detection.threshold)


@pytest.mark.parametrize("nm_per_px", [0.56, 0.8, 2.0])
def test_the_tile_size_does_not_change_the_table_where_the_image_is_resampled(
    nm_per_px: float, section: Micrograph, model: Model
) -> None:
    large = found_in(section.image, model, nm_per_px, tile_size=1024)
    small = found_in(section.image, model, nm_per_px, tile_size=64)
    assert len(large.particles)
    assert_same_table(large.particles, small.particles, large.threshold)


@pytest.mark.parametrize("batch_size", [2, 5])
def test_the_batch_size_does_not_change_the_table(batch_size: int, section: Micrograph, model: Model) -> None:
    one = found_in(section.image, model, tile_size=128)
    many = found_in(section.image, model, tile_size=128, batch_size=batch_size)
    for name in ("id", "x", "y", "area", "diameter_nm", "score", "group"):
        assert np.array_equal(getattr(one.particles, name), getattr(many.particles, name)), name


def test_a_second_run_writes_the_same_bytes(section_file: Path, model: Model, tmp_path: Path) -> None:
    config = DetectionConfig(tile_size=256)
    for name in ("first", "second"):
        with open_montage(section_file) as montage:
            write_results(tmp_path / name, "section", montage, detect(montage, model, config), model, config)
    first, second = (sorted((tmp_path / name).iterdir()) for name in ("first", "second"))
    assert [path.name for path in first] == [path.name for path in second]
    different = [
        a.name for a, b in zip(first, second, strict=True) if a.read_bytes() != b.read_bytes() and a.suffix != ".json"
    ]
    assert not different


def test_most_synthetic_gold_is_found_and_little_else(section: Micrograph, detection: Detection) -> None:
    truth = np.column_stack([section.truth.x, section.truth.y])
    score = evaluate(positions(detection.particles), truth, nm_per_px=section.nm_per_px, cutoff_nm=5.0)
    assert score.f1 > 0.9
    assert np.sqrt(np.mean(np.square(score.distance_nm))) < 1.0
    assert len([group for group in detection.groups if group.label != "other"]) == 2


def test_the_diameter_is_that_of_the_area(detection: Detection) -> None:
    particles = detection.particles
    assert np.allclose(particles.diameter_nm, 2 * np.sqrt(particles.area / np.pi) * detection.nm_per_px, atol=1e-9)
    assert particles.id.tolist() == list(range(1, len(particles) + 1))
    assert (particles.score >= detection.threshold).all()
    assert (particles.score <= 1).all()


def test_light_gold_is_found_as_dark_gold_is(section: Micrograph, detection: Detection, model: Model) -> None:
    for polarity in ("auto", "light"):
        light = found_in(255 - section.image, model, polarity=polarity)
        assert light.contrast.light_gold
        assert abs(len(light.particles) - len(detection.particles)) <= 2
        distance, _ = cKDTree(positions(detection.particles)).query(positions(light.particles))
        assert np.median(distance) < 0.1


def test_an_image_of_twice_the_depth_gives_the_same_particles(
    section: Micrograph, detection: Detection, model: Model
) -> None:
    deep = found_in(section.image.astype(np.uint16) * 200 + 1000, model)
    assert_same_table(detection.particles, deep.particles, detection.threshold)


def test_a_larger_threshold_only_takes_particles_away(section: Micrograph, detection: Detection, model: Model) -> None:
    strict = found_in(section.image, model, threshold=0.95).particles
    assert 0 < len(strict) < len(detection.particles)
    assert (strict.score >= 0.95).all()
    assert set(zip(strict.x, strict.y, strict=True)) <= set(
        zip(detection.particles.x, detection.particles.y, strict=True)
    )


def test_given_sizes_name_the_groups(section: Micrograph, model: Model) -> None:
    particles = found_in(section.image, model, sizes="7,14").particles
    assert set(particles.group) <= {"7nm", "14nm", "other"}
    assert np.median(particles.diameter_nm[particles.group == "14nm"]) == pytest.approx(14, rel=0.15)
    assert np.median(particles.diameter_nm[particles.group == "7nm"]) == pytest.approx(7, rel=0.2)


def with_data_bar(image: NDArray[np.uint8], text: str, bar_px: int) -> NDArray[np.uint8]:
    band = Image.new("L", (image.shape[1], 70))
    draw = ImageDraw.Draw(band)
    font, x = ImageFont.load_default(40), 60 + bar_px
    for letter in text:
        draw.text((x, 12), letter, fill=255, font=font)
        x += round(font.getlength(letter)) + 2
    draw.rectangle((40, 32, 40 + bar_px - 1, 37), fill=255)
    return np.vstack([image, np.array(band)])


def test_nothing_is_found_in_a_burned_in_bar(section: Micrograph, detection: Detection, model: Model) -> None:
    image = with_data_bar(section.image, "200 nm", 180)
    result = found_in(image, model)
    assert [box.kind for box in result.burned_in.boxes] == ["data bar"]
    assert result.particles.y.max() < section.image.shape[0]
    assert abs(len(result.particles) - len(detection.particles)) <= 2


def test_without_a_pixel_size_the_run_stops_and_offers_that_of_the_scale_bar(section: Micrograph, model: Model) -> None:
    with pytest.raises(GoldDiggerError, match=r"no pixel size; .* --pixel-size NM"):
        found_in(section.image, model, None)
    image = with_data_bar(section.image, "200 nm", 180)
    with pytest.raises(GoldDiggerError, match=r"--pixel-size 1\.11\d? .*scale bar of 200 nm is 180 px"):
        found_in(image, model, None)
    result = found_in(image, model, None, pixel_size=1.1)
    assert (result.nm_per_px, result.pixel_size_source) == (1.1, "given")


def test_an_option_overrides_the_files_pixel_size(section_file: Path, model: Model) -> None:
    with open_montage(section_file) as montage:
        result = detect(montage, model, DetectionConfig(pixel_size=1.3))
    assert result.nm_per_px == 1.3


def test_the_same_field_at_two_magnifications_gives_the_same_groups_and_counts(model: Model) -> None:
    scene = Scene("resin", 0.555, (6.0, 12.0), (150.0, 100.0), debris_per_um2=0, noise=0.05)
    fine = micrograph(700, 700, scene, 4).image
    coarse = fine.reshape(350, 2, 350, 2).mean((1, 3))
    for sizes in ("auto", "6,12"):
        one, two = found_in(fine, model, 0.555, sizes=sizes), found_in(coarse, model, 1.11, sizes=sizes)
        assert abs(len(one.particles) - len(two.particles)) <= 0.05 * len(one.particles) + 1
        assert len(one.groups) == len(two.groups) == 2
        for a, b in zip(one.groups, two.groups, strict=True):
            in_a, in_b = one.particles.group == a.label, two.particles.group == b.label
            assert abs(in_a.sum() - in_b.sum()) <= 0.1 * in_a.sum() + 1
            medians = np.median(one.particles.diameter_nm[in_a]), np.median(two.particles.diameter_nm[in_b])
            assert medians[0] == pytest.approx(medians[1], rel=0.05)
            assert a.label == b.label


def test_regions_limit_the_run_and_name_each_particles_own(
    section: Micrograph, detection: Detection, model: Model, tmp_path: Path
) -> None:
    file = tmp_path / "regions.json"
    file.write_text(
        '{"left": [[20, 20], [200, 20], [200, 300], [20, 300]], "right": [[300, 50], [540, 50], [420, 400]]}'
    )
    with open_montage(section.image, nm_per_px=1.1) as montage:
        regions = load_regions(file, montage.shape)
        limited = detect(montage, model, DetectionConfig(tile_size=64), regions=regions).particles
    inside = np.zeros(len(detection.particles), bool)
    for region in regions:
        inside |= region.contains(detection.particles.x, detection.particles.y)
    expected = detection.particles.select(inside)
    assert limited.region is not None
    assert set(limited.region) == {"left", "right"}
    assert len(limited) == len(expected)
    assert cKDTree(positions(expected)).query(positions(limited))[0].max() <= POSITION_TOLERANCE


def test_progress_counts_up_to_the_last_tile(section: Micrograph, model: Model) -> None:
    seen: list[tuple[int, int]] = []
    with open_montage(section.image, nm_per_px=1.1) as montage:
        detect(
            montage,
            model,
            DetectionConfig(tile_size=128, batch_size=3),
            progress=lambda done, total: seen.append((done, total)),
        )
    assert len({total for _, total in seen}) == 1
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert seen[-1][0] == seen[-1][1] > 3


def test_an_image_in_which_nothing_is_sure_enough_gives_an_empty_table(section: Micrograph, model: Model) -> None:
    result = found_in(section.image, model, threshold=1.0)
    assert len(result.particles) == 0
    assert result.groups == []


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((300, 300), np.uint8), "constant"),
        (np.full((300, 300), np.nan, np.float32), "NaN"),
        (np.zeros((1, 1), np.uint8), "too small"),
    ],
)
def test_an_image_in_which_nothing_can_be_found_is_refused(image: NDArray[Any], message: str, model: Model) -> None:
    with pytest.raises(GoldDiggerError, match=message):
        found_in(image, model)
