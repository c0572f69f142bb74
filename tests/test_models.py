"""Models are folders that can be copied, and that say so when they are damaged."""

import json
import stat
from pathlib import Path

import pytest
import torch

from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.models import BUNDLED, DEFAULT_MODEL, Model, bundled_models, load_model, save_model
from golddigger_ij.networks.generator import CompactGenerator

CARD = {
    "name": "mine",
    "method": "pix2pix",
    "generator": "compact",
    "base_width": 2,
    "working_nm_per_px": 1.1,
    "mark_scale": 0.7,
    "threshold": 0.4,
    "calibration": {"slope": 1.5, "offset": -0.25},
    "data": "made up",
    "licence": "BSD-3-Clause",
}


def _saved(folder: Path) -> tuple[Model, CompactGenerator]:
    torch.manual_seed(3)
    network = CompactGenerator(2)
    return save_model(folder, network.state_dict(), CARD), network.eval()


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    _, network = _saved(tmp_path / "m")
    model = load_model(tmp_path / "m")
    assert (model.name, model.threshold) == ("mine", 0.4)
    assert (model.calibration.slope, model.calibration.offset) == (1.5, -0.25)
    assert (model.working_nm_per_px, model.mark_scale) == (1.1, 0.7)
    image = torch.randn(1, 1, 32, 40)
    with torch.inference_mode():
        assert torch.equal(model.generator()(image), network(image))


def test_saving_the_same_model_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    (first, _), (second, _) = _saved(tmp_path / "a"), _saved(tmp_path / "b")
    assert first.sha256 == second.sha256
    assert (tmp_path / "a" / "card.json").read_bytes() == (tmp_path / "b" / "card.json").read_bytes()


def test_others_can_read_what_one_has_trained(tmp_path: Path) -> None:
    _saved(tmp_path / "m")
    (tmp_path / "plain").touch()
    usual = stat.S_IMODE((tmp_path / "plain").stat().st_mode)
    for name in ("weights.safetensors", "card.json"):
        assert stat.S_IMODE((tmp_path / "m" / name).stat().st_mode) == usual


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_damaged_weights_are_named(tmp_path: Path, keep: int) -> None:
    model, _ = _saved(tmp_path / "m")
    path = tmp_path / "m" / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(GoldDiggerError, match=r"weights\.safetensors: is damaged"):
        model.generator()


def test_missing_weights_are_named(tmp_path: Path) -> None:
    model, _ = _saved(tmp_path / "m")
    (tmp_path / "m" / "weights.safetensors").unlink()
    for use in (model.generator, model.weights, lambda: model.sha256):
        with pytest.raises(GoldDiggerError, match=r"weights\.safetensors: cannot be read"):
            use()


@pytest.mark.parametrize("change", [{"base_width": 4}, {"generator": "unet256"}, {"generator": "magic"}])
def test_weights_of_another_network_are_refused(tmp_path: Path, change: dict) -> None:
    _saved(tmp_path / "m")
    (tmp_path / "m" / "card.json").write_text(json.dumps({"format": 1, **CARD, **change}))
    with pytest.raises(GoldDiggerError, match="the weights are not those of the card's network") as caught:
        load_model(tmp_path / "m").generator()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "card", ["", "[]", "{}", '{"format": 1}', json.dumps({"format": 1, **CARD, "calibration": 1}), '{"format": "'[:-1]]
)
def test_a_wrong_card_is_named(tmp_path: Path, card: str) -> None:
    _saved(tmp_path / "m")
    (tmp_path / "m" / "card.json").write_text(card)
    with pytest.raises(GoldDiggerError, match=r"card\.json: is not a model's card"):
        load_model(tmp_path / "m")


def test_a_card_of_a_later_format_asks_for_a_newer_version(tmp_path: Path) -> None:
    _saved(tmp_path / "m")
    (tmp_path / "m" / "card.json").write_text(json.dumps({**CARD, "format": 99}))
    with pytest.raises(GoldDiggerError, match=r"format 99.*install a newer"):
        load_model(tmp_path / "m")


def test_an_unknown_name_lists_the_models_that_there_are() -> None:
    with pytest.raises(GoldDiggerError, match=r"no such model.*gold, synthetic"):
        load_model("no-such-model")


def test_the_bundled_models_are_those_that_the_documentation_names() -> None:
    assert bundled_models() == ["gold", "synthetic"]
    assert DEFAULT_MODEL in bundled_models()


def test_the_bundled_weights_are_small() -> None:
    assert sum(path.stat().st_size for path in BUNDLED.glob("*/*.safetensors")) < 15e6


@pytest.mark.parametrize("name", bundled_models())
def test_a_bundled_model_works(name: str) -> None:
    model = load_model(name)
    assert model.name == name
    with torch.inference_mode():
        painted = model.generator()(torch.zeros(1, 1, 64, 64))
    assert painted.shape == (1, 1, 64, 64)
    assert torch.isfinite(painted).all()
    assert 0 < model.threshold < 1
    assert model.calibration.slope > 0


@pytest.mark.parametrize("name", bundled_models())
def test_a_bundled_card_says_what_the_model_is(name: str) -> None:
    card = load_model(name).card
    for key in ("data", "licence", "recipe", "method", "metrics"):
        assert card.get(key), f"the card of {name} says nothing about {key}"
