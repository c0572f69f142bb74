"""What the command line says on the error stream, and which errors mean that the command itself was wrong."""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from golddigger_ij.errors import GoldDiggerError


class WrongCommandLine(GoldDiggerError):  # noqa: N818
    """The command line cannot be carried out, whatever the files hold: exit status 2."""


@contextmanager
def command_line(option: str = "") -> Iterator[None]:
    """Make errors in the block those of the command line.

    Parameters
    ----------
    option : str
        What to put before the message, such as ``--preview``.

    Raises
    ------
    WrongCommandLine
        For every `GoldDiggerError` in the block.
    """
    try:
        yield
    except GoldDiggerError as error:
        raise WrongCommandLine(f"{option} {error}".strip()) from error


def check_choice(option: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuse a value that is none of the choices.

    Raises
    ------
    WrongCommandLine
    """
    if value not in choices:
        listed = ", ".join(repr(choice) for choice in choices[:-1])
        raise WrongCommandLine(f"{option} {value}: choose {listed} or {choices[-1]!r}")


def say(text: str) -> None:
    """Print one line on the error stream."""
    print(f"golddigger-ij: {' '.join(text.split())}", file=sys.stderr, flush=True)


def say_failure(subject: str, error: Exception) -> None:
    """Say that something failed, naming it; what is nobody's mistake but ours is shown in full first."""
    if isinstance(error, GoldDiggerError):
        text = str(error)
        say(text if subject in text else f"{subject}: {text}")
    elif isinstance(error, MemoryError) or "OutOfMemory" in type(error).__name__:
        say(f"{subject}: does not fit into memory; give a smaller --tile-size, --batch-size 1, or close other programs")
    else:
        traceback.print_exception(error)
        say(f"{subject}: an error of golddigger-ij itself ({type(error).__name__}: {error}); please report it")
