import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.fiji_scripts import fiji_scripts_folder
from golddigger_ij.imagej.macros import find_macro
from golddigger_ij.montage import open_montage
from golddigger_ij.particles import read_particles_csv
from golddigger_ij.roi_set import read_overlay, read_roi_set
from golddigger_ij.synthetic import Scene, micrograph

BATCH = "detect-gold-in-folder.ijm"

RUN = """
from pathlib import Path
from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.imagej.macros import run_macro
try:
    result = [True, run_macro(imagej, Path(path), arguments)]
except GoldDiggerError as error:
    result = [False, str(error)]
"""

# Another's commands, which know nothing of Gold Digger.
THROWS = '#@ String (required=false, persist=false) x\nthrow new IllegalStateException("the plug-in broke")\n'
FAILS_LATE = """#@ String (required=false, persist=false) x
ij.IJ.run("Set Measurements...", "area")
ij.IJ.error("Its Title", "the plug-in gave up")
null
"""

Run = Callable[..., tuple[bool, str | None, str]]


@pytest.fixture(scope="module")
def imagej(imagej_process, java, imagej_within_reach, tmp_path_factory) -> Iterator[Any]:
    """ImageJ without windows, and with somebody else's commands."""
    scripts = tmp_path_factory.mktemp("scripts")
    folder = scripts / "Plugins" / "Gold_Digger"
    folder.mkdir(parents=True)
    (folder / "Throw_It.groovy").write_text(THROWS, encoding="utf-8")
    (folder / "Fail_Late.groovy").write_text(FAILS_LATE, encoding="utf-8")
    both = f"-Dscijava.scripts.path={fiji_scripts_folder()}{os.pathsep}{scripts}"
    process = imagej_process("headless", tmp_path_factory.mktemp("imagej"), dict(os.environ), (both,))
    yield process
    process.close()


@pytest.fixture
def run(imagej, tmp_path) -> Run:
    """Run a macro's text; whether it ended well, what it returned or said, and what was printed meanwhile."""

    def ran(text: str, *arguments: str, encoding: str = "utf-8") -> tuple[bool, str | None, str]:
        path, before = tmp_path / "made here.ijm", len(imagej.log)
        path.write_text(text, encoding=encoding, newline="")
        ended_well, told = imagej(RUN, path=str(path), arguments=arguments)
        return ended_well, told, imagej.log[before:]

    return ran


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("b = (2;", "line 2: ')' expected; at <>: b = ( 2 <;>"),
        ("print(unknown);", "line 2: Undefined variable; at <>: print ( <unknown> ) ;"),
        ('run("No Such Command");', 'line 2: Unrecognized command: "No Such Command"'),
        ('run("8-bit");', "line 2: There are no images open"),
        ('open("/no/such/file.tif");', "line 2: File not found: \n/no/such/file.tif"),
        ('newImage("a", "8-bit", 9, 9, 1); saveAs("tiff", "/no/such/folder/a.tif");', "/no/such/folder/a.tif"),
        ('exit("Nothing to do:\\nno images");', "made here.ijm: Nothing to do:\nno images"),
        ('run("Detect Gold Particles...", "gd_treshold=0.5");', "line 2: gd_treshold: there is no such key"),
        ('run("Detect Gold Particles...");', "line 2: No image is open; open the montage first."),
        ('roiManager("reset");', "line 2: ImageJ has no ROI Manager without windows"),
        ('x = getNumber("How many?", 3);', "line 2: this asks for something in a window"),
        ('newImage("a", "8-bit", 9, 9, 1); run("Set Scale...");', "line 2: this asks for something in a window"),
        ('newImage("a", "32-bit", 20000, 20000, 1);', "line 2: Java is out of memory; give it more"),
        ('newImage("a", "32-bit", 10000, 18000, 1); run("Duplicate...", "title=b");', "Java is out of memory"),
        ('run("Throw It");', "line 2: java.lang.IllegalStateException: the plug-in broke"),
        ('run("Fail Late");', "line 2: the plug-in gave up"),
    ],
)
def test_a_macro_that_fails_stops_there_and_says_why_and_where(run, statement, says):
    ended_well, told, printed = run(f'print("begun");\n{statement}\nprint("went on");\n')
    assert not ended_well
    assert told.startswith("made here.ijm")
    assert says in told
    assert "begun\n" in printed
    assert "went on" not in printed


def test_a_command_that_fails_in_a_loop_ends_the_loop(run):
    ended_well, told, printed = run(
        'for (i = 0; i < 3; i++) { print("turn", i); run("Gold Digger Doctor", "gd_x=1"); }'
    )
    assert not ended_well
    assert "gd_x" in told
    assert printed.count("turn") == 1


def test_a_failure_is_said_once_and_not_as_output(run):
    _, told, printed = run('run("Detect Gold Particles...", "gd_treshold=0.5");')
    assert "did you mean gd_threshold?" in told
    assert printed == ""


@pytest.mark.parametrize(
    ("end", "returned"), [("exit();", None), ("exit;", None), ('return "a b";', "a b"), ("", None)]
)
def test_a_macro_that_ends_itself_without_a_message_ends_well(run, end, returned):
    ended_well, told, printed = run(f'print("done: µm, 金");\n{end}\n')
    assert (ended_well, told) == (True, returned)
    assert printed == "done: µm, 金\n"


@pytest.mark.parametrize("given", [(), ("a b, 'c' \"d\" ü]",), ("one file.tif", "ü", "gd_sizes=6,12 gd_model=[a b]")])
def test_a_macro_gets_its_arguments_as_they_were_given(run, given):
    _, told, _ = run("return getArgument();", *given)
    assert (told or "") == "\n".join(given)


def test_a_macro_saved_by_imagej_itself_keeps_its_letters(run):
    assert run('return "µm";', encoding="latin-1")[1] == "µm"
    assert run('\ufeffprint("a");\r\nreturn "µm";\r\n')[1] == "µm"


def test_a_macro_may_go_on_past_the_failure_of_another_which_is_told(run):
    ended_well, told, printed = run(
        """
        for (i = 0; i < 2; i++)
            print("first:", eval("run('Detect Gold Particles...', 'gd_x=1'); return 'done';"));
        print("second:", eval("exit('not today');"));
        print("third:", eval("return 'done';"));
        again = eval("exit('nor tomorrow');");
        exit();
        """
    )
    assert (ended_well, told) == (True, None)
    assert printed.count("gd_x: there is no such key") == 2
    assert printed.count("first: done") == 0
    assert printed.endswith("not today\nsecond: [aborted]\nthird: done\nnor tomorrow\n")


def test_our_own_macros_are_found_by_their_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_macro(BATCH) == (fiji_scripts_folder() / "macros" / BATCH).resolve()
    (tmp_path / BATCH).write_text("print(1);", encoding="utf-8")
    assert find_macro(BATCH) == (tmp_path / BATCH).resolve()


@pytest.mark.parametrize(("name", "says"), [("gone.ijm", BATCH), ("a.groovy", "not an ImageJ macro")])
def test_what_is_no_macro_is_refused(name, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.groovy").write_text("println 1", encoding="utf-8")
    with pytest.raises(GoldDiggerError, match=says):
        find_macro(name)


@pytest.fixture
def command(java, imagej_within_reach, tmp_path) -> Callable[..., subprocess.Popen[str]]:
    """Start `golddigger-ij macro` in the test's folder, with a home folder of its own, where Ctrl-C is heeded."""
    home = tmp_path / "home"
    home.mkdir()
    java_options = f"-Duser.home={home} -Djava.util.prefs.userRoot={home} -Xmx1g"
    environment = {**os.environ, "JAVA_TOOL_OPTIONS": java_options, "GOLDDIGGER_IJ_HOME": str(home)}
    environment.pop("DISPLAY", None)

    def start(*arguments: str | Path) -> subprocess.Popen[str]:
        heeded = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler)}
        return subprocess.Popen(
            [sys.executable, "-c", "from golddigger_ij.cli import main; main()", "macro", *map(str, arguments)],
            env=environment,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            **(heeded if os.name == "posix" else {}),
        )

    return start


def write_section(path: Path, seed: int, nm_per_px: float | None = 1.1) -> None:
    made = micrograph(240, 320, Scene("resin", 1.1, (7.0, 14.0), (150.0, 100.0), debris_per_um2=0, noise=0.03), seed)
    scale = {} if nm_per_px is None else {"resolution": (1e7 / nm_per_px,) * 2, "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(path, made.image, **scale)


@pytest.fixture
def montages(tmp_path) -> Path:
    """Two good ones with difficult names, between them one without a pixel size and two broken ones, and a text."""
    folder = tmp_path / "of May, ü [1] 'x'"
    folder.mkdir()
    write_section(folder / "b, [2] ü.tif", 1)
    write_section(folder / "c.ome.tif", 2)
    write_section(folder / "b.uncalibrated.tiff", 3, nm_per_px=None)
    for name in ("a.tif", "bx.TIF"):
        (folder / name).write_bytes(b"II*\0and no more")
    (folder / "notes.txt").write_text("not an image", encoding="utf-8")
    return folder


def test_the_batch_macro_saves_tables_roi_sets_and_overlays_and_goes_on_past_bad_images(command, montages, tmp_path):
    results = tmp_path / "results, ü"
    process = command(BATCH, montages.name, results.name, "gd_sizes=7,14")
    printed, said = process.communicate(timeout=300)
    assert process.returncode == 1, said
    failed = "a.tif, b.uncalibrated.tiff, bx.TIF"
    assert f"Of 5 images these failed: {failed}. The results of the others are in results, ü" in said
    assert said.count("ImageJ cannot open this image") == 2
    assert said.count("b.uncalibrated.tiff: the image has no pixel size") == 1
    in_order = [line for line in printed.splitlines() if "particles" not in line]
    assert in_order == ["a.tif", "b, [2] ü.tif", "b.uncalibrated.tiff", "bx.TIF", "c.ome.tif"]
    for stem in ("b, [2] ü", "c"):
        particles = read_particles_csv(results / f"{stem}_particles.csv")
        assert len(particles) > 5
        for rois in read_roi_set(results / f"{stem}_RoiSet.zip"), read_overlay(results / f"{stem}_overlay.tif"):
            order = np.argsort([int(properties["gd_id"]) for properties in rois.properties])
            assert rois.x[order] == pytest.approx(particles.x, abs=0.01)
            assert rois.y[order] == pytest.approx(particles.y, abs=0.01)
        with open_montage(results / f"{stem}_overlay.tif") as montage:
            assert montage.pixel_size is not None
            assert montage.pixel_size.nm == pytest.approx(1.1, rel=1e-3)
    assert not list(results.glob("b*uncalibrated*"))


def test_the_batch_macro_ends_well_where_all_images_do_and_may_be_run_again_on_its_results(command, montages):
    for broken in ("a.tif", "bx.TIF"):
        (montages / broken).unlink()
    for _ in range(2):
        process = command(BATCH, montages, montages, "gd_pixel_size=1.1")
        printed, said = process.communicate(timeout=300)
        assert process.returncode == 0, said
        assert printed.splitlines()[-1].startswith("3 images; the results are in ")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
@pytest.mark.parametrize(
    "statement",
    [
        "wait(600000);",
        "while (true) x = 1;",
        'open("large.tif"); run("Detect Gold Particles...", "gd_pixel_size=1 gd_output=[out]");',
    ],
)
def test_ctrl_c_stops_the_macro_and_what_it_runs(command, tmp_path, statement):
    noise = np.random.default_rng(0).integers(100, 200, (9000, 9000), np.uint8)
    tifffile.imwrite(tmp_path / "large.tif", noise)
    (tmp_path / "long.ijm").write_text(f'print("begun");\n{statement}\nprint("went on");', encoding="utf-8")
    with command("long.ijm") as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "begun\n"
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(6)
            process.send_signal(signal.SIGINT)
            printed, said = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 130, said
    assert printed == ""
    assert said.splitlines()[-1] == "golddigger-ij: stopped; no file is half-written"
    assert not list(tmp_path.glob("out/*"))
