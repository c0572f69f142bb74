import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import golddigger_ij
from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.fiji_folders import fiji_folder
from golddigger_ij.install import MANIFEST, SETTINGS, install, read_installed, uninstall
from golddigger_ij.jars import APPOSE, JNA, JNA_PLATFORM, Jar, fetch, missing_jars

RECENT = ("appose-0.9.0", "groovy-4.0.28", "groovy-json-4.0.28", "jna-5.14.0", "jna-platform-5.14.0")
DETECT = "scripts/Plugins/Gold_Digger/Detect_Gold_Particles....groovy"
SHARED = "golddigger-ij/GoldCommand.groovy"
MACRO = "macros/show-gold-particles.ijm"


def make_fiji(folder: Path, jars=RECENT) -> Path:
    """A folder that looks like a Fiji, with things of the user's in it."""
    for jar in ("scijava-common-2.99.2", *jars):
        put(folder / "jars" / f"{jar}.jar", jar)
    put(folder / "plugins" / "Mine_.ijm", "// mine")
    put(folder / "macros" / "Mine.ijm", "// mine, too")
    put(folder / "scripts" / "Plugins" / "Mine_.groovy", "// mine as well")
    return folder


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def content(folder: Path) -> dict[str, bytes | None]:
    """Everything below a folder: files with their content, folders with None."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")
    }


@pytest.fixture
def fiji(tmp_path) -> Path:
    return make_fiji(tmp_path / "Fiji.app")


def test_everything_that_was_put_there_is_listed_with_its_hash(fiji):
    before = content(fiji)
    report = install(fiji)
    after, installed = content(fiji), read_installed(fiji)
    assert {DETECT, SHARED, MACRO, SETTINGS} <= set(report.put)
    assert set(installed.files) == set(report.put)
    assert {path for path in after if path not in before and after[path] is not None} == {*report.put, MANIFEST}
    assert all(hashlib.sha256(after[path]).hexdigest() == installed.files[path] for path in report.put)
    assert {path: after[path] for path in before} == before


def test_uninstalling_leaves_the_fiji_as_it_was(fiji):
    before = content(fiji)
    install(fiji)
    report = uninstall(fiji)
    assert content(fiji) == before
    assert DETECT in report.removed
    with pytest.raises(GoldDiggerError, match="not installed"):
        uninstall(fiji)


def test_a_folder_with_something_of_the_user_stays_when_it_is_uninstalled(fiji):
    install(fiji)
    put(fiji / "golddigger-ij" / "notes.txt", "mine")
    uninstall(fiji)
    assert content(fiji / "golddigger-ij") == {"notes.txt": b"mine"}
    assert not (fiji / "scripts/Plugins/Gold_Digger").exists()


def test_installing_again_changes_nothing(fiji):
    install(fiji)
    before = content(fiji)
    assert install(fiji).put == ()
    assert content(fiji) == before


def test_installing_again_takes_away_what_the_new_version_no_longer_has(fiji):
    install(fiji)
    old = "scripts/Plugins/Gold_Digger/Count_Gold.groovy"
    put(fiji / old, "// from an earlier version")
    manifest = json.loads((fiji / MANIFEST).read_text(encoding="utf-8"))
    manifest["files"][old] = hashlib.sha256(b"// from an earlier version").hexdigest()
    put(fiji / MANIFEST, json.dumps(manifest))
    put(fiji / SHARED, "// from an earlier version")
    manifest["files"][SHARED] = manifest["files"][old]
    put(fiji / MANIFEST, json.dumps(manifest))
    report = install(fiji)
    assert (report.put, report.removed, report.kept) == ((SHARED,), (old,), ())
    assert not (fiji / old).exists()
    assert "class GoldCommand" in (fiji / SHARED).read_text(encoding="utf-8")


def test_a_file_that_the_user_changed_is_kept_beside_the_new_one(fiji):
    install(fiji)
    put(fiji / SHARED, "// my own version")
    report = install(fiji)
    (kept,) = report.kept
    assert kept.startswith(f"{SHARED}.bak-")
    assert (fiji / kept).read_text(encoding="utf-8") == "// my own version"
    assert "class GoldCommand" in (fiji / SHARED).read_text(encoding="utf-8")
    uninstall(fiji)
    assert (fiji / kept).read_text(encoding="utf-8") == "// my own version"


def test_a_file_that_the_user_changed_stays_when_it_is_uninstalled(fiji):
    install(fiji)
    put(fiji / MACRO, "// my own version")
    assert uninstall(fiji).kept == (MACRO,)
    assert (fiji / MACRO).read_text(encoding="utf-8") == "// my own version"


def test_a_file_of_the_user_with_one_of_our_names_stops_the_installation(fiji):
    put(fiji / MACRO, "// mine by chance")
    before = content(fiji)
    with pytest.raises(GoldDiggerError, match=r"show-gold-particles\.ijm is there already and not ours"):
        install(fiji)
    assert content(fiji) == before


def test_our_own_file_copied_by_hand_is_no_obstacle(fiji):
    install(fiji)
    ours = (fiji / MACRO).read_text(encoding="utf-8")
    uninstall(fiji)
    put(fiji / MACRO, ours)
    assert MACRO not in install(fiji).put
    assert MACRO in read_installed(fiji).files


def test_a_failure_in_the_middle_leaves_the_fiji_as_it_was(fiji):
    install(fiji)
    put(fiji / MACRO, "// my own version")
    put(fiji / SHARED, "// my own version")
    before = content(fiji)
    # A folder where a file was: nothing can be put in its place.
    (fiji / DETECT).unlink()
    put(fiji / DETECT / "in the way", "")
    manifest = json.loads((fiji / MANIFEST).read_text(encoding="utf-8"))
    with pytest.raises(GoldDiggerError, match="nothing was changed"):
        install(fiji)
    after = content(fiji)
    assert {path: after[path] for path in before if path != DETECT} == {
        path: before[path] for path in before if path != DETECT
    }
    assert json.loads((fiji / MANIFEST).read_text(encoding="utf-8")) == manifest
    assert not [path for path in after if path.startswith(".golddigger-ij-")]


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_folder_that_cannot_be_written_to_is_named(fiji):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    fiji.chmod(0o555)
    try:
        with pytest.raises(GoldDiggerError, match=r"Fiji\.app.* cannot be written .*nothing was changed"):
            install(fiji)
    finally:
        fiji.chmod(0o755)


def test_a_damaged_list_is_an_error_with_a_remedy(fiji):
    install(fiji)
    for damaged in ("{", '{"version": "1", "python": "", "files": {"../../important": "x"}, "folders": []}'):
        put(fiji / MANIFEST, damaged)
        for work in (install, uninstall):
            with pytest.raises(GoldDiggerError, match=r"installed\.json: .*damaged.*then install again"):
                work(fiji)


def test_the_settings_are_read_by_java_as_they_were_meant(fiji, java, tmp_path):
    python = tmp_path / "Ümläut and 日本" / "python"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    # A virtual environment is found by its configuration beside the program.
    shutil.copy(Path(sys.prefix) / "pyvenv.cfg", python.parent.parent / "pyvenv.cfg")
    site = Path(sys.prefix, "lib", f"python{sys.version_info.major}.{sys.version_info.minor}")
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / site.name).symlink_to(site)
    install(fiji, python)
    reader = tmp_path / "Reader.java"
    put(
        reader,
        """import java.io.*; import java.util.*; import java.nio.charset.StandardCharsets;
        class Reader { public static void main(String[] names) throws Exception {
            Properties settings = new Properties();
            settings.load(new InputStreamReader(new FileInputStream(names[0]), StandardCharsets.UTF_8));
            new PrintStream(System.out, true, "UTF-8").print(settings.getProperty("python") + "\\n" + settings.size());
        } }""",
    )
    told = subprocess.run(
        [java.home / "bin/java", f"-Duser.home={tmp_path}", reader, fiji / SETTINGS], capture_output=True, check=True
    )
    assert told.stdout.decode("utf-8").split("\n") == [str(python), "2"]


def test_a_python_without_golddigger_is_refused_before_anything_is_done(fiji, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "other"], check=True)
    (other,) = {*tmp_path.glob("other/bin/python"), *tmp_path.glob("other/Scripts/python.exe")}
    before = content(fiji)
    with pytest.raises(GoldDiggerError, match=r"has no golddigger-ij that works .*No module named.*--python"):
        install(fiji, other)
    with pytest.raises(GoldDiggerError, match=r"nowhere: does not run .*--python"):
        install(fiji, tmp_path / "nowhere")
    assert content(fiji) == before


def test_a_fiji_is_found_by_its_folder_the_one_above_it_or_its_program(tmp_path):
    make_fiji(tmp_path / "one" / "Fiji.app")
    put(tmp_path / "one" / "Fiji.app" / "ImageJ-linux64", "")
    assert fiji_folder(tmp_path / "one") == tmp_path / "one" / "Fiji.app"
    assert fiji_folder(tmp_path / "one" / "Fiji.app" / "ImageJ-linux64") == tmp_path / "one" / "Fiji.app"
    # Since 2025, on macOS, Fiji.app is a launcher within the folder Fiji.
    make_fiji(tmp_path / "two" / "Fiji")
    put(tmp_path / "two" / "Fiji" / "Fiji.app" / "Contents" / "Info.plist", "")
    assert fiji_folder(tmp_path / "two" / "Fiji" / "Fiji.app") == tmp_path / "two" / "Fiji"


def test_what_is_no_fiji_is_said(tmp_path):
    put(tmp_path / "ImageJ" / "ij.jar", "")
    with pytest.raises(GoldDiggerError, match=r"plain ImageJ.*golddigger-ij imagej"):
        install(tmp_path / "ImageJ")
    with pytest.raises(GoldDiggerError, match="no Fiji or ImageJ2"):
        install(tmp_path)
    with pytest.raises(GoldDiggerError, match="no such folder"):
        install(tmp_path / "nowhere")


def test_a_library_that_is_there_never_comes_twice():
    have = [f"{name}.jar" for name in RECENT]
    assert missing_jars(Path("Fiji"), have) == []
    assert missing_jars(Path("Fiji"), [*have, "appose-1.2.3.jar"]) == []
    assert missing_jars(Path("Fiji"), ["groovy-4.0.28.jar"]) == [
        APPOSE,
        Jar("org.apache.groovy", "groovy-json", "4.0.28"),
        JNA,
        JNA_PLATFORM,
    ]
    assert missing_jars(Path("Fiji"), ["groovy-3.0.4.jar", "jna-4.5.2.jar"]) == [
        APPOSE,
        Jar("org.codehaus.groovy", "groovy-json", "3.0.4"),
        Jar("net.java.dev.jna", "jna-platform", "4.5.2"),
    ]


def test_a_fiji_without_groovy_or_with_an_old_appose_is_told_to_update():
    with pytest.raises(GoldDiggerError, match=r"no Groovy.*Help > Update"):
        missing_jars(Path("Fiji"), ["appose-0.9.0.jar"])
    with pytest.raises(GoldDiggerError, match=r"Appose is 0\.3\.0.*Help > Update"):
        missing_jars(Path("Fiji"), ["appose-0.3.0.jar", "groovy-4.0.28.jar"])


def test_libraries_are_fetched_checked_and_kept(tmp_path, imagej_within_reach, monkeypatch):
    fiji = make_fiji(tmp_path / "Fiji.app", ("groovy-4.0.28",))
    before = content(fiji)
    report = install(fiji, cache=tmp_path / "cache")
    names = ("appose-0.9.0", "groovy-json-4.0.28", "jna-5.14.0", "jna-platform-5.14.0")
    assert {f"jars/{name}.jar" for name in names} <= set(report.put)
    assert hashlib.sha256((fiji / "jars/appose-0.9.0.jar").read_bytes()).hexdigest() == APPOSE.sha256
    # From here on there is no network.
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert install(fiji, cache=tmp_path / "elsewhere").put == ()
    assert fetch(APPOSE, tmp_path / "cache") == (fiji / "jars/appose-0.9.0.jar").read_bytes()
    uninstall(fiji)
    assert content(fiji) == before


def test_our_library_goes_when_fiji_brings_its_own(tmp_path, imagej_within_reach):
    fiji = make_fiji(tmp_path / "Fiji.app", [name for name in RECENT if "appose" not in name])
    assert "jars/appose-0.9.0.jar" in install(fiji, cache=tmp_path / "cache").put
    put(fiji / "jars" / "appose-1.0.0.jar", "a newer one")
    assert install(fiji, cache=tmp_path / "cache").removed == ("jars/appose-0.9.0.jar",)


def test_without_a_network_nothing_is_installed(tmp_path, monkeypatch):
    fiji = make_fiji(tmp_path / "Fiji.app", ("groovy-4.0.28",))
    before = content(fiji)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with pytest.raises(GoldDiggerError, match=r"appose-0\.9\.0\.jar cannot be had .*look to the network"):
        install(fiji, cache=tmp_path / "cache")
    assert content(fiji) == before


def test_a_library_that_is_not_what_it_should_be_is_refused(tmp_path, imagej_within_reach):
    with pytest.raises(GoldDiggerError, match="not the library that it should be"):
        fetch(Jar(APPOSE.group, APPOSE.artifact, APPOSE.version, "0" * 64), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_command_line_installs_and_uninstalls(fiji):
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from golddigger_ij.cli import main; main()", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    done = run("install", "--fiji", str(fiji))
    assert (done.returncode, done.stderr) == (0, "")
    assert "restart Fiji" in done.stdout
    assert read_installed(fiji).version == golddigger_ij.__version__
    put(fiji / MACRO, "// my own version")
    done = run("uninstall", "--fiji", str(fiji))
    assert done.returncode == 0
    assert "show-gold-particles.ijm" in done.stderr
    done = run("uninstall", "--fiji", str(fiji))
    assert done.returncode == 1
    assert "not installed" in done.stderr
    done = run("install")
    assert done.returncode == 2
    assert "--fiji PATH" in done.stderr
