"""`golddigger-ij train`: ground truth in, a model out."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from golddigger_ij.errors import GoldDiggerError

if TYPE_CHECKING:
    from golddigger_ij.training.batches import TrainingImage
    from golddigger_ij.training.loop import Epoch
    from golddigger_ij.training.recipes import Recipe


def train(
    truth: Annotated[
        list[Path] | None, typer.Argument(help="Folders of ground truth (NAME.json, NAME_marks.csv).")
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for the model; an unfinished run in it is resumed.")
    ] = Path("model"),
    recipe: Annotated[
        str, typer.Option(help="'compact' (the bundled model's) or 'paper' (Gold Digger's, U-Net-256).")
    ] = "compact",
    start: Annotated[str | None, typer.Option(help="Start from this model: a bundled one's name or a folder.")] = None,
    synthetic: Annotated[int, typer.Option(help="Add so many synthetic images.")] = 0,
    validation: Annotated[
        Path | None, typer.Option(help="Ground truth to validate with. [default: every fifth image]")
    ] = None,
    change: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="OPTION=VALUE", help="Change an option of the recipe, such as epochs=10."),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed trains the same model on one machine.")] = 0,
    device: Annotated[str, typer.Option(help="'auto', 'cpu', 'cuda' or 'mps'.")] = "auto",
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Write losses for TensorBoard.")] = False,
    progress: Annotated[str, typer.Option(help="'auto', 'json' or 'none'.")] = "auto",
) -> int:
    """Train a model from ground truth, synthetic images or both.

    After each epoch a checkpoint, the log and a preview are written; Ctrl-C stops, and the same command goes on.
    """
    from golddigger_ij.cli.progress import progress as show
    from golddigger_ij.models import load_model
    from golddigger_ij.runtime import choose_device
    from golddigger_ij.training.run import Card, train_model

    try:
        options = change_recipe(recipe, change or [], seed)
        chosen = choose_device(device)
        if not truth and not synthetic:
            raise GoldDiggerError("give a folder of ground truth, or --synthetic N, or both")
        if progress not in ("auto", "json", "none"):
            raise GoldDiggerError(f"--progress {progress}: choose 'auto', 'json' or 'none'")
        parent = None if start is None else load_model(start)
    except GoldDiggerError as error:
        print(f"golddigger-ij: {error}", file=sys.stderr)
        return 2
    images, held_out = _images(truth or [], validation, synthetic, options.working_nm_per_px)
    marked = sum(len(image.x) for image in images)
    print(f"{len(images)} images with {marked} particles to learn from, {len(held_out)} held out")

    def report(epoch: "Epoch") -> None:
        f1 = "" if epoch.validation is None else f", F1 {epoch.validation.f1:.3f}"
        print(
            f"epoch {epoch.number}/{options.epochs}: loss {epoch.pixel_loss:.4f}{f1}, {epoch.seconds:.0f} s", flush=True
        )

    data = ", ".join(
        [*(str(folder) for folder in truth or []), *([f"{synthetic} synthetic images"] if synthetic else [])]
    )
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
    print(f"{output}: use it with --model {output}; held out: {model.card['metrics'] or 'nothing'}")
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
        if key not in options.record():
            options.changed(**{key: value})
        try:
            kind = type(getattr(options, key))
            values[key] = tuple(float(v) for v in value.split(",")) if kind is tuple else kind(value)
        except ValueError as error:
            raise GoldDiggerError(f"--set {text}: give a {kind.__name__}") from error
    return options.changed(**values)


def _images(
    folders: list[Path], validation: Path | None, synthetic: int, working_nm_per_px: float
) -> "tuple[list[TrainingImage], list[TrainingImage]]":
    """Prepare all images; every fifth is held out where there is no folder for validation."""
    from golddigger_ij.annotations import read_annotations
    from golddigger_ij.training.marked_images import prepare_image, synthetic_images

    real = [prepare_image(a, working_nm_per_px) for folder in folders for a in read_annotations(folder)]
    made = synthetic_images(range(synthetic), working_nm_per_px)
    if validation is not None:
        return real + made, [prepare_image(a, working_nm_per_px) for a in read_annotations(validation)]
    held_out = real[4::5] + made[9::10]
    kept = [image for image in real + made if not any(image is other for other in held_out)]
    return kept, held_out
