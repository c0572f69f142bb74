"""Detection through the engine: by file or by pixels, with whose pixel size, where, and what is kept of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageDraw, ImageFont

from golddigger_ij.cli.detect import detect_one
from golddigger_ij.config import DetectionConfig
from golddigger_ij.detect import Detection
from golddigger_ij.imagej.columns import NUMBERS
from golddigger_ij.imagej.remembered import recall_run
from golddigger_ij.models import Model
from golddigger_ij.particles import Particles, read_particles_csv
from golddigger_ij.runs import recall
from golddigger_ij.synthetic import Micrograph

Ask = Callable[..., dict[str, Any]]
Shown = Callable[..., dict[str, Any]]


def assert_same_particles(answered: dict[str, Any], particles: Particles) -> None:
    assert answered["ok"], answered
    for name in NUMBERS:
        assert answered[name].dtype == np.float64
        assert np.array_equal(answered[name], getattr(particles, name)), name
    assert answered["group"] == particles.group.tolist()


def test_an_image_on_disk_gives_the_table_and_the_run_of_the_command_line(
    ask: Ask, shown: Shown, section: Micrograph, section_file: Path, model: Model, tmp_path: Path
) -> None:
    files = detect_one(section_file, tmp_path, model, DetectionConfig(), "none")
    answered = ask("detect", image=shown(section.image, section_file, nm_per_px=1.1000001))
    assert_same_particles(answered, read_particles_csv(files[0]))
    assert answered["run"] == json.loads((tmp_path / "section_run.json").read_text())["run"]
    assert answered["read_from"] == "file"
    assert len(answered["groups"]) == len(answered["colours"]) >= 2
    assert all(len(colour) == 7 and colour.startswith("#") for colour in answered["colours"])
    assert answered["message"].startswith(f"{len(answered['x'])} particles (")
    assert answered["nm_per_px"] == pytest.approx(1.1)
    assert answered["threshold"] == model.threshold
    assert answered["files"] == []
    assert answered["warning"] == ""


def test_an_image_that_was_edited_is_read_by_its_pixels(
    ask: Ask, shown: Shown, section: Micrograph, section_file: Path, detection: Detection
) -> None:
    image = shown(section.image, section_file, changed=True)
    assert ask("detect", image=image) == {"ok": False, "needs": "pixels"}
    answered = ask("detect", {"pixel_size": "1.1"}, image={**image, "pixels": section.image.ravel()})
    assert answered["read_from"] == "pixels"
    assert_same_particles(answered, detection.particles)


def test_the_option_counts_over_imagejs_calibration_and_that_over_the_file(
    ask: Ask, shown: Shown, section: Micrograph, section_file: Path
) -> None:
    def size(options: dict[str, Any], nm_per_px: float | None) -> float:
        answered = ask("detect", options, image=shown(section.image, section_file, nm_per_px=nm_per_px))
        return float(answered["nm_per_px"])

    assert size({}, None) == pytest.approx(1.1, rel=1e-6)
    # A printer's resolution, which ImageJ takes for a calibration.
    assert size({}, 352777.8) == pytest.approx(1.1, rel=1e-6)
    assert size({}, 0.9) == 0.9
    assert size({"pixel_size": "1.3"}, 0.9) == 1.3


def test_the_record_says_that_the_pixel_size_is_imagejs(
    ask: Ask, shown: Shown, section: Micrograph, tmp_path: Path
) -> None:
    image = shown(section.image, nm_per_px=1.1, title="my montage #3.tif")
    answered = ask("detect", {"output": str(tmp_path / "out")}, image=image)
    record = json.loads((tmp_path / "out" / "my montage #3_run.json").read_text())
    assert record["image"]["pixel_size_source"] == "ImageJ's calibration"
    assert record["run"] == answered["run"]
    assert sorted(answered["files"]) == sorted(str(path) for path in (tmp_path / "out").iterdir())
    assert_same_particles(answered, read_particles_csv(answered["files"][0]))


def test_an_image_without_pixel_size_names_the_key_to_give(ask: Ask, shown: Shown, section: Micrograph) -> None:
    answered = ask("detect", image=shown(section.image))
    assert answered == {
        "ok": False,
        "error": "section.tif: the image has no pixel size; set it with Image > Properties..., or give nanometres for "
        "each pixel as gd_pixel_size=NM",
        "asks": "pixel_size",
        "offer": None,
    }


def test_the_value_of_a_burned_in_scale_bar_is_offered(ask: Ask, shown: Shown, section: Micrograph) -> None:
    band = Image.new("L", (section.image.shape[1], 70))
    draw = ImageDraw.Draw(band)
    draw.rectangle((40, 32, 219, 37), fill=255)
    draw.text((240, 12), "200 nm", fill=255, font=ImageFont.load_default(40))
    answered = ask("detect", image=shown(np.vstack([section.image, np.asarray(band)])))
    assert answered["offer"] == pytest.approx(200 / 180, rel=1e-3)
    assert (
        f"gd_pixel_size={answered['offer']:g} (the burned-in scale bar of 200 nm is 180 px long)" in answered["error"]
    )


def test_a_selection_limits_the_run_and_names_its_particles(
    ask: Ask, shown: Shown, section: Micrograph, detection: Detection
) -> None:
    image = shown(section.image, nm_per_px=1.1)
    # The second one crosses itself, as a freehand selection may.
    regions = [
        {"name": "left", "rings": [[20.0, 20.0, 200.0, 20.0, 200.0, 300.0, 20.0, 300.0]]},
        {"name": "left", "rings": [np.array([300.0, 50, 540, 50, 300, 400, 540, 400])]},
    ]
    answered = ask("detect", image=image, regions=regions)
    assert set(answered["region"]) == {"left", "left-2"}
    assert 0 < len(answered["x"]) < len(detection.particles)
    assert np.array_equal(np.array(answered["region"]) == "left", answered["x"] < 250)
    everywhere = ask("detect", {"region": "whole image"}, image=image, regions=regions)
    assert len(everywhere["x"]) == len(detection.particles)
    assert "region" not in everywhere
    assert everywhere["run"] != answered["run"]


def test_a_selection_beside_the_image_is_refused(ask: Ask, shown: Shown, section: Micrograph) -> None:
    regions = [{"name": "", "rings": [[900, 20, 950, 20, 950, 90]]}]
    answered = ask("detect", image=shown(section.image, nm_per_px=1.1), regions=regions)
    assert answered["error"].startswith("section.tif: region 'selection' lies outside the image")


def test_the_files_of_a_slice_have_its_number(ask: Ask, shown: Shown, section: Micrograph, tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, np.stack([section.image[::-1], section.image]), photometric="minisblack")
    answered = ask("detect", {"output": str(tmp_path)}, image=shown(section.image, path, plane=2, nm_per_px=1.1))
    assert Path(answered["files"][0]).name == "stack_z002_particles.csv"
    by_pixels = shown(section.image, path, plane=2, nm_per_px=1.1, changed=True, pixels=section.image.ravel())
    assert (
        Path(ask("detect", {"output": str(tmp_path)}, image=by_pixels)["files"][0]).name == "stack_z002_particles.csv"
    )


def test_what_is_burned_in_is_told_where_imagej_would_draw_it(ask: Ask, shown: Shown, section: Micrograph) -> None:
    framed = np.pad(section.image, ((0, 40), (0, 0)), constant_values=255)
    answered = ask("detect", image=shown(framed, nm_per_px=1.1))
    boxes = answered["burned_in"]
    assert boxes["kind"] == ["frame"]
    assert [float(boxes[name][0]) for name in ("left", "top", "width", "height")] == [0.0, 420.0, 560.0, 40.0]
    assert answered["message"].endswith("; 1 burned-in area left out")


def test_a_run_is_remembered_for_the_day_after(ask: Ask, shown: Shown, section: Micrograph, section_file: Path) -> None:
    answered = ask("detect", image=shown(section.image, section_file))
    run = recall(answered["run"])
    assert run is not None
    assert_same_particles(answered, run.particles)
    assert (run.image_path, run.shape) == (section_file, section.image.shape)


def test_where_nothing_can_be_kept_the_run_lives_as_long_as_imagej(
    ask: Ask, shown: Shown, section: Micrograph, tmp_path: Path
) -> None:
    (tmp_path / "home").write_text("a file where the folder should be")
    answered = ask("detect", image=shown(section.image, nm_per_px=1.1))
    assert answered["ok"]
    assert answered["warning"].startswith("the run is remembered only until ImageJ is closed: ")
    assert recall(answered["run"]) is None
    assert recall_run(answered["run"]) is not None
