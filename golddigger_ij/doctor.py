"""What works on this machine, and what to do about what does not."""

import os
import platform
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from golddigger_ij.errors import GoldDiggerError

LITTLE_MEMORY, LITTLE_DISK = 2 * 2**30, 2**30
"""Bytes of which less should be said."""

_POM = "https://repo.maven.apache.org/maven2/net/imagej/ij/maven-metadata.xml"
_TIMEOUT_S = 2.0


class Check(NamedTuple):
    """What was found out about one thing.

    Attributes
    ----------
    name : str
        What was looked at.
    ok : bool or None
        Whether it works; None for what works, but less well than it might, or is only needed for some things.
    text : str
        What was found, in a line.
    advice : str
        What to do about it; empty where there is nothing to do.
    """

    name: str
    ok: bool | None
    text: str
    advice: str = ""


def report(fiji: str | None = None, inside_imagej: bool = False) -> list[Check]:
    """Look at everything that a detection, ImageJ and Fiji need. Starts no JVM, and takes a few seconds.

    Parameters
    ----------
    fiji : str, optional
        Folder of a Fiji to look at as well.
    inside_imagej : bool
        Whether ImageJ has asked: its Java, its window and its own libraries are then out of the question.

    Returns
    -------
    list of Check
    """
    looks: list[tuple[str, Callable[[], Iterator[Check]]]] = [
        ("Python", _python),
        ("golddigger-ij", _package),
        ("PyTorch", _torch),
        ("models", _models),
    ]
    if not inside_imagej:
        looks += [("Java", _java), ("ImageJ", _imagej), ("display", _display)]
    if fiji is not None:
        looks.append(("Fiji", lambda: _fiji(fiji)))
    looks += [("folders", _folders), ("memory", _memory), ("disk", _disk)]
    return [check for name, look in looks for check in _looked(name, look)]


def _looked(name: str, look: Callable[[], Iterator[Check]]) -> list[Check]:
    """Look, and take an error for what was found: the next look goes on."""
    found: list[Check] = []
    try:
        found.extend(look())
    except GoldDiggerError as error:
        found.append(Check(name, False, *_parts(error)))
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        found.append(Check(name, False, f"{type(error).__name__}: {reason}", "install golddigger-ij again"))
    return found


def _parts(error: GoldDiggerError) -> tuple[str, str]:
    """What is wrong, and the remedy."""
    text, _, remedy = str(error).partition("; ")
    return text, remedy or "see the documentation of golddigger-ij"


def _python() -> Iterator[Check]:
    yield Check("Python", True, f"{platform.python_version()} ({sys.executable})")


def _package() -> Iterator[Check]:
    import golddigger_ij
    from golddigger_ij.fiji_scripts import fiji_scripts_folder

    fiji_scripts_folder()
    yield Check("golddigger-ij", True, f"{golddigger_ij.__version__} ({Path(golddigger_ij.__file__).parent})")


def _torch() -> Iterator[Check]:
    import torch

    from golddigger_ij.runtime import choose_device

    device = choose_device("auto")
    named = (
        f"{torch.cuda.get_device_name()} ({device})" if device == "cuda" else {"mps": "Apple's GPU (mps)"}.get(device)
    )
    advice = ""
    if named is None:
        named = f"the processor ({torch.get_num_threads()} threads)"
        if shutil.which("nvidia-smi"):
            advice = (
                "there is an NVIDIA card that this PyTorch cannot use; install PyTorch for CUDA (https://pytorch.org)"
            )
    # An operation on the device itself: a driver may be there and not work.
    torch.ones(4, device=device).sum().item()
    yield Check("PyTorch", None if advice else True, f"{torch.__version__}, works on {named}", advice)


def _models() -> Iterator[Check]:
    from golddigger_ij.models import bundled_models, load_model

    names = bundled_models()
    if not names:
        raise GoldDiggerError("no models came with this installation; install golddigger-ij again")
    for name in names:
        try:
            model = load_model(name)
            model.generator()
        except GoldDiggerError as error:
            yield Check(f"model {name}", False, _parts(error)[0], "install golddigger-ij again")
        else:
            yield Check(f"model {name}", True, f"loads (SHA-256 {model.sha256[:12]}…)")


def _java() -> Iterator[Check]:
    from golddigger_ij.imagej.java import find_java

    java = find_java()
    # What Debian calls headless lacks the library for windows.
    windowless = sys.platform == "linux" and not any(java.home.rglob("libawt_xawt.so"))
    text = f"Java {java.version} ({java.home})"
    if windowless:
        yield Check(
            "Java", None, f"{text}, which opens no windows", "install a JDK whose name does not end in -headless"
        )
    else:
        yield Check("Java", True, text)


def _imagej() -> Iterator[Check]:
    from golddigger_ij.imagej.embedded import COORDINATES, HEADLESS_COORDINATES
    from golddigger_ij.imagej.jar_cache import is_cached

    kept = [is_cached(COORDINATES), is_cached([*COORDINATES, *HEADLESS_COORDINATES])]
    version = COORDINATES[0].rpartition(":")[2]
    if all(kept):
        yield Check("ImageJ", True, f"{version}, kept on this machine")
        return
    import requests

    # With the library, and so with the proxies and certificates, that fetches it.
    try:
        requests.head(_POM, timeout=_TIMEOUT_S, allow_redirects=True).raise_for_status()
    except requests.RequestException as error:
        yield Check(
            "ImageJ",
            False,
            f"{version} is not on this machine, and Maven Central is out of reach ({type(error).__name__})",
            "look to the network, or to HTTPS_PROXY; once fetched it needs no network",
        )
    else:
        yield Check("ImageJ", True, f"{version}, to be fetched from Maven Central at the first start")


def _display() -> Iterator[Check]:
    from golddigger_ij.imagej.jvm import require_display

    try:
        require_display()
    except GoldDiggerError as error:
        text, advice = _parts(error)
        yield Check("display", None, text, f"{advice}; macros and the command line need none")
        return
    if sys.platform == "win32" or _answers(os.environ["DISPLAY"]):
        yield Check("display", True, os.environ.get("DISPLAY", "Windows"))
    else:
        yield Check(
            "display",
            None,
            f"{os.environ['DISPLAY']} does not answer",
            "log in on a desktop, or with ssh -X; macros and the command line need none",
        )


def _answers(display: str) -> bool:
    """Whether an X server listens: on this machine by a socket in a folder, on another by a port."""
    host, _, number = display.rpartition(":")
    screen = number.partition(".")[0]
    if not screen.isdigit():
        return False
    if host in ("", "unix"):
        for address in (f"/tmp/.X11-unix/X{screen}", f"\0/tmp/.X11-unix/X{screen}"):
            with socket.socket(socket.AF_UNIX) as tried, suppress(OSError):
                tried.settimeout(_TIMEOUT_S)
                tried.connect(address)
                return True
        return False
    if host.startswith("/"):
        return Path(f"{host}:{screen}").exists()
    with suppress(OSError), socket.create_connection((host, 6000 + int(screen)), _TIMEOUT_S):
        return True
    return False


def _fiji(fiji: str) -> Iterator[Check]:
    import golddigger_ij
    from golddigger_ij.imagej.local_fiji import find_local_fiji
    from golddigger_ij.install import read_installed
    from golddigger_ij.jars import missing_jars

    local = find_local_fiji(fiji)
    install = f"run 'golddigger-ij install --fiji \"{local.path}\"', and restart Fiji"
    yield Check("Fiji", True, f"{local.path}, {len(local.jars)} jars")
    lacking = missing_jars(local.path, [jar.name for jar in local.jars])
    if lacking:
        yield Check("Fiji's jars", False, f"there is no {', '.join(jar.artifact for jar in lacking)}", install)
    else:
        yield Check("Fiji's jars", True, "Appose is there, and what it needs")
    installed = read_installed(local.path)
    if installed is None:
        yield Check("menu commands", False, "are not installed in this Fiji", install)
        return
    gone = [path for path in installed.files if not (local.path / path).is_file()]
    if gone:
        yield Check(
            "menu commands",
            False,
            f"{gone[0]} and {len(gone) - 1} more are gone" if gone[1:] else f"{gone[0]} is gone",
            install,
        )
    elif installed.version != golddigger_ij.__version__:
        text = f"are of version {installed.version}, and this is {golddigger_ij.__version__}"
        yield Check("menu commands", False, text, install)
    else:
        yield Check("menu commands", True, f"version {installed.version}, {len(installed.files)} files")
    if shutil.which(installed.python) is None:
        yield Check("Fiji's Python", False, f"{installed.python} is gone or cannot be run", install)
    elif installed.python != sys.executable:
        yield Check("Fiji's Python", True, f"{installed.python}, another than this one")
    else:
        yield Check("Fiji's Python", True, "this one")


def _folders() -> Iterator[Check]:
    from golddigger_ij.runs import user_folder

    for name, folder, advice in (
        ("own folder", user_folder(), "set GOLDDIGGER_IJ_HOME to a folder that can be written to"),
        ("this folder", Path.cwd(), "give another folder for results with -o"),
    ):
        nearest = folder
        while not nearest.exists() and nearest != nearest.parent:
            nearest = nearest.parent
        try:
            with tempfile.TemporaryFile(dir=nearest):
                pass
        except OSError as error:
            # Results can go elsewhere; what ImageJ has shown is remembered nowhere else.
            ok = False if name == "own folder" else None
            yield Check(name, ok, f"{folder} cannot be written to ({error.strerror or error})", advice)
        else:
            yield Check(name, True, f"{folder} can be written to")


def _memory() -> Iterator[Check]:
    free = _free_memory()
    if free is None:
        return
    little = free < LITTLE_MEMORY
    advice = "close other programs, or give detect a smaller --tile-size" if little else ""
    yield Check("memory", None if little else True, f"{free / 2**30:.1f} GB free", advice)


def _free_memory() -> int | None:
    """Bytes that programs can have without swapping; None where the system does not say."""
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    with suppress(AttributeError, OSError, ValueError):
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def _disk() -> Iterator[Check]:
    free = shutil.disk_usage(Path.cwd()).free
    little = free < LITTLE_DISK
    yield Check("disk", None if little else True, f"{free / 2**30:.1f} GB free here", "make room" if little else "")
