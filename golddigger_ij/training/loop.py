"""The adversarial training loop of pix2pix, resumable, with a seed that fixes the result."""

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from golddigger_ij.atomic import replacing
from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.networks.discriminator import PatchDiscriminator
from golddigger_ij.networks.generator import build_generator
from golddigger_ij.training.batches import TileSource, TrainingImage
from golddigger_ij.training.losses import pixel_loss, real_or_painted
from golddigger_ij.training.recipes import Recipe
from golddigger_ij.training.validation import Counts, validate

FASTEST_DISCRIMINATOR = 2e-4
"""Highest learning rate of a discriminator: pix2pix's own."""


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to. Losses are means over its steps; `validation` is None without validation images."""

    number: int
    pixel_loss: float
    generator_loss: float
    discriminator_loss: float
    validation: Counts | None
    seconds: float


class Trainer:
    """A training run: networks, optimisers, random state and the epochs so far.

    Parameters
    ----------
    recipe : Recipe
    images : sequence of TrainingImage
    validation : sequence of TrainingImage
        Images that nothing is learned from.
    start : dict of str to Tensor, optional
        Weights of a pretrained generator.
    device : str
        As torch names it.
    half_precision : bool, optional
        bfloat16 arithmetic; by default where the CPU has instructions for it, or on CUDA.
    """

    def __init__(
        self,
        recipe: Recipe,
        images: Sequence[TrainingImage],
        validation: Sequence[TrainingImage] = (),
        start: dict[str, Tensor] | None = None,
        device: str = "cpu",
        half_precision: bool | None = None,
    ) -> None:
        if not images:
            raise GoldDiggerError("there is no image to train on; give at least one with marks")
        torch.manual_seed(recipe.seed)
        initialise = _initialise_as_published if recipe.generator == "unet256" else _initialise
        self.recipe, self.device, self.validation = recipe, device, list(validation)
        self.tiles = TileSource(images, recipe, np.random.default_rng(recipe.seed))
        self.generator = build_generator(recipe.generator, recipe.base_width).to(device)
        if start is None:
            self.generator.apply(initialise)
        else:
            self.generator.load_state_dict(start)
        betas = (0.5, 0.999) if recipe.generator == "unet256" else (0.9, 0.999)
        self.optimiser = torch.optim.Adam(self.generator.parameters(), recipe.learning_rate, betas)
        self.discriminator: PatchDiscriminator | None = None
        if recipe.adversarial_weight > 0:
            self.discriminator = PatchDiscriminator(recipe.discriminator_width).to(device)
            self.discriminator.apply(initialise)
            rate = min(recipe.learning_rate, FASTEST_DISCRIMINATOR)
            self.discriminator_optimiser = torch.optim.Adam(self.discriminator.parameters(), rate, (0.5, 0.999))
        # The weights that are kept are a running mean of the last steps': less noise than the very last one's.
        self.averaged = copy.deepcopy(self.generator).eval()
        self.history: list[Epoch] = []
        self.half_precision = _has_bfloat16(device) if half_precision is None else half_precision

    @property
    def finished(self) -> bool:
        """Whether all epochs of the recipe are done."""
        return len(self.history) >= self.recipe.epochs

    def run_epoch(self, step_done: Callable[[int, int], None] | None = None) -> Epoch:
        """Train for one epoch, then validate.

        Parameters
        ----------
        step_done : callable, optional
            Called with steps done and steps in the epoch; may raise to stop.
        """
        started, recipe = time.perf_counter(), self.recipe
        self.generator.train()
        sums = np.zeros(3)
        for step in range(recipe.steps_per_epoch):
            self._set_rates(len(self.history) + step / recipe.steps_per_epoch)
            sums += self._step()
            self._average(len(self.history) * recipe.steps_per_epoch + step)
            if step_done is not None:
                step_done(step + 1, recipe.steps_per_epoch)
        counts = validate(self.averaged, self.averaged.stride, self.validation) if self.validation else None
        means = sums / recipe.steps_per_epoch
        epoch = Epoch(
            number=len(self.history) + 1,
            pixel_loss=float(means[0]),
            generator_loss=float(means[1]),
            discriminator_loss=float(means[2]),
            validation=counts,
            seconds=time.perf_counter() - started,
        )
        self.history.append(epoch)
        return epoch

    def _step(self) -> tuple[float, float, float]:
        recipe = self.recipe
        image, mask, weight = (part.to(self.device) for part in self.tiles.batch())
        known = (weight > 0).float()
        with torch.autocast(self.device.split(":")[0], torch.bfloat16, enabled=self.half_precision):
            painted = self.generator(image)
        painted = painted.float()
        true_mask = 2 * mask - 1
        discriminator_loss = torch.zeros(())
        adversarial = torch.zeros((), device=self.device)
        if self.discriminator is not None:
            # Unknown places look the same in both masks, so that nothing can be learned from them.
            shown = known * painted - (1 - known)
            discriminator_loss = self._discriminator_step(image, known * true_mask - (1 - known), shown.detach(), known)
            self.discriminator.requires_grad_(False)
            adversarial = real_or_painted(self._judge(image, shown), True, known)
            self.discriminator.requires_grad_(True)
        pixel = pixel_loss(recipe.pixel_loss, painted, mask, weight)
        loss = recipe.pixel_weight * pixel + recipe.adversarial_weight * adversarial
        if not torch.isfinite(loss):
            raise GoldDiggerError("training diverged (the loss is not a number); use --set learning_rate=… with less")
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        self.optimiser.step()
        return float(pixel.detach()), float(adversarial.detach()), float(discriminator_loss.detach())

    def _judge(self, image: Tensor, mask: Tensor) -> Tensor:
        assert self.discriminator is not None
        with torch.autocast(self.device.split(":")[0], torch.bfloat16, enabled=self.half_precision):
            judged: Tensor = self.discriminator(image, mask)
        return judged.float()

    def _discriminator_step(self, image: Tensor, real: Tensor, painted: Tensor, known: Tensor) -> Tensor:
        loss = 0.5 * (
            real_or_painted(self._judge(image, real), True, known)
            + real_or_painted(self._judge(image, painted), False, known)
        )
        self.discriminator_optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        self.discriminator_optimiser.step()
        return loss

    def _average(self, step: int) -> None:
        # Faster at first, or the weights of a short run would be mostly those that it started from.
        part = max(1 / 300, 9 / (10 + step))
        with torch.no_grad():
            averaged, current = self.averaged.state_dict(), self.generator.state_dict()
            for name, mean in averaged.items():
                if mean.is_floating_point():
                    mean.lerp_(current[name], part)
                else:
                    mean.copy_(current[name])

    def _set_rates(self, epoch: float) -> None:
        """Constant, then linear to zero; a short warm-up at the very start."""
        recipe = self.recipe
        start = recipe.decay_from * recipe.epochs
        factor = min(1.0, max(0.0, (recipe.epochs - epoch) / max(1e-9, recipe.epochs - start)))
        factor *= min(1.0, (epoch * recipe.steps_per_epoch + 10) / 100)
        for group in self.optimiser.param_groups:
            group["lr"] = recipe.learning_rate * factor
        if self.discriminator is not None:
            for group in self.discriminator_optimiser.param_groups:
                group["lr"] = min(recipe.learning_rate, FASTEST_DISCRIMINATOR) * factor

    def save(self, path: Path) -> None:
        """Write everything that is needed to go on, under a temporary name first."""
        state: dict[str, Any] = {
            "recipe": self.recipe.record(),
            "generator": self.generator.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "tiles": self.tiles.rng.bit_generator.state,
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state(self.device) if self.device.startswith("cuda") else None,
            "history": [
                vars(epoch) | {"validation": vars(epoch.validation) if epoch.validation else None}
                for epoch in self.history
            ],
        }
        if self.discriminator is not None:
            state["discriminator"] = self.discriminator.state_dict()
            state["discriminator_optimiser"] = self.discriminator_optimiser.state_dict()
        with replacing(path) as temporary:
            torch.save(state, temporary)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint of the same recipe.

        Raises
        ------
        GoldDiggerError
            If the file is no checkpoint, or one of another recipe.
        """
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
            recorded = dict(state["recipe"])
        except Exception as error:
            raise GoldDiggerError(
                f"{path}: cannot be read as a checkpoint ({error.__class__.__name__}); remove it to start anew"
            ) from error
        mine = self.recipe.record()
        changed = [key for key in mine if recorded.get(key) != mine[key] and key != "epochs"]
        if changed:
            raise GoldDiggerError(
                f"{path}: was made with another recipe ({', '.join(changed)}); "
                "resume with the same options or remove it"
            )
        self.generator.load_state_dict(state["generator"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimiser.load_state_dict(state["optimiser"])
        if self.discriminator is not None:
            self.discriminator.load_state_dict(state["discriminator"])
            self.discriminator_optimiser.load_state_dict(state["discriminator_optimiser"])
        self.tiles.rng.bit_generator.state = state["tiles"]
        torch.set_rng_state(state["torch"].cpu())
        if self.device.startswith("cuda") and state.get("cuda") is not None:
            torch.cuda.set_rng_state(state["cuda"].cpu(), self.device)
        self.history = [
            Epoch(**{**e, "validation": Counts(**e["validation"]) if e["validation"] else None})
            for e in state["history"]
        ]


def _initialise(module: nn.Module) -> None:
    """Start with He's normal weights: those of pix2pix would be too quiet in a narrow network."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.kaiming_normal_(module.weight, a=0.2)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _initialise_as_published(module: nn.Module) -> None:
    """Start with the normal weights of pix2pix: standard deviation 0.02, batch norms about 1."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)


def _has_bfloat16(device: str) -> bool:
    if device.startswith("cuda"):
        return bool(torch.cuda.is_bf16_supported())
    # Only newer versions of torch can tell.
    asked = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return device == "cpu" and asked is not None and bool(asked())
