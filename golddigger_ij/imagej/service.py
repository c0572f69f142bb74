"""The engine behind the menu: one map in, one map out, and nothing is ever raised.

A request is ``{"protocol": 1, "op": NAME, "options": {…}, …}``, with `image`, `regions` and `rois` where the operation
needs them; option names are those of `golddigger_ij.imagej.commands`, without `gd_`. The answer is ``{"ok": True, …}``;
``{"ok": False, "error": "one line, with the remedy"}``, with `traceback` where it is our mistake, `cancelled` where the
user has stopped it, `busy` where another long operation is at work, `asks` (and `offer`) where an option would put it
right; or ``{"ok": False, "needs": "pixels"}``: the same request should come again with the image's pixels.

What is answered, besides `message`, one line for the status bar:

- `describe`: `ops`, for each its `command` and its `options`.
- `detect`: particle columns (see `golddigger_ij.imagej.columns`), `threshold`, `seconds`, `burned_in` (columns `left`,
  `top`, `width`, `height` in ImageJ's coordinates and `kind`), `files`, `read_from` ("file" or "pixels"), `warning`.
- `open_results`: particle columns, `image_path` (None where it is not known or gone), `image_name`, `width`, `height`,
  `plane`, and `same_size`: whether the open image has that size (None where one of them is not known).
- `save_truth`: `kept`, `moved`, `regrouped`, `moved_and_regrouped`, `added`, `deleted`, `outside`, `doubled`,
  `ignored`, `total` (marks that the ground truth now holds), `path`, `earlier` (copy of what was there), `warning`.
- `load_truth`: particle columns without a `run`, `parent_run` (the run that was proof-read, or None), `regions` as in
  a request, `excluded` likewise, `path`, `warning`.
- `evaluate`: `true_positives`, `false_positives`, `false_negatives`, `accuracy`, `precision`, `recall`, `f1`,
  `rmse_nm`, `mean_distance_nm`, `right_size`, and the columns `confusion_true`, `confusion_found`, `confusion_count`.
- `retrain`: `folder`, `images`, `held_out`, `before` and `after` (maps with `f1`, `found`, `false`, `missed`; empty
  without held-out images).
- `detect_folder`: the columns `name`, `count`, `error`, `earlier`; `groups` and `group_counts`; `total`, `failed`,
  `folder`.
- `doctor`: the columns `name`, `passed`, `text`, `advice`; `failed`.
"""

import traceback
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from golddigger_ij.config import DEFAULT
from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.imagej.busy import BusyError, Workplace
from golddigger_ij.imagej.call import Call, Callback, NeedsPixels, Stopped
from golddigger_ij.imagej.commands import OPERATIONS, operation
from golddigger_ij.imagej.pixels import UncalibratedError
from golddigger_ij.imagej.wording import said

PROTOCOL = 1

_LONG = ("detect", "detect_folder", "retrain")
_PLACES = {
    "detect": "detection",
    "open_results": "results",
    "save_truth": "truth",
    "load_truth": "truth",
    "evaluate": "evaluation",
    "retrain": "training",
    "detect_folder": "folder",
    "doctor": "doctor",
}
"""The module of `golddigger_ij.imagej.operations` with the function of each operation."""

_workplace = Workplace()


def answer(request: Mapping[str, Any], callback: Callback | None = None) -> dict[str, Any]:
    """Do what a script asks for. Any thread may call it.

    Parameters
    ----------
    request : mapping
        As above.
    callback : Callback, optional
        Its `update(done, total, message)` hears how far it is; its `cancelled()` says whether to stop.

    Returns
    -------
    dict
        As above; texts, numbers, bools, None, NumPy arrays, lists and dicts of these.
    """
    op = ""
    try:
        op = str(request.get("op"))
        return {"ok": True, **_answer(op, request, callback)}
    except NeedsPixels:
        return {"ok": False, "needs": "pixels"}
    except Stopped as stop:
        return {"ok": False, "cancelled": True, "error": str(stop)}
    except BusyError as error:
        return {"ok": False, "busy": True, "error": str(error)}
    except UncalibratedError as error:
        return {"ok": False, "error": said(error, op), "asks": "pixel_size", "offer": error.offer}
    except GoldDiggerError as error:
        return {"ok": False, "error": said(error, op)}
    except BaseException as error:  # Nothing may cross the border as itself, not even Ctrl-C and an exit.
        return {"ok": False, "error": said(error, op), "traceback": traceback.format_exc()}


def _answer(op: str, request: Mapping[str, Any], callback: Callback | None) -> dict[str, Any]:
    protocol = request.get("protocol", PROTOCOL)
    if protocol != PROTOCOL:
        raise GoldDiggerError(
            f"the scripts speak protocol {protocol}, this engine speaks {PROTOCOL}; "
            "run 'golddigger-ij install' again, so that both are of one version"
        )
    call = Call(op, operation(op), request, callback)
    if op == "describe":
        return describe()
    if op not in _LONG:
        return _function(op)(call)
    with _workplace.taken_by(call):
        call.check()
        return _function(op)(call)


def describe() -> dict[str, Any]:
    """List the operations with their options, as dialogs and macros have them."""
    ops = {
        name: {"command": one.command, "options": [option.record() for option in one.options]}
        for name, one in OPERATIONS.items()
    }
    return {"ops": ops, "protocol": PROTOCOL, "message": f"{len(ops)} operations"}


def warm_up() -> None:
    """Load what the first detection would have to wait for, about two seconds; to be called on a thread of its own."""
    import_module("golddigger_ij.batch")
    import_module("golddigger_ij.runs")
    import_module("golddigger_ij.imagej.operations.detection").cached_model(DEFAULT.model).generator()


def _function(op: str) -> Callable[[Call], dict[str, Any]]:
    function: Callable[[Call], dict[str, Any]] = getattr(
        import_module(f"golddigger_ij.imagej.operations.{_PLACES[op]}"), op
    )
    return function
