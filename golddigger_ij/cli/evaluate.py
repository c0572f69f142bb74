"""`golddigger-ij evaluate`: a run's particles against ground truth."""

from pathlib import Path
from typing import Annotated

import typer

from golddigger_ij.errors import GoldDiggerError


def evaluate(
    particles: Annotated[Path, typer.Argument(help="STEM_particles.csv of a run.")],
    truth: Annotated[Path, typer.Argument(help="Ground truth: a CSV file with x and y, and group or diameter_nm.")],
    pixel_size: Annotated[float | None, typer.Option(help="nm per pixel. [default: from STEM_run.json]")] = None,
    cutoff: Annotated[float, typer.Option(help="Largest distance of a match in nm.")] = 5.0,
) -> int:
    """Count true positives, false positives and missed particles; precision, recall, F1, accuracy, RMSE, sizes."""
    print(compare(particles, truth, pixel_size, cutoff))
    return 0


def compare(particles: Path, truth: Path, pixel_size: float | None, cutoff_nm: float) -> str:
    """Evaluate one image and give the figures as text."""
    import json

    import numpy as np

    from golddigger_ij.evaluation import evaluate as score
    from golddigger_ij.evaluation import read_truth_csv
    from golddigger_ij.particles import read_particles_csv

    found = read_particles_csv(particles)
    known = read_truth_csv(truth)
    if pixel_size is None:
        record = particles.with_name(particles.name.replace("_particles.csv", "_run.json"))
        try:
            pixel_size = float(json.loads(record.read_text(encoding="utf-8"))["image"]["nm_per_px"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise GoldDiggerError(f"{record}: gives no pixel size; use --pixel-size NM") from error
    result = score(
        np.column_stack([found.x, found.y]),
        known.xy,
        nm_per_px=pixel_size,
        cutoff_nm=cutoff_nm,
        found_group=found.group,
        truth_group=known.group,
    )
    return result.summary()
