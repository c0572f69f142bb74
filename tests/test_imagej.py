"""ImageJ's window as the command line opens it: `golddigger-ij imagej`, and the end of `golddigger-ij demo`."""

import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from golddigger_ij.cli import demo
from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.imagej import jar_cache, jvm
from golddigger_ij.imagej import java as machine
from golddigger_ij.palette import group_colours
from golddigger_ij.particles import Particles
from golddigger_ij.runs import load_run

# Looks at the open window from inside the process, as a plugin would, while the command waits.
LOOK_AND_CLOSE = """
import json, sys, time
from pathlib import Path
from golddigger_ij.cli import main
from golddigger_ij.imagej import window

told = Path(sys.argv.pop())

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
    groups = {}
    for group in (1, 2):
        oval.setGroup(group)
        colour = oval.getStrokeColor()
        groups[str(JClass("ij.gui.Roi").getGroupName(group))] = [colour.getRed(), colour.getGreen(), colour.getBlue()]
    menu = JClass("ij.Menus").getImageJMenu("Plugins")
    menus = [menu.getItem(i) for i in range(menu.getItemCount()) if str(menu.getItem(i).getLabel()) == "Gold Digger"]
    time.sleep(1.0)
    robot, size = JClass("java.awt.Robot")(), JClass("java.awt.Toolkit").getDefaultToolkit().getScreenSize()
    screen = robot.createScreenCapture(JClass("java.awt.Rectangle")(size))
    JClass("javax.imageio.ImageIO").write(screen, "png", JClass("java.io.File")(str(told.with_suffix(".png"))))
    canvas = picture.getCanvas()
    said = {
        "rois": rows, "groups": groups, "changes": bool(picture.changes),
        "shown": [canvas.getSrcRect().width, canvas.getSrcRect().height],
        "menus": [[str(one.getItem(i).getLabel()) for i in range(one.getItemCount())] for one in menus],
        "megabytes": int(JClass("java.lang.Runtime").getRuntime().maxMemory() >> 20),
    }
    told.write_text(json.dumps(said), encoding="utf-8")
    JClass("ij.IJ").getInstance().quit()

wait = window.wait_until_closed
window.wait_until_closed = lambda: (look(), wait())
main()
"""

# Draws into the image and presses Ctrl-C, as soon as the command waits.
DRAW_AND_STOP = """
import os, signal, sys, threading, time
from pathlib import Path
from golddigger_ij.imagej import window

signal.signal(signal.SIGINT, signal.default_int_handler)

def draw():
    from jpype import JClass
    while (picture := JClass("ij.WindowManager").getCurrentImage()) is None:
        time.sleep(0.1)
    picture.getProcessor().invert()
    picture.changes = True
    os.kill(os.getpid(), signal.SIGINT)

def wait(*within):
    if not within:
        threading.Thread(target=draw).start()
    return wait_until_closed(*within)

wait_until_closed, window.wait_until_closed = window.wait_until_closed, wait
window.show([Path(sys.argv[1])])
print("went on")
"""


@pytest.fixture(scope="module")
def environment(display, java, imagej_within_reach, tmp_path_factory) -> dict[str, str]:
    """ImageJ keeps its preferences in the home folder, and must not touch the user's."""
    home = tmp_path_factory.mktemp("home")
    options = f"-Duser.home={home} -Djava.util.prefs.userRoot={home} -XX:TieredStopAtLevel=1"
    return {
        **os.environ,
        "DISPLAY": display,
        "JAVA_TOOL_OPTIONS": options,
        "GOLDDIGGER_IJ_HOME": str(home / "golddigger"),
    }


@pytest.fixture(scope="module")
def made(section_file, model, tmp_path_factory) -> tuple[Path, Path]:
    """An image with letters in its name that are not everywhere the same, and the record of a run on it."""
    from golddigger_ij.cli.detect import detect_one
    from golddigger_ij.config import DetectionConfig

    image = tmp_path_factory.mktemp("made") / "a [b] µ.tif"
    shutil.copy(section_file, image)
    files = detect_one(image, image.parent, model, DetectionConfig(), progress_kind="none")
    return image, next(path for path in files if path.name.endswith("_run.json"))


@pytest.fixture
def files(made, tmp_path) -> tuple[Path, Path]:
    """Copies, to be spoilt."""
    image, record = made
    shutil.copytree(image.parent, tmp_path / "copy")
    return tmp_path / "copy" / image.name, tmp_path / "copy" / record.name


@dataclass
class Shown:
    """What ImageJ itself said about its window, what the display looked like, and what should be there."""

    said: dict[str, Any]
    screen: Path
    printed: str
    particles: Particles
    run: str


@pytest.fixture(scope="module")
def shown(environment, made, tmp_path_factory) -> Shown:
    image, record = made
    told = tmp_path_factory.mktemp("shown") / "told.json"
    command = [sys.executable, "-c", LOOK_AND_CLOSE, "imagej", str(image), str(record), "--heap", "600m", str(told)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert ran.returncode == 0, ran.stderr
    return Shown(
        json.loads(told.read_text(encoding="utf-8")),
        told.with_suffix(".png"),
        ran.stdout,
        load_run(record).particles,
        load_run(record).id,
    )


def test_imagej_shows_every_particle_as_it_was_found(shown):
    particles = shown.particles
    colours = group_colours(sorted(set(particles.group), key=lambda label: float(label.removesuffix("nm"))))
    assert len(shown.said["rois"]) == len(particles) > 10
    by_id = {roi["properties"]["gd_id"]: roi for roi in shown.said["rois"]}
    for i in range(len(particles)):
        group, identity = particles.group[i], int(particles.id[i])
        roi = by_id[str(identity)]
        assert roi["kind"] == "Oval"
        assert roi["name"] == f"{group}-{identity:06d}"
        assert tuple(roi["colour"]) == tuple(colours[group]) == tuple(shown.said["groups"][group])
        assert roi["centre"] == pytest.approx([particles.x[i] + 0.5, particles.y[i] + 0.5], abs=0.01)
        assert roi["width"] == pytest.approx(2 * np.sqrt(particles.area[i] / np.pi), abs=1e-3)
        assert roi["properties"]["gd_group"] == group
        assert roi["properties"]["gd_run"] == shown.run
        assert float(roi["properties"]["gd_score"]) == pytest.approx(particles.score[i], abs=1e-4)


def test_the_window_has_the_menu_of_commands(shown):
    (menu,) = shown.said["menus"]
    assert "Detect Gold Particles..." in menu
    assert "Open Gold Results..." in menu


def test_java_gets_the_memory_that_was_asked_for(shown):
    assert 500 <= shown.said["megabytes"] <= 620


def test_the_user_is_told_what_is_shown_and_how_to_end(shown):
    # ImageJ complains on the same stream, once for each ROI, if its table of group colours is missing.
    (line,) = shown.printed.splitlines()
    assert line.startswith(f"ImageJ 1.54p shows a [b] µ.tif with {len(shown.particles)} particles.")
    assert "Close ImageJ's main window, or press Ctrl-C" in line


def test_the_window_shows_the_whole_image_with_its_groups_in_their_colours(shown):
    from PIL import Image

    assert shown.said["shown"] == [560, 420]
    assert not shown.said["changes"]
    screen = np.asarray(Image.open(shown.screen).convert("RGB")).astype(int)
    for colour in shown.said["groups"].values():
        assert np.count_nonzero(np.abs(screen - colour).max(axis=2) < 40) > 30


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
def test_ctrl_c_closes_imagej_without_a_question_and_is_no_failure(files, environment):
    command = [sys.executable, "-c", DRAW_AND_STOP, str(files[0])]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    first, second = ran.stdout.splitlines()
    assert "shows a [b] µ.tif." in first
    assert second == "went on"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
def test_a_request_to_end_ends_the_process_without_a_crash(environment):
    code = "import time; from golddigger_ij.imagej.jvm import start_imagej; start_imagej(); print('up', flush=True); "
    code += "time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.terminate()
        assert process.wait(timeout=120) == -signal.SIGTERM


ENDS_EARLY = """
import sys, threading, time
from golddigger_ij.imagej import bridge
from golddigger_ij.imagej.jvm import start_imagej
imagej = start_imagej()
from jpype import JClass
shell = JClass("groovy.lang.GroovyShell")()
callback = shell.evaluate(
    "class Told { volatile int count; void update(long done, long total, String message) { count++ }; "
    "boolean cancelled() { false } }; new Told()"
)
request = bridge.to_java({"protocol": 1, "op": "detect_folder", "options": {"folder": sys.argv[1]}})
request.put("callback", callback)
objects = imagej.service("org.scijava.object.ObjectService")
functions = objects.getObjects(JClass("java.util.function.Function"))
shell.setVariable("engine", next(one for one in functions if str(objects.getName(one)) == "golddigger-ij"))
shell.setVariable("request", request)
shell.evaluate("def function = engine, map = request; Thread.startDaemon { function.apply(map) }; null")
while callback.getCount() < 1:
    time.sleep(0.01)
print("ends")
"""


@pytest.mark.slow
def test_python_that_ends_during_a_detection_stops_it_and_is_no_crash(environment, tmp_path):
    noise = np.random.default_rng(0).normal(30_000, 2_000, (4000, 4000)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "noise.tif", noise, resolution=(1e7, 1e7), resolutionunit="CENTIMETER")
    command = [sys.executable, "-c", ENDS_EARLY, str(tmp_path)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert (ran.returncode, ran.stdout) == (0, "ends\n"), ran.stderr
    # It was in the middle of it.
    assert not list(tmp_path.rglob("*_run.json"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("broken", "says"),
    [(0, "ImageJ cannot open this image"), (1, "is not a run's record")],
)
def test_a_file_that_imagej_cannot_read_is_named(files, broken, says, environment):
    files[broken].write_bytes(b"not what it says")
    code = "from golddigger_ij.cli import main; main()"
    command = [sys.executable, "-c", code, "imagej", *map(str, files)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert ran.returncode == 1
    last = ran.stderr.strip().splitlines()[-1]
    assert last.startswith("golddigger-ij: ")
    assert files[broken].name in last
    assert says in last


def test_a_file_that_is_not_there_is_an_error_of_the_command_line(tmp_path):
    code = "from golddigger_ij.cli import main; main()"
    command = [sys.executable, "-c", code, "imagej", str(tmp_path / "gone.tif")]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 2
    assert "gone.tif: there is no such file" in ran.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a display is not a variable")
def test_without_a_display_the_window_is_refused_with_the_remedy():
    code = "from golddigger_ij.cli import main; main()"
    without = {name: value for name, value in os.environ.items() if name != "DISPLAY"}
    command = [sys.executable, "-c", code, "imagej"]
    ran = subprocess.run(command, env=without, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 1
    assert ran.stderr.startswith("golddigger-ij: there is no display (DISPLAY is not set); run this on a desktop")
    assert ran.stderr.count("\n") == 1


def test_on_a_mac_the_window_is_refused_with_the_remedy(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(GoldDiggerError, match=r"golddigger-ij install --fiji PATH', and start Fiji itself"):
        jvm.require_display()


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
        machine.find_java()


def test_a_java_home_without_java_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "gone"))
    with pytest.raises(GoldDiggerError, match=r"JAVA_HOME is .*gone"):
        machine.find_java()


@pytest.mark.parametrize("heap", ["", "6", "0g", "6 g", "lots", "-Xmx6g"])
def test_a_heap_without_a_number_and_a_unit_is_refused(heap):
    with pytest.raises(GoldDiggerError, match="such as 800m or 6g"):
        jvm.start_imagej(heap=heap)


@pytest.fixture
def empty_cache(tmp_path) -> Iterator[Path]:
    import scyjava.config

    before = scyjava.config.get_cache_dir()
    scyjava.config.set_cache_dir(tmp_path / "cache")
    yield tmp_path / "cache" / "golddigger-ij"
    scyjava.config.set_cache_dir(before)


def test_libraries_are_fetched_once_and_then_are_there_whole(empty_cache, imagej_within_reach):
    coordinates = ["net.imagej:ij:1.54p", "org.scijava:parsington:3.1.0"]
    assert not jar_cache.is_cached(coordinates)
    jars = jar_cache.cached_jars(coordinates)
    assert [jar.name for jar in jars] == ["ij-1.54p.jar", "parsington-3.1.0.jar"]
    assert all(zipfile.is_zipfile(jar) for jar in jars)
    assert jar_cache.is_cached(coordinates)
    assert not jar_cache.is_cached(coordinates[:1])
    # A start that only reads cannot disturb another.
    before = [jar.stat() for jar in jars]
    assert jar_cache.cached_jars(coordinates) == jars
    assert [jar.stat() for jar in jars] == before
    assert [path.name for path in empty_cache.iterdir()] == [jars[0].parent.name]


def test_a_download_that_fails_leaves_nothing_that_would_be_taken_for_whole(empty_cache, imagej_within_reach):
    coordinates = ["net.imagej:ij:1.54p", "net.imagej:there-is-no-such-library:1.0"]
    with pytest.raises(GoldDiggerError, match="cannot be had from Maven Central"):
        jar_cache.cached_jars(coordinates)
    assert not jar_cache.is_cached(coordinates)
    assert list(empty_cache.iterdir()) == []
