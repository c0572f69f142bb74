"""What is drawn over a micrograph is found and left out; the micrograph itself is not."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from golddigger_ij.burned_in import BurnedIn, find_burned_in
from golddigger_ij.burned_in.scale_text import read_lengths
from golddigger_ij.montage import open_montage

FFRIL = Path(__file__).parents[2] / "shared" / "data" / "ffril"


def texture(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    random = np.random.default_rng(seed)
    slow = ndimage.gaussian_filter(random.normal(size=(height, width)), 6)
    noise = ndimage.gaussian_filter(random.normal(size=(height, width)), 0.8)
    return np.clip(150 + 20 * slow / slow.std() + 10 * noise / noise.std(), 0, 255).astype(np.uint8)


def written(text: str, size: int, width: int, height: int, x: int, y: int, stroke: int = 0) -> NDArray[np.uint8]:
    picture = Image.new("L", (width, height))
    font = ImageFont.load_default(size)
    draw = ImageDraw.Draw(picture)
    spacing = 2 * stroke + max(size // 30, 1)
    for character in text:
        # The bundled font has no µ: a u with a tail.
        letter = "u" if character == "µ" else character
        draw.text((x, y), letter, fill=255, font=font, stroke_width=stroke)
        if character == "µ":
            left, top, _, bottom = draw.textbbox((x, y), "u", font=font, stroke_width=stroke)
            draw.rectangle((left, top, left + size // 12 + 2 * stroke, bottom + size // 5), fill=255)
        x += round(font.getlength(letter)) + spacing
    return np.array(picture)


def data_bar(width: int, text: str = "200 nm", length: int = 300) -> NDArray[np.uint8]:
    band = written(text, 40, width, 70, 60 + length, 12)
    band[32:38, 40 : 40 + length] = 255
    return band


def jpeg(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=85)
    return np.array(Image.open(file))


def find(image: NDArray[Any]) -> BurnedIn:
    return find_burned_in(open_montage(image, nm_per_px=1.0))


def with_data_bar() -> NDArray[np.uint8]:
    image = texture(700, 900)
    image[-70:] = data_bar(900)
    return image


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("inverse", [False, True])
def test_a_data_bar_is_found_and_read_in_any_orientation(turns: int, inverse: bool) -> None:
    image = np.rot90(with_data_bar(), turns)
    if inverse:
        image = 255 - image
    found = find(image)
    assert [box.kind for box in found.boxes] == ["data bar"]
    expected = np.zeros((700, 900), dtype=bool)
    expected[-70:] = True
    assert np.array_equal(found.mask(0, 0, *image.shape), np.rot90(expected, turns))
    assert found.scale_bar is not None
    assert found.scale_bar.length_nm == 200
    assert found.scale_bar.nm_per_px == pytest.approx(200 / 300, rel=0.005)


def test_compression_does_not_hide_a_data_bar() -> None:
    found = find(jpeg(with_data_bar()))
    assert [box.kind for box in found.boxes] == ["data bar"]
    assert abs(found.boxes[0].y0 - 630) <= 2
    assert found.scale_bar is not None
    assert found.scale_bar.nm_per_px == pytest.approx(200 / 300, rel=0.01)


def test_a_data_bar_of_16_bit_is_found_under_a_specimen_of_little_contrast() -> None:
    image = 20000 + 20 * texture(700, 900).astype(np.uint16)
    image[-70:] = 257 * data_bar(900, "0.5 µm").astype(np.uint16)
    found = find(image)
    assert [box.kind for box in found.boxes] == ["data bar"]
    assert found.scale_bar is not None
    assert found.scale_bar.length_nm == 500


def test_the_caption_of_the_bar_is_not_confused_with_other_entries() -> None:
    image = texture(700, 1600)
    image[-70:] = np.maximum(data_bar(1600), written("HV=120kV Mag 30000x WD 5 mm", 40, 1600, 70, 700, 12))
    bar = find(image).scale_bar
    assert bar is not None
    assert bar.length_nm == 200


def test_two_bars_that_disagree_give_no_pixel_size() -> None:
    image = texture(700, 1800)
    image[-70:, :900], image[-70:, 900:] = data_bar(900), data_bar(900, "500 nm")
    bar = find(image).scale_bar
    assert bar is None or bar.nm_per_px is None


@pytest.mark.parametrize("value", [0, 255])
@pytest.mark.parametrize("width", [1, 3, 40])
def test_a_frame_is_left_out_to_the_pixel(value: int, width: int) -> None:
    image = texture(400, 500)
    inside = np.zeros(image.shape, dtype=bool)
    inside[width:-width, width:-width] = True
    image[~inside] = value
    found = find(image)
    assert {box.kind for box in found.boxes} == {"frame"}
    assert np.array_equal(found.mask(0, 0, 400, 500), ~inside)


@pytest.mark.parametrize("compressed", [False, True])
def test_the_ground_of_a_ragged_mosaic_is_left_out(compressed: bool) -> None:
    image = texture(800, 900)
    ground = np.zeros(image.shape, dtype=bool)
    ground[:203, :411] = ground[590:, 500:] = ground[:, :37] = True
    image[ground] = 0
    found = find(jpeg(image) if compressed else image)
    wrong = found.mask(0, 0, 800, 900) != ground
    assert wrong.mean() < (0.01 if compressed else 0.0005)
    assert not (found.mask(0, 0, 800, 900) & ~ground).any()


def test_a_ground_of_nan_is_left_out() -> None:
    image = texture(400, 500).astype(np.float32)
    image[:100, :200] = np.nan
    assert np.array_equal(find(image).mask(0, 0, 400, 500), np.isnan(image))


def test_a_scale_bar_on_the_picture_is_left_out_with_its_caption() -> None:
    image = texture(600, 800)
    ink = written("100 nm", 32, 800, 600, 560, 500)
    ink[548:556, 540:700] = 255
    image[ink > 127] = 255
    found = find(image)
    assert [box.kind for box in found.boxes] == ["scale bar"]
    assert found.mask(0, 0, 600, 800)[ink > 127].all()
    assert found.mask(0, 0, 600, 800).sum() < 200 * 80
    assert found.scale_bar is not None
    assert found.scale_bar.nm_per_px == pytest.approx(100 / 160, rel=0.01)


def test_saturated_and_dark_areas_of_the_specimen_are_kept() -> None:
    smooth = ndimage.gaussian_filter(np.random.default_rng(3).normal(size=(600, 700)), 25)
    image = np.clip(128 + 200 * smooth / smooth.std() + texture(600, 700).astype(float) - 150, 0, 255)
    image = ndimage.gaussian_filter(image, 1).round().astype(np.uint8)
    assert (image == 0).mean() > 0.05
    assert (image == 255).mean() > 0.05
    assert find(image).boxes == ()


def test_particles_on_a_white_background_are_kept() -> None:
    y, x = np.mgrid[:500, :500]
    image = np.full((500, 500), 255.0)
    for centre in np.random.default_rng(4).uniform(0, 500, (60, 2)):
        image -= 120 * (1 - np.tanh((np.hypot(y - centre[0], x - centre[1]) - 12) / 2))
    assert find(np.clip(image, 0, 255).astype(np.uint8)).boxes == ()


@pytest.mark.parametrize("value", [0, 7, 255])
def test_a_constant_image_has_nothing_burned_in(value: int) -> None:
    assert find(np.full((64, 80), value, dtype=np.uint8)) == BurnedIn((), None)


@pytest.mark.parametrize(
    "text", ["1 µm", "2 µm", "0.5 µm", "1 um", "10 nm", "50 nm", "200nm", "250 nm", "500 nm", "800 nm"]
)
@pytest.mark.parametrize(("size", "stroke"), [(18, 0), (27, 0), (60, 0), (40, 1), (60, 2)])
def test_captions_are_read_right(text: str, size: int, stroke: int) -> None:
    number, micro = float(text.rstrip("nmuµ ")), not text.endswith("nm")
    read = read_lengths(written(text, size, 500, 120, 20, 20, stroke) > 127)
    assert [entry.nm for entry in read] == [number * (1000 if micro else 1)]


@pytest.mark.parametrize(
    "text",
    ["5 mm", "200 kV", "30000x", "300 pm", "200 nm/px", "x200 nm", "7.3 nm", "70 nm", "200", "nm", "10 mm", "5 cm"],
)
def test_what_is_no_length_of_a_scale_bar_is_not_read(text: str) -> None:
    assert read_lengths(written(text, 40, 500, 120, 20, 20) > 127) == []


@pytest.mark.skipif(not FFRIL.exists(), reason="the real micrographs are not on this machine")
@pytest.mark.parametrize("name", ["S1", "S4", "S13", "S15", "S25", "S29"])
def test_the_data_bars_of_real_micrographs_give_their_pixel_size(name: str) -> None:
    with open_montage(FFRIL / f"{name}.jpg") as montage:
        found = find_burned_in(montage)
    assert [box.kind for box in found.boxes] == ["data bar"]
    assert found.scale_bar is not None
    assert found.scale_bar.nm_per_px == pytest.approx(0.55868, rel=0.005)
