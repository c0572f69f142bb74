"""A Fiji of the user's own, through PyImageJ; ImageJ2 itself is not to be had everywhere, so the smallest stand-in."""

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.fiji_scripts import fiji_scripts_folder
from golddigger_ij.imagej import jvm
from golddigger_ij.imagej.embedded import COORDINATES
from golddigger_ij.imagej.fiji import _java_for, _scripts_option
from golddigger_ij.imagej.jar_cache import cached_jars
from golddigger_ij.imagej.local_fiji import IMAGEJ1, IMAGEJ2, LEGACY, LocalFiji, find_local_fiji, is_fetched

# What PyImageJ and we ask of ImageJ2: a gateway, its layer for the original ImageJ, its user interface.
STAND_IN = """
package net.imagej

class ImageJ extends org.scijava.AbstractGateway {
    ImageJ() { this(new org.scijava.Context()) }
    ImageJ(org.scijava.Context context) { super("ImageJ", context) }
}
"""
LAYER = """
package net.imagej.legacy

class LegacyService extends org.scijava.service.AbstractService implements org.scijava.service.SciJavaService {
    void initialize() {
        if (java.awt.GraphicsEnvironment.headless) return
        new ij.ImageJ(ij.ImageJ.NO_SHOW).exitWhenQuitting(true)
    }
    boolean isActive() { !Boolean.getBoolean("inactive") }
    void dispose() { System.out.println("disposed"); System.out.flush() }
}
"""
WINDOW = """
package net.imagej.legacy

class LegacyUI extends org.scijava.ui.AbstractUserInterface {
    void createUI() { ij.IJ.instance.pack(); ij.IJ.instance.visible = true }
    boolean isVisible() { ij.IJ.instance != null && ij.IJ.instance.visible }
    org.scijava.ui.viewer.DisplayWindow createDisplayWindow(org.scijava.display.Display display) { null }
    File chooseFile(File file, String style) { null }
    void showContextMenu(String root, org.scijava.display.Display display, int x, int y) {}
    org.scijava.ui.DialogPrompt dialogPrompt(String message, String title,
        org.scijava.ui.DialogPrompt.MessageType kind, org.scijava.ui.DialogPrompt.OptionType options) { null }
    boolean requiresEDT() { false }
}
"""
PLUGINS = {
    "net.imagej.legacy.LegacyService": "org.scijava.service.Service",
    "net.imagej.legacy.LegacyUI": "org.scijava.ui.UserInterface",
}

START = """
import sys
from golddigger_ij.imagej import jvm
fiji, mode, *options = sys.argv[1:]
try:
    imagej = jvm.start_imagej(fiji, mode, options[0] if options else None, options[1:])
except Exception as error:
    print(f"{type(error).__name__}: {error}")
    sys.exit(1)
from jpype import JClass
said = JClass("java.lang.System").getProperty
"""


@pytest.fixture(scope="module")
def libraries(java, imagej_within_reach) -> list[Path]:
    """The libraries of the embedded ImageJ."""
    return cached_jars(COORDINATES)


@pytest.fixture(scope="module")
def stand_in(libraries, java, tmp_path_factory) -> Path:
    """A folder like Fiji's, with a library that has the classes of ImageJ2 which are asked for."""
    folder = tmp_path_factory.mktemp("fiji") / "Fiji µ.app"
    (folder / "plugins").mkdir(parents=True)
    (folder / "jars").mkdir()
    for jar in libraries:
        (folder / "jars" / jar.name).symlink_to(jar)
    made = tmp_path_factory.mktemp("made")
    sources = []
    for name, text in (("ImageJ", STAND_IN), ("LegacyService", LAYER), ("LegacyUI", WINDOW)):
        sources.append(made / f"{name}.groovy")
        sources[-1].write_text(text)
    command = [str(java.home / "bin" / "java"), "-cp", os.pathsep.join(map(str, libraries))]
    command += ["org.codehaus.groovy.tools.FileSystemCompiler", "-d", str(made / "classes"), *map(str, sources)]
    subprocess.run(command, check=True, timeout=120)
    with zipfile.ZipFile(folder / "jars" / "imagej-legacy-stand-in.jar", "w") as jar:
        for path in (made / "classes").rglob("*.class"):
            jar.write(path, path.relative_to(made / "classes").as_posix())
        index = "".join(
            json.dumps({"class": name, "values": {"type": kind}}, separators=(",", ":"))
            for name, kind in PLUGINS.items()
        )
        jar.writestr("META-INF/json/org.scijava.plugin.Plugin", index)
    return folder


def ran(code: str, *arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    environment = {**os.environ, **more}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False)


@pytest.fixture
def own(tmp_path) -> list[str]:
    """Options that keep ImageJ from the user's preferences."""
    (tmp_path / "home").mkdir()
    return [f"-Duser.home={tmp_path / 'home'}", f"-Djava.util.prefs.userRoot={tmp_path / 'home'}"]


def test_a_fiji_is_started_with_the_engine_the_commands_and_the_memory(stand_in, own):
    code = START + (
        "objects = imagej.service('org.scijava.object.ObjectService')\n"
        "names = [str(objects.getName(one)) for one in objects.getObjects(JClass('java.util.function.Function'))]\n"
        "folders = imagej.service('org.scijava.script.ScriptService').getScriptDirectories()\n"
        "memory = JClass('java.lang.Runtime').getRuntime().maxMemory() >> 20\n"
        "import json\n"
        "print(json.dumps([imagej.source, imagej.headless, names, [str(one) for one in folders], memory,"
        " str(said('plugins.dir')), str(said('user.home'))]))\n"
        "import atexit; atexit.register(print, 'Python ends')\n"
    )
    done = ran(code, stand_in, "headless", "300m", *own)
    assert done.returncode == 0, done.stderr + done.stdout
    source, headless, names, folders, memory, plugins, home = json.loads(done.stdout.splitlines()[0])
    assert (source, headless) == ("fiji", True)
    assert "golddigger-ij" in names
    assert folders == [str(stand_in / "scripts"), str(fiji_scripts_folder())]
    assert 250 <= memory <= 310
    assert plugins == str(stand_in / "plugins")
    assert home in own[0]
    # PyImageJ gets to dispose of it, and so do other libraries.
    assert done.stdout.splitlines()[1:] == ["Python ends", "disposed"]
    assert "imglyb" not in done.stderr


def test_the_commands_of_a_fiji_that_has_them_are_not_there_twice(tmp_path):
    assert _scripts_option(LocalFiji(tmp_path)) == [f"-Dscijava.scripts.path={fiji_scripts_folder()}"]
    (tmp_path / "scripts" / "Plugins" / "Gold_Digger").mkdir(parents=True)
    assert _scripts_option(LocalFiji(tmp_path)) == []


def test_the_window_of_a_fiji_is_opened_and_python_goes_on_when_it_is_closed(stand_in, own, display):
    code = START + (
        "from golddigger_ij.imagej.embedded import wait_until_closed\n"
        "window = JClass('ij.IJ').getInstance()\n"
        "print(window.isVisible(), flush=True)\n"
        "window.quit()\n"
        "print(wait_until_closed(60))\n"
        "import atexit; atexit.register(print, 'Python ends')\n"
    )
    done = ran(code, stand_in, "gui", "300m", *own, DISPLAY=display)
    assert done.returncode == 0, done.stderr + done.stdout
    assert done.stdout.splitlines() == ["True", "True", "Python ends", "disposed"]


def test_interactive_opens_no_window_by_itself(stand_in, own, display):
    code = START + "print(imagej.headless, JClass('ij.IJ').getInstance().isVisible())\n"
    done = ran(code, stand_in, "interactive", "300m", *own, DISPLAY=display)
    assert done.stdout.splitlines()[0] == "False False", done.stderr + done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
def test_ctrl_c_stays_pythons(stand_in, own):
    code = START + (
        "import time\n"
        "try:\n    print('up', flush=True)\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    print('stopped')\n"
    )
    command = [sys.executable, "-c", code, str(stand_in), "headless", "300m", *own]
    heeded = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **heeded) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=60)
    assert rest.splitlines() == ["stopped", "disposed"]
    assert process.returncode == 0


def test_garbage_that_java_collects_while_python_ends_is_no_crash(stand_in, own):
    # Many Python objects that Java held, and a collector that never rests.
    code = START + (
        "from jpype import JImplements, JOverride\n"
        "@JImplements('java.util.function.Function')\n"
        "class Held:\n    @JOverride\n    def apply(self, value):\n        return value\n"
        "held = JClass('java.util.ArrayList')()\n"
        "for _ in range(3000):\n    held.add(Held())\n"
        "endless = 'Thread.startDaemon { while (true) { System.gc(); Thread.sleep(1) } }; null'\n"
        "JClass('groovy.lang.GroovyShell')().evaluate(endless)\n"
        "held.clear()\n"
    )
    done = ran(code, stand_in, "headless", "300m", *own)
    assert done.returncode == 0, done.stderr


def test_without_a_display_that_answers_windows_are_refused(stand_in, own, display):
    done = ran(START, stand_in, "gui", "300m", *own, DISPLAY=":7654")
    assert done.returncode == 1
    assert done.stdout.splitlines()[0].startswith("GoldDiggerError: Java cannot open windows on the display :7654")


def test_an_imagej2_whose_layer_for_the_original_is_inactive_is_refused(stand_in, own):
    done = ran(START, stand_in, "headless", "300m", *own, "-Dinactive=true")
    assert done.returncode == 1
    assert "runs without the original ImageJ (imagej-legacy)" in done.stdout


def broken(folder: Path, stand_in: Path, content: dict[str, bytes]) -> Path:
    """A folder with other libraries of the name than the stand-in's."""
    (folder / "jars").mkdir(parents=True)
    for jar in (stand_in / "jars").iterdir():
        if "stand-in" not in jar.name:
            (folder / "jars" / jar.name).symlink_to(jar.resolve())
    with zipfile.ZipFile(folder / "jars" / "imagej-2.0.0.jar", "w") as jar:
        for name, data in content.items():
            jar.writestr(name, data)
    return folder


def test_a_damaged_imagej2_is_named_with_what_java_says(stand_in, own, tmp_path):
    folder = broken(tmp_path / "Fiji", stand_in, {IMAGEJ2: b"?", LEGACY: b"?"})
    done = ran(START, folder, "headless", "300m", *own)
    assert done.returncode == 1
    assert f"GoldDiggerError: {folder}: ImageJ2 does not start from it" in done.stdout
    assert "run its updater, or give another Fiji" in done.stdout
    # PyImageJ's own lines would only come on top.
    assert "***" not in done.stderr


def test_an_imagej2_for_a_newer_java_is_named_with_the_remedy(stand_in, own, tmp_path):
    # The head of a class file, with the version of a Java that is far away.
    of_the_future = b"\xca\xfe\xba\xbe\x00\x00\x03\xe7" + bytes(40)
    folder = broken(tmp_path / "Fiji", stand_in, {IMAGEJ2: of_the_future, LEGACY: of_the_future})
    done = ran(START, folder, "headless", "300m", *own)
    assert done.returncode == 1
    assert "was made for a newer Java than version" in done.stdout
    assert "install a newer JDK" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("fetched", ["2.16.0", "net.imagej:imagej:2.16.0", "sc.fiji:fiji"])
def test_what_cannot_be_fetched_is_named_with_the_remedy(fetched, java, tmp_path):
    # Nothing listens on port 9, and an empty home holds no cache.
    nowhere = dict.fromkeys(("HTTPS_PROXY", "https_proxy"), "http://127.0.0.1:9")
    begun = time.monotonic()
    done = ran(START, fetched, "headless", HOME=str(tmp_path), NO_PROXY="", no_proxy="", **nowhere)
    assert time.monotonic() - begun < 60
    assert done.returncode == 1
    assert done.stdout.startswith(f"GoldDiggerError: {fetched}: cannot be had from https://maven.scijava.org")
    assert "or give the folder of a Fiji" in done.stdout
    assert done.stderr == ""


def jar_with(path: Path, *entries: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as jar:
        for entry in entries:
            jar.writestr(entry, "")


def made_fiji(folder: Path) -> Path:
    jar_with(folder / "jars" / "scijava-common-2.99.2.jar")
    jar_with(folder / "jars" / "ij-1.54p.jar", IMAGEJ1)
    jar_with(folder / "jars" / "imagej-2.17.0.jar", IMAGEJ2)
    jar_with(folder / "jars" / "imagej-legacy-2.0.3.jar", LEGACY)
    return folder


def test_a_fiji_is_found_by_its_folder_and_by_its_launcher(tmp_path):
    folder = made_fiji(tmp_path / "Fiji")
    launcher = folder / "fiji-linux-x64"
    launcher.touch()
    for given in (folder, launcher, tmp_path):
        assert find_local_fiji(str(given)).path == folder


def test_a_fiji_whose_libraries_have_other_names_is_found_all_the_same(tmp_path):
    jar_with(tmp_path / "jars" / "scijava-common.jar", IMAGEJ1, IMAGEJ2)
    jar_with(tmp_path / "plugins" / "more" / "layer.jar", LEGACY)
    assert find_local_fiji(str(tmp_path)).path == tmp_path


@pytest.mark.parametrize(
    ("missing", "says"),
    [
        ("imagej-2.17.0.jar", "none of its 3 jars is ImageJ2"),
        ("ij-1.54p.jar", "is ImageJ2 without the original ImageJ"),
        ("imagej-legacy-2.0.3.jar", "is ImageJ2 without the original ImageJ"),
        ("scijava-common-2.99.2.jar", "this is no Fiji or ImageJ2"),
    ],
)
def test_a_folder_without_imagej2_is_named_with_what_is_missing(missing, says, tmp_path):
    (made_fiji(tmp_path) / "jars" / missing).unlink()
    with pytest.raises(GoldDiggerError) as raised:
        find_local_fiji(str(tmp_path))
    assert str(raised.value).startswith(f"{tmp_path}: ")
    assert says in str(raised.value)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(GoldDiggerError, match=r"gone.app: there is no such folder; give the folder of your Fiji"):
        jvm.start_imagej(str(tmp_path / "gone.app"))


@pytest.mark.parametrize(
    "fetched", ["2.16.0", "2.16.0-SNAPSHOT", "sc.fiji:fiji", "sc.fiji:fiji:2.14.0", "a.b:c+d.e:f:1"]
)
def test_versions_and_coordinates_are_told_from_folders(fetched, tmp_path, monkeypatch):
    assert is_fetched(fetched)
    assert not is_fetched("Fiji.app")
    assert not is_fetched(r"C:\Fiji.app")
    assert not is_fetched("D:Fiji")
    monkeypatch.chdir(tmp_path)
    (tmp_path / fetched).mkdir()
    assert not is_fetched(fetched)


@pytest.mark.skipif(sys.platform != "linux", reason="makes a shell script, and names of folders for Linux")
def test_the_java_that_came_with_a_fiji_is_taken_unless_another_is_named(tmp_path, monkeypatch, java):
    fiji = LocalFiji(made_fiji(tmp_path))
    machine = "linux-arm64" if os.uname().machine == "aarch64" else "linux64"
    for system, folder, version in (("win64", "jdk-22", 22), (machine, "jdk1.8.0", 8), (machine, "zulu21-jdk21", 21)):
        home = tmp_path / "java" / system / folder
        (home / "bin").mkdir(parents=True)
        program = home / "bin" / "java"
        said = f"    java.home = {home}\\n    java.specification.version = {version}\\n"
        program.write_text(f"#!/bin/sh\nprintf '{said}' >&2\n")
        program.chmod(0o755)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    assert _java_for(fiji).version == 21
    assert _java_for(None) == java
    monkeypatch.setenv("JAVA_HOME", str(java.home))
    assert _java_for(fiji) == java
