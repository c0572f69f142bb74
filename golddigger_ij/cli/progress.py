"""Progress as people and as programs like it: bars on a terminal, JSON lines on request, nothing otherwise."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Update = Callable[[int, int], None]

KINDS = ("auto", "json", "none")


@contextmanager
def progress(kind: str, label: str) -> Iterator[Update]:
    """Show how far something is.

    Parameters
    ----------
    kind : {"auto", "json", "none"}
        "auto" is a bar where the error stream is a terminal, else nothing. "json" is a line
        ``{"label": ..., "done": ..., "total": ...}`` on the error stream for each step.
    label : str
        What is being done.

    Yields
    ------
    callable
        To be called with steps done and steps in all.
    """
    if kind == "json":

        def line(done: int, total: int) -> None:
            print(json.dumps({"label": label, "done": done, "total": total}), file=sys.stderr, flush=True)

        yield line
    elif kind == "auto" and sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
            task = bars.add_task(label, total=None)
            yield lambda done, total: bars.update(task, completed=done, total=total)
    else:
        yield lambda _done, _total: None
