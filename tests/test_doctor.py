import json
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from golddigger_ij import doctor
from golddigger_ij.doctor import Check, report
from golddigger_ij.imagej.local_fiji import IMAGEJ1, IMAGEJ2, LEGACY
from golddigger_ij.install import MANIFEST, install, uninstall

NOWHERE = dict.fromkeys(("HTTPS_PROXY", "https_proxy"), "http://127.0.0.1:9") | {"NO_PROXY": "", "no_proxy": ""}
"""Nothing listens on port 9."""


def check(name: str, **options: object) -> Check:
    """The one check of that name."""
    (found,) = [one for one in report(**options) if one.name == name]
    return found


def ran(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    code = "from golddigger_ij.cli import main; main()"
    command = [sys.executable, "-c", code, "doctor", *arguments]
    known = {name: value for name, value in os.environ.items() if name != "DISPLAY"}
    return subprocess.run(
        command, env={**known, **environment}, cwd=cwd, capture_output=True, text=True, timeout=120, check=False
    )


def test_everything_that_is_needed_is_looked_at():
    names = [one.name for one in report()]
    assert names == [
        "Python",
        "golddigger-ij",
        "PyTorch",
        "model gold",
        "model synthetic",
        "Java",
        "ImageJ",
        "display",
        "own folder",
        "this folder",
        "memory",
        "disk",
    ]


def test_a_look_does_not_take_long(java):
    report()
    begun = time.process_time()
    report()
    assert time.process_time() - begun < 5


def test_what_does_not_work_has_advice_and_what_works_has_none():
    for one in report(fiji="/there/is/no/such/fiji"):
        assert bool(one.advice) == (one.ok is not True)


def test_a_look_starts_no_jvm_and_makes_nothing(tmp_path):
    code = "from golddigger_ij.doctor import report; report(); import sys; "
    code += "print('jpype' in sys.modules and sys.modules['jpype'].isJVMStarted())"
    known = {**os.environ, "GOLDDIGGER_IJ_HOME": str(tmp_path / "home"), "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=known, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    assert list(tmp_path.iterdir()) == []


def test_a_machine_on_which_everything_works_is_told_so(java, imagej_within_reach):
    done = ran()
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1] == "everything works"
    # A display is not needed for everything.
    assert "note   display" in done.stdout


def test_what_is_broken_is_named_at_the_end_and_in_the_exit_status(tmp_path):
    done = ran(JAVA_HOME=str(tmp_path))
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[-1].endswith("fail: Java")
    at = next(i for i, line in enumerate(lines) if line.startswith("FAILS  Java"))
    assert "which holds no Java" in lines[at] or "which holds no Java" in lines[at + 1]


def test_without_java_there_is_advice_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    java = check("Java")
    assert java.ok is False
    assert java.text == "there is no Java on this machine"
    assert java.advice.startswith("install a JDK")


def test_without_a_network_imagej_is_missing_only_where_it_was_never_fetched(monkeypatch, tmp_path):
    import scyjava.config

    before = scyjava.config.get_cache_dir()
    for name, value in NOWHERE.items():
        monkeypatch.setenv(name, value)
    scyjava.config.set_cache_dir(tmp_path)
    try:
        imagej = check("ImageJ")
    finally:
        scyjava.config.set_cache_dir(before)
    assert imagej.ok is False
    assert "Maven Central is out of reach" in imagej.text
    assert "HTTPS_PROXY" in imagej.advice


def test_a_damaged_model_is_named(monkeypatch, tmp_path):
    import shutil

    from golddigger_ij import models

    shutil.copytree(models.BUNDLED / "gold", tmp_path / "gold")
    weights = tmp_path / "gold" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    monkeypatch.setattr(models, "BUNDLED", tmp_path)
    assert check("model gold").ok is False
    assert "is damaged" in check("model gold").text
    weights.parent.joinpath("card.json").unlink()
    assert check("models").advice == "install golddigger-ij again"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a display is not a variable")
def test_a_display_is_a_note_when_missing_or_silent_and_works_when_it_answers(monkeypatch, display):
    monkeypatch.setenv("DISPLAY", display)
    assert check("display") == Check("display", True, display)
    monkeypatch.setenv("DISPLAY", ":7654")
    assert check("display").ok is None
    assert "does not answer" in check("display").text
    monkeypatch.delenv("DISPLAY")
    assert check("display").ok is None
    assert "there is no display" in check("display").text


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="nothing is closed to this user")
def test_folders_that_take_no_files_are_named(monkeypatch, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    monkeypatch.setenv("GOLDDIGGER_IJ_HOME", str(closed / "home"))
    monkeypatch.chdir(closed)
    assert check("own folder").ok is False
    assert check("this folder").ok is None


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="/proc takes no files from anyone")
def test_an_own_folder_that_cannot_be_made_is_named(monkeypatch):
    monkeypatch.setenv("GOLDDIGGER_IJ_HOME", "/proc/golddigger")
    own = check("own folder")
    assert own.ok is False
    assert "/proc/golddigger cannot be written to" in own.text
    assert "GOLDDIGGER_IJ_HOME" in own.advice


def test_little_memory_and_disk_are_noted(monkeypatch):
    assert check("memory").ok is True or check("memory").advice
    monkeypatch.setattr(doctor, "LITTLE_MEMORY", 2**60)
    monkeypatch.setattr(doctor, "LITTLE_DISK", 2**60)
    assert check("memory").ok is None
    assert "tile-size" in check("memory").advice
    assert check("disk") == Check("disk", None, check("disk").text, "make room")


def test_imagej_is_not_asked_about_its_own_java_and_window():
    assert not {"Java", "ImageJ", "display"} & {one.name for one in report(inside_imagej=True)}


def test_a_folder_that_is_no_fiji_is_named(tmp_path):
    fiji = check("Fiji", fiji=str(tmp_path))
    assert fiji.ok is False
    assert str(tmp_path) in fiji.text
    assert "give its folder" in fiji.advice


def jar_with(path: Path, *entries: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as jar:
        for entry in entries:
            jar.writestr(entry, "")


@pytest.fixture
def fiji(tmp_path) -> Path:
    """A folder with what tells a Fiji, and with our commands."""
    folder = tmp_path / "Fiji.app"
    for name in ("scijava-common-2.99.2", "groovy-4.0.28", "groovy-json-4.0.28", "jna-5.14.0", "jna-platform-5.14.0"):
        jar_with(folder / "jars" / f"{name}.jar")
    jar_with(folder / "jars" / "appose-0.9.0.jar")
    jar_with(folder / "jars" / "ij-1.54p.jar", IMAGEJ1)
    jar_with(folder / "jars" / "imagej-2.17.0.jar", IMAGEJ2)
    jar_with(folder / "jars" / "imagej-legacy-2.0.3.jar", LEGACY)
    install(folder)
    return folder


def of_fiji(folder: Path) -> dict[str, Check]:
    return {one.name: one for one in report(str(folder)) if "Fiji" in one.name or one.name == "menu commands"}


def test_a_fiji_with_our_commands_works(fiji):
    checks = of_fiji(fiji)
    assert list(checks) == ["Fiji", "Fiji's jars", "menu commands", "Fiji's Python"]
    assert all(one.ok for one in checks.values())
    assert checks["Fiji's Python"].text == "this one"


def test_a_fiji_without_our_commands_is_told_how_to_get_them(fiji):
    uninstall(fiji)
    commands = of_fiji(fiji)["menu commands"]
    assert (commands.ok, commands.text) == (False, "are not installed in this Fiji")
    assert f'golddigger-ij install --fiji "{fiji}"' in commands.advice


def test_commands_that_are_gone_or_of_another_version_are_named(fiji):
    told = json.loads((fiji / MANIFEST).read_text(encoding="utf-8"))
    (fiji / MANIFEST).write_text(json.dumps({**told, "version": "0.0.1"}), encoding="utf-8")
    assert of_fiji(fiji)["menu commands"].text.startswith("are of version 0.0.1, and this is ")
    gone = "golddigger-ij/GoldCommand.groovy"
    (fiji / gone).unlink()
    assert of_fiji(fiji)["menu commands"] == Check(
        "menu commands", False, f"{gone} is gone", of_fiji(fiji)["menu commands"].advice
    )


def test_a_python_that_is_gone_is_named(fiji):
    told = json.loads((fiji / MANIFEST).read_text(encoding="utf-8"))
    (fiji / MANIFEST).write_text(json.dumps({**told, "python": "/gone/python"}), encoding="utf-8")
    python = of_fiji(fiji)["Fiji's Python"]
    assert (python.ok, python.text) == (False, "/gone/python is gone or cannot be run")


def test_a_library_that_a_fiji_lacks_is_named(fiji):
    (fiji / "jars" / "appose-0.9.0.jar").unlink()
    assert of_fiji(fiji)["Fiji's jars"].text == "there is no appose"
