"""The runs whose particles are shown: on disk, and the last ones in memory where the disk takes none."""

from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.runs import Run, recall, remember

_MOST_IN_MEMORY = 20

_recent: dict[str, Run] = {}


def remember_run(run: Run) -> str:
    """Keep a run, so that its particles can be compared with it when they have been edited.

    Returns
    -------
    str
        A warning where it is kept only for as long as this process lives; else empty.
    """
    _recent.pop(run.id, None)
    _recent[run.id] = run
    while len(_recent) > _MOST_IN_MEMORY:
        del _recent[next(iter(_recent))]
    try:
        remember(run)
    except GoldDiggerError as error:
        return f"the run is remembered only until ImageJ is closed: {error}"
    return ""


def recall_run(run_id: str) -> Run | None:
    """Give a run that was kept; None where it is not known."""
    return _recent.get(run_id) or recall(run_id)
