"""Detect the gold of a folder of images."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.imagej.call import Call, Stopped
from golddigger_ij.imagej.commands import RESULTS_FOLDER
from golddigger_ij.imagej.operations.detection import cached_model, configuration
from golddigger_ij.imagej.wording import said
from golddigger_ij.palette import group_order

_STEPS = 1000
"""Parts that the progress of one image is told in."""


def detect_folder(call: Call) -> dict[str, Any]:
    """Find the particles of many images; see `golddigger_ij.imagej.service` for what is answered.

    Images whose results are there already, of the same run, are passed over; one that fails does not stop the rest.

    Raises
    ------
    GoldDiggerError
        If an option is of no use, or there is no image.
    """
    from golddigger_ij.atomic import refuse_unwritable
    from golddigger_ij.batch import Outcome, detect_many
    from golddigger_ij.file_names import expand_images, output_folders

    options = call.options
    source = call.path("folder", "give a folder of images")
    if not source.exists():
        raise GoldDiggerError(f"{source}: there is no such folder; check the path")
    plane, every_plane = _plane(options["plane"])
    beside = (source if source.is_dir() else source.parent) / RESULTS_FOLDER
    output = Path(options["output"]).expanduser() if options["output"] else beside
    config, model = configuration(call), cached_model(options["model"])
    images = expand_images([source], deep=options["keep_tree"], leave_out=output)
    folders = output_folders(images, output, options["keep_tree"], [source])
    refuse_unwritable(output)
    outcomes: list[Outcome] = []
    try:
        for outcome in detect_many(
            images,
            folders,
            model,
            config,
            plane=plane,
            every_plane=every_plane,
            keep_finished=not options["redo"],
            show=_progress(call, images),
        ):
            outcomes.append(outcome)
            call.check()
    except Stopped:
        finished = sum(outcome.finished is not None for outcome in outcomes)
        raise Stopped(
            f"stopped by the user; the results of {finished} of {len(images)} images are in {output}, and the same "
            "command goes on after them"
        ) from None
    return _told(call, outcomes, output, len(images))


def _told(call: Call, outcomes: "list[Any]", output: Path, images: int) -> dict[str, Any]:
    tables = [outcome.finished.particles for outcome in outcomes if outcome.finished is not None]
    errors = ["" if outcome.error is None else said(outcome.error, call.op) for outcome in outcomes]
    failed = sorted({outcome.image.name for outcome in outcomes if outcome.error is not None})
    labels = group_order(label for table in tables for label in table.groups)
    counts = [sum(int((table.group == label).sum()) for table in tables) for label in labels]
    earlier = [outcome.finished is not None and outcome.finished.earlier for outcome in outcomes]
    total = sum(len(table) for table in tables)
    message = f"{images} image{'s' if images > 1 else ''}, {total} particles -> {output}"
    if any(earlier):
        message += f"; {sum(earlier)} of them done earlier"
    if failed:
        first = next(error for error in errors if error)
        message += f"; {len(failed)} failed: {', '.join(failed)} ({first})"
    return {
        "name": [Path(outcome.subject).name for outcome in outcomes],
        "count": np.array([0 if o.finished is None else len(o.finished.particles) for o in outcomes], np.float64),
        "error": errors,
        "earlier": earlier,
        "groups": labels,
        "group_counts": np.array(counts, np.float64),
        "total": total,
        "failed": len(failed),
        "folder": str(output),
        "message": message,
    }


def _progress(call: Call, images: list[Path]) -> Callable[[Path], Any]:
    """Tell the progress within each image as a part of the whole."""
    number = {image: index for index, image in enumerate(images)}

    @contextmanager
    def show(image: Path) -> Iterator[Callable[[int, int], None]]:
        index, total = number[image], len(images) * _STEPS
        message = f"{index + 1} of {len(images)}: {image.name}"
        call.update(index * _STEPS, total, message)
        yield lambda done, tiles: call.update(index * _STEPS + _STEPS * done // max(1, tiles), total, message)

    return show


def _plane(text: str) -> tuple[int | None, bool]:
    if text.casefold() == "all":
        return None, True
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise GoldDiggerError(f"gd_plane={text}: give a number from 1, or 'all'")
    return int(text), False
