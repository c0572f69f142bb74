"""Models as folders: weights.safetensors and card.json, bundled with the package or anybody's own."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from golddigger_ij.atomic import replacing
from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.scores import Calibration

if TYPE_CHECKING:
    from torch import Tensor

    from golddigger_ij.networks.generator import CompactGenerator, UNet256Generator

DEFAULT_MODEL = "gold"
BUNDLED = Path(__file__).parent
FORMAT = 1
WEIGHTS = "weights.safetensors"


@dataclass(frozen=True)
class Model:
    """A trained detector.

    Attributes
    ----------
    folder : Path
        Where its weights and card are.
    card : dict
        What it is, what it was trained on, how good it is, its threshold and the calibration of its scores.
    """

    folder: Path
    card: dict[str, Any]

    @property
    def name(self) -> str:
        """The name on the card."""
        return str(self.card["name"])

    @property
    def working_nm_per_px(self) -> float:
        """The pixel size at which the network works."""
        return float(self.card["working_nm_per_px"])

    @property
    def mark_scale(self) -> float:
        """Width of a painted mark over the particle's diameter."""
        return float(self.card["mark_scale"])

    @property
    def threshold(self) -> float:
        """Least score of a particle, unless another is asked for."""
        return float(self.card["threshold"])

    @property
    def calibration(self) -> Calibration:
        """What turns the network's confidence into a score."""
        return Calibration(**self.card["calibration"])

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the weights."""
        return hashlib.sha256(self._read_weights()).hexdigest()

    def generator(self) -> "CompactGenerator | UNet256Generator":
        """Make the network and load its weights.

        Raises
        ------
        GoldDiggerError
            If the weights are missing, damaged or those of another network.
        """
        from golddigger_ij.networks.generator import build_generator

        weights = self.weights()
        try:
            network = build_generator(str(self.card["generator"]), int(self.card["base_width"]))
            network.load_state_dict(weights)
        except (RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())[:160]
            raise GoldDiggerError(
                f"{self.folder}: the weights are not those of the card's network ({reason}); "
                "copy or train the model again"
            ) from error
        return network.eval()

    def weights(self) -> "dict[str, Tensor]":
        """Read the weights.

        Raises
        ------
        GoldDiggerError
            If they are missing or damaged.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load

        try:
            return load(self._read_weights())
        except (SafetensorError, ValueError, KeyError) as error:
            raise GoldDiggerError(
                f"{self.folder / WEIGHTS}: is damaged ({error}); copy or train the model again"
            ) from error

    def _read_weights(self) -> bytes:
        try:
            return (self.folder / WEIGHTS).read_bytes()
        except OSError as error:
            raise GoldDiggerError(
                f"{self.folder / WEIGHTS}: cannot be read ({error.strerror or error}); copy or train the model again"
            ) from error


def bundled_models() -> list[str]:
    """Names of the models that come with the package."""
    return sorted(path.parent.name for path in BUNDLED.glob("*/card.json"))


def load_model(name: str | Path = DEFAULT_MODEL) -> Model:
    """Find a model by the name of a bundled one or by its folder.

    Parameters
    ----------
    name : str or Path
        "gold" (the default), "synthetic", or a folder that holds weights.safetensors and card.json.

    Raises
    ------
    GoldDiggerError
        If there is none, or its card cannot be read.
    """
    folder = BUNDLED / name if str(name) in bundled_models() else Path(name)
    card_path = folder / "card.json"
    if not card_path.is_file():
        raise GoldDiggerError(
            f"{name}: no such model; give a folder with weights.safetensors and card.json, "
            f"or one of {', '.join(bundled_models())}"
        )
    try:
        card = json.loads(card_path.read_text(encoding="utf-8"))
        model = Model(folder, card)
        if card["format"] != FORMAT:
            raise GoldDiggerError(
                f"{card_path}: is of format {card['format']}, this version reads {FORMAT}; "
                "install a newer golddigger-ij"
            )
        _ = (
            model.name,
            model.working_nm_per_px,
            model.mark_scale,
            model.threshold,
            model.calibration,
            card["generator"],
            card["base_width"],
        )
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise GoldDiggerError(
            f"{card_path}: is not a model's card ({error!r}); copy or train the model again"
        ) from error
    return model


def save_model(folder: Path, weights: "dict[str, Tensor]", card: dict[str, Any]) -> Model:
    """Write a model's folder: weights first, the card last, each whole or not at all.

    Parameters
    ----------
    folder : Path
    weights : dict of str to Tensor
    card : dict
        Its `format` is filled in.
    """
    from safetensors.torch import save

    content = save({key: value.detach().cpu().contiguous() for key, value in weights.items()})
    with replacing(folder / WEIGHTS) as temporary:
        # Not by safetensors' own `save_file`: it makes a file that nobody but its owner can read.
        temporary.write_bytes(content)
    with replacing(folder / "card.json") as temporary:
        temporary.write_text(
            json.dumps({"format": FORMAT, **card}, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )
    return load_model(folder)
