"""Run an ImageJ macro without windows, and know how it ended."""

import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.fiji_scripts import fiji_scripts_folder
from golddigger_ij.imagej.jvm import ImageJ

SUFFIXES = (".ijm", ".txt")
"""By these ImageJ knows a macro."""

_LOOK_EVERY_MS = 50
_STOPS_WITHIN_S = 10.0
"""How long a command may take to notice that it was stopped."""

_TOLD = re.compile(
    r"[^:\n]*: (?P<what>.*) in line (?P<line>\d+)\n(?:\t\t\(called from line \d+\)\n)* \n(?P<code>.*)", re.DOTALL
)
"""How ImageJ tells what is wrong with a macro: in which line, and the line with <> around the place."""


def find_macro(name: str) -> Path:
    """Find a macro's file; the macros that golddigger-ij brings along are found by their names alone.

    Parameters
    ----------
    name : str
        A path, or the file name of a macro in `fiji_scripts/macros`.

    Returns
    -------
    Path
        Absolute.

    Raises
    ------
    GoldDiggerError
        If there is no such file, or it is no macro.
    """
    path = Path(name)
    if path.suffix.lower() not in SUFFIXES:
        raise GoldDiggerError(f"{name}: not an ImageJ macro; give a file that ends in {' or '.join(SUFFIXES)}")
    ours = fiji_scripts_folder() / "macros"
    if not path.is_file() and path.name == name and (ours / name).is_file():
        path = ours / name
    if not path.is_file():
        listed = ", ".join(sorted(macro.name for macro in ours.glob("*.ijm")))
        raise GoldDiggerError(f"{name}: there is no such file; golddigger-ij itself has the macros {listed}")
    return path.resolve()


def run_macro(imagej: ImageJ, macro: Path, arguments: Sequence[str] = ()) -> str | None:
    """Run a macro in an ImageJ without windows; what it prints appears on the output stream as it comes.

    Ctrl-C stops the macro and the command that it is at.

    Parameters
    ----------
    imagej : ImageJ
        Headless. ImageJ runs one macro at a time.
    macro : Path
        UTF-8, or else Latin-1 as ImageJ takes it.
    arguments : sequence of str
        What `getArgument()` gives the macro: one as it is, several with a line break between them.

    Returns
    -------
    str or None
        What the macro returned.

    Raises
    ------
    GoldDiggerError
        If the file cannot be read, if the macro is wrong, if a command failed or is not known, or if the macro ended
        itself with a message, as in ``exit("no images")``.
    """
    if not imagej.headless:
        raise GoldDiggerError(f"{macro}: ImageJ runs with windows; open the macro there")
    run = _macro_run(macro, _read(macro), "\n".join(arguments))
    sys.stdout.flush()
    run.start()
    try:
        while run.isAlive():
            run.join(_LOOK_EVERY_MS)
    except BaseException:
        _halt(run)
        raise
    if run.getFailure() is not None:
        raise GoldDiggerError(_worded(macro, str(run.getFailure()), int(run.getLine()), str(run.getTrace() or "")))
    returned = run.getReturned()
    return None if returned is None else str(returned)


def _read(macro: Path) -> str:
    try:
        content = macro.read_bytes()
    except OSError as error:
        raise GoldDiggerError(f"{macro}: cannot be read ({error.strerror})") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _macro_run(macro: Path, text: str, argument: str) -> Any:
    from jpype import JClass

    loader = JClass("groovy.lang.GroovyClassLoader")(JClass("ij.IJ").class_.getClassLoader())
    loader.addClasspath(str(Path(__file__).with_name("groovy")))
    strings = [JClass("java.lang.String").class_] * 4
    make = loader.loadClass("MacroRun").getConstructor(*strings)
    return make.newInstance(str(macro), text, argument, sys.stdout.encoding or "utf-8")


def _halt(run: Any) -> None:
    end = time.monotonic() + _STOPS_WITHIN_S
    while run.isAtWork() and time.monotonic() < end:
        run.halt()
        time.sleep(_LOOK_EVERY_MS / 1000)


def _worded(macro: Path, failure: str, line: int, trace: str) -> str:
    """Put what is known about a failure into one line."""
    found = _TOLD.fullmatch(failure)
    what, code = (found["what"], found["code"]) if found else (failure, "")
    where = f"{macro.name}, line {found['line'] if found else line}" if found or line else macro.name
    if "OutOfMemoryError" in f"{what} {trace}":
        what = "Java is out of memory; give it more, such as --heap 6g"
    elif "RoiManager" in trace and "HeadlessException" in trace:
        what = "ImageJ has no ROI Manager without windows; use the overlay, or the RoiSet.zip of gd_output=[FOLDER]"
    elif "HeadlessException" in trace or "headless dialog" in trace:
        what = "this asks for something in a window, and there are no windows; give it in the macro or as an argument"
    elif trace:
        print(trace, file=sys.stderr)
    # With the mark at a command's closing bracket it is the command that failed, and not the macro that is wrong. Of a
    # long line the end is missing, and perhaps the mark.
    known = code and "<)>" not in code and not code.endswith("...")
    return f"{where}: {what}" + (f"; at <>: {code.strip()}" if known else "")
