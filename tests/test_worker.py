"""A Fiji without Python: a plain Java process with ImageJ, SciJava, Groovy and Appose, into which we were installed."""

import base64
import io
import json
import math
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.imagej.worker import Messages, from_json, to_json
from golddigger_ij.install import install
from golddigger_ij.jars import Jar, fetch

JARS = (
    Jar("net.imagej", "ij", "1.54p"),
    Jar("net.imagej", "ij1-patcher", "2.0.0"),
    Jar("org.javassist", "javassist", "3.27.0-GA"),
    Jar("org.scijava", "scijava-common", "2.99.2"),
    Jar("org.scijava", "parsington", "3.1.0"),
    Jar("org.apache.groovy", "groovy", "4.0.28"),
    Jar("org.apache.groovy", "groovy-jsr223", "4.0.28"),
)
"""What any Fiji has, as far as it is on Maven Central. Appose and what it needs are for `install` to bring."""

# Runs what it reads, one base64-encoded script a line, each on a thread of its own, and answers in JSON.
SERVER = """
net.imagej.patcher.LegacyInjector.preinit()
context = new org.scijava.Context(false)
def commands = new GroovyClassLoader(getClass().classLoader)
commands.addClasspath(args[1])
commands.loadClass("EmbeddedCommands").install(context)
home = new File(args[0])
classes = { def loader = new GroovyClassLoader(getClass().classLoader); loader.addClasspath(home.path); loader }
loader = classes()
ask = { Map request, progress = null, folder = home, from = loader ->
    def answer = from.loadClass("GoldWorker").answer(folder, [protocol: 1, options: [:]] + request,
        progress ?: from.loadClass("GoldProgress").newInstance("test"))
    answer.collectEntries { key, value -> [key, value] }
}
def out = System.out
System.out = System.err
def tell = { number, told -> synchronized (out) { out.println(number + " " + groovy.json.JsonOutput.toJson(told)) } }
tell(0, "ready")
System.in.eachLine { line ->
    def (number, script) = line.split(" ")
    Thread.startDaemon {
        try {
            def shell = new GroovyShell(getClass().classLoader, binding)
            tell(number, [value: shell.evaluate(new String(script.decodeBase64(), "UTF-8"))])
        } catch (Throwable error) {
            tell(number, [error: error.class.name + ": " + error.message])
        }
    }
}
"""

DETECT_PIXELS = """
def file = new File("%s"), pixels = new short[%d]
java.nio.ByteBuffer.wrap(file.bytes).order(java.nio.ByteOrder.LITTLE_ENDIAN).asShortBuffer().get(pixels)
def image = [title: "montage", path: null, plane: null, width: %d, height: %d, type: "uint16", nm_per_px: null,
    rows: [0] as int[], sample: Arrays.copyOf(pixels, %d), changed: true, pixels: pixels, run: null]
ask([op: "detect", options: [pixel_size: "1.1"], image: image], %s)
"""


class PlainJava:
    """A Java process that runs Groovy scripts. Nothing in it knows of Python, but for the worker."""

    def __init__(self, java: Path, class_path: str, fiji: Path, home: Path, errors: Path) -> None:
        server = home / "server.groovy"
        server.write_text(SERVER, encoding="utf-8")
        commands = Path(__file__).resolve().parents[1] / "golddigger_ij" / "imagej" / "groovy"
        self.errors = errors
        with errors.open("w") as said:
            self.process = subprocess.Popen(
                [
                    java,
                    "-Djava.awt.headless=true",
                    "-Xmx512m",
                    "-XX:TieredStopAtLevel=1",
                    "--add-opens=java.base/java.lang=ALL-UNNAMED",
                    f"-Duser.home={home}",
                    f"-Djava.util.prefs.userRoot={home}",
                    f"-Dscijava.scripts.path={fiji / 'scripts'}",
                    "-cp",
                    class_path,
                    "groovy.ui.GroovyMain",
                    server,
                    fiji / "golddigger-ij",
                    commands,
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                env={**os.environ, "GOLDDIGGER_IJ_HOME": str(home / "golddigger"), "OMP_NUM_THREADS": "2"},
                cwd=home,
            )
        self._answers: dict[str, queue.Queue[Any]] = {"0": queue.Queue()}
        self._count = 0
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        self._answers["0"].get(timeout=60)

    def _listen(self) -> None:
        for line in self.process.stdout:
            number, told = line.split(" ", 1)
            self._answers[number].put(json.loads(told))

    def start(self, script: str) -> "queue.Queue[dict[str, Any]]":
        """Begin to run a script."""
        self._count += 1
        answer = self._answers[str(self._count)] = queue.Queue()
        self.process.stdin.write(f"{self._count} {base64.b64encode(script.encode()).decode()}\n")
        self.process.stdin.flush()
        return answer

    def __call__(self, script: str) -> Any:
        """Run a script and give its value."""
        told = self.start(script).get(timeout=120)
        assert "error" not in told, told["error"] + self.errors.read_text()
        return told["value"]

    def error(self, script: str) -> str:
        """Run a script that fails; give the class and the message of what it throws."""
        return str(self.start(script).get(timeout=120)["error"])

    def workers(self) -> list[psutil.Process]:
        """The engine's processes."""
        return [
            child
            for child in psutil.Process(self.process.pid).children()
            if any("golddigger_ij.imagej.worker" in word for word in child.cmdline())
        ]

    def stop(self) -> None:
        workers = self.workers() if self.process.poll() is None else []
        for process in (*workers, self.process):
            process.kill()
        self.process.wait()
        self._listener.join()
        self.process.stdout.close()
        with suppress(BrokenPipeError):
            self.process.stdin.close()


@pytest.fixture(scope="module")
def fiji(imagej_within_reach, request, tmp_path_factory) -> Path:
    """A Fiji without windows, with golddigger-ij installed."""
    folder = tmp_path_factory.mktemp("a folder, with spaces") / "Fiji.app"
    cache = request.config.cache.mkdir("jars")
    (folder / "jars").mkdir(parents=True)
    for jar in JARS:
        kept = cache / jar.name
        try:
            (folder / "jars" / jar.name).write_bytes(kept.read_bytes() if kept.is_file() else fetch(jar, cache))
        except GoldDiggerError as error:
            pytest.skip(str(error))
    install(folder, cache=cache)
    return folder


@pytest.fixture
def new_java(fiji, java, tmp_path) -> Iterator[Any]:
    """Start Java processes of a test's own."""
    started = []

    def start(class_path: str | None = None) -> PlainJava:
        home = tmp_path / f"home{len(started)}"
        home.mkdir()
        path = class_path or str(fiji / "jars" / "*")
        started.append(PlainJava(java.home / "bin" / "java", path, fiji, home, tmp_path / f"errors{len(started)}"))
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture(scope="module")
def imagej(fiji, java, tmp_path_factory) -> Iterator[PlainJava]:
    home = tmp_path_factory.mktemp("home")
    started = PlainJava(java.home / "bin" / "java", str(fiji / "jars" / "*"), fiji, home, home / "errors")
    # The classes that a menu command has loaded, and so its worker.
    started("""ij.IJ.runMacro('run("Evaluate Gold Particles...", "");')
        loader = context.service(org.scijava.object.ObjectService).getObjects(GroovyClassLoader).first()
        "loaded" """)
    yield started
    started.stop()


@pytest.fixture(scope="module")
def montage(section, tmp_path_factory) -> tuple[Path, np.ndarray]:
    """The section in 16 bits, with values beyond Java's largest short, as raw pixels; a hundred times over."""
    bright = section.image.astype(np.uint16) * 240
    tiled = np.tile(bright, (10, 10))
    path = tmp_path_factory.mktemp("pixels") / "montage.raw"
    tiled.astype("<u2").tofile(path)
    return path, tiled


def detect_pixels(montage: tuple[Path, np.ndarray], progress: str = "null", rows: int | None = None) -> str:
    path, pixels = montage
    height, width = rows or pixels.shape[0], pixels.shape[1]
    return DETECT_PIXELS % (path, height * width, width, height, width, progress)


def wait_until(condition, within_s: float) -> bool:
    end = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def shared_memory() -> set[str]:
    return {path.name for path in Path("/dev/shm").iterdir()} if Path("/dev/shm").is_dir() else set()


def test_a_macro_in_a_java_without_python_detects(imagej, section_file, detection, tmp_path):
    output = tmp_path / "results, here"
    imagej(
        f"""ij.IJ.runMacro('open("{section_file}"); '
        + 'run("Detect Gold Particles...", "gd_show=none gd_output=[{output}]"); close();')"""
    )
    (table,) = output.glob("*_particles.csv")
    found = np.genfromtxt(table, delimiter=",", names=True, dtype=None, encoding="utf-8")
    assert len(found) == len(detection.particles)
    np.testing.assert_allclose(found["x"], detection.particles.x, atol=0.01)
    np.testing.assert_allclose(found["y"], detection.particles.y, atol=0.01)


def test_the_particles_become_an_overlay_in_a_java_without_python(imagej, section_file, detection):
    count = imagej(
        f"""ij.IJ.runMacro('open("{section_file}"); run("Detect Gold Particles...", "gd_show=overlay"); '
        + 'n = Overlay.size; close(); return "" + n;')"""
    )
    assert int(count) == len(detection.particles)


def test_a_wrong_value_in_a_macro_comes_back_as_the_engines_error(imagej, section_file):
    imagej(
        f"""ij.IJ.runMacro('open("{section_file}"); run("Detect Gold Particles...", "gd_threshold=abc"); close();')"""
    )
    said = imagej.errors.read_text()
    assert "gd_threshold" in said
    assert "0 to 1" in said
    imagej('ij.WindowManager.IDList?.each { ij.WindowManager.getImage(it)?.close() }; "closed"')


def test_answers_have_the_types_that_the_engine_in_one_process_gives(imagej, montage):
    types = imagej(
        f"""def answer = {{ -> {detect_pixels(montage, rows=420)} }}()
        def names = ["x", "id", "group", "ok", "nm_per_px", "message"]
        names.collectEntries {{ [it, answer[it].class.simpleName] }} +
            [options: ask([op: "describe"]).ops.detect.options.class.simpleName]"""
    )
    assert types == {
        "x": "double[]",
        "id": "double[]",
        "group": "String[]",
        "ok": "Boolean",
        "nm_per_px": "Double",
        "message": "String",
        "options": "ArrayList",
    }


def test_the_worker_stays_for_the_next_command(imagej):
    evaluate = """ij.IJ.runMacro('run("Evaluate Gold Particles...", "");'); "done" """
    imagej(evaluate)
    (first,) = imagej.workers()
    imagej(evaluate)
    assert imagej('ask([op: "describe"]).ok')
    assert imagej.workers() == [first]


def test_pixels_cross_in_shared_memory_unchanged_and_leave_none_behind(imagej, montage, ask, shown):
    before = shared_memory()
    told = imagej(detect_pixels(montage, rows=840))
    _, pixels = montage
    mine = ask("detect", {"pixel_size": "1.1"}, image=shown(pixels[:840]))
    assert told["ok"], told
    assert len(told["x"]) == len(mine["x"]) > 0
    assert told["read_from"] == "pixels"
    for column in ("x", "y", "area", "score"):
        assert told[column] == mine[column].tolist()
    assert told["group"] == list(mine["group"])
    assert shared_memory() <= before


def test_a_command_that_is_stopped_answers_soon_and_the_worker_stays(imagej, montage):
    assert imagej('ask([op: "describe"]).ok')
    (worker,) = imagej.workers()
    imagej('progress = loader.loadClass("GoldProgress").newInstance("test"); "made"')
    answer = imagej.start(detect_pixels(montage, "progress"))
    assert wait_until(lambda: imagej("progress.@total") > 1, 60)
    stopped = time.monotonic()
    imagej('progress.cancel(); "asked"')
    told = answer.get(timeout=30)["value"]
    assert time.monotonic() - stopped < 10
    assert told["cancelled"]
    assert "stopped by the user" in told["error"]
    assert imagej('ask([op: "describe"]).ok')
    assert imagej.workers() == [worker]


def test_a_second_command_is_told_that_the_engine_is_busy_while_short_ones_are_answered(imagej, montage):
    imagej('progress = loader.loadClass("GoldProgress").newInstance("test"); "made"')
    answer = imagej.start(detect_pixels(montage, "progress"))
    assert wait_until(lambda: imagej("progress.@total") > 1, 60)
    told = imagej(detect_pixels(montage, rows=420))
    assert told["busy"]
    assert "wait for it or stop it with Esc" in told["error"]
    assert imagej('ask([op: "describe"]).ok')
    imagej('progress.cancel(); "asked"')
    assert answer.get(timeout=30)["value"]["cancelled"]
    assert len(imagej.workers()) == 1


def test_a_killed_worker_is_an_error_at_once_and_the_next_command_starts_another(imagej, montage):
    assert imagej('ask([op: "describe"]).ok')
    (worker,) = imagej.workers()
    before = shared_memory()
    imagej('progress = loader.loadClass("GoldProgress").newInstance("test"); "made"')
    answer = imagej.start(detect_pixels(montage, "progress"))
    assert wait_until(lambda: imagej("progress.@total") > 1, 60)
    worker.kill()
    killed = time.monotonic()
    error = answer.get(timeout=30)["error"]
    assert time.monotonic() - killed < 3
    assert error.startswith("GoldError: ")
    assert "has ended unexpectedly, exit code 137" in error
    assert "started again at the next command" in error
    assert shared_memory() <= before
    assert imagej('ask([op: "describe"]).ok')
    (other,) = imagej.workers()
    assert other.pid != worker.pid


def test_a_worker_killed_before_it_took_the_pixels_leaves_no_shared_memory(imagej, montage):
    assert imagej('ask([op: "describe"]).ok')
    (worker,) = imagej.workers()
    before = shared_memory()
    worker.suspend()
    answer = imagej.start(detect_pixels(montage, rows=840))
    if Path("/dev/shm").is_dir():
        assert wait_until(lambda: shared_memory() - before, 20)
    worker.kill()
    assert "has ended unexpectedly" in answer.get(timeout=30)["error"]
    assert shared_memory() <= before


def test_the_worker_dies_with_a_java_that_is_killed(new_java, montage):
    imagej = new_java()
    imagej('progress = loader.loadClass("GoldProgress").newInstance("test"); "made"')
    imagej.start(detect_pixels(montage, "progress"))
    assert wait_until(lambda: imagej("progress.@total") > 1, 60)
    (worker,) = imagej.workers()
    before = shared_memory()
    os.kill(imagej.process.pid, signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
    imagej.process.wait()
    assert wait_until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE, 10)
    assert shared_memory() <= before


def test_java_ends_although_a_worker_runs_and_takes_it_along(new_java):
    imagej = new_java()
    assert imagej('ask([op: "describe"]).ok')
    (worker,) = imagej.workers()
    # The end of its input is the end of the program; no System.exit.
    imagej.process.stdin.close()
    assert imagej.process.wait(timeout=20) == 0
    assert wait_until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE, 10)


def test_without_appose_the_error_says_what_to_do(new_java, fiji):
    jars = [str(path) for path in (fiji / "jars").glob("*.jar") if not path.name.startswith("appose")]
    error = new_java(os.pathsep.join(jars)).error('ask([op: "describe"])')
    assert error.startswith("GoldError: Fiji lacks the library Appose")
    assert "golddigger-ij install --fiji" in error


def settings(folder: Path, text: str) -> str:
    """Groovy that asks as a Fiji with these settings."""
    folder.mkdir()
    (folder / "settings.properties").write_text(text, encoding="utf-8")
    return f'ask([op: "detect"], null, new File("{folder}"), classes())'


def test_settings_that_are_missing_or_wrong_are_errors_with_a_remedy(imagej, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "other"], check=True)
    bare = next(path for path in (tmp_path / "other").rglob("python*") if path.parent.name in ("bin", "Scripts"))
    remedy = "run golddigger-ij install --fiji"
    error = imagej.error(settings(tmp_path / "none", ""))
    assert "not known which Python has the engine" in error
    assert remedy in error
    error = imagej.error(settings(tmp_path / "gone", "python=/nowhere/python\n"))
    assert "/nowhere/python, does not start" in error
    assert remedy in error
    error = imagej.error(settings(tmp_path / "bare", f"python={bare}\n"))
    assert f"{bare} lacks the engine" in error
    assert "No module named 'golddigger_ij'" in error
    assert remedy in error
    error = imagej.error(settings(tmp_path / "wrong", f"python={shutil.which('true')}\n"))
    assert "has ended unexpectedly" in error
    assert remedy in error


def test_scripts_and_engine_of_two_versions_are_said(imagej, tmp_path):
    told = imagej(settings(tmp_path / "old", f"python={sys.executable}\nversion=0.0.1\n"))
    assert "no image open" in told["error"]
    assert "the scripts are of version 0.0.1, the engine is" in told["error"]
    assert "golddigger-ij install" in told["error"]


def test_numbers_that_json_lacks_arrive():
    told = to_json({"a": math.nan, "b": [math.inf, -math.inf], "c": np.float32(0.5), "d": np.int64(7), "e": np.True_})
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert told == {
        "a": {"gd_number": "NaN"},
        "b": [{"gd_number": "Infinity"}, {"gd_number": "-Infinity"}],
        "c": 0.5,
        "d": 7,
        "e": True,
    }
    back = from_json(told)
    assert math.isnan(back["a"])
    assert back["b"] == [math.inf, -math.inf]


@pytest.mark.parametrize("kind", ["uint8", "uint16", "int32", "float32", "float64"])
def test_arrays_arrive_as_they_were_sent(kind):
    array = np.array([0, 1, 200, 127], kind)
    sent = {
        "gd_array": kind,
        "base64": base64.b64encode(array.astype(array.dtype.newbyteorder("<")).tobytes()).decode(),
    }
    arrived = from_json({"pixels": [sent]})["pixels"][0]
    assert arrived.dtype == array.dtype
    assert arrived.tolist() == array.tolist()


def test_what_libraries_print_does_not_disturb_appose():
    messages, chatter = io.StringIO(), io.StringIO()
    out = Messages(messages, chatter)

    def work(number: int) -> None:
        for count in range(200):
            print(f"library {number}", end=" ", file=out)
            print(json.dumps({"task": f"{number}-{count}", "responseType": "UPDATE"}, separators=(",", ":")), file=out)
            print("half a line", file=out)

    threads = [threading.Thread(target=work, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = [json.loads(line)["task"] for line in messages.getvalue().splitlines()]
    assert sorted(told) == sorted(f"{number}-{count}" for number in range(8) for count in range(200))
    assert chatter.getvalue().count("half a line\n") == 1600
    assert "responseType" not in chatter.getvalue()
