"""The command line, as a picky user types it: exit status, messages, files; nothing half-written, nothing lost."""

import contextlib
import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from golddigger_ij import __version__
from golddigger_ij.cli import main
from golddigger_ij.particles import read_particles_csv
from golddigger_ij.synthetic import Micrograph

COMMAND = [sys.executable, "-c", "from golddigger_ij.cli import main; main()"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1]), "PYTHONUNBUFFERED": "1"}
TINY_RECIPE = [f"--set={text}" for text in ("base_width=8", "steps_per_epoch=2", "tile=64", "batch=2")]
VERBS = ["detect", "demo", "train", "evaluate", "synthesize"]


@dataclass(frozen=True)
class Ended:
    status: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """The command line in this process: what it prints, and the exit status."""
    terminate = signal.getsignal(signal.SIGTERM)

    def call(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["golddigger-ij", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return Ended(int(ended.value.code or 0), printed.out, printed.err)

    yield call
    signal.signal(signal.SIGTERM, terminate)


def save(path: Path, image: NDArray[np.generic], nm_per_px: float | None = 1.1, **more: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    scale = {} if nm_per_px is None else {"resolution": (1e7 / nm_per_px,) * 2, "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(path, image, **scale, **more)  # type: ignore[arg-type]
    return path


@pytest.fixture(scope="module")
def small(section: Micrograph) -> NDArray[np.uint8]:
    """A field of 200 x 200 px with some gold in it."""
    return np.ascontiguousarray(section.image[:200, :200]).astype(np.uint8)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line]


# --- what it says about itself


def cpu_seconds(*arguments: str) -> tuple[float, str]:
    """Processor time of a call, which, unlike wall time, does not depend on what else the machine does."""
    resource = pytest.importorskip("resource", reason="processor time of another process is measured on Unix only")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ran = subprocess.run([*COMMAND, *arguments], env=ENVIRONMENT, capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, ran.stdout


def test_help_comes_in_half_a_second_and_names_every_verb() -> None:
    results = [cpu_seconds("--help") for _ in range(2)]
    assert min(seconds for seconds, _ in results) < 0.5
    assert all(verb in results[0][1] for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str, run: Run) -> None:
    ended = run(verb, "--help")
    assert ended.status == 0
    assert "-o" in ended.out or verb == "evaluate"
    assert "<str>" not in ended.out, "what to give is said in the user's words"


def test_the_command_line_takes_no_heavy_library_along() -> None:
    code = "import json, sys; import golddigger_ij.cli; print(json.dumps(sorted(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in json.loads(ran.stdout)}
    assert not loaded & {"torch", "numpy", "scipy", "skimage", "sklearn", "PIL", "tifffile", "jpype", "scyjava"}


def test_the_version_is_printed(run: Run) -> None:
    assert run("--version") == Ended(0, f"golddigger-ij {__version__}\n", "")


# --- wrong command lines


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Usage"),
        (["nonsense"], "nonsense"),
        (["detect"], "IMAGE"),
        (["detect", "a.tif"], "--output"),
        (["detect", "a.tif", "-o", "out", "--nonsense"], "--nonsense"),
        (["detect", "a.tif", "-o", "out", "--tile-size", "large"], "--tile-size"),
        (["detect", "a.tif", "-o", "out", "--tile-size", "3"], "64"),
        (["detect", "a.tif", "-o", "out", "--batch-size", "0"], "batch size"),
        (["detect", "a.tif", "-o", "out", "--threshold", "1.5"], "between 0 and 1"),
        (["detect", "a.tif", "-o", "out", "--pixel-size", "0"], "nanometres"),
        (["detect", "a.tif", "-o", "out", "--sizes", "small"], "6,12"),
        (["detect", "a.tif", "-o", "out", "--polarity", "grey"], "'light'"),
        (["detect", "a.tif", "-o", "out", "--plane", "0"], "'all'"),
        (["detect", "a.tif", "-o", "out", "--preview", "1,2,3"], "--preview 1,2,3: give X,Y,W,H"),
        (["detect", "a.tif", "-o", "out", "--model", "nonsense"], "one of gold"),
        (["detect", "a.tif", "-o", "out", "--device", "abacus"], "--device abacus"),
        (["detect", "a.tif", "-o", "out", "--progress", "loud"], "'json'"),
        (["detect", "a.tif", "-o", "out", "--region", "nowhere.zip"], "nowhere.zip"),
        (["detect", "x/a.tif", "y/a.tif", "-o", "out"], "--keep-tree"),
        (["train", "-o", "out"], "--synthetic"),
        (["train", "-o", "out", "--synthetic", "1", "--set", "epoch=3"], "did you mean 'epochs'"),
        (["train", "-o", "out", "--synthetic", "1", "--set", "epochs=few"], "epochs=30"),
        (["train", "-o", "out", "--synthetic", "1", "--set", "batch=0"], "above 0"),
        (["train", "-o", "out", "--synthetic", "1", "--set", "magnifications=2"], "two numbers"),
        (["train", "-o", "out", "--synthetic", "1", "--set", "generator=big"], "compact or unet256"),
        (["train", "-o", "out", "--synthetic", "1", "--set", "gold_share=2"], "share"),
        (["train", "-o", "out", "--synthetic", "1", "--recipe", "soup"], "compact, paper"),
        (["train", "-o", "out", "--synthetic", "-1"], "--synthetic"),
        (["synthesize", "-o", "out", "--size", "500"], "--size 500"),
        (["synthesize", "-o", "out", "--size", "8x8"], "16x16"),
        (["synthesize", "-o", "out", "--gold", "6,x"], "--gold 6,x"),
        (["synthesize", "-o", "out", "--kind", "cheese"], "'resin'"),
        (["synthesize", "-o", "out", "--touching", "3"], "--touching"),
        (["synthesize", "-o", "out", "--pixel-size", "nan"], "--pixel-size"),
        (["synthesize", "-o", "out", "--seed", "-1"], "--seed"),
        (["evaluate", "a.csv"], "TRUTH"),
        (["evaluate", "a.csv", "b.csv", "--cutoff", "-2"], "--cutoff"),
    ],
)
def test_a_wrong_command_line_is_explained_and_does_nothing(
    arguments: list[str], message: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = run(*arguments)
    assert ended.status == 2
    assert message in ended.err + (ended.out if not arguments else "")
    assert "Traceback" not in ended.err
    assert names(tmp_path) == set()


# --- detect


def test_an_image_gives_its_files_and_one_line(section_file: Path, run: Run, tmp_path: Path) -> None:
    ended = run("detect", section_file, "-o", tmp_path)
    assert (ended.status, ended.err) == (0, "")
    (line,) = lines(ended.out)
    assert str(section_file) in line
    assert line.endswith("section_particles.csv")
    found = read_particles_csv(tmp_path / "section_particles.csv")
    assert f"{len(found)} particles" in line
    assert {"section_RoiSet.zip", "section_overlay.png", "section_run.json"} < names(tmp_path)


def test_every_bad_image_is_named_and_the_good_ones_get_done(
    small: NDArray[np.uint8], run: Run, tmp_path: Path
) -> None:
    images, out = tmp_path / "images", tmp_path / "out"
    good = save(images / "good.ome.tif", small)
    packed = save(images / "packed.tif", small, compression="zlib")
    damaged = bytearray(packed.read_bytes())
    damaged[len(damaged) // 3 : len(damaged) // 2] = bytes(len(damaged) // 2 - len(damaged) // 3)
    (images / "corrupt.tif").write_bytes(damaged)
    packed.unlink()
    (images / "empty.tif").write_bytes(b"")
    (images / "truncated.tif").write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    (images / "text.tif").write_text("this is no image")
    save(images / "one.tif", np.zeros((1, 1), np.uint8))
    with pytest.warns(UserWarning, match="zero-size"):
        save(images / "zero.tif", np.zeros((0, 5), np.uint8))
    save(images / "black.tif", np.zeros((200, 200), np.uint8))
    save(images / "nan.tif", np.full((200, 200), np.nan, np.float32))
    save(images / "uncalibrated.tif", small, nm_per_px=None)
    save(images / "stack.tif", np.stack([small] * 3), photometric="minisblack")
    ended = run("detect", images, images / "missing.tif", good, "-o", out)
    assert ended.status == 1
    messages = lines(ended.err)
    remedies = {
        "corrupt.tif": "copy it again",
        "empty.tif": "copy it again",
        "truncated.tif": "copy it again",
        "text.tif": "save it as TIFF",
        "one.tif": "at least 16 x 16",
        "zero.tif": "holds no image",
        "black.tif": "choose another image",
        "nan.tif": "check the image",
        "uncalibrated.tif": "--pixel-size",
        "stack.tif": "--plane",
        "missing.tif": "check the name",
    }
    for name, remedy in remedies.items():
        (line,) = [line for line in messages if str(images / name) in line]
        assert line.startswith("golddigger-ij: ")
        assert remedy in line
    assert len(messages) == len(remedies) + 1
    assert messages[-1].endswith(f"11 of 12 images failed; the others' results are in {out}")
    assert all(name.startswith("good_") for name in names(out))
    assert len(names(out)) >= 5


def test_where_every_image_fails_no_results_are_promised(run: Run, tmp_path: Path) -> None:
    ended = run("detect", tmp_path / "a.tif", tmp_path / "b.tif", "-o", tmp_path / "out")
    assert ended.status == 1
    assert lines(ended.err)[-1].endswith("2 of 2 images failed; there is no result")
    assert names(tmp_path) == set()


def test_a_bug_in_one_image_does_not_stop_the_night(
    small: NDArray[np.uint8], run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from golddigger_ij import batch, montage

    first, second = save(tmp_path / "a.tif", small), save(tmp_path / "b.tif", small)
    opened = montage.open_montage

    def fails(source: Path, **more: int | None) -> montage.Montage:
        if source == first:
            raise ZeroDivisionError("a bug")
        return opened(source, **more)

    monkeypatch.setattr(batch, "open_montage", fails)
    ended = run("detect", first, second, "-o", tmp_path / "out")
    assert ended.status == 1
    assert "please report it" in ended.err
    assert "b_particles.csv" in names(tmp_path / "out")


def test_an_output_folder_that_takes_no_files_is_refused_before_the_work(
    section_file: Path, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("not a folder")
    for folder in (tmp_path / "file", tmp_path / "file" / "out"):
        ended = run("detect", section_file, "-o", folder)
        assert ended.status == 1
        (line,) = lines(ended.err)
        assert str(folder) in line
        assert "choose another folder" in line
        assert ended.out == ""
    for verb in (["synthesize"], ["demo"], ["train", "--synthetic", "1"]):
        ended = run(*verb, "-o", tmp_path / "file")
        assert ended.status == 1
        assert len(lines(ended.err)) == 1


def test_a_folder_without_the_right_to_write_is_refused(section_file: Path, run: Run, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    if os.access(locked, os.W_OK):
        pytest.skip("this user may write everywhere")
    ended = run("detect", section_file, "-o", locked / "out")
    assert ended.status == 1
    assert len(lines(ended.err)) == 1


def test_an_image_that_is_named_twice_is_done_once(small: NDArray[np.uint8], run: Run, tmp_path: Path) -> None:
    image = save(tmp_path / "in" / "a.tif", small)
    ended = run("detect", image, tmp_path / "in", image.parent / ".." / "in" / "a.tif", "-o", tmp_path / "out")
    assert ended.status == 0
    assert len(lines(ended.out)) == 1


def test_a_folder_that_holds_its_own_results_can_be_run_again(
    small: NDArray[np.uint8], run: Run, tmp_path: Path
) -> None:
    save(tmp_path / "a.tif", small)
    first = run("detect", tmp_path, "-o", tmp_path)
    before = names(tmp_path)
    assert run("detect", tmp_path, "-o", tmp_path) == first
    assert first.status == 0
    assert names(tmp_path) == before


def test_keep_tree_searches_folders_and_repeats_them(small: NDArray[np.uint8], run: Run, tmp_path: Path) -> None:
    for name in ("day1/a.tif", "day2/left/a.tif"):
        save(tmp_path / "study" / name, small)
    out = tmp_path / "study" / "results"
    for _ in range(2):
        ended = run("detect", tmp_path / "study", "-o", out, "--keep-tree")
        assert ended.status == 0
        assert len(lines(ended.out)) == 2
    assert (out / "day1" / "a_particles.csv").exists()
    assert (out / "day2" / "left" / "a_particles.csv").exists()
    assert names(out) == {"day1", "day2"}


def test_the_planes_of_a_stack_get_names_of_their_own(small: NDArray[np.uint8], run: Run, tmp_path: Path) -> None:
    black = np.zeros_like(small)
    stack = save(tmp_path / "s.tif", np.stack([small, black, small[::-1]]), photometric="minisblack")
    assert run("detect", stack, "-o", tmp_path / "one", "--plane", "3").status == 0
    assert "s_z003_particles.csv" in names(tmp_path / "one")
    table = read_particles_csv(tmp_path / "one" / "s_z003_particles.csv")
    assert table.plane is not None
    assert set(table.plane) <= {3}
    ended = run("detect", stack, "-o", tmp_path / "all", "--plane", "all")
    assert ended.status == 1
    assert [f"{stack}, plane 2" in line for line in lines(ended.err)] == [True]
    assert {"s_z001_particles.csv", "s_z003_particles.csv"} < names(tmp_path / "all")
    assert "s_z002_particles.csv" not in names(tmp_path / "all")
    assert "1 to 3" in run("detect", stack, "-o", tmp_path, "--plane", "4").err


def test_a_preview_is_a_part_of_what_the_whole_gives(section_file: Path, run: Run, tmp_path: Path) -> None:
    assert run("detect", section_file, "-o", tmp_path, "--sizes", "7,14").status == 0
    ended = run("detect", section_file, "-o", tmp_path, "--sizes", "7,14", "--preview", "150,100,260,999")
    assert ended.status == 0
    whole = read_particles_csv(tmp_path / "section_particles.csv")
    part = read_particles_csv(tmp_path / "section_preview_particles.csv")
    inside = whole.select((whole.x >= 149.5) & (whole.x < 409.5) & (whole.y >= 99.5))
    assert part.region is None
    assert len(part) == len(inside) > 5
    assert np.abs(part.x - inside.x).max() <= 0.01
    record = json.loads((tmp_path / "section_preview_run.json").read_text())
    assert record["preview"] == {"x": 150, "y": 100, "width": 260, "height": 320}
    assert record["image"]["path"] == str(section_file.resolve())
    outside = run("detect", section_file, "-o", tmp_path, "--preview", "900,0,50,50")
    assert outside.status == 1
    assert "560 x 420 px" in outside.err


def test_a_preview_keeps_to_the_regions(section_file: Path, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "profiles.json"
    file.write_text(
        '{"a": [[0, 0], [250, 0], [250, 419], [0, 419]], "b": [[300, 0], [559, 0], [559, 419], [300, 419]]}'
    )
    ended = run("detect", section_file, "-o", tmp_path / "out", "--region", file, "--preview", "150,100,120,300")
    assert ended.status == 0
    part = read_particles_csv(tmp_path / "out" / "section_preview_particles.csv")
    assert part.region is not None
    assert set(part.region) == {"a"}
    assert part.x.min() >= 149.5
    with (tmp_path / "out" / "section_preview_regions.csv").open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert float(row["area_um2"]) == pytest.approx(100.5 * 300 * 1.1e-3**2, rel=1e-3)
    missed = run("detect", section_file, "-o", tmp_path, "--region", file, "--preview", "260,0,20,20")
    assert missed.status == 1
    assert "no region reaches into the crop" in missed.err


def test_regions_are_counted_in_a_file_of_their_own(section_file: Path, run: Run, tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text('{"profile 1": [[0, 0], [300, 0], [300, 419], [0, 419]]}')
    assert run("detect", section_file, "-o", tmp_path, "--region", tmp_path / "r.json").status == 0
    found = read_particles_csv(tmp_path / "section_particles.csv")
    assert found.region is not None
    assert set(found.region) == {"profile 1"}
    with (tmp_path / "section_regions.csv").open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert int(row["total"]) == len(found)


def test_progress_as_json_can_be_read_by_a_program(section_file: Path, run: Run, tmp_path: Path) -> None:
    ended = run("detect", section_file, "-o", tmp_path, "--progress", "json", "--tile-size", "256")
    steps = [json.loads(line) for line in lines(ended.err)]
    assert [step["done"] for step in steps] == list(range(1, len(steps) + 1))
    assert {(step["label"], step["total"]) for step in steps} == {("section.tif", len(steps))}


# --- Ctrl-C


def start(arguments: list[object]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that starts a job in the background lets it ignore Ctrl-C, and tests may run in such a job.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def ended_by(process: subprocess.Popen[str], number: int) -> Ended:
    with contextlib.ExitStack() as stack:
        stack.callback(process.kill)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    return Ended(process.returncode, out, err)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ctrl_c_in_the_middle_leaves_no_file(number: int, status: int, section: Micrograph, tmp_path: Path) -> None:
    image = save(tmp_path / "large.tif", np.tile(section.image, (3, 3)))
    process = start(["detect", image, "-o", tmp_path / "out", "--tile-size", "64", "--progress", "json"])
    assert process.stderr is not None
    assert json.loads(process.stderr.readline())["total"] > 100
    ended = ended_by(process, number)
    assert ended.status == status
    assert "Traceback" not in ended.err
    assert names(tmp_path / "out") == set()
    assert number != signal.SIGINT or "no file is half-written" in ended.err


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_training_goes_on_where_ctrl_c_stopped_it(run: Run, tmp_path: Path) -> None:
    arguments = ["train", "--synthetic", "1", "-o", tmp_path / "m", *TINY_RECIPE]
    process = start([*arguments, "--set=epochs=100000"])
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("epoch 2/"):
            break
    assert ended_by(process, signal.SIGINT).status == 130
    assert {path for path in names(tmp_path / "m") if path.startswith(".")} == set()
    with (tmp_path / "m" / "log.csv").open() as stream:
        before = stream.read().splitlines()
    epochs = len(before)
    assert epochs >= 3
    ended = run(*arguments, f"--set=epochs={epochs}")
    assert ended.status == 0
    assert f"epoch {epochs}/{epochs}" in ended.out
    assert "epoch 1/" not in ended.out
    with (tmp_path / "m" / "log.csv").open() as stream:
        assert stream.read().splitlines()[: len(before)] == before
    changed = run(*arguments, "--set=batch=3")
    assert changed.status == 1
    assert "another recipe (batch)" in changed.err


# --- the other verbs


def test_what_is_synthesized_can_be_trained_on_detected_in_and_compared(run: Run, tmp_path: Path) -> None:
    truth, made, out = tmp_path / "truth", tmp_path / "model", tmp_path / "out"
    options = ["--count", "2", "--size", "320x260", "--kind", "resin", "--gold", "8,15", "--density", "150"]
    ended = run("synthesize", "-o", truth, *options)
    assert ended.status == 0
    stems = ("resin-0000", "resin-0001")
    assert names(truth) == {f"{stem}{end}" for stem in stems for end in (".tif", ".json", "_marks.csv")}
    assert tifffile.imread(truth / "resin-0000.tif").shape == (260, 320)
    again = tmp_path / "again"
    run("synthesize", "-o", again, *options)
    assert (again / "resin-0001.tif").read_bytes() == (truth / "resin-0001.tif").read_bytes()

    ended = run("train", truth, "--validation", truth, "-o", made, *TINY_RECIPE, "--set", "epochs=1")
    assert ended.status == 0, ended.err
    assert "epoch 1/1" in ended.out
    assert {"card.json", "weights.safetensors", "checkpoint.pt", "log.csv", "previews"} == names(made)
    used = run("detect", truth, "-o", tmp_path / "by-own", "--model", made, "--threshold", "0.9")
    assert used.status == 0, used.err

    assert run("detect", truth, "-o", out, "--sizes", "8,15").status == 0
    ended = run("evaluate", out / "resin-0000_particles.csv", truth / "resin-0000_marks.csv")
    assert ended.status == 0
    assert "F1" in ended.out
    (out / "resin-0000_run.json").unlink()
    lost = run("evaluate", out / "resin-0000_particles.csv", truth / "resin-0000_marks.csv")
    assert lost.status == 1
    assert "--pixel-size" in lost.err
    given = run("evaluate", out / "resin-0000_particles.csv", truth / "resin-0000_marks.csv", "--pixel-size", "1.11")
    assert given.out == ended.out


@pytest.mark.parametrize("arguments", [["evaluate", "a.csv", "b.csv"], ["train", "a", "-o", "m"]])
def test_files_that_are_not_there_are_named(
    arguments: list[str], run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = run(*arguments)
    assert ended.status == 1
    (line,) = lines(ended.err)
    assert line.startswith("golddigger-ij: a")
    assert names(tmp_path) == set()


def test_the_demo_names_files_that_are_there(run: Run, tmp_path: Path) -> None:
    begun = time.perf_counter()
    ended = run("demo", "-o", tmp_path / "demo", "--no-imagej", "--size", "400x300")
    assert ended.status == 0, ended.err
    listed = [Path(line.split()[0]) for line in lines(ended.out) if line.startswith(f"  {tmp_path}")]
    assert {path.name for path in listed} == {
        f"sample_{end}" for end in ("overlay.png", "particles.csv", "RoiSet.zip", "run.json")
    }
    assert all(path.is_file() for path in listed)
    assert "F1" in ended.out
    assert time.perf_counter() - begun < 60
