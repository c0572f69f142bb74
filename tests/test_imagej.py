import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from golddigger_ij.cli import demo
from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.imagej import jvm
from golddigger_ij.palette import group_colours
from golddigger_ij.particles import Particles
from golddigger_ij.roi_set import write_roi_set

POM = "https://repo.maven.apache.org/maven2/net/imagej/ij/1.54p/ij-1.54p.pom"

# Looks at the open window from inside the process of `show_results`, as a plugin would, while that waits.
LOOK_AND_CLOSE = """
import json, sys, time
from pathlib import Path
from golddigger_ij.imagej import viewer
from golddigger_ij.imagej.viewer import show_results

image, roi_set, told = (Path(argument) for argument in sys.argv[1:4])

def look():
    from jpype import JClass
    while (picture := JClass("ij.WindowManager").getCurrentImage()) is None or picture.getCanvas() is None:
        time.sleep(0.1)
    rows = []
    for roi in picture.getOverlay().toArray():
        box, colour = roi.getFloatBounds(), roi.getStrokeColor()
        rows.append({
            "kind": str(roi.getTypeAsString()), "name": str(roi.getName()), "group": int(roi.getGroup()),
            "centre": [float(box.getCenterX()), float(box.getCenterY())], "width": float(box.getWidth()),
            "colour": [int(colour.getRed()), int(colour.getGreen()), int(colour.getBlue())],
            "properties": {key: str(roi.getProperty(key)) for key in ("gd_id", "gd_score", "gd_group", "gd_run")},
        })
    oval = JClass("ij.gui.OvalRoi")(1, 1, 5, 5)
    group_colours = []
    for group in (1, 2):
        oval.setGroup(group)
        colour = oval.getStrokeColor()
        group_colours.append([int(colour.getRed()), int(colour.getGreen()), int(colour.getBlue())])
    time.sleep(1.0)
    robot, size = JClass("java.awt.Robot")(), JClass("java.awt.Toolkit").getDefaultToolkit().getScreenSize()
    screen = robot.createScreenCapture(JClass("java.awt.Rectangle")(size))
    JClass("javax.imageio.ImageIO").write(screen, "png", JClass("java.io.File")(str(told.with_suffix(".png"))))
    canvas = picture.getCanvas()
    said = {
        "rois": rows, "group_colours": group_colours, "unit": str(picture.getCalibration().getUnit()),
        "nm_per_px": float(picture.getCalibration().pixelWidth), "changes": bool(picture.changes),
        "shown": [canvas.getSrcRect().width, canvas.getSrcRect().height],
    }
    told.write_text(json.dumps(said), encoding="utf-8")
    JClass("ij.IJ").getInstance().quit()

wait = viewer._wait_until_closed
viewer._wait_until_closed = lambda: (look(), wait())
show_results(image, roi_set)
print("closed")
"""


@pytest.fixture(scope="module")
def java() -> jvm.Java:
    try:
        return jvm.find_java()
    except GoldDiggerError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def imagej_within_reach() -> None:
    # What fetches ImageJ uses the same library, and so the same proxies and certificates.
    import requests

    try:
        requests.head(POM, timeout=20).raise_for_status()
    except requests.RequestException as error:
        pytest.skip(f"Maven Central is out of reach ({type(error).__name__})")


@pytest.fixture(scope="module")
def display(java) -> Iterator[str]:
    """A display of the tests' own."""
    if sys.platform == "linux" and not list(java.home.rglob("libawt_xawt.so")):
        pytest.skip(f"the Java in {java.home} is a headless one")
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed")
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x960x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as pipe:
        number = pipe.readline().strip()
    if not number:
        server.wait()
        pytest.skip("Xvfb does not start")
    yield f":{number}"
    server.terminate()
    server.wait()


@pytest.fixture(scope="module")
def environment(display, java, imagej_within_reach, tmp_path_factory) -> dict[str, str]:
    """ImageJ keeps its preferences in the home folder, and must not touch the user's."""
    home = tmp_path_factory.mktemp("home")
    options = f"-Duser.home={home} -Xmx512m -XX:TieredStopAtLevel=1"
    return {**os.environ, "DISPLAY": display, "JAVA_TOOL_OPTIONS": options}


def made_particles() -> Particles:
    """Three on the image, and one further right than ImageJ's 16-bit fields reach."""
    return Particles.build(
        np.array([60.0, 300.25, 150.75, 70_000.25]),
        np.array([40.0, 100.5, 220.0, 230.0]),
        area_px=np.array([900.0, 1600.0, 901.5, 400.0]),
        nm_per_px=0.5,
        score=np.array([0.9, 0.8, 0.75, 0.6]),
        group=np.array(["6nm", "12nm", "6nm", "12nm"], object),
    )


def write_files(folder: Path) -> tuple[Path, Path]:
    image, roi_set = folder / "a b µ.tif", folder / "a b µ_RoiSet.zip"
    pixels = np.random.default_rng(0).normal(3000, 200, (300, 400)).astype(np.uint16)
    tifffile.imwrite(image, pixels, imagej=True, resolution=(2.0, 2.0), metadata={"unit": "nm"})
    write_roi_set(roi_set, made_particles(), "run 7", groups=["6nm", "12nm"])
    return image, roi_set


@pytest.fixture
def files(tmp_path) -> tuple[Path, Path]:
    return write_files(tmp_path)


@dataclass
class Shown:
    """What ImageJ itself said about its window, and what the display looked like."""

    said: dict[str, Any]
    screen: Path
    printed: str


@pytest.fixture(scope="module")
def shown(environment, tmp_path_factory) -> Shown:
    folder = tmp_path_factory.mktemp("shown")
    told = folder / "told.json"
    command = [sys.executable, "-c", LOOK_AND_CLOSE, *map(str, write_files(folder)), str(told)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert ran.returncode == 0, ran.stderr
    return Shown(json.loads(told.read_text(encoding="utf-8")), told.with_suffix(".png"), ran.stdout)


def test_imagej_shows_every_particle_as_it_was_written(shown):
    particles, colours = made_particles(), group_colours(["6nm", "12nm"])
    assert len(shown.said["rois"]) == len(particles)
    for i, roi in enumerate(shown.said["rois"]):
        group, identity = particles.group[i], int(particles.id[i])
        assert roi["kind"] == "Oval"
        assert roi["name"] == f"{group}-{identity:06d}"
        assert roi["group"] == {"6nm": 1, "12nm": 2}[group]
        assert tuple(roi["colour"]) == tuple(colours[group])
        # The file holds 32-bit floats: 0.01 px is what is left of them at 70,000.
        assert roi["centre"] == pytest.approx([particles.x[i] + 0.5, particles.y[i] + 0.5], abs=0.01)
        assert roi["width"] == pytest.approx(2 * np.sqrt(particles.area[i] / np.pi), abs=1e-3)
        score = f"{particles.score[i]:.4f}"
        assert roi["properties"] == {"gd_id": str(identity), "gd_score": score, "gd_group": group, "gd_run": "run 7"}


def test_a_particle_put_into_a_group_takes_its_colour(shown):
    colours = group_colours(["6nm", "12nm"])
    assert [tuple(colour) for colour in shown.said["group_colours"]] == [tuple(colours[g]) for g in ("6nm", "12nm")]


def test_the_user_is_told_what_is_shown_and_how_to_end(shown):
    # ImageJ complains on the same stream, once for each ROI, if its table of group colours is missing.
    first, *rest = shown.printed.splitlines()
    assert first.startswith("ImageJ 1.54p shows a b µ.tif with 4 particles.")
    assert "Close ImageJ's main window, or press Ctrl-C" in first
    assert rest == ["closed"]


def test_the_window_shows_the_whole_image_with_its_groups_in_their_colours(shown):
    from PIL import Image

    assert shown.said["shown"] == [400, 300]
    assert (shown.said["unit"], shown.said["nm_per_px"]) == ("nm", 0.5)
    assert not shown.said["changes"]
    screen = np.asarray(Image.open(shown.screen).convert("RGB")).astype(int)
    for colour in group_colours(["6nm", "12nm"]).values():
        assert np.count_nonzero(np.abs(screen - colour).max(axis=2) < 40) > 30


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
def test_ctrl_c_closes_imagej_and_is_no_failure(files, environment, tmp_path):
    code = "import sys; from pathlib import Path; from golddigger_ij.imagej.viewer import show_results; "
    code += "show_results(Path(sys.argv[1]), Path(sys.argv[2])); print('went on')"
    command = [sys.executable, "-c", code, *map(str, files)]
    # Where the tests run in the background, their children would inherit that Ctrl-C is ignored.
    heeded = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, **heeded) as process:
        assert process.stdout is not None
        assert "press Ctrl-C" in process.stdout.readline()
        time.sleep(1.0)
        process.send_signal(signal.SIGINT)
        try:
            rest, _ = process.communicate(timeout=120)
        finally:
            process.kill()
    assert rest == "went on\n"
    assert process.returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
def test_a_request_to_end_ends_the_process_without_a_crash(environment):
    code = "import time; from golddigger_ij.imagej.jvm import start_jvm; start_jvm(); print('up', flush=True); "
    code += "time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.terminate()
        assert process.wait(timeout=120) == -signal.SIGTERM


@pytest.mark.slow
@pytest.mark.parametrize(
    ("broken", "says"),
    [(0, "ImageJ cannot open this image"), (1, "is not a readable ROI set")],
)
def test_a_file_that_imagej_cannot_read_is_named(files, broken, says, environment):
    files[broken].write_bytes(b"not what it says")
    code = "import sys; from pathlib import Path; from golddigger_ij.imagej.viewer import show_results; "
    code += "show_results(Path(sys.argv[1]), Path(sys.argv[2]))"
    command = [sys.executable, "-c", code, *map(str, files)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert ran.returncode == 1
    last = ran.stderr.strip().splitlines()[-1]
    assert "GoldDiggerError" in last
    assert files[broken].name in last
    assert says in last


def test_without_java_the_demo_says_how_to_get_it_and_goes_on(files, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    demo._open_in_imagej(*files, wanted=True)
    said = capsys.readouterr().out
    assert said.startswith("ImageJ is not opened: there is no Java")
    assert "install a JDK" in said
    assert said.count("\n") == 1


def test_without_a_display_the_demo_says_so_and_goes_on(files, monkeypatch, capsys):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    demo._open_in_imagej(*files, wanted=True)
    said = capsys.readouterr().out
    assert said.startswith("ImageJ is not opened: there is no display")
    assert said.count("\n") == 1


def test_the_demo_of_a_script_does_not_wait_for_somebody_to_close_a_window(files, monkeypatch, capsys):
    monkeypatch.setenv("DISPLAY", ":0")
    demo._open_in_imagej(*files, wanted=False)
    assert "nobody is at this terminal" in capsys.readouterr().out


@pytest.mark.slow
def test_without_maven_central_the_demo_says_so_and_goes_on(files, display, java, tmp_path):
    home = tmp_path / "empty"
    home.mkdir()
    # Nothing listens on port 9, and an empty home holds no cache.
    environment = {**os.environ, "DISPLAY": display, "HOME": str(home), "USERPROFILE": str(home)}
    environment |= {
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
        "NO_PROXY": "",
        "no_proxy": "",
    }
    code = "import sys; from pathlib import Path; from golddigger_ij.cli.demo import _open_in_imagej as o; "
    code += "o(Path(sys.argv[1]), Path(sys.argv[2]), wanted=True)"
    command = [sys.executable, "-c", code, *map(str, files)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("ImageJ is not opened: ImageJ cannot be had from Maven Central")


def test_java_is_found_by_what_it_says_of_itself(java):
    assert java.version >= 11
    assert (java.home / "bin").is_dir()


def fake_java(folder: Path, version: str) -> None:
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    said = f"    java.home = {folder}\\n    java.specification.version = {version}\\n"
    program.write_text(f"#!/bin/sh\nprintf '{said}' >&2\n")
    program.chmod(0o755)


@pytest.mark.skipif(sys.platform == "win32", reason="makes a shell script")
def test_an_old_java_is_named_with_its_version(monkeypatch, tmp_path):
    fake_java(tmp_path, "1.8")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(GoldDiggerError, match=r"Java 8, and 11 or later is needed"):
        jvm.find_java()


def test_a_java_home_without_java_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "gone"))
    with pytest.raises(GoldDiggerError, match=r"JAVA_HOME is .*gone"):
        jvm.find_java()


@pytest.mark.parametrize("heap", ["", "6", "0g", "6 g", "lots", "-Xmx6g"])
def test_a_heap_without_a_number_and_a_unit_is_refused(heap):
    with pytest.raises(GoldDiggerError, match="such as 800m or 6g"):
        jvm.start_jvm(heap)
