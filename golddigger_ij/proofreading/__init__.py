"""Particles that people have edited as ROIs: what they changed, and the ground truth that this makes."""

from golddigger_ij.proofreading.comparison import (
    ADDED,
    KEPT,
    MOVED,
    MOVED_AND_REGROUPED,
    REGROUPED,
    Proofreading,
    compare,
)
from golddigger_ij.proofreading.ground_truth import (
    SavedTruth,
    evaluate_edits,
    save_ground_truth,
    to_annotation,
    truth_as_particles,
)

__all__ = [
    "ADDED",
    "KEPT",
    "MOVED",
    "MOVED_AND_REGROUPED",
    "REGROUPED",
    "Proofreading",
    "SavedTruth",
    "compare",
    "evaluate_edits",
    "save_ground_truth",
    "to_annotation",
    "truth_as_particles",
]
