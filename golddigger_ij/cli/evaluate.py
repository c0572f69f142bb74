"""`golddigger-ij evaluate`: a run's particles against ground truth."""

import math
from pathlib import Path
from typing import Annotated

import typer

from golddigger_ij.cli.messages import WrongCommandLine
from golddigger_ij.errors import GoldDiggerError


def evaluate(
    particles: Annotated[Path, typer.Argument(metavar="PARTICLES", help="STEM_particles.csv of a run.")],
    truth: Annotated[
        Path,
        typer.Argument(metavar="TRUTH", help="Ground truth: a CSV file with x and y, and group or diameter_nm."),
    ],
    pixel_size: Annotated[
        float | None, typer.Option(metavar="NM", help="Nanometres for each pixel. [default: from STEM_run.json]")
    ] = None,
    cutoff: Annotated[float, typer.Option(metavar="NM", help="Largest distance of a match in nm.")] = 5.0,
) -> int:
    """Compare a run's particles with ground truth.

    Counts true positives, false positives and missed particles; gives precision, recall, F1, accuracy, the error of
    the positions, and which sizes were taken for which.
    """
    for option, value in (("--pixel-size", pixel_size), ("--cutoff", cutoff)):
        if value is not None and not 0 < value < math.inf:
            raise WrongCommandLine(f"{option} {value:g}: give a positive number of nanometres")
    print(compare(particles, truth, pixel_size, cutoff))
    return 0


def compare(particles: Path, truth: Path, pixel_size: float | None, cutoff_nm: float) -> str:
    """Evaluate one image and give the figures as text.

    Raises
    ------
    GoldDiggerError
        If a file cannot be read, or there is no pixel size.
    """
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
            raise GoldDiggerError(
                f"{particles}: its run's record, {record.name}, gives no pixel size; use --pixel-size NM"
            ) from error
    result = score(
        np.column_stack([found.x, found.y]),
        known.xy,
        nm_per_px=pixel_size,
        cutoff_nm=cutoff_nm,
        found_group=found.group,
        truth_group=known.group,
    )
    return result.summary()
