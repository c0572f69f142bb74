"""The picture to look at."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from golddigger_ij import overlay
from golddigger_ij.burned_in import Box
from golddigger_ij.contrast import Contrast
from golddigger_ij.montage import open_montage
from golddigger_ij.overlay import greys, round_length, write_crop_sheet, write_overlay
from golddigger_ij.overlay.canvas import Canvas, plain, shortened, text_width
from golddigger_ij.palette import group_colours, group_order
from golddigger_ij.particles import Particles

CONTRAST = Contrast(150.0, 10.0, light_gold=False)
GROUPS = ["6nm", "12nm"]


def _micrograph(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).normal(150, 10, (height, width)).clip(0, 255).astype(np.uint8)


def _particles(x: list[float], y: list[float], radius: float = 20.0, group: str = "6nm") -> Particles:
    return Particles.build(x, y, area_px=np.pi * radius**2, nm_per_px=0.5, score=0.6, group=group)


def _read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def _coloured(picture: np.ndarray, group: str) -> np.ndarray:
    return np.argwhere((np.abs(picture - group_colours(GROUPS)[group]) <= 8).all(axis=2))


def test_a_particle_has_a_ring_of_its_groups_colour_at_its_true_diameter(tmp_path: Path) -> None:
    with open_montage(_micrograph(1300, 1250), nm_per_px=0.5) as montage:
        write_overlay(tmp_path / "a.png", montage, CONTRAST, Particles.empty(), 0.5, GROUPS, title="a")
        write_overlay(tmp_path / "b.png", montage, CONTRAST, _particles([400.5], [300.0]), 0.5, GROUPS, title="a")
    without, picture = _read(tmp_path / "a.png"), _read(tmp_path / "b.png")
    # Only the ring and the counts differ, and the counts are below.
    ring = np.argwhere((picture != without).any(axis=2))
    ring = ring[ring[:, 0] < 1000]
    head, left = ring.mean(axis=0) - (300.0, 400.5)
    blue = _coloured(picture, "6nm")
    blue = blue[blue[:, 0] < 1000]
    radius = np.hypot(blue[:, 0] - 300 - head, blue[:, 1] - 400.5 - left)
    assert len(blue) > 60
    assert radius.min() >= 20
    assert radius.max() <= 24
    # The margins are the same for the other picture, so the ring lies where the particle is.
    assert head == pytest.approx(round(2.9 * 1250 / 75), abs=0.1)
    assert left == pytest.approx(round(1.2 * 1250 / 75), abs=0.1)


def test_the_picture_is_at_full_resolution_with_a_margin(tmp_path: Path) -> None:
    with open_montage(_micrograph(1300, 1250), nm_per_px=0.5) as montage:
        write_overlay(tmp_path / "a.png", montage, CONTRAST, Particles.empty(), 0.5, GROUPS)
    height, width = _read(tmp_path / "a.png").shape[:2]
    assert 1250 < width < 1350
    assert 1300 < height < 1500


def test_a_small_image_is_enlarged(tmp_path: Path) -> None:
    with open_montage(_micrograph(300, 400), nm_per_px=0.5) as montage:
        write_overlay(tmp_path / "a.png", montage, CONTRAST, _particles([10.0], [10.0]), 0.5, GROUPS)
    assert _read(tmp_path / "a.png").shape[1] > 3 * 400


def test_a_large_montage_is_reduced_with_its_least_certain_particles_below(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overlay, "LONGEST_SIDE", 800)
    monkeypatch.setattr(greys, "_BAND_BYTES", 100_000)
    with open_montage(_micrograph(1500, 2399), nm_per_px=0.5) as montage:
        write_overlay(tmp_path / "a.png", montage, CONTRAST, Particles.empty(), 0.5, GROUPS)
        particles = _particles(list(np.linspace(0, 2398, 30)), [700.0] * 30, 3.0)
        write_overlay(tmp_path / "b.png", montage, CONTRAST, particles, 0.5, GROUPS)
    without, picture = _read(tmp_path / "a.png"), _read(tmp_path / "b.png")
    assert without.shape[1] == picture.shape[1] < 900
    assert picture.shape[0] > without.shape[0] + 200
    assert len(_coloured(picture[: without.shape[0]], "6nm")) > 30
    assert len(_coloured(picture[without.shape[0] :], "6nm")) > 30


def test_what_is_burned_in_is_outlined(tmp_path: Path) -> None:
    box = Box(1200, 0, 1300, 1250, "data bar")
    with open_montage(_micrograph(1300, 1250), nm_per_px=0.5) as montage:
        write_overlay(tmp_path / "a.png", montage, CONTRAST, Particles.empty(), 0.5, GROUPS)
        write_overlay(tmp_path / "b.png", montage, CONTRAST, Particles.empty(), 0.5, GROUPS, [box])
    changed = (_read(tmp_path / "a.png") != _read(tmp_path / "b.png")).any(axis=2)
    rows = np.flatnonzero(changed[:1340].any(axis=1))
    assert rows.min() == 1200 + round(2.9 * 1250 / 75)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_the_stretch_does_not_depend_on_the_kind_of_pixel(tmp_path: Path, dtype: type) -> None:
    picture = _micrograph(1300, 1250)
    with open_montage(picture, nm_per_px=0.5) as montage:
        write_overlay(tmp_path / "a.png", montage, CONTRAST, _particles([50.0], [60.0]), 0.5, GROUPS, title="a")
    with open_montage(picture.astype(dtype) * dtype(100), nm_per_px=0.5) as montage:
        contrast = Contrast(15000.0, 1000.0, light_gold=False)
        write_overlay(tmp_path / "b.png", montage, contrast, _particles([50.0], [60.0]), 0.5, GROUPS, title="a")
    assert np.abs(_read(tmp_path / "a.png") - _read(tmp_path / "b.png")).max() <= 4


def test_the_same_input_gives_the_same_file(tmp_path: Path) -> None:
    with open_montage(_micrograph(300, 400), nm_per_px=0.5) as montage:
        for name in ("a.png", "b.png"):
            write_overlay(tmp_path / name, montage, CONTRAST, _particles([10.0], [10.0]), 0.5, GROUPS)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("count", [0, 1, 75])
def test_the_crop_sheet_shows_the_least_certain_particles(tmp_path: Path, count: int) -> None:
    rng = np.random.default_rng(3)
    particles = Particles.build(
        rng.uniform(0, 399, count),
        rng.uniform(0, 299, count),
        area_px=95,
        nm_per_px=0.5,
        score=rng.random(count),
        group=rng.choice(["6nm", "12nm", "other"], count),
    )
    with open_montage(_micrograph(300, 400), nm_per_px=0.5) as montage:
        write_crop_sheet(tmp_path / "a.png", montage, CONTRAST, particles, 0.5, count=20)
    height, width = _read(tmp_path / "a.png").shape[:2]
    assert width > 1600
    assert height == pytest.approx({0: 126, 1: 330, 75: 530}[count], abs=40)


def test_a_scale_bar_has_a_round_length() -> None:
    assert [round_length(nm) for nm in (0.7, 1.0, 4.99, 50.0, 1999.0)] == [0.5, 1.0, 2.0, 50.0, 1000.0]


def test_groups_are_in_order_of_size_with_a_colour_each_and_grey_for_the_rest() -> None:
    assert group_order(["other", "12nm", "6nm", "7.5nm"]) == ["6nm", "7.5nm", "12nm", "other"]
    colours = group_colours(["6nm", "12nm", "18nm", "other"])
    assert len(set(colours.values())) == 4
    assert len(set(colours["other"])) == 1


def test_text_that_is_too_long_or_foreign_still_fits() -> None:
    assert plain("Präparat 金") == "Praparat ?"
    short = shortened("a_very_long_montage_name_0001.tif", 20, 150)
    assert text_width(short, 20) <= 150
    assert short.endswith("tif")


def test_a_canvas_clips_what_lies_outside(tmp_path: Path) -> None:
    canvas = Canvas(50, 60, group_colours(GROUPS))
    canvas.ring(-500, -500, 5, 2, "6nm")
    canvas.ring(59, 49, 8, 2, "6nm", gaps=True)
    canvas.text(-500, 10, "outside", 12)
    canvas.rectangle(40, 40, 500, 500, 0)
    canvas.save(tmp_path / "a.png")
    assert _read(tmp_path / "a.png")[45, 55].tolist() == [0, 0, 0]
