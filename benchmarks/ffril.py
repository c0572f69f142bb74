"""Accuracy on six real micrographs, each scored by a model that never saw it.

For each image, the bundled `synthetic` model is fine-tuned on the other five (whole-field marks) and on synthetic
images, then run with default settings on it, at 0.55868 nm per pixel and shrunk to half. Scored by the referee inside
the annotated regions, and against the whole-field marks kept beside this file, which hold the gold of all sizes.

    python benchmarks/ffril.py             # leave one image out: six fine-tunings, about 20 minutes on 2 cores
    python benchmarks/ffril.py --quick     # the `synthetic` model as it is, which never saw a real image: one minute
"""

import argparse
import json
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from ffril_data import IMAGES, NAMES, NM_PER_PX, REFEREE, UNSURE_RADIUS_PX, annotation, read_marks
from PIL import Image

from golddigger_ij.config import DetectionConfig
from golddigger_ij.detect import detect
from golddigger_ij.evaluation import Evaluation, combine, evaluate
from golddigger_ij.models import Model, load_model
from golddigger_ij.montage import open_montage
from golddigger_ij.particles import Particles, write_particles_csv
from golddigger_ij.training.batches import TrainingImage
from golddigger_ij.training.calibration import Judged, fit_calibration, judge_components
from golddigger_ij.training.marked_images import prepare_image, synthetic_images
from golddigger_ij.training.recipes import Recipe, recipe
from golddigger_ij.training.run import Card, train_model

BUILD = Path(__file__).resolve().parents[1] / "build" / "ffril"
REPLAYED = range(10_000, 10_150)
CUTOFF_NM = 5.0


def fine_tuning() -> Recipe:
    """The recipe of the bundled default: a short training from the synthetic model."""
    return recipe("compact").changed(epochs=6, steps_per_epoch=100, learning_rate=6e-4, decay_from=0.2)


def real_images(left_out: str | None) -> list[TrainingImage]:
    """All images but one, together as likely as the replayed synthetic ones."""
    names = [name for name in NAMES if name != left_out]
    return [replace(prepared(name), weight=1 / len(names)) for name in names]


@cache
def prepared(name: str) -> TrainingImage:
    """Read an image and its marks once."""
    return prepare_image(annotation(name), recipe("compact").working_nm_per_px)


def replayed() -> list[TrainingImage]:
    """Synthetic images, so that nothing learned from them is forgotten."""
    return synthetic_images(REPLAYED, recipe("compact").working_nm_per_px, weight=1 / len(REPLAYED))


def fold(left_out: str, replay: list[TrainingImage]) -> Model:
    """Fine-tune on all images but one; nothing of the one is used, not even for the threshold."""
    card = Card(f"without-{left_out}", "ffril, leaving one image out", "not for distribution")
    parent = load_model("synthetic")
    return train_model(BUILD / left_out, fine_tuning(), real_images(left_out) + replay, [], card, parent=parent)


def run(model: Model, name: str, shrink: int) -> Particles:
    """Detect with default settings; shrunk images are means of 2 × 2 pixels, cut to an even size."""
    pixels = np.asarray(Image.open(IMAGES / f"{name}.jpg").convert("L"))
    if shrink == 2:
        height, width = (n // 2 * 2 for n in pixels.shape)
        means = pixels[:height, :width].reshape(height // 2, 2, width // 2, 2).mean((1, 3))
        pixels = np.round(means).astype(np.uint8)
    with open_montage(pixels, nm_per_px=NM_PER_PX * shrink) as montage:
        return detect(montage, model, DetectionConfig()).particles


def whole_field(particles: Particles, name: str, shrink: int) -> Evaluation:
    """Score against the whole-field marks; what lies at an unsure place does not count."""
    marks = read_marks(name)
    x, y = ((v + 0.5) * shrink - 0.5 for v in (particles.x, particles.y))
    sure = np.ones(len(x), bool)
    for ux, uy in marks.unsure:
        sure &= np.hypot(x - ux, y - uy) > UNSURE_RADIUS_PX
    return evaluate(
        np.column_stack([x, y]),
        np.column_stack([marks.x, marks.y]),
        nm_per_px=NM_PER_PX,
        cutoff_nm=CUTOFF_NM,
        found_group=particles.group,
        truth_group=np.array([f"{size:g}nm" for size in marks.size_nm], object),
        inside=sure,
    )


def write_held_out(held_out: list[Judged], metrics: dict[str, object]) -> None:
    """Keep what goes onto the bundled default's card: metrics, and the calibration of scores.

    The calibration is fitted on what the six models said about the image that each had not seen.
    """
    fitted = fit_calibration(Judged.joined(held_out), "six real images, each judged by a model that had not seen it")
    content = {"calibration": fitted.record(), "metrics": metrics}
    (BUILD / "left-out" / "held_out.json").write_text(json.dumps(content, indent=1))


def referee(folder: Path, shrink: int) -> dict[str, float]:
    """Run the referee on a folder of particle tables."""
    figures = folder / "referee.json"
    options = ["--scale", str(1 / shrink), "--errors", str(folder / "errors.csv"), "--json", str(figures)]
    subprocess.run([sys.executable, str(REFEREE), str(folder), *options], check=True)
    return dict(json.loads(figures.read_text()))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="score the bundled synthetic model instead")
    parser.add_argument("--model", help="score this model on all six instead (a look at it, no cross-validation)")
    args = parser.parse_args()
    if not IMAGES.is_dir():
        print(f"skipped: {IMAGES} is not there")
        return 0
    chosen = args.model or ("synthetic" if args.quick else None)
    replay = replayed() if chosen is None else []
    fields: dict[int, list[Evaluation]] = {1: [], 2: []}
    held_out = []
    for name in NAMES:
        model = load_model(chosen) if chosen else fold(name, replay)
        if not chosen:
            network = model.generator()
            held_out.append(judge_components(network, network.stride, model.mark_scale, [prepared(name)]))
        for shrink in fields:
            particles = run(model, name, shrink)
            folder = BUILD / (chosen or "left-out").replace("/", "_") / f"scale-{shrink}"
            write_particles_csv(folder / f"{name}_particles.csv", particles)
            fields[shrink].append(whole_field(particles, name, shrink))
            one = fields[shrink][-1]
            print(
                f"{name:4s} 1/{shrink} whole field: precision {one.precision:.3f} recall {one.recall:.3f} "
                f"F1 {one.f1:.3f} size {one.right_size:.3f}",
                flush=True,
            )
    errors, metrics = {}, {}
    for shrink, evaluations in fields.items():
        print(f"\n{NM_PER_PX * shrink:.4f} nm per pixel")
        figures = referee(BUILD / (chosen or "left-out").replace("/", "_") / f"scale-{shrink}", shrink)
        errors[shrink] = figures["false"] + figures["missed"]
        total = combine(evaluations)
        print(
            f"whole field: precision {total.precision:.4f} recall {total.recall:.4f} F1 {total.f1:.4f} "
            f"size {total.right_size:.4f} rmse {total.rmse_nm:.2f} nm"
        )
        metrics[f"{NM_PER_PX * shrink:.4f} nm per pixel"] = {
            "annotated regions": {key: round(figures[key], 4) for key in ("false", "missed", "f1", "size", "rmse")},
            "whole field": {
                "precision": round(total.precision, 4),
                "recall": round(total.recall, 4),
                "f1": round(total.f1, 4),
            },
        }
    if held_out:
        write_held_out(held_out, {"leaving one image out of six": metrics})
    print("\nfalse + missed of 268: " + ", ".join(f"{n:.0f} at 1/{shrink}" for shrink, n in errors.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
