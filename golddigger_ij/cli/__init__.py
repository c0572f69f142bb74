"""The command line: one module a verb; what is heavy is imported inside the command."""

import io
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

import typer

from golddigger_ij.cli import demo, detect, doctor, evaluate, imagej, install, macro, synthesize, train
from golddigger_ij.cli.messages import WrongCommandLine, say
from golddigger_ij.errors import GoldDiggerError

STOPPED = 130
"""Exit status after Ctrl-C. Some versions of typer give it back, others raise."""

_STOPPED = "stopped; no file is half-written"

app = typer.Typer(
    help="Find immunogold particles in electron-microscopy montages.",
    epilog="Try it: golddigger-ij demo. Your own: golddigger-ij detect montage.tif -o results",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("detect", short_help="Find the gold in montages.")(detect.detect)
app.command("demo", short_help="Try everything on a made-up sample.")(demo.demo)
app.command("train", short_help="Train a model from ground truth.")(train.train)
app.command("evaluate", short_help="Compare a run with ground truth.")(evaluate.evaluate)
app.command("synthesize", short_help="Make micrographs with ground truth.")(synthesize.synthesize)
app.command("imagej", short_help="Open ImageJ with the menu commands.")(imagej.imagej)
app.command("macro", short_help="Run an ImageJ macro without a display.")(macro.macro)
app.command("install", short_help="Put the menu commands into a Fiji.")(install.install)
app.command("uninstall", short_help="Take the menu commands out of a Fiji.")(install.uninstall)
app.command("doctor", short_help="Check the set-up, with advice.")(doctor.doctor)


def _print_version(wanted: bool) -> None:
    if wanted:
        from golddigger_ij import __version__

        typer.echo(f"golddigger-ij {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version and stop."
    ),
) -> None:
    pass


def main() -> None:
    """Run the command line; the exit status is 0, 1 (something failed), 2 (wrong command line) or 130 (Ctrl-C)."""
    for stream in (sys.stdout, sys.stderr):
        # A file's name may hold letters that a console or a log cannot show; that must not stop a run.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    signal.signal(signal.SIGTERM, _end)
    try:
        status = _status()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    _leave(status)


def _status() -> int:
    """Run the command line; give its exit status."""
    try:
        status = app(standalone_mode=False)
    except WrongCommandLine as error:
        say(str(error))
        return 2
    except GoldDiggerError as error:
        say(str(error))
        return 1
    except (KeyboardInterrupt, typer.Abort):
        say(_STOPPED)
        return STOPPED
    except Exception as error:
        # Click's own errors of usage know how to show themselves; anything else is a bug and keeps its traceback.
        show, code = getattr(error, "show", None), getattr(error, "exit_code", None)
        if show is None or code is None:
            raise
        show()
        return int(code)
    if status == STOPPED:
        say(_STOPPED)
    return status if isinstance(status, int) else 0


def _leave(status: int) -> NoReturn:
    """End the process."""
    jpype = sys.modules.get("jpype")
    if jpype is not None and jpype.isJVMStarted():
        # A thread of Java's that turns to Python while Python is ending crashes the process.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


def _end(number: int, _frame: FrameType | None) -> None:
    """End as Ctrl-C does when a cluster's scheduler asks for it, so that temporary files go."""
    sys.exit(128 + number)
