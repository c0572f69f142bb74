"""The engine as scripts see it: one map in, one map out, whatever happens."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from golddigger_ij.imagej.service import answer, describe, warm_up
from golddigger_ij.synthetic import Micrograph

Ask = Callable[..., dict[str, Any]]
Shown = Callable[..., dict[str, Any]]


class Listener:
    """A script's callback: it keeps what it hears, and says stop after so many questions."""

    def __init__(self, stop_after: float = float("inf")) -> None:
        self.heard: list[tuple[int, int, str]] = []
        self.asked = 0
        self.stop_after = stop_after

    def update(self, done: int, total: int, message: str) -> None:
        self.heard.append((done, total, message))

    def cancelled(self) -> bool:
        self.asked += 1
        return self.asked > self.stop_after


class Holding(Listener):
    """A callback that holds its operation at its first progress until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.go_on, self.stop = threading.Event(), threading.Event(), False

    def update(self, done: int, total: int, message: str) -> None:
        self.reached.set()
        self.go_on.wait(30)

    def cancelled(self) -> bool:
        return self.stop


@pytest.fixture
def held(ask: Ask, shown: Shown, section: Micrograph) -> Iterator[tuple[Holding, Callable[[], dict[str, Any]]]]:
    """A detection that is under way on another thread; and what it answers once it is let go."""
    holding, answers = Holding(), []
    request = {"op": "detect", "image": shown(section.image, nm_per_px=1.1)}
    thread = threading.Thread(target=lambda: answers.append(answer(request, holding)))
    thread.start()
    assert holding.reached.wait(30)

    def ended() -> dict[str, Any]:
        holding.go_on.set()
        thread.join(30)
        return answers[0]

    yield holding, ended
    ended()


def test_every_operation_is_described_as_plain_values(ask: Ask) -> None:
    described = ask("describe")
    assert described["ok"]
    assert json.loads(json.dumps(described["ops"])) == described["ops"] == describe()["ops"]
    threshold = next(option for option in described["ops"]["detect"]["options"] if option["name"] == "threshold")
    assert threshold == {
        "name": "threshold",
        "label": "Threshold (0 to 1)",
        "help": "Least score of a particle, 0 to 1. 'auto': the model's own.",
        "type": "number",
        "default": "auto",
    }


def test_progress_goes_up_to_the_end(ask: Ask, shown: Shown, section: Micrograph) -> None:
    listener = Listener()
    ask("detect", image=shown(np.tile(section.image, (3, 3)), nm_per_px=1.1), callback=listener)
    done, total, message = listener.heard[-1]
    assert done == total == len(listener.heard) > 1
    assert message == "Looking for gold"


@pytest.mark.parametrize("questions", [0, 1, 2])
def test_a_detection_can_be_stopped_before_the_first_tile_is_done(
    questions: int, ask: Ask, shown: Shown, section: Micrograph, tmp_path: Path
) -> None:
    listener = Listener(stop_after=questions)
    image = shown(np.tile(section.image, (6, 6)), nm_per_px=1.1)
    answered = ask("detect", {"output": str(tmp_path / "out")}, image=image, callback=listener)
    assert answered == {"ok": False, "cancelled": True, "error": "stopped by the user; nothing was changed"}
    assert len(listener.heard) <= 1
    assert not (tmp_path / "out").exists()


def test_a_second_long_command_is_turned_away_at_once_and_a_short_one_is_not(
    held: tuple[Holding, Callable[[], dict[str, Any]]], ask: Ask, shown: Shown, section: Micrograph
) -> None:
    started = time.perf_counter()
    second = ask("detect", image=shown(section.image, nm_per_px=1.1))
    assert time.perf_counter() - started < 1
    assert second == {
        "ok": False,
        "busy": True,
        "error": "Gold Digger is busy with Detect Gold Particles; wait for it or stop it with Esc",
    }
    assert ask("describe")["ok"]
    assert held[1]()["ok"]
    assert ask("detect", image=shown(section.image, nm_per_px=1.1))["ok"]


def test_a_command_waits_for_one_that_was_just_stopped(
    held: tuple[Holding, Callable[[], dict[str, Any]]], ask: Ask, shown: Shown, section: Micrograph
) -> None:
    holding, ended = held
    holding.stop = True
    threading.Timer(0.5, holding.go_on.set).start()
    assert ask("detect", image=shown(section.image, nm_per_px=1.1))["ok"]
    assert ended()["cancelled"]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"threshold": "abc"}, "gd_threshold=abc: give a number from 0 to 1 or auto"),
        ({"sizes": "six"}, "gd_sizes=six: give 'auto', sizes in nm such as 6,12,18, or limits such as 4-9,9-15"),
        ({"device": "tpu"}, "gd_device=tpu: there is no such device here; use 'auto' or 'cpu'"),
        ({"model": "lead"}, "gd_model=lead: no such model; give a folder with weights.safetensors and card.json"),
        ({"modle": "gold"}, "gd_modle: Detect Gold Particles has no such option; did you mean gd_model?"),
    ],
)
def test_a_wrong_option_is_named_by_its_key(
    options: dict[str, str], error: str, ask: Ask, shown: Shown, section: Micrograph
) -> None:
    answered = ask("detect", options, image=shown(section.image, nm_per_px=1.1))
    assert answered["error"].startswith(error)
    assert "traceback" not in answered


def test_a_folder_that_takes_no_files_is_refused_before_the_work(
    ask: Ask, shown: Shown, section: Micrograph, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    listener = Listener()
    image = shown(section.image, nm_per_px=1.1)
    answered = ask("detect", {"output": str(tmp_path / "file" / "out")}, image=image, callback=listener)
    assert answered["error"].endswith("choose another folder with gd_output")
    assert listener.heard == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError, ZeroDivisionError])
def test_nothing_is_ever_raised(error: type[BaseException], ask: Ask, shown: Shown, section: Micrograph) -> None:
    class Fails(Listener):
        def update(self, done: int, total: int, message: str) -> None:
            raise error("on purpose")

    answered = ask("detect", image=shown(section.image, nm_per_px=1.1), callback=Fails())
    assert not answered["ok"]
    assert "\n" not in answered["error"]
    assert error.__name__ in answered["traceback"]
    # And nobody is kept out afterwards.
    assert ask("detect", image=shown(section.image, nm_per_px=1.1))["ok"]


def test_a_request_that_is_none_gets_an_answer_too() -> None:
    for request in (None, {}, {"op": 3}, {"op": "dig"}, {"op": "detect"}, {"op": "detect", "options": 5}):
        answered = answer(request)  # type: ignore[arg-type]
        assert not answered["ok"]
        assert answered["error"]
    assert "there is no operation 'dig'; there are describe, detect," in answer({"op": "dig"})["error"]


def test_scripts_of_another_version_are_told_to_be_installed_anew() -> None:
    assert "install' again" in answer({"protocol": 2, "op": "describe"})["error"]


def test_the_answer_costs_little_more_than_the_detection(
    ask: Ask, shown: Shown, section: Micrograph, tmp_path: Path
) -> None:
    pixels = np.tile(section.image, (5, 4))[:2048, :2115]
    path = tmp_path / "large.tif"
    tifffile.imwrite(path, pixels)
    warm_up()
    image = shown(pixels, path, nm_per_px=1.1)
    beyond = []
    for _ in range(3):
        started = time.perf_counter()
        answered = ask("detect", image=image)
        beyond.append(time.perf_counter() - started - answered["seconds"])
    assert min(beyond) < 0.3
