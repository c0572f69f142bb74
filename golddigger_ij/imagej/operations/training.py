"""Train a model further on the ground truth that was collected."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.imagej.call import Call, Stopped
from golddigger_ij.imagej.operations.detection import cached_model
from golddigger_ij.imagej.options import PREFIX

if TYPE_CHECKING:
    from golddigger_ij.models import Model

_FIRST_SYNTHETIC = 10_000
"""Number of the first synthetic image; the bundled models are judged on others."""


def retrain(call: Call) -> dict[str, Any]:
    """Make a new model out of one that is there; see `golddigger_ij.imagej.service` for what is answered.

    Raises
    ------
    GoldDiggerError
        If an option or the ground truth is of no use, or the folder holds a finished model.
    """
    from golddigger_ij.atomic import refuse_unwritable
    from golddigger_ij.runtime import choose_device
    from golddigger_ij.training.marked_images import gather_images, synthetic_images
    from golddigger_ij.training.recipes import fine_tuning
    from golddigger_ij.training.run import Card, measure_model, train_model

    options = call.options
    truth = call.path("folder", "give the folder of ground truth")
    output = call.path("output", "give a folder for the new model")
    if (output / "card.json").exists():
        raise GoldDiggerError(f"{output}: holds a finished model, which is kept; choose another folder with -o")
    refuse_unwritable(output)
    device, parent = choose_device(options["device"]), cached_model(options["start"], "start")
    recipe = fine_tuning(parent.card).changed(epochs=options["epochs"], steps_per_epoch=options["steps"])
    images, held_out = gather_images(
        [truth], recipe.working_nm_per_px, image_done=call.progress("Reading the ground truth")
    )
    # Real and synthetic images are drawn equally often, however many there are of each.
    real = [replace(image, weight=1 / len(images)) for image in images]
    number = options["synthetic"]
    made = []
    for index in range(number):
        call.update(index, number, "Making synthetic images")
        made += synthetic_images([_FIRST_SYNTHETIC + index], recipe.working_nm_per_px, weight=1 / number)
    before = measure_model(parent, held_out) if held_out else {}
    data = f"{truth}, {number} synthetic images" if number else str(truth)
    try:
        model = train_model(
            output,
            recipe,
            real + made,
            held_out,
            Card(output.resolve().name, data, "the user's own"),
            parent=parent,
            device=device,
            step_done=lambda done, total: call.update(
                done,
                total,
                f"Training: epoch {min(done // recipe.steps_per_epoch + 1, recipe.epochs)} of {recipe.epochs}",
            ),
        )
    except Stopped:
        raise Stopped(
            f"stopped by the user; the whole epochs so far are in {output}, and the same command goes on"
        ) from None
    after = measure_model(model, held_out) if held_out else {}
    return {
        "folder": str(output),
        "images": len(images),
        "held_out": len(held_out),
        "before": before,
        "after": after,
        "message": _told(model, len(images), before, after),
    }


def _told(model: "Model", images: int, before: dict[str, Any], after: dict[str, Any]) -> str:
    judged = ""
    if after:
        number = after["held_out_images"]
        where = f"{number} held-out image{'s' if number > 1 else ''}"
        judged = f"; F1 {after['f1']:.3f} on {where}, {before['f1']:.3f} before"
    learned = f"learned from {images} image{'s' if images > 1 else ''}{judged}"
    value = f"[{model.folder}]" if " " in str(model.folder) else str(model.folder)
    return f"{model.name}: {learned}. Use it with {PREFIX}model={value}"
