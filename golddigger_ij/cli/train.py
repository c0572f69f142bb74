"""`golddigger-ij train`: ground truth in, a model out."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from golddigger_ij.cli.messages import check_choice, command_line
from golddigger_ij.cli.progress import KINDS as PROGRESS_KINDS
from golddigger_ij.errors import GoldDiggerError

if TYPE_CHECKING:
    from golddigger_ij.training.loop import Epoch
    from golddigger_ij.training.recipes import Recipe


def train(
    truth: Annotated[
        list[Path] | None, typer.Argument(metavar="DIR...", help="Folders of ground truth (NAME.json, NAME_marks.csv).")
    ] = None,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="DIR", help="Folder for the model; an unfinished run in it goes on."),
    ] = Path("model"),
    recipe: Annotated[
        str,
        typer.Option(metavar="NAME", help="'compact' (the bundled model's) or 'paper' (Gold Digger's, U-Net-256)."),
    ] = "compact",
    start: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Start from this model: 'gold', 'synthetic', or a model's folder."),
    ] = None,
    synthetic: Annotated[int, typer.Option(metavar="N", min=0, help="Add so many synthetic images.")] = 0,
    validation: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Ground truth to validate with. [default: a part of the images]"),
    ] = None,
    change: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="OPTION=VALUE", help="Change an option of the recipe, such as epochs=10."),
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="N", min=0, help="The same seed trains the same model on one machine.")
    ] = 0,
    device: Annotated[str, typer.Option(metavar="NAME", help="'auto', 'cpu', 'cuda' or 'mps'.")] = "auto",
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Write losses for TensorBoard.")] = False,
    progress: Annotated[
        str, typer.Option(metavar="KIND", help="'auto' (a bar on a terminal), 'json' or 'none'.")
    ] = "auto",
) -> int:
    """Train a model from ground truth, synthetic images or both.

    After each epoch a checkpoint, the log and a preview are written; Ctrl-C stops, and the same command goes on.
    Without --validation every fifth image of ground truth and every tenth synthetic one is held out.

    Example: golddigger-ij train my-ground-truth --start gold -o my-model --set epochs=10
    """
    from golddigger_ij.atomic import refuse_unwritable
    from golddigger_ij.cli.progress import progress as show
    from golddigger_ij.models import load_model
    from golddigger_ij.runtime import choose_device
    from golddigger_ij.training.marked_images import gather_images
    from golddigger_ij.training.run import Card, train_model

    check_choice("--progress", progress, PROGRESS_KINDS)
    with command_line():
        if not truth and not synthetic:
            raise GoldDiggerError("give a folder of ground truth, or --synthetic N, or both")
        options = change_recipe(recipe, change or [], seed)
        chosen = choose_device(device)
        parent = None if start is None else load_model(start)
    refuse_unwritable(output)
    stage = f"Preparing the images, {synthetic} of them synthetic" if synthetic else "Preparing the images"
    print(stage, flush=True)
    images, held_out = gather_images(truth or [], options.working_nm_per_px, validation, synthetic)
    marked = sum(len(image.x) for image in images)
    print(f"{len(images)} images with {marked} particles to learn from, {len(held_out)} held out", flush=True)

    def report(epoch: "Epoch") -> None:
        f1 = "" if epoch.validation is None else f", F1 {epoch.validation.f1:.3f}"
        line = f"epoch {epoch.number}/{options.epochs}: loss {epoch.pixel_loss:.4f}{f1}, {epoch.seconds:.0f} s"
        print(line, flush=True)

    data = ", ".join([*map(str, truth or []), *([f"{synthetic} synthetic images"] if synthetic else [])])
    with show(progress, "training") as update:
        model = train_model(
            output,
            options,
            images,
            held_out,
            Card(output.resolve().name, data, "the user's own"),
            parent=parent,
            device=chosen,
            tensorboard=tensorboard,
            step_done=update,
            epoch_done=report,
        )
    f1 = model.card["metrics"].get("f1")
    quality = "" if f1 is None else f"; F1 {f1:.3f} on {len(held_out)} held-out image{'s' if len(held_out) > 1 else ''}"
    print(f"{output}: done{quality}. Use it: golddigger-ij detect IMAGE -o DIR --model {output}")
    return 0


def change_recipe(name: str, changes: list[str], seed: int) -> "Recipe":
    """Look a recipe up and apply OPTION=VALUE changes, each value in the type of the option.

    Raises
    ------
    GoldDiggerError
        If there is no such recipe or option, or a value does not fit.
    """
    from golddigger_ij.training.recipes import recipe as find

    options = find(name)
    values: dict[str, Any] = {"seed": seed}
    for text in changes:
        key, _, value = text.partition("=")
        if key in ("name", "seed"):
            raise GoldDiggerError(f"--set {text}: is not one to set; use --recipe and --seed")
        if key not in options.record():
            options.changed(**{key: value})
        values[key] = _fitting(text, getattr(options, key), key, value)
    return options.changed(**values)


_CHOICES = {"generator": ("compact", "unet256"), "pixel_loss": ("l1", "balanced"), "mark": ("disc", "square")}
_MAY_BE_ZERO = ("adversarial_weight", "decay_from", "gold_share", "photometric")
_SHARES = ("decay_from", "gold_share", "photometric")


def _fitting(text: str, now: Any, key: str, value: str) -> Any:
    """Read an option's new value as what its present value `now` is."""
    if isinstance(now, str):
        if value not in _CHOICES[key]:
            raise GoldDiggerError(f"--set {text}: choose {' or '.join(_CHOICES[key])}")
        return value
    try:
        if isinstance(now, tuple):
            low, high = (float(part) for part in value.split(","))
            if 0 < low <= high < math.inf:
                return low, high
            raise ValueError
        number = type(now)(value)
    except ValueError as error:
        wanted = "two numbers, the smaller first" if isinstance(now, tuple) else "a number"
        wanted = "a whole number" if isinstance(now, int) else wanted
        raise GoldDiggerError(f"--set {text}: give {wanted}, such as {key}={_shown(now)}") from error
    most = 1 if key in _SHARES else math.inf
    if not 0 <= number <= most or number == math.inf or (number == 0 and key not in _MAY_BE_ZERO):
        wanted = "a share from 0 to 1" if key in _SHARES else "a number above 0"
        raise GoldDiggerError(f"--set {text}: give {wanted}, such as {key}={_shown(now)}")
    return number


def _shown(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
