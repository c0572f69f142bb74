"""Menu commands in a Fiji that is started on its own: put there, brought up to date, and taken away again."""

import hashlib
import json
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import golddigger_ij
from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.fiji_folders import fiji_folder
from golddigger_ij.fiji_scripts import fiji_scripts_folder
from golddigger_ij.jars import fetch, missing_jars

HOME = "golddigger-ij"
"""Our folder in a Fiji: the classes that the commands share, the settings and the list of what was put there."""

SETTINGS = f"{HOME}/settings.properties"
MANIFEST = f"{HOME}/installed.json"

_FOLDERS = {"Plugins": "scripts/Plugins", "macros": "macros", HOME: HOME}
"""Where the folders of our scripts go."""

_ENDINGS = (".groovy", ".py", ".ijm")
_ASK = "import appose, golddigger_ij; print(golddigger_ij.__version__)"


@dataclass(frozen=True)
class Report:
    """What an installation or its removal did.

    Attributes
    ----------
    fiji : Path
        The folder.
    put, removed : tuple of str
        Files that are new or other than before, and files that went.
    kept : tuple of str
        Files that the user had changed: where they are now.
    """

    fiji: Path
    put: tuple[str, ...]
    removed: tuple[str, ...]
    kept: tuple[str, ...]


@dataclass(frozen=True)
class Installed:
    """The list of what was put into a Fiji.

    Attributes
    ----------
    version : str
        Of the scripts.
    python : str
        The Python with the engine.
    files : dict
        SHA-256 by path below the Fiji's folder.
    folders : tuple of str
        Those that were made.
    """

    version: str
    python: str
    files: dict[str, str]
    folders: tuple[str, ...]


def install(fiji: Path, python: Path | None = None, cache: Path | None = None) -> Report:
    """Put the menu commands into a Fiji or ImageJ2, or bring them up to date.

    Parameters
    ----------
    fiji : Path
        Its folder.
    python : Path, optional
        The Python that has golddigger-ij; this one if not given.
    cache : Path, optional
        Where Java libraries are kept that were fetched.

    Returns
    -------
    Report

    Raises
    ------
    GoldDiggerError
        If the folder is no Fiji or cannot be written to, if a file of the user's is in the way, if the Python does
        not have this golddigger-ij, or if a library cannot be had. The Fiji is then as it was.
    """
    from golddigger_ij.runs import user_folder

    fiji = fiji_folder(fiji)
    chosen = Path(sys.executable if python is None else python).expanduser().absolute()
    _check_python(chosen)
    before = read_installed(fiji) or Installed("", "", {}, ())
    files = _our_files()
    files[SETTINGS] = _settings(chosen)
    ours = {PurePosixPath(path).name for path in before.files}
    for jar in missing_jars(fiji, _jar_names(fiji) - ours):
        path = f"jars/{jar.name}"
        there = _content(fiji / path)
        whole = there is not None and before.files.get(path) == _sha256(there)
        files[path] = there if there is not None and whole else fetch(jar, cache or user_folder() / "jars")
    _refuse_foreign(fiji, files, before)
    changed = _changed(fiji, before, files)
    folders = {*before.folders, *_folders_to_make(fiji, files)}
    hashes = {path: _sha256(files[path]) for path in sorted(files)}
    now = Installed(golddigger_ij.__version__, str(chosen), hashes, tuple(sorted(folders)))
    new = {path: content for path, content in files.items() if _content(fiji / path) != content}
    gone = [path for path in before.files if path not in files and (fiji / path).is_file()]
    backups = {path: f"{path}.bak-{time.strftime('%Y%m%d-%H%M%S')}" for path in changed}
    _replace(fiji, {**new, MANIFEST: _manifest(now)}, gone, backups)
    removed = tuple(path for path in gone if path not in backups)
    return Report(fiji, tuple(sorted(new)), removed, tuple(backups.values()))


def uninstall(fiji: Path) -> Report:
    """Take away what was installed, and nothing else; files that the user has changed stay.

    Raises
    ------
    GoldDiggerError
        If nothing is installed there, or the folder cannot be written to. The Fiji is then as it was.
    """
    fiji = fiji_folder(fiji)
    installed = read_installed(fiji)
    if installed is None:
        raise GoldDiggerError(f"{fiji}: golddigger-ij is not installed there")
    kept = _changed(fiji, installed, {})
    gone = [path for path in installed.files if path not in kept and (fiji / path).is_file()]
    _replace(fiji, {}, [*gone, MANIFEST], {})
    for folder in sorted(installed.folders, key=len, reverse=True):
        # Not where something of the user's is in it.
        with suppress(OSError):
            (fiji / folder).rmdir()
    return Report(fiji, (), tuple(gone), tuple(kept))


def read_installed(fiji: Path) -> Installed | None:
    """Read what was put into a Fiji; None where nothing was.

    Raises
    ------
    GoldDiggerError
        If the list is damaged.
    """
    path = fiji / MANIFEST
    if not path.is_file():
        return None
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        files = {str(name): str(sha256) for name, sha256 in told["files"].items()}
        folders = tuple(str(name) for name in told["folders"])
        for name in (*files, *folders):
            pure = PurePosixPath(name)
            if not pure.parts or pure.is_absolute() or ".." in pure.parts or ":" in name or "\\" in name:
                raise ValueError(f"{name!r} is not below the folder")
        return Installed(str(told["version"]), str(told["python"]), files, folders)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise GoldDiggerError(
            f"{path}: the list of what was installed is damaged ({error}); "
            f"delete {path.parent} and {fiji / 'scripts/Plugins/Gold_Digger'}, then install again"
        ) from error


def _check_python(python: Path) -> None:
    remedy = "give the Python that has golddigger-ij with --python"
    try:
        told = subprocess.run(
            [python, "-c", _ASK],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=120,
            check=False,
            cwd=tempfile.gettempdir(),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GoldDiggerError(f"{python}: does not run ({error}); {remedy}") from error
    if told.returncode != 0:
        reason = (told.stderr.strip().splitlines() or [f"exit status {told.returncode}"])[-1]
        raise GoldDiggerError(f"{python}: has no golddigger-ij that works ({reason}); {remedy}")
    if told.stdout.split()[-1:] != [golddigger_ij.__version__]:
        raise GoldDiggerError(
            f"{python}: has golddigger-ij {told.stdout.strip()}, this is {golddigger_ij.__version__}; "
            "run 'golddigger-ij install' with that Python"
        )


def _our_files() -> dict[str, bytes]:
    """Content by path below a Fiji's folder."""
    source = fiji_scripts_folder()
    return {
        (PurePosixPath(target) / path.relative_to(source / folder).as_posix()).as_posix(): path.read_bytes()
        for folder, target in _FOLDERS.items()
        for path in sorted((source / folder).rglob("*"))
        if path.suffix in _ENDINGS
    }


def _settings(python: Path) -> bytes:
    """What the commands read with Java's `Properties`, where a backslash begins an escape."""
    named = "".join("\\" + letter if letter in "\\ " else letter for letter in str(python))
    return f"python={named}\nversion={golddigger_ij.__version__}\n".encode()


def _manifest(installed: Installed) -> bytes:
    told = {
        "version": installed.version,
        "python": installed.python,
        "files": installed.files,
        "folders": list(installed.folders),
    }
    return (json.dumps(told, indent=1, ensure_ascii=False) + "\n").encode()


def _jar_names(fiji: Path) -> set[str]:
    return {path.name for folder in ("jars", "plugins") for path in (fiji / folder).rglob("*.jar")}


def _refuse_foreign(fiji: Path, files: dict[str, bytes], before: Installed) -> None:
    """Refuse to put our files over others that we did not put there."""
    foreign = [
        path
        for path, content in files.items()
        if path not in before.files and (fiji / path).exists() and _content(fiji / path) != content
    ]
    if foreign:
        raise GoldDiggerError(
            f"{fiji}: {', '.join(foreign)} {'is' if len(foreign) == 1 else 'are'} there already and not ours; "
            "move or rename, then install again"
        )


def _changed(fiji: Path, before: Installed, files: dict[str, bytes]) -> list[str]:
    """List what the user has changed since it was put there, and is not what is to be put there."""
    return [
        path
        for path, sha256 in before.files.items()
        if (content := _content(fiji / path)) is not None and _sha256(content) != sha256 and content != files.get(path)
    ]


def _folders_to_make(fiji: Path, files: dict[str, bytes]) -> set[str]:
    above = {parent.as_posix() for path in files for parent in PurePosixPath(path).parents if parent.parts}
    return {folder for folder in above if not (fiji / folder).exists()}


def _replace(fiji: Path, new: dict[str, bytes], gone: list[str], backups: dict[str, str]) -> None:
    """Put files, take files away and rename files: all of it, or nothing."""
    try:
        with ExitStack() as undo:
            stage = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix=".golddigger-ij-", dir=fiji)))
            done = undo.enter_context(ExitStack())
            for number, content in enumerate(new.values()):
                (stage / f"new{number}").write_bytes(content)
            for path, name in backups.items():
                _move(fiji / path, fiji / name, done)
            for number, path in enumerate((*new, *gone)):
                if (fiji / path).is_file():
                    _move(fiji / path, stage / f"old{number}", done)
            for number, path in enumerate(new):
                for folder in reversed([(fiji / path).parent, *(fiji / path).parent.parents]):
                    if not folder.exists():
                        folder.mkdir()
                        done.callback(folder.rmdir)
                _move(stage / f"new{number}", fiji / path, done)
            # All went well: nothing is to be undone.
            done.pop_all()
    except OSError as error:
        raise GoldDiggerError(
            f"{error.filename or fiji}: cannot be written ({error.strerror or error}); "
            "close Fiji, and look to who may write there and to free space; nothing was changed"
        ) from error


def _move(path: Path, target: Path, undo: ExitStack) -> None:
    path.replace(target)
    undo.callback(target.replace, path)


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
