"""A training run in a folder: checkpoint, log, previews, and in the end a model with its card."""

import csv
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from golddigger_ij import __version__
from golddigger_ij.atomic import replacing
from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.models import Model, save_model
from golddigger_ij.scores import Calibration
from golddigger_ij.training.batches import TileSource, TrainingImage
from golddigger_ij.training.calibration import Judged, fit_calibration, judge_components
from golddigger_ij.training.loop import Epoch, Trainer
from golddigger_ij.training.previews import write_preview
from golddigger_ij.training.recipes import Recipe
from golddigger_ij.training.validation import Counts

THRESHOLD = 0.5

LEAST_FOR_CALIBRATION = 20
"""Held-out particles, and held-out other things, without which the parent's calibration is kept."""


@dataclass(frozen=True)
class Card:
    """What a person has to say about a model; the rest of its card is filled in by the run."""

    name: str
    data: str
    licence: str


def train_model(
    folder: Path,
    recipe: Recipe,
    images: Sequence[TrainingImage],
    validation: Sequence[TrainingImage],
    card: Card,
    *,
    parent: Model | None = None,
    device: str = "cpu",
    tensorboard: bool = False,
    step_done: Callable[[int, int], None] | None = None,
    epoch_done: Callable[[Epoch], None] | None = None,
) -> Model:
    """Train a model, or go on where an earlier call in the same folder was stopped.

    Parameters
    ----------
    folder : Path
        Gets ``checkpoint.pt`` and ``log.csv`` after each epoch, ``previews/``, and in the end ``weights.safetensors``
        and ``card.json``.
    recipe : Recipe
    images, validation : sequence of TrainingImage
        Learned from, and held out.
    card : Card
    parent : Model, optional
        Start from its weights.
    device : str
    tensorboard : bool
        Write losses for TensorBoard too (the extra `tensorboard`).
    step_done : callable, optional
        Called with steps done and steps in all; may raise to stop: the last whole epoch is kept.
    epoch_done : callable, optional
        Called after each epoch.

    Returns
    -------
    Model
    """
    start: dict[str, Tensor] | None = None
    if parent is not None:
        if (parent.card["generator"], parent.card["base_width"]) != (recipe.generator, recipe.base_width):
            raise GoldDiggerError(
                f"{parent.name}: is another network than the recipe's; choose another --start or recipe"
            )
        start = parent.weights()
    trainer = Trainer(recipe, images, validation, start, device)
    checkpoint = folder / "checkpoint.pt"
    if checkpoint.exists():
        trainer.resume(checkpoint)
    shown = TileSource(images, replace(recipe, batch=min(8, max(4, recipe.batch))), np.random.default_rng(1)).batch()
    with _summary_writer(folder, tensorboard) as writer:
        while not trainer.finished:
            epoch = trainer.run_epoch(step_done and partial(_report_step, step_done, trainer))
            trainer.save(checkpoint)
            _write_log(folder / "log.csv", trainer.history)
            write_preview(
                folder / "previews" / f"epoch-{epoch.number:04d}.png", trainer.averaged, shown[0].to(device), shown[1]
            )
            if writer is not None:
                _summarise(writer, epoch)
            if epoch_done is not None:
                epoch_done(epoch)
    return save_model(folder, trainer.averaged.state_dict(), _card(trainer, images, card, parent))


def _report_step(step_done: Callable[[int, int], None], trainer: Trainer, done: int, steps: int) -> None:
    step_done(len(trainer.history) * steps + done, trainer.recipe.epochs * steps)


def _card(trainer: Trainer, images: Sequence[TrainingImage], card: Card, parent: Model | None) -> dict[str, Any]:
    recipe = trainer.recipe
    calibration = Calibration()
    if parent is not None:
        calibration = replace(parent.calibration, fitted_on=f"as {parent.name}: {parent.calibration.fitted_on}")
    metrics: dict[str, Any] = {}
    if trainer.validation:
        network = trainer.averaged
        judged = judge_components(network, network.stride, recipe.mark_scale, trainer.validation)
        gold = int(judged.is_gold.sum())
        if min(gold, len(judged.is_gold) - gold) >= LEAST_FOR_CALIBRATION:
            fitted = fit_calibration(judged, f"{len(trainer.validation)} held-out images")
            # A network that is surer of other things than of gold has learned nothing; do not turn its scores round.
            calibration = fitted if fitted.slope > 0 else calibration
        metrics = _metrics(judged, calibration, trainer.validation)
    return {
        "name": card.name,
        "method": "pix2pix",
        "generator": recipe.generator,
        "base_width": recipe.base_width,
        "working_nm_per_px": recipe.working_nm_per_px,
        "mark_scale": recipe.mark_scale,
        "threshold": THRESHOLD,
        "calibration": calibration.record(),
        "data": card.data,
        "licence": card.licence,
        "recipe": recipe.record(),
        "parent": None if parent is None else {"name": parent.name, "sha256": parent.sha256},
        "images": len(images),
        "steps": recipe.steps_per_epoch * len(trainer.history),
        "seconds": round(sum(epoch.seconds for epoch in trainer.history)),
        "metrics": metrics,
        "golddigger_ij": __version__,
    }


def measure_model(model: Model, images: Sequence[TrainingImage]) -> dict[str, Any]:
    """Say what a model would find on images with default settings, as it stands on the card of a trained one.

    Parameters
    ----------
    model : Model
    images : sequence of TrainingImage
        At the model's working pixel size; one at least.

    Returns
    -------
    dict
        `found`, `false`, `missed`, `f1`, `held_out_images`.
    """
    network = model.generator()
    judged = judge_components(network, network.stride, model.mark_scale, images)
    return _metrics(judged, model.calibration, images)


def _metrics(judged: Judged, calibration: Calibration, images: Sequence[TrainingImage]) -> dict[str, Any]:
    marks = sum(int(image.knows(image.x, image.y).sum()) for image in images)
    kept = calibration.score(judged.confidence, judged.relative_darkness) >= THRESHOLD
    found, false = int((kept & judged.is_gold).sum()), int((kept & ~judged.is_gold).sum())
    counts = Counts(found, false, max(0, marks - found))
    return {**vars(counts), "f1": round(counts.f1, 4), "held_out_images": len(images)}


def _write_log(path: Path, history: Sequence[Epoch]) -> None:
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["epoch", "pixel_loss", "generator_loss", "discriminator_loss", "validation_f1", "seconds"])
        for e in history:
            f1 = "" if e.validation is None else f"{e.validation.f1:.4f}"
            losses = (f"{loss:.5f}" for loss in (e.pixel_loss, e.generator_loss, e.discriminator_loss))
            writer.writerow([e.number, *losses, f1, f"{e.seconds:.1f}"])


def _summary_writer(folder: Path, wanted: bool) -> Any:
    if not wanted:
        return nullcontext()
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise GoldDiggerError(
            "--tensorboard needs an extra package; install it with: pip install 'golddigger-ij[tensorboard]'"
        ) from error
    return SummaryWriter(str(folder / "tensorboard"))


def _summarise(writer: Any, epoch: Epoch) -> None:
    for name in ("pixel_loss", "generator_loss", "discriminator_loss"):
        writer.add_scalar(f"loss/{name}", getattr(epoch, name), epoch.number)
    if epoch.validation is not None:
        writer.add_scalar("validation/f1", epoch.validation.f1, epoch.number)
