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
from golddigger_ij.training.batches import TileSource, TrainingImage
from golddigger_ij.training.calibration import fit_calibration, judged_components
from golddigger_ij.training.loop import Epoch, Trainer
from golddigger_ij.training.previews import write_preview
from golddigger_ij.training.recipes import Recipe
from golddigger_ij.training.validation import validate

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
    slope, offset, source = 1.0, 0.0, "none: confidence as painted"
    if parent is not None:
        (slope, offset), source = parent.calibration, f"as {parent.name}"
    if trainer.validation:
        confidence, is_gold = judged_components(trainer.averaged, trainer.averaged.stride, trainer.validation)
        if min(int(is_gold.sum()), int((~is_gold).sum())) >= LEAST_FOR_CALIBRATION:
            fitted = fit_calibration(confidence, is_gold)
            # A network that is surer of other things than of gold has learned nothing; do not turn its scores round.
            if fitted.slope > 0:
                slope, offset = fitted.slope, fitted.offset
                source = (
                    f"{fitted.gold} particles and {fitted.other} other components "
                    f"of {len(trainer.validation)} held-out images"
                )
    metrics: dict[str, Any] = {}
    if trainer.validation:
        # The level of confidence that the calibrated score of 0.5 stands for.
        level = 1 / (1 + np.exp(offset / slope)) if slope > 0 else 0.5
        counts = validate(trainer.averaged, trainer.averaged.stride, trainer.validation, float(level))
        metrics = {"held_out_images": len(trainer.validation), **vars(counts), "f1": round(counts.f1, 4)}
    return {
        "name": card.name,
        "method": "pix2pix",
        "generator": recipe.generator,
        "base_width": recipe.base_width,
        "working_nm_per_px": recipe.working_nm_per_px,
        "mark_scale": recipe.mark_scale,
        "threshold": 0.5,
        "calibration": {"slope": slope, "offset": offset, "fitted_on": source},
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
