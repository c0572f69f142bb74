"""What every test module shares."""

import json
import os
import select
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray

if TYPE_CHECKING:
    from golddigger_ij.detect import Detection
    from golddigger_ij.imagej.java import Java
    from golddigger_ij.models import Model
    from golddigger_ij.synthetic import Micrograph

# Time is not what a property is about, and machines are busy.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """The folder with the real micrographs, beside the repository; tests without it are skipped."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("the real micrographs (../shared/data) are not there")
    return folder


@pytest.fixture(scope="session")
def model() -> "Model":
    """The bundled default model."""
    from golddigger_ij.models import load_model

    return load_model()


@pytest.fixture(scope="session")
def section() -> "Micrograph":
    """A small resin section with gold of 7 and 14 nm, some of it touching, at 1.1 nm per pixel."""
    from golddigger_ij.synthetic import Scene, micrograph

    return micrograph(420, 560, Scene("resin", 1.1, (7.0, 14.0), (120.0, 80.0), debris_per_um2=0, noise=0.03), 1)


@pytest.fixture(scope="session")
def section_file(section: "Micrograph", tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The section as a TIFF with its pixel size; not to be changed."""
    import tifffile

    path = tmp_path_factory.mktemp("section") / "section.tif"
    per_cm = 1e7 / section.nm_per_px
    tifffile.imwrite(path, section.image, resolution=(per_cm, per_cm), resolutionunit="CENTIMETER")
    return path


@pytest.fixture(scope="session")
def detection(section_file: Path, model: "Model") -> "Detection":
    """What is found in the section with default settings."""
    from golddigger_ij.config import DetectionConfig
    from golddigger_ij.detect import detect
    from golddigger_ij.montage import open_montage

    with open_montage(section_file) as montage:
        return detect(montage, model, DetectionConfig())


Ask = Callable[..., dict[str, Any]]
Shown = Callable[..., dict[str, Any]]


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Ask the engine as a script does: the operation, its options, and what else the request holds."""
    from golddigger_ij.imagej.service import answer

    monkeypatch.setenv("GOLDDIGGER_IJ_HOME", str(tmp_path / "home"))

    def asked(op: str, options: dict[str, Any] | None = None, callback: Any = None, **more: Any) -> dict[str, Any]:
        return answer({"protocol": 1, "op": op, "options": options or {}, **more}, callback)

    return asked


@pytest.fixture
def shown() -> Shown:
    """What a script says about an open image: of a file, or with its pixels where there is no file."""

    def entries(values: NDArray[Any], path: Path | None = None, **more: Any) -> dict[str, Any]:
        height, width = values.shape[:2]
        rows = np.unique(np.linspace(0, height - 1, 16).astype(int))
        kind = {np.dtype(np.int32): "rgb"}.get(values.dtype, str(values.dtype))
        return {
            "title": "section.tif" if path is None else path.name,
            "path": None if path is None else str(path),
            "plane": None,
            "width": width,
            "height": height,
            "type": kind,
            "nm_per_px": None,
            "rows": rows.tolist(),
            "sample": values[rows].ravel(),
            "changed": False,
            "pixels": values.ravel() if path is None else None,
            "run": None,
            **more,
        }

    return entries


IMAGEJ_POM = "https://repo.maven.apache.org/maven2/net/imagej/ij/1.54p/ij-1.54p.pom"


@pytest.fixture(scope="session")
def java() -> "Java":
    """The machine's Java; tests without it are skipped."""
    from golddigger_ij.errors import GoldDiggerError
    from golddigger_ij.imagej.java import find_java

    try:
        return find_java()
    except GoldDiggerError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def imagej_within_reach() -> None:
    """Where ImageJ comes from; what fetches it uses the same library, and so the same proxies and certificates."""
    import requests

    try:
        requests.head(IMAGEJ_POM, timeout=20).raise_for_status()
    except requests.RequestException as error:
        pytest.skip(f"Maven Central is out of reach ({type(error).__name__})")


@pytest.fixture(scope="session")
def display(java: "Java") -> Iterator[str]:
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
    # With a window manager, windows lie above one another and take clicks as they do on a desktop.
    manager = shutil.which("openbox")
    desktop = None if manager is None else subprocess.Popen([manager], env={**os.environ, "DISPLAY": f":{number}"})
    yield f":{number}"
    for process in (desktop, server):
        if process is not None:
            process.terminate()
            process.wait()


@pytest.fixture(scope="session")
def desktop(display: str) -> str:
    """A display where a person could work, with a mouse."""
    if shutil.which("openbox") is None:
        pytest.skip("openbox, which makes a desktop of a display, is not installed")
    return display


class ImageJProcess:
    """A process with ImageJ in it, told what to do by Python code; see `imagej_driver.py`.

    Attributes
    ----------
    home : Path
        Its home folder: preferences, runs.
    """

    ANSWERS_WITHIN_S = 180.0

    def __init__(self, mode: str, home: Path, environment: dict[str, str], options: tuple[str, ...] = ()) -> None:
        self.home = home
        read, write = os.pipe()
        java_options = [f"-Duser.home={home}", f"-Djava.util.prefs.userRoot={home}", "-Xmx1g", *options]
        driver = str(Path(__file__).with_name("imagej_driver.py"))
        self._log = (home / "log.txt").open("w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [sys.executable, driver, mode, str(write), *java_options],
            pass_fds=[write],
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=self._log,
            text=True,
            env={**environment, "GOLDDIGGER_IJ_HOME": str(home / "golddigger")},
        )
        os.close(write)
        self._answers = os.fdopen(read, encoding="utf-8")
        try:
            self._next()
        except BaseException:
            self.close()
            raise

    def __call__(self, code: str, **values: Any) -> Any:
        """Run code there, with `values` (JSON) as its variables; give what it calls `result`."""
        assert self.process.stdin is not None
        given = "".join(f"{name} = {value!r}\n" for name, value in values.items())
        print(json.dumps(given + textwrap.dedent(code)), file=self.process.stdin, flush=True)
        return self._next()

    def macro(self, text: str, argument: str = "") -> Any:
        """Run a macro and give what it returns; None where it was aborted."""
        return self("value = IJ.runMacro(text, argument); result = value and str(value)", text=text, argument=argument)

    def answers(self, text: str, argument: Path | str = "") -> list[dict[str, Any]]:
        """Run a macro, in which `path` is its argument, to its end, and give what the engine answered meanwhile."""
        self("listen(); heard.clear()")
        returned = self.macro(f"path = getArgument();\n{text}\nreturn 'done';", str(argument))
        assert returned == "done", self.log[-4000:]
        given: list[dict[str, Any]] = self("result = answered()")
        return given

    def fails(self, text: str, argument: Path | str = "") -> str:
        """Run a macro that has to stop, and give what ImageJ says then, in one line."""
        before = len(self.log)
        returned = self.macro(f"path = getArgument();\n{text}\nreturn 'went on';", str(argument))
        assert returned in (None, "[aborted]"), returned
        return " ".join(self.log[before:].split())

    @property
    def log(self) -> str:
        """What it has printed."""
        self._log.flush()
        return (self.home / "log.txt").read_text(encoding="utf-8")

    def _next(self) -> Any:
        # A macro may wait for somebody to click an error away.
        if not select.select([self._answers], [], [], self.ANSWERS_WITHIN_S)[0]:
            self.process.kill()
            pytest.fail(f"ImageJ does not answer; a dialog may be open:\n{self.log[-4000:]}")
        line = self._answers.readline()
        assert line, f"ImageJ's process ended:\n{self.log[-4000:]}"
        told = json.loads(line)
        assert "error" not in told, told["error"]
        return told.get("result")

    def close(self) -> None:
        """End it."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()
        self._answers.close()
        self._log.close()


@pytest.fixture(scope="session")
def imagej_process() -> type[ImageJProcess]:
    """Starts a process with an ImageJ of the test's own."""
    return ImageJProcess


@pytest.fixture(scope="module")
def headless_imagej(
    java: "Java", imagej_within_reach: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ImageJProcess]:
    """Embedded ImageJ without windows, one for the tests of a module."""
    process = ImageJProcess("headless", tmp_path_factory.mktemp("headless"), dict(os.environ))
    yield process
    process.close()


@pytest.fixture(scope="module")
def imagej_window(
    display: str, imagej_within_reach: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ImageJProcess]:
    """Embedded ImageJ with its window, one for the tests of a module."""
    process = ImageJProcess("gui", tmp_path_factory.mktemp("window"), {**os.environ, "DISPLAY": display})
    yield process
    process.close()


@pytest.fixture
def imagej(headless_imagej: ImageJProcess) -> ImageJProcess:
    """The same, with no image open."""
    headless_imagej("listen(); tidy()")
    return headless_imagej
