"""Where a network runs: the device, and the generator made ready for inference."""

import contextlib
import copy
import ctypes
import sys

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.networks.generator import CompactGenerator, UNet256Generator

M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -4, -8
"""Numbers of glibc's malloc.h."""


def choose_device(name: str = "auto") -> str:
    """Turn the option `--device` into a device that works here.

    Parameters
    ----------
    name : str
        "auto" takes CUDA, then Apple's MPS, then the CPU; else "cpu", "cuda", "cuda:1", "mps".

    Raises
    ------
    GoldDiggerError
        If the device is not there. Nothing falls back in silence.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    kind = name.split(":")[0]
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available.get(kind, False):
        raise GoldDiggerError(f"--device {name}: there is no such device here; use 'auto' or 'cpu'")
    return name


def compress(normalised: Tensor) -> Tensor:
    """Compress normalised grey values for the network, by asinh(x / 2): gold lies at -5 … -30, texture at -2 … 2."""
    half = normalised * 0.5
    size = half.abs()
    # torch.asinh takes six times as long.
    return torch.copysign(torch.log(size + torch.sqrt(size * size + 1)), half)


def keep_freed_memory() -> None:
    """Have glibc keep large blocks for the next tile: to map and clear them anew costs an eighth of the run."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            mallopt = ctypes.CDLL(None).mallopt
            mallopt(M_MMAP_MAX, 0)
            mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
            # One arena a thread would keep as much memory for each of them.
            mallopt(M_ARENA_MAX, 1)


class Painter:
    """A generator ready to paint: batch norms folded into the convolutions, on its device.

    Parameters
    ----------
    generator : CompactGenerator or UNet256Generator
        Trained weights; it is copied, not changed.
    device : str
        As `choose_device` gives it.
    """

    def __init__(self, generator: CompactGenerator | UNet256Generator, device: str) -> None:
        if device == "cpu":
            keep_freed_memory()
        self.device = device
        self.stride, self.reach = generator.stride, generator.reach
        network = _fold(copy.deepcopy(generator).eval().requires_grad_(False))
        self._network = network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def paint(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Paint a batch of windows.

        Parameters
        ----------
        windows : ndarray of float32, (n, h, w)
            Normalised grey values; h and w are multiples of the generator's stride.

        Returns
        -------
        ndarray of float32, (n, h, w)
            Probability of gold, 0 to 1.
        """
        with torch.inference_mode():
            image = torch.from_numpy(windows).to(self.device)[:, None]
            painted = self._network(compress(image).contiguous(memory_format=torch.channels_last))[:, 0]
            return np.asarray((painted.float() * 0.5 + 0.5).cpu().numpy())


def _fold(network: nn.Module) -> nn.Module:
    """Fold every batch norm that follows a (transposed) convolution in a Sequential into that convolution."""
    for child in network.children():
        _fold(child)
    if isinstance(network, nn.Sequential):
        for i in range(len(network) - 1):
            first, second = network[i], network[i + 1]
            if isinstance(first, nn.Conv2d | nn.ConvTranspose2d) and isinstance(second, nn.BatchNorm2d):
                transpose = isinstance(first, nn.ConvTranspose2d)
                network[i] = fuse_conv_bn_eval(first, second, transpose=transpose)
                network[i + 1] = nn.Identity()
    return network
