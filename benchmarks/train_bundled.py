"""Make the bundled models again.

    python benchmarks/train_bundled.py synthetic    # from nothing, synthetic images only: 40 minutes on 2 cores
    python benchmarks/train_bundled.py gold         # from `synthetic` and the six micrographs: about 5 minutes

`gold` takes its metrics and the calibration of its scores from the held-out images of `benchmarks/ffril.py`, which has
to be run before it.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from ffril import BUILD, fine_tuning, real_images, replayed

from golddigger_ij.models import BUNDLED, Model, load_model, save_model
from golddigger_ij.training.loop import Epoch
from golddigger_ij.training.marked_images import synthetic_images
from golddigger_ij.training.recipes import Recipe, recipe
from golddigger_ij.training.run import Card, train_model

LEARNED, HELD_OUT = range(870), range(870, 900)
SYNTHETIC = Card(
    "synthetic",
    "870 synthetic images (golddigger_ij.synthetic_scenes, numbers 0 to 869); no real image",
    "BSD-3-Clause",
)
GOLD = Card(
    "gold",
    "150 synthetic images, and six freeze-fracture replica micrographs of the FFRIL class data set (Max Planck Florida "
    "Institute for Neuroscience, published without a licence), marked by us in the whole field",
    "BSD-3-Clause for the weights; the real images are not distributed",
)


def stages() -> tuple[Recipe, Recipe]:
    """The two stages of the synthetic model: coarse with heavy marks, then fine."""
    base = recipe("compact")
    first = base.changed(epochs=24, mark_weight=60.0, adversarial_weight=0.0)
    second = base.changed(epochs=22, learning_rate=1.2e-3, decay_from=0.1, adversarial_weight=0.0, seed=1)
    return first, second


def train_synthetic(build: Path) -> None:
    """Train the synthetic model and put it into the package."""
    working = recipe("compact").working_nm_per_px
    images, held_out = synthetic_images(LEARNED, working), synthetic_images(HELD_OUT, working)
    first, second = stages()
    parent = train_model(build / "synthetic-1", first, images, held_out, SYNTHETIC, epoch_done=report)
    install(
        train_model(build / "synthetic-2", second, images, held_out, SYNTHETIC, parent=parent, epoch_done=report).folder
    )


def train_gold(build: Path) -> None:
    """Fine-tune on all six images and put the model into the package."""
    model = train_model(
        build / "gold",
        fine_tuning(),
        real_images(None) + replayed(),
        [],
        GOLD,
        parent=load_model("synthetic"),
        epoch_done=report,
    )
    held_out = json.loads((BUILD / "left-out" / "held_out.json").read_text())
    save_model(model.folder, model.weights(), plain(model) | held_out)
    install(model.folder)


def plain(model: Model) -> dict[str, Any]:
    """Give a card as `save_model` wants it."""
    return {key: value for key, value in model.card.items() if key != "format"}


def install(folder: Path) -> None:
    """Put weights and card into the package, with the commit of the code that made them."""
    model = load_model(folder)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], check=True, capture_output=True, text=True)
    save_model(BUNDLED / model.name, model.weights(), plain(model) | {"commit": commit.stdout.strip()})


def report(epoch: Epoch) -> None:
    f1 = "" if epoch.validation is None else f" F1 {epoch.validation.f1:.4f}"
    print(f"epoch {epoch.number}: loss {epoch.pixel_loss:.4f}{f1}, {epoch.seconds:.0f} s", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=["synthetic", "gold"])
    args = parser.parse_args()
    build = BUILD.parent / "bundled"
    (train_synthetic if args.model == "synthetic" else train_gold)(build)
    return 0


if __name__ == "__main__":
    sys.exit(main())
