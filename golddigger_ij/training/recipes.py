"""The named recipes by which a model is trained, each a frozen description that goes into the model's card."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from golddigger_ij.config import changed
from golddigger_ij.errors import GoldDiggerError

CHOICES = {"generator": ("compact", "unet256"), "pixel_loss": ("l1", "balanced"), "mark": ("disc", "square")}
STRIDES = {"compact": 8, "unet256": 256}


@dataclass(frozen=True)
class Recipe:
    """Everything that decides how a generator is trained. Lengths in working pixels unless named otherwise.

    Attributes
    ----------
    generator : {"compact", "unet256"}
    base_width, discriminator_width : int
        Channels of the first levels (ngf, ndf).
    working_nm_per_px : float
        Pixel size at which the network sees every image.
    tile, batch : int
        Side of a training tile, tiles in a step.
    epochs, steps_per_epoch : int
        Length of the training.
    learning_rate : float
        Of Adam; betas (0.5, 0.999) for the U-Net-256 and every discriminator, else (0.9, 0.999).
    decay_from : float
        Share of the epochs after which the learning rate falls linearly to zero.
    pixel_loss : {"l1", "balanced"}
        L1, or binary cross-entropy in which gold of every size weighs the same.
    pixel_weight, adversarial_weight : float
        Weights of the two parts of the generator's loss; no discriminator is made where the latter is 0.
    mark : {"disc", "square"}
        What is painted over a particle.
    mark_scale : float
        Width of the mark over the particle's diameter.
    mark_weight : float
        With the balanced loss: how many pixels of background a whole mark weighs as much as, over pi.
    gold_share : float
        Share of tiles that are centred near a particle; these are drawn evenly from the sizes.
    magnifications : tuple of float
        Range of the "faux" magnification: each tile is rescaled by a factor from it.
    photometric : float
        Strength of the augmentation of contrast, brightness, gamma, noise and blur, 0 to 1.
    """

    name: str
    generator: str = "compact"
    base_width: int = 24
    discriminator_width: int = 16
    working_nm_per_px: float = 1.1
    tile: int = 192
    batch: int = 8
    epochs: int = 30
    steps_per_epoch: int = 200
    learning_rate: float = 2e-3
    decay_from: float = 0.3
    pixel_loss: str = "balanced"
    pixel_weight: float = 1.0
    adversarial_weight: float = 0.0
    mark: str = "disc"
    mark_scale: float = 0.7
    mark_weight: float = 20.0
    gold_share: float = 0.5
    magnifications: tuple[float, float] = (0.8, 1.25)
    photometric: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        for key, choices in CHOICES.items():
            if getattr(self, key) not in choices:
                raise GoldDiggerError(f"{key} {getattr(self, key)!r}: choose {' or '.join(map(repr, choices))}")
        for key in ("base_width", "discriminator_width", "batch", "epochs", "steps_per_epoch"):
            if getattr(self, key) < 1:
                raise GoldDiggerError(f"{key} {getattr(self, key)}: give 1 or more")
        for key in ("working_nm_per_px", "learning_rate", "mark_scale"):
            if not 0 < getattr(self, key) < math.inf:
                raise GoldDiggerError(f"{key} {getattr(self, key)}: give a positive number")
        for key in ("decay_from", "gold_share", "photometric"):
            if not 0 <= getattr(self, key) <= 1:
                raise GoldDiggerError(f"{key} {getattr(self, key)}: give a number from 0 to 1")
        stride = STRIDES[self.generator]
        if self.tile < 32 or self.tile % stride:
            raise GoldDiggerError(f"tile {self.tile}: give a multiple of {stride}, 32 or more")
        if len(self.magnifications) != 2 or not 0 < self.magnifications[0] <= self.magnifications[1] < math.inf:
            raise GoldDiggerError(
                f"magnifications {self.magnifications}: give the lower and the upper end, such as 0.8,1.25"
            )

    def changed(self, **options: Any) -> "Recipe":
        """Change some options.

        Raises
        ------
        GoldDiggerError
            If there is no option of that name (the nearest is named), or a value is out of range.
        """
        return changed(self, "training option", options)

    def record(self) -> dict[str, Any]:
        """Give the options as a plain dictionary, for cards and checkpoints."""
        return asdict(self)


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("compact", adversarial_weight=0.02),
        Recipe(
            "paper",
            generator="unet256",
            base_width=64,
            discriminator_width=64,
            working_nm_per_px=1.11,
            tile=256,
            batch=2,
            epochs=200,
            steps_per_epoch=1500,
            learning_rate=2e-4,
            decay_from=0.5,
            pixel_loss="l1",
            pixel_weight=100.0,
            adversarial_weight=1.0,
            mark="square",
            mark_scale=1.0,
            gold_share=0.5,
            magnifications=(0.5, 2.0),
            photometric=0.0,
        ),
    )
}
"""`compact`: the bundled model's recipe. `paper`: that of Jerez et al. (2021)."""


def recipe(name: str) -> Recipe:
    """Look a recipe up by its name.

    Raises
    ------
    GoldDiggerError
        If there is none of that name.
    """
    if name not in RECIPES:
        raise GoldDiggerError(f"no recipe is called {name!r}; there are {', '.join(RECIPES)}")
    return RECIPES[name]


FINE_TUNING = {"epochs": 6, "steps_per_epoch": 100, "learning_rate": 6e-4, "decay_from": 0.2}
"""What differs where a model that is good already is trained further: short, with small steps."""

_OF_THE_NETWORK = ("base_width", "discriminator_width", "working_nm_per_px", "mark", "mark_scale", "pixel_loss")


def fine_tuning(card: Mapping[str, Any]) -> Recipe:
    """Give the recipe by which a trained model is trained further.

    Parameters
    ----------
    card : mapping
        The card of the model.
    """
    kind = "paper" if card["generator"] == "unet256" else "compact"
    recorded = card.get("recipe")
    known = {**(recorded if isinstance(recorded, dict) else {}), **card}
    same = {key: known[key] for key in _OF_THE_NETWORK if key in known}
    # A published learning rate of 2e-4 is small already.
    rate = min(recipe(kind).learning_rate, FINE_TUNING["learning_rate"])
    return recipe(kind).changed(**{**FINE_TUNING, **same, "learning_rate": rate})
