"""Training: what is painted, what is learned from, and that a run can be repeated, stopped and resumed."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.models import load_model
from golddigger_ij.scores import Calibration
from golddigger_ij.training.batches import TileSource, TrainingImage, paint
from golddigger_ij.training.calibration import Judged, fit_calibration
from golddigger_ij.training.loop import Trainer
from golddigger_ij.training.losses import pixel_loss, real_or_painted
from golddigger_ij.training.recipes import RECIPES, Recipe, fine_tuning, recipe
from golddigger_ij.training.run import Card, train_model

TINY = Recipe(
    "tiny",
    base_width=2,
    discriminator_width=2,
    tile=32,
    batch=2,
    epochs=3,
    steps_per_epoch=2,
    adversarial_weight=0.02,
)
CARD = Card("tiny", "made up", "BSD-3-Clause")


def _image(seed: int = 0, known: np.ndarray | None = None, side: int = 96) -> TrainingImage:
    """Draw dark discs on noise."""
    rng = np.random.default_rng(seed)
    x, y, diameter = rng.uniform(8, side - 8, 9), rng.uniform(8, side - 8, 9), rng.choice([5.5, 11.0], 9)
    rows, columns = np.indices((side, side))
    pixels = rng.normal(0, 1, (side, side))
    for cx, cy, d in zip(x, y, diameter, strict=True):
        pixels[np.hypot(rows - cy, columns - cx) <= d / 2] -= 10
    return TrainingImage(f"image-{seed}", pixels.astype(np.float32), x, y, diameter, known)


def _weights(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {
        f"{name}.{k}": v for name in ("generator", "averaged") for k, v in getattr(trainer, name).state_dict().items()
    }


def _same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


# What is painted


def _painted(x: float, y: float, d: float, options: Recipe) -> tuple[np.ndarray, np.ndarray]:
    return paint(32, 40, np.array([x]), np.array([y]), np.array([d]), options)


def test_a_disc_is_painted_in_proportion_to_the_particle() -> None:
    mask, weight = _painted(20, 15, 12, replace(TINY, mark_scale=0.7))
    rows, columns = np.nonzero(mask)
    assert (rows.mean(), columns.mean()) == (15, 20)
    assert mask.sum() == pytest.approx(np.pi * 4.2**2, rel=0.1)
    assert (weight >= 1).all()
    assert weight[15, 20] > weight[0, 0] == 1


def test_the_paper_paints_squares_as_wide_as_the_particle() -> None:
    mask, weight = _painted(20, 15, 8, recipe("paper"))
    assert mask[11:20, 16:25].all()
    assert mask.sum() == 81
    assert (weight == 1).all()


def test_small_and_medium_marks_weigh_the_same() -> None:
    weighed = []
    for d in (7.0, 12.0):
        mask, weight = _painted(20, 16, d, TINY)
        weighed.append(float((mask * weight).sum()))
    assert weighed[0] == pytest.approx(weighed[1], rel=0.15)


@pytest.mark.parametrize(("x", "y"), [(-1.0, 10.0), (39.5, 31.0), (-60.0, 5.0)])
def test_a_mark_beyond_the_border_is_clipped(x: float, y: float) -> None:
    mask, _ = _painted(x, y, 10, TINY)
    assert mask.shape == (32, 40)
    assert mask.any() == (x > -10)


# What is learned from


@pytest.mark.parametrize("kind", ["l1", "balanced"])
def test_nothing_is_learned_outside_the_known_region(kind: str) -> None:
    painted = torch.empty(2, 1, 32, 32).uniform_(-0.9, 0.9, generator=torch.Generator().manual_seed(0)).requires_grad_()
    mask = (torch.arange(32) % 5 == 0).float().expand(2, 1, 32, 32)
    weight = torch.full((2, 1, 32, 32), 2.0)
    weight[:, :, :, :11] = 0
    (gradient,) = torch.autograd.grad(pixel_loss(kind, painted, mask, weight), painted)
    assert (gradient[..., :11] == 0).all()
    assert (gradient[..., 11:] != 0).all()


def test_nothing_known_gives_no_loss() -> None:
    nothing = torch.zeros(1, 1, 16, 16)
    assert pixel_loss("l1", nothing, nothing, nothing) == 0
    assert real_or_painted(torch.randn(1, 1, 2, 2), True, nothing) == 0


def test_the_discriminator_counts_its_patches_by_what_is_known_of_them() -> None:
    known = torch.zeros(1, 1, 64, 64)
    known[..., :32] = 1
    judged = torch.zeros(1, 1, 2, 2)
    loss = real_or_painted(judged, True, known)
    judged[..., 1] = 50
    assert real_or_painted(judged, True, known) == loss == pytest.approx(np.log(2))


def test_a_step_does_not_depend_on_what_is_painted_where_nothing_is_known() -> None:
    known = np.ones((96, 96), bool)
    known[:, 48:] = False
    marked, other = _image(1, known), _image(1, known)
    far = other.x > 65
    assert far.any()
    other = replace(other, diameter=np.where(far, other.diameter * 1.3, other.diameter))
    options = replace(TINY, gold_share=0.0)
    weights = []
    for image in (marked, other):
        trainer = Trainer(options, [image])
        trainer.run_epoch()
        weights.append(_weights(trainer))
    assert _same(*weights)


def test_tiles_of_a_small_image_are_unknown_beyond_its_border() -> None:
    source = TileSource([_image(side=24)], replace(TINY, tile=64, photometric=0.0), np.random.default_rng(0))
    image, mask, weight = source.batch()
    assert image.shape == mask.shape == weight.shape == (2, 1, 64, 64)
    assert 0.02 < float((weight > 0).float().mean()) < 0.3


def test_tiles_show_gold_of_every_size_and_background() -> None:
    source = TileSource([_image(3, side=300)], replace(TINY, batch=64), np.random.default_rng(0))
    _, mask, _ = source.batch()
    gold = mask.sum((1, 2, 3))
    assert (gold > 0).any()
    assert (gold == 0).any()
    assert torch.isfinite(source.batch()[0]).all()


def test_marks_lie_on_the_gold_after_rescaling_and_turning() -> None:
    options = replace(TINY, batch=32, photometric=0.0, magnifications=(0.6, 1.7), mark_scale=0.5)
    image, mask, weight = TileSource([_image(4)], options, np.random.default_rng(1)).batch()
    here = (weight > 0) & (mask > 0)
    assert image[here].mean() < -1.5 < image[(weight == 1) & (mask == 0)].mean()


# The run


def test_a_seed_gives_the_same_weights_twice_and_another_seed_others() -> None:
    runs = []
    for seed in (1, 1, 2):
        trainer = Trainer(replace(TINY, seed=seed), [_image()])
        trainer.run_epoch()
        runs.append(_weights(trainer))
    assert _same(runs[0], runs[1])
    assert not _same(runs[0], runs[2])


@pytest.mark.parametrize("generator", ["compact", "unet256"])
def test_a_run_that_is_stopped_and_resumed_ends_as_one_that_was_not(tmp_path: Path, generator: str) -> None:
    # The U-Net's dropout draws from torch's own random state, which must be resumed too.
    tile = 32 if generator == "compact" else 256
    options = replace(TINY, generator=generator, tile=tile, epochs=2, steps_per_epoch=2 if tile == 32 else 1)
    whole = Trainer(options, [_image()], [_image(1)])
    while not whole.finished:
        whole.run_epoch()
    first = Trainer(options, [_image()], [_image(1)])
    first.run_epoch()
    first.save(tmp_path / "checkpoint.pt")
    torch.rand(7)
    second = Trainer(options, [_image()], [_image(1)])
    second.resume(tmp_path / "checkpoint.pt")
    assert len(second.history) == 1
    assert second.history[0] == first.history[0]
    second.run_epoch()
    assert second.finished
    assert _same(_weights(whole), _weights(second))


def test_a_run_that_is_stopped_within_an_epoch_goes_on_from_the_last_whole_one(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        assert total == 6
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_model(tmp_path / "a", TINY, [_image()], [], CARD, step_done=stop)
    assert not (tmp_path / "a" / "card.json").exists()
    resumed = train_model(tmp_path / "a", TINY, [_image()], [], CARD)
    whole = train_model(tmp_path / "b", TINY, [_image()], [], CARD)
    assert resumed.sha256 == whole.sha256


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 neither"])
def test_a_damaged_checkpoint_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(content)
    with pytest.raises(GoldDiggerError, match=r"checkpoint\.pt: cannot be read as a checkpoint"):
        Trainer(TINY, [_image()]).resume(tmp_path / "checkpoint.pt")


def test_a_file_of_other_weights_is_not_a_checkpoint(tmp_path: Path) -> None:
    torch.save({"layer.weight": torch.zeros(3)}, tmp_path / "checkpoint.pt")
    with pytest.raises(GoldDiggerError, match=r"checkpoint\.pt: cannot be read as a checkpoint"):
        Trainer(TINY, [_image()]).resume(tmp_path / "checkpoint.pt")


def test_a_checkpoint_of_another_recipe_names_what_differs(tmp_path: Path) -> None:
    Trainer(TINY, [_image()]).save(tmp_path / "checkpoint.pt")
    with pytest.raises(GoldDiggerError, match=r"another recipe \(batch\)"):
        Trainer(replace(TINY, batch=3), [_image()]).resume(tmp_path / "checkpoint.pt")
    longer = Trainer(replace(TINY, epochs=9), [_image()])
    longer.resume(tmp_path / "checkpoint.pt")


def test_a_short_run_keeps_what_it_has_learned() -> None:
    trainer = Trainer(replace(TINY, steps_per_epoch=30), [_image()])
    start = {key: value.clone() for key, value in trainer.averaged.state_dict().items()}
    trainer.run_epoch()
    key = "down1.0.0.weight"
    now, mean = trainer.generator.state_dict()[key], trainer.averaged.state_dict()[key]
    assert (now - mean).norm() < (now - start[key]).norm() / 2


def test_training_without_images_is_refused() -> None:
    with pytest.raises(GoldDiggerError, match="no image to train on"):
        Trainer(TINY, [])


def test_a_run_leaves_a_model_with_its_card_log_and_previews(tmp_path: Path) -> None:
    epochs = []
    model = train_model(
        tmp_path / "m", replace(TINY, epochs=2), [_image(), _image(1)], [_image(2)], CARD, epoch_done=epochs.append
    )
    assert [epoch.number for epoch in epochs] == [1, 2]
    found = load_model(tmp_path / "m")
    assert found.sha256 == model.sha256
    card = json.loads((tmp_path / "m" / "card.json").read_text())
    assert (card["name"], card["data"], card["licence"]) == ("tiny", "made up", "BSD-3-Clause")
    assert (card["images"], card["steps"], card["parent"]) == (2, 4, None)
    assert card["recipe"]["tile"] == 32
    assert card["metrics"]["held_out_images"] == 1
    with (tmp_path / "m" / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert all(float(row["pixel_loss"]) > 0 and 0 <= float(row["validation_f1"]) <= 1 for row in rows)
    previews = sorted((tmp_path / "m" / "previews").iterdir())
    assert [path.name for path in previews] == ["epoch-0001.png", "epoch-0002.png"]
    with Image.open(previews[0]) as picture:
        assert picture.size == (4 * 32, 3 * 32)


def test_fine_tuning_starts_from_its_parent_and_says_so(tmp_path: Path) -> None:
    parent = train_model(tmp_path / "parent", replace(TINY, epochs=1), [_image()], [], CARD)
    still = replace(TINY, epochs=1, steps_per_epoch=1, learning_rate=1e-12)
    child = train_model(tmp_path / "child", still, [_image(1)], [], CARD, parent=parent)
    assert child.card["parent"] == {"name": "tiny", "sha256": parent.sha256}
    before, after = parent.weights(), child.weights()
    names = [key for key in before if "running" not in key and "tracked" not in key]
    assert all(torch.allclose(before[key], after[key], atol=1e-6) for key in names)


def test_fine_tuning_refuses_a_parent_of_another_width(tmp_path: Path) -> None:
    parent = train_model(tmp_path / "parent", replace(TINY, epochs=1, steps_per_epoch=1), [_image()], [], CARD)
    with pytest.raises(GoldDiggerError, match="another network"):
        train_model(tmp_path / "child", replace(TINY, base_width=4), [_image()], [], CARD, parent=parent)


# Recipes


def test_the_paper_recipe_is_as_published_and_runs(tmp_path: Path) -> None:
    paper = recipe("paper")
    published = {
        "generator": "unet256",
        "base_width": 64,
        "discriminator_width": 64,
        "tile": 256,
        "batch": 2,
        "epochs": 200,
        "learning_rate": 2e-4,
        "decay_from": 0.5,
        "pixel_loss": "l1",
        "pixel_weight": 100.0,
        "adversarial_weight": 1.0,
        "mark": "square",
    }
    assert {key: paper.record()[key] for key in published} == published
    narrow = paper.changed(base_width=1, discriminator_width=1, epochs=1, steps_per_epoch=2)
    model = train_model(tmp_path / "m", narrow, [_image(side=256)], [], CARD)
    assert model.card["recipe"]["pixel_weight"] == 100.0
    with torch.inference_mode():
        assert model.generator()(torch.zeros(1, 1, 256, 256)).shape == (1, 1, 256, 256)


def test_the_networks_of_the_paper_start_with_its_weights() -> None:
    wide = Trainer(recipe("paper").changed(base_width=8, discriminator_width=8), [_image()])
    assert float(wide.generator.down[3][1].weight.detach().std()) == pytest.approx(0.02, rel=0.1)
    assert wide.discriminator is not None
    assert float(wide.discriminator.layers[5].weight.detach().std()) == pytest.approx(0.02, rel=0.1)


def test_the_learning_rate_is_constant_and_then_falls_linearly_to_zero() -> None:
    trainer = Trainer(recipe("paper").changed(base_width=1, discriminator_width=1), [_image()])
    rates = []
    for epoch in (50, 100, 150, 199.999):
        trainer._set_rates(epoch)
        rates.append(trainer.optimiser.param_groups[0]["lr"])
    assert rates == pytest.approx([2e-4, 2e-4, 1e-4, 0], abs=1e-8)


def test_an_unknown_option_names_the_nearest() -> None:
    with pytest.raises(GoldDiggerError, match="'epoch'; did you mean 'epochs'"):
        recipe("compact").changed(epoch=3)
    with pytest.raises(GoldDiggerError, match=r"no recipe is called 'magic'; there are compact, paper"):
        recipe("magic")


@pytest.mark.parametrize(
    "change",
    [
        {"generator": "magic"},
        {"tile": 100},
        {"tile": 0},
        {"batch": 0},
        {"epochs": 0},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"gold_share": 1.5},
        {"mark": "star"},
        {"magnifications": (1.0,)},
        {"magnifications": (2.0, 1.0)},
    ],
)
def test_a_value_out_of_range_is_refused(change: dict) -> None:
    (key,) = change
    with pytest.raises(GoldDiggerError, match=key):
        recipe("compact").changed(**change)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_survives_its_card(name: str) -> None:
    content = json.loads(json.dumps(recipe(name).record()))
    content["magnifications"] = tuple(content["magnifications"])
    assert Recipe(**content) == recipe(name)


# Scores


def _judged(seed: int, count: int = 400) -> Judged:
    rng = np.random.default_rng(seed)
    is_gold = rng.random(count) < 0.6
    confidence = np.clip(np.where(is_gold, rng.normal(0.85, 0.1, count), rng.normal(0.4, 0.2, count)), 0, 1)
    darkness = np.clip(np.where(is_gold, rng.normal(0.95, 0.1, count), rng.normal(0.6, 0.2, count)), 0.1, 1)
    return Judged(confidence, darkness, is_gold)


def test_a_calibrated_score_rises_with_confidence_and_darkness() -> None:
    fitted = fit_calibration(_judged(0), "nothing real")
    steps = np.linspace(0, 1, 50)
    assert (np.diff(fitted.score(steps, np.full(50, 0.8))) >= 0).all()
    assert (np.diff(fitted.score(np.full(50, 0.7), steps)) >= 0).all()
    assert "nothing real" in fitted.fitted_on


def test_a_calibrated_score_is_the_share_of_gold() -> None:
    fitted, judged = fit_calibration(_judged(0), ""), _judged(1, 4000)
    score = fitted.score(judged.confidence, judged.relative_darkness)
    gap = 0.0
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        mine = (score >= low) & (score < low + 0.2)
        gap += abs(float(judged.is_gold[mine].sum() - score[mine].sum())) / len(score)
    assert gap < 0.04


def test_without_calibration_a_score_is_the_confidence() -> None:
    confidence = np.array([0.1, 0.5, 0.9])
    assert np.allclose(Calibration().score(confidence, np.array([0.2, 0.6, 1.0])), confidence)


def test_a_model_is_trained_further_in_small_steps_by_the_recipe_of_its_own_network() -> None:
    model = load_model("gold")
    further = fine_tuning(model.card)
    assert (further.base_width, further.mark_scale) == (model.card["base_width"], model.mark_scale)
    assert further.learning_rate < recipe("compact").learning_rate
    assert further.epochs * further.steps_per_epoch < 1000
    published = fine_tuning({"generator": "unet256", "base_width": 32, "working_nm_per_px": 1.11, "mark_scale": 1.0})
    assert (published.name, published.base_width) == ("paper", 32)
    assert published.learning_rate == recipe("paper").learning_rate
