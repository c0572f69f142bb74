"""The command line: one module a verb; what is heavy is imported inside the command."""

import sys

import typer

from golddigger_ij.cli import demo, detect, evaluate, synthesize, train
from golddigger_ij.errors import GoldDiggerError

app = typer.Typer(
    help="Find immunogold particles in electron-microscopy montages.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("detect")(detect.detect)
app.command("demo")(demo.demo)
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.command("synthesize")(synthesize.synthesize)


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
    try:
        status = app(standalone_mode=False)
    except GoldDiggerError as error:
        _say(str(error))
        sys.exit(1)
    except (KeyboardInterrupt, typer.Abort):
        _say("stopped; no file is half-written")
        sys.exit(130)
    except Exception as error:
        # Click's own errors of usage know how to show themselves; anything else is a bug and keeps its traceback.
        show, code = getattr(error, "show", None), getattr(error, "exit_code", None)
        if show is None or code is None:
            raise
        show()
        sys.exit(code)
    sys.exit(status if isinstance(status, int) else 0)


def _say(text: str) -> None:
    print(f"golddigger-ij: {text}", file=sys.stderr)
