"""What takes long through the engine: a folder of images, and a model trained further."""

import json
import math
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from golddigger_ij.annotations import Annotation, write_annotation
from golddigger_ij.detect import Detection
from golddigger_ij.imagej.service import answer, warm_up
from golddigger_ij.models import load_model
from golddigger_ij.particles import read_particles_csv
from golddigger_ij.synthetic import Micrograph

Ask = Callable[..., dict[str, Any]]


class Listener:
    """A callback that says stop when it has heard a message that holds a word."""

    def __init__(self, stop_at: str | None = None) -> None:
        self.heard: list[tuple[int, int, str]] = []
        self.stop_at = stop_at

    def update(self, done: int, total: int, message: str) -> None:
        self.heard.append((done, total, message))

    def cancelled(self) -> bool:
        return self.stop_at is not None and any(self.stop_at in message for _, _, message in self.heard)


@pytest.fixture
def montages(section_file: Path, tmp_path: Path) -> Path:
    """A folder of three images, the second of which is none."""
    folder = tmp_path / "montages"
    folder.mkdir()
    shutil.copy(section_file, folder / "a.tif")
    (folder / "b.tif").write_text("no image")
    image = tifffile.imread(section_file)
    per_cm = 1e7 / 1.1
    tifffile.imwrite(folder / "c.tif", image[:300, :300], resolution=(per_cm, per_cm), resolutionunit="CENTIMETER")
    return folder


def test_a_folder_goes_on_past_a_bad_file(ask: Ask, montages: Path, detection: Detection, tmp_path: Path) -> None:
    listener = Listener()
    answered = ask("detect_folder", {"folder": str(montages)}, callback=listener)
    assert answered["ok"]
    output = montages / "gold-digger"
    assert answered["folder"] == str(output)
    assert answered["name"] == ["a.tif", "b.tif", "c.tif"]
    counts = [len(read_particles_csv(output / f"{stem}_particles.csv")) for stem in ("a", "c")]
    assert answered["count"].tolist() == [counts[0], 0, counts[1]]
    assert counts[0] == len(detection.particles)
    assert [bool(error) for error in answered["error"]] == [False, True, False]
    assert "b.tif" in answered["error"][1]
    assert (answered["total"], answered["failed"]) == (sum(counts), 1)
    assert answered["group_counts"].sum() == sum(counts)
    assert len(answered["groups"]) == len(answered["group_counts"])
    assert "; 1 failed: b.tif (" in answered["message"]
    fractions = [done / total for done, total, _ in listener.heard]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert any(message == "3 of 3: c.tif" for _, _, message in listener.heard)


def test_what_is_done_already_is_not_done_again(ask: Ask, montages: Path, tmp_path: Path) -> None:
    options = {"folder": str(montages), "output": str(tmp_path / "out")}
    first = ask("detect_folder", options)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    again = ask("detect_folder", options)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()} == before
    assert again["earlier"] == [True, False, True]
    assert again["count"].tolist() == first["count"].tolist()
    # Another threshold is another run, a file that is missing is made again, and so is everything on demand.
    assert ask("detect_folder", {**options, "threshold": 0.9})["earlier"] == [False] * 3
    assert ask("detect_folder", {**options, "threshold": 0.9})["earlier"] == [True, False, True]
    (tmp_path / "out" / "c_overlay.png").unlink()
    assert ask("detect_folder", {**options, "threshold": 0.9})["earlier"] == [True, False, False]
    assert ask("detect_folder", {**options, "threshold": 0.9, "redo": True})["earlier"] == [False] * 3


def test_a_folder_that_was_stopped_keeps_what_is_finished(ask: Ask, montages: Path, tmp_path: Path) -> None:
    options = {"folder": str(montages), "output": str(tmp_path / "out")}
    stopped = ask("detect_folder", options, callback=Listener("3 of 3"))
    assert stopped["cancelled"]
    assert f"the results of 1 of 3 images are in {tmp_path / 'out'}" in stopped["error"]
    assert {path.name.split("_")[0] for path in (tmp_path / "out").iterdir()} == {"a"}
    assert ask("detect_folder", options)["earlier"] == [True, False, False]


def test_all_planes_of_a_stack_are_done_unless_one_is_named(ask: Ask, section: Micrograph, tmp_path: Path) -> None:
    part = section.image[:200, :200]
    tifffile.imwrite(tmp_path / "stack.tif", np.stack([part, part[::-1]]), photometric="minisblack")
    options = {"folder": str(tmp_path), "pixel_size": "1.1"}
    every = ask("detect_folder", options)
    assert every["name"] == ["stack.tif, plane 1", "stack.tif, plane 2"]
    one = ask("detect_folder", {**options, "plane": "2", "output": str(tmp_path / "one")})
    assert one["count"].tolist() == every["count"].tolist()[1:]
    assert ask("detect_folder", {**options, "plane": "0"})["error"] == "gd_plane=0: give a number from 1, or 'all'"


def test_an_image_without_pixel_size_is_told_in_words_of_a_macro(ask: Ask, section: Micrograph, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "bare.tif", section.image)
    answered = ask("detect_folder", {"folder": str(tmp_path)})
    assert answered["failed"] == 1
    assert answered["error"][0].endswith("give nanometres for each pixel with gd_pixel_size=NM")


@pytest.mark.parametrize(
    ("folder", "error"),
    [("", "gd_folder: give a folder of images"), ("nowhere", "there is no such folder"), ("empty", "holds no image")],
)
def test_no_folder_of_images_is_an_error(folder: str, error: str, ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    answered = ask("detect_folder", {"folder": folder and str(tmp_path / folder)})
    assert error in answered["error"]
    assert "--" not in answered["error"]


@pytest.fixture
def truth(section: Micrograph, tmp_path: Path) -> Path:
    """Ground truth of five small images, the last of which is held out."""
    folder = tmp_path / "truth"
    folder.mkdir()
    known = section.truth
    for number in range(5):
        top, left = 40 * number, 60 * number
        part = section.image[top : top + 200, left : left + 240]
        inside = (known.x > left + 8) & (known.x < left + 232) & (known.y > top + 8) & (known.y < top + 192)
        path = folder / f"image-{number}.tif"
        tifffile.imwrite(path, part)
        marks = Annotation(path, 1.1, known.x[inside] - left, known.y[inside] - top, known.diameter_nm[inside])
        write_annotation(folder, marks)
    return folder


QUICK = {"epochs": "1", "steps": "2", "synthetic": "1"}


def test_a_model_that_was_trained_further_detects(ask: Ask, truth: Path, section_file: Path, tmp_path: Path) -> None:
    listener = Listener()
    output = tmp_path / "my model"
    made = ask("retrain", {**QUICK, "folder": str(truth), "output": str(output)}, callback=listener)
    assert made["ok"], made
    assert (made["folder"], made["images"], made["held_out"]) == (str(output), 4, 1)
    assert made["before"]["held_out_images"] == 1
    assert 0 <= made["after"]["f1"] <= 1
    assert made["message"].startswith("my model: learned from 4 images; F1 ")
    assert made["message"].endswith(f"Use it with gd_model=[{output}]")
    messages = list(dict.fromkeys(message for _, _, message in listener.heard))
    assert messages == ["Reading the ground truth", "Making synthetic images", "Training: epoch 1 of 1"]
    card = load_model(output).card
    assert card["parent"]["name"] == "gold"
    assert card["recipe"]["learning_rate"] < 1e-3
    again = ask("retrain", {**QUICK, "folder": str(truth), "output": str(output)})
    assert again["error"] == (f"{output}: holds a finished model, which is kept; choose another folder with gd_output")
    found = ask("detect_folder", {"folder": str(section_file), "output": str(tmp_path), "model": str(output)})
    assert found["failed"] == 0
    assert json.loads((tmp_path / "section_run.json").read_text())["model"]["name"] == "my model"


def test_training_that_was_stopped_goes_on(ask: Ask, truth: Path, tmp_path: Path) -> None:
    options = {**QUICK, "epochs": 2, "folder": str(truth), "output": str(tmp_path / "model")}
    stopped = ask("retrain", options, callback=Listener("epoch 2 of 2"))
    assert stopped["cancelled"]
    assert "the same command goes on" in stopped["error"]
    assert not (tmp_path / "model" / "card.json").exists()
    listener = Listener()
    assert ask("retrain", options, callback=listener)["ok"]
    training = [(done, total) for done, total, message in listener.heard if message.startswith("Training")]
    assert training == [(3, 4), (4, 4)]


def test_few_images_are_all_learned_from(ask: Ask, truth: Path, tmp_path: Path) -> None:
    for path in truth.glob("image-[1-4].json"):
        path.unlink()
    made = ask("retrain", {**QUICK, "folder": str(truth), "output": str(tmp_path / "model"), "synthetic": "0"})
    assert (made["images"], made["held_out"], made["before"], made["after"]) == (1, 0, {}, {})
    assert "learned from 1 image. Use it" in made["message"]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({}, "gd_folder: give the folder of ground truth"),
        ({"folder": "TRUTH"}, "gd_output: give a folder for the new model"),
        ({"folder": "TRUTH", "output": "OUT", "start": "lead"}, "gd_start=lead: no such model"),
        ({"folder": "OUT", "output": "OUT"}, "no such folder; give one with ground truth"),
        ({"folder": "TRUTH", "output": "OUT", "epochs": "0"}, "gd_epochs=0: give a whole number from 1"),
    ],
)
def test_training_that_cannot_be_is_refused(
    options: dict[str, str], error: str, ask: Ask, truth: Path, tmp_path: Path
) -> None:
    places = {"TRUTH": str(truth), "OUT": str(tmp_path / "out")}
    answered = ask("retrain", {**QUICK, **{name: places.get(value, value) for name, value in options.items()}})
    assert error in answered["error"]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("after_s", [0.05, 0.4, 0.9])
def test_esc_is_noticed_within_a_second(after_s: float, section: Micrograph) -> None:
    class Pressed(Listener):
        at = float("inf")

        def cancelled(self) -> bool:
            return time.perf_counter() >= self.at

    warm_up()
    pixels = np.tile(section.image, (12, 9))
    image = {"title": "t", "height": pixels.shape[0], "width": pixels.shape[1], "type": "uint8", "nm_per_px": 1.1}
    waited = []
    # A busy machine may make a tile last longer.
    while min(waited, default=math.inf) >= 1 and len(waited) < 4:
        listener = Pressed()
        listener.at = time.perf_counter() + after_s
        answered = answer({"op": "detect", "image": {**image, "pixels": pixels.ravel()}}, listener)
        assert answered["cancelled"]
        waited.append(time.perf_counter() - listener.at)
    assert min(waited) < 1
