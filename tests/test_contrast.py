"""One normalisation for the whole montage, whatever its bit depth and polarity."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from golddigger_ij.burned_in import Box, find_burned_in
from golddigger_ij.contrast import Contrast, estimate_contrast
from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.montage import open_montage

FFRIL = Path(__file__).parents[2] / "shared" / "data" / "ffril"


def spots(diameter: float = 11, seed: int = 0, shape: tuple[int, int] = (600, 700)) -> NDArray[np.uint8]:
    random = np.random.default_rng(seed)
    image = random.normal(150, 12, shape)
    y, x = np.mgrid[: shape[0], : shape[1]]
    for cy, cx in random.uniform(20, np.array(shape) - 20, (40, 2)):
        image -= 45 * (1 - np.tanh(0.75 * (np.hypot(y - cy, x - cx) - diameter / 2)))
    return np.clip(image, 0, 255).astype(np.uint8)


def contrast(image: NDArray[Any], **options: Any) -> Contrast:
    return estimate_contrast(open_montage(image, nm_per_px=1.0), **options)


def test_normalised_values_do_not_depend_on_bit_depth() -> None:
    image = spots()
    wide = 200 * image.astype(np.uint16) + 1000
    np.testing.assert_allclose(contrast(image).apply(image), contrast(wide).apply(wide), atol=1e-5)


def test_the_inverse_image_as_light_gold_gives_the_same_values() -> None:
    image = spots()
    inverse = 255 - image
    expected = contrast(image, light_gold=False).apply(image)
    np.testing.assert_allclose(contrast(inverse, light_gold=True).apply(inverse), expected, atol=1e-5)


@pytest.mark.parametrize("diameter", [5, 6, 11, 22, 36])
def test_light_gold_is_recognised(diameter: float) -> None:
    image = spots(diameter)
    assert not contrast(image).light_gold
    assert contrast(255 - image).light_gold


def test_gold_is_dark_where_nothing_tells() -> None:
    noise = np.random.default_rng(1).normal(100, 10, (500, 500)).astype(np.float32)
    assert not contrast(noise).light_gold
    assert not contrast(-noise).light_gold


def test_what_is_burned_in_does_not_count() -> None:
    image = spots()
    framed = image.copy()
    framed[:, :300] = 255
    left = contrast(framed, leave_out=[Box(0, 0, 600, 300, "frame")])
    right = contrast(image[:, 300:])
    assert left.median == pytest.approx(right.median, abs=1)
    assert left.spread == pytest.approx(right.spread, rel=0.1)


def test_values_that_are_not_finite_become_zero_and_do_not_count() -> None:
    image = spots().astype(np.float32)
    image[5, :] = np.nan
    image[:, 5] = np.inf
    found = contrast(image)
    assert np.isfinite([found.median, found.spread]).all()
    normalised = found.apply(image)
    assert normalised.dtype == np.float32
    assert (normalised[5] == 0).all()
    assert (normalised[:, 5] == 0).all()


def test_a_large_montage_is_sampled_the_same_way_each_time() -> None:
    image = np.tile(spots(), (4, 4))
    first = contrast(image, light_gold=False)
    assert first == contrast(image, light_gold=False)
    assert first.median == pytest.approx(contrast(spots(), light_gold=False).median, abs=2)


def test_a_clipped_background_still_has_a_spread() -> None:
    image = np.full((300, 300), 255, dtype=np.uint8)
    image[100:110, 100:110] = 20
    assert contrast(image).spread > 0


@pytest.mark.parametrize("image", [np.zeros((64, 64), np.uint8), np.full((64, 64), np.nan, np.float32)])
def test_an_image_without_contrast_is_an_error(image: NDArray[Any]) -> None:
    with pytest.raises(GoldDiggerError):
        contrast(image)


@pytest.mark.skipif(not FFRIL.exists(), reason="the real micrographs are not on this machine")
@pytest.mark.parametrize("name", ["S1", "S4", "S13", "S15", "S25", "S29"])
def test_the_polarity_of_real_micrographs_and_their_inverses_is_recognised(name: str) -> None:
    image = np.array(Image.open(FFRIL / f"{name}.jpg").convert("L"))
    for pixels, light in ((image, False), (255 - image, True)):
        with open_montage(pixels, nm_per_px=0.55868) as montage:
            assert estimate_contrast(montage, find_burned_in(montage).boxes).light_gold is light
