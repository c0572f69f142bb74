"""The networks: their shapes, their size, how far they see, and that folding changes nothing."""

import numpy as np
import pytest
import torch

from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.networks.discriminator import PatchDiscriminator
from golddigger_ij.networks.generator import CompactGenerator, UNet256Generator, build_generator, receptive_field
from golddigger_ij.runtime import Painter, choose_device


def _lived_in(network: torch.nn.Module) -> torch.nn.Module:
    """Give batch norms statistics and scales as after a training."""
    torch.manual_seed(5)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, 0, 0.3)
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2)
    return network.eval()


@pytest.mark.parametrize(("name", "shape"), [("compact", (2, 1, 40, 64)), ("unet256", (1, 1, 256, 512))])
def test_a_mask_has_the_size_of_its_image(name: str, shape: tuple[int, ...]) -> None:
    network = build_generator(name, 2).eval()
    with torch.inference_mode():
        painted = network(torch.randn(shape))
    assert painted.shape == shape
    assert painted.abs().max() <= 1


def test_an_unknown_generator_is_refused() -> None:
    with pytest.raises(ValueError, match="'compact' and 'unet256'"):
        build_generator("magic", 8)


def test_the_published_generator_has_54_million_parameters() -> None:
    with torch.device("meta"):
        network = UNet256Generator(64, channels=3)
    # 54.414 million with three channels out, as in pix2pix; a mask needs one.
    count = sum(p.numel() for p in network.parameters())
    assert count + 2 * (128 * 16 + 1) == 54_413_955


def test_only_the_published_generator_drops_out_and_only_while_training() -> None:
    network, image = UNet256Generator(2), torch.randn(2, 1, 256, 256)
    with torch.no_grad():
        assert not torch.equal(network(image), network(image))
        network.eval()
        assert torch.equal(network(image), network(image))


def test_a_change_beyond_the_receptive_field_changes_nothing() -> None:
    network = _lived_in(CompactGenerator(3))
    reach = receptive_field(network)
    assert 8 < reach < 128
    size, place = 320, 160
    image = torch.randn(1, 1, size, size, generator=torch.Generator().manual_seed(1))
    outside = image.clone()
    far = (torch.arange(size) - place).abs() > reach
    outside[..., far, :] = 9
    outside[..., :, far] = -9
    with torch.inference_mode():
        assert network(image)[0, 0, place, place] == network(outside)[0, 0, place, place]


def test_the_receptive_field_is_not_overstated() -> None:
    network = _lived_in(CompactGenerator(3))
    reach, size = receptive_field(network), 512
    centre = size // 2
    image = torch.randn(1, 1, size, size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    network = network.double()
    with torch.inference_mode():
        before = network(image)[0, 0, centre : centre + 8, centre : centre + 8].clone()
        for phase in range(8):
            for side in (-reach, reach):
                image[..., centre + phase + side] += 50
        after = network(image)[0, 0, centre : centre + 8, centre : centre + 8]
    assert not torch.equal(before, after)


def test_the_discriminator_sees_patches_of_70_pixels() -> None:
    network = _lived_in(PatchDiscriminator(2))
    image = torch.zeros(1, 1, 256, 256, requires_grad=True)
    judged = network(image, torch.zeros(1, 1, 256, 256))
    assert judged.shape == (1, 1, 30, 30)
    (gradient,) = torch.autograd.grad(judged[0, 0, 15, 15], image)
    for axis in (0, 1):
        touched = gradient[0, 0].abs().amax(axis).nonzero().flatten()
        assert int(touched.max() - touched.min()) + 1 == 70


@pytest.mark.parametrize("name", ["compact", "unet256"])
def test_folded_batch_norms_change_nothing(name: str) -> None:
    network = _lived_in(build_generator(name, 3))
    windows = np.random.default_rng(2).normal(0, 3, (2, 256, 256)).astype(np.float32)
    painted = Painter(network, "cpu").paint(windows)
    with torch.inference_mode():
        plain = network(torch.asinh(torch.from_numpy(windows)[:, None] / 2))[:, 0].numpy() * 0.5 + 0.5
    assert painted.shape == windows.shape
    assert painted.dtype == np.float32
    assert np.abs(painted - plain).max() < 1e-5
    norms = [m for m in Painter(network, "cpu")._network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert not norms


def test_painting_does_not_change_the_generator() -> None:
    network = CompactGenerator(2).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    Painter(network, "cpu").paint(np.ones((1, 64, 64), np.float32))
    assert network.training
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())


def test_a_window_is_painted_the_same_alone_and_in_a_batch() -> None:
    painter = Painter(_lived_in(CompactGenerator(3)), "cpu")
    windows = np.random.default_rng(0).normal(0, 2, (3, 64, 72)).astype(np.float32)
    together = painter.paint(windows)
    assert np.allclose(painter.paint(windows[1:2])[0], together[1], atol=1e-5)


def test_a_device_that_is_not_there_is_named() -> None:
    assert choose_device("cpu") == "cpu"
    assert choose_device("auto") in ("cpu", "cuda", "mps")
    with pytest.raises(GoldDiggerError, match="--device abacus: there is no such device"):
        choose_device("abacus")
