"""Judge a run by what people made of its particles."""

import math
from typing import Any

import numpy as np

from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.imagej.call import Call
from golddigger_ij.imagej.operations.edits import edited_rois, proofread, run_of, selected_regions
from golddigger_ij.imagej.pixels import OpenImage

_SHARES = ("accuracy", "precision", "recall", "f1")
_LENGTHS = ("rmse_nm", "mean_distance_nm", "right_size")


def evaluate(call: Call) -> dict[str, Any]:
    """Score a run, with the edited ROIs as the truth; see `golddigger_ij.imagej.service` for what is answered.

    Raises
    ------
    GoldDiggerError
        If the run is not known, or a mark has no size.
    """
    from golddigger_ij.proofreading import evaluate_edits

    image = OpenImage(call.request.get("image"))
    rois, labels = edited_rois(call)
    run, _ = run_of(image, rois)
    if run is None:
        raise GoldDiggerError(
            f"{image.title}: there is no run to judge; detect its gold, or open the results of a run, and edit those"
        )
    edits = proofread(call, run, rois, labels, selected_regions(call, image))
    result = evaluate_edits(edits, call.options["cutoff_nm"])
    true, found, count = zip(*result.confusion, strict=True) if result.confusion else ((), (), ())
    # What cannot be told is None: JSON has no NaN.
    lengths = {name: None if math.isnan(value := getattr(result, name)) else value for name in _LENGTHS}
    error = "" if lengths["rmse_nm"] is None else f", RMSE {result.rmse_nm:.2f} nm"
    return {
        "true_positives": result.true_positives,
        "false_positives": result.false_positives,
        "false_negatives": result.false_negatives,
        **{name: float(getattr(result, name)) for name in _SHARES},
        **lengths,
        "confusion_true": list(true),
        "confusion_found": list(found),
        "confusion_count": np.array(count, np.float64),
        "run": run.id,
        "summary": result.summary(),
        "message": f"{result.true_positives} true, {result.false_positives} false, {result.false_negatives} missed: "
        f"accuracy {result.accuracy:.3f}, precision {result.precision:.3f}, F1 {result.f1:.3f}{error}",
    }
