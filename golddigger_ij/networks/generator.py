"""The generators of pix2pix: an image goes in, a painted mask comes out.

Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks", CVPR 2017; Gold Digger (Jerez et al.,
Sci. Rep. 2021) uses its U-Net-256 to paint a mask over each gold particle.
"""

import torch
from torch import Tensor, nn


def _down(channels_in: int, channels_out: int, normalise: bool = True) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(channels_in, channels_out, 4, 2, 1, bias=not normalise)]
    if normalise:
        layers.append(nn.BatchNorm2d(channels_out))
    return nn.Sequential(*layers, nn.LeakyReLU(0.2, inplace=True))


def _up(channels_in: int, channels_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ConvTranspose2d(channels_in, channels_out, 4, 2, 1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )


def _block(channels_in: int, channels_out: int, dilation: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, padding=dilation, dilation=dilation, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.LeakyReLU(0.2, inplace=True),
    )


class UNet256Generator(nn.Module):
    """The U-Net-256 generator: eight levels down to 1 × 1 for a tile of 256 × 256.

    Parameters
    ----------
    base_width : int
        Channels of the first level (ngf); the paper's is 64.
    channels : int
        Channels of the image: 1 grey, 3 RGB as in the original.
    dropout : float
        In the three innermost decoder levels, while training only.

    Notes
    -----
    ``forward`` takes images of shape (n, channels, h, w) with h and w multiples of 256 and gives masks (n, 1, h, w) in
    -1 … 1. The receptive field (766 px) is wider than a tile, so it runs on a fixed grid of windows.
    """

    stride = 256
    reach = None

    def __init__(self, base_width: int = 64, channels: int = 1, dropout: float = 0.5) -> None:
        super().__init__()
        widths = [base_width * m for m in (1, 2, 4, 8, 8, 8, 8, 8)]
        self.down = nn.ModuleList([nn.Conv2d(channels, widths[0], 4, 2, 1, bias=False)])
        for level in range(1, 8):
            innermost = level == 7
            layers: list[nn.Module] = [
                nn.LeakyReLU(0.2),
                nn.Conv2d(widths[level - 1], widths[level], 4, 2, 1, bias=False),
            ]
            if not innermost:
                layers.append(nn.BatchNorm2d(widths[level]))
            self.down.append(nn.Sequential(*layers))
        self.up = nn.ModuleList()
        for level in range(7, 0, -1):
            wide = widths[level] if level == 7 else 2 * widths[level]
            layers = [
                nn.ReLU(),
                nn.ConvTranspose2d(wide, widths[level - 1], 4, 2, 1, bias=False),
                nn.BatchNorm2d(widths[level - 1]),
            ]
            if 4 <= level <= 6:
                layers.append(nn.Dropout(dropout))
            self.up.append(nn.Sequential(*layers))
        self.paint = nn.Sequential(nn.ReLU(), nn.ConvTranspose2d(2 * widths[0], 1, 4, 2, 1), nn.Tanh())

    def forward(self, image: Tensor) -> Tensor:
        """Paint a mask in -1 … 1."""
        skips: list[Tensor] = []
        x = image
        for layer in self.down:
            x = layer(x)
            skips.append(x)
        for layer, skip in zip(self.up, reversed(skips[:-1]), strict=True):
            x = torch.cat([layer(x), skip], 1)
        painted: Tensor = self.paint(x)
        return painted


class CompactGenerator(nn.Module):
    """A pix2pix generator of three levels whose receptive field is small enough for seamless tiles.

    It has the U-Net's 4 × 4 stride-2 convolutions and skips, with a 3 × 3 convolution on each level in place of the
    five innermost levels: gold is a local thing of 5 to 50 nm. `reach` is its receptive field in pixels on either side.

    Parameters
    ----------
    base_width : int
        Channels of the first level.
    channels : int
        Channels of the image.

    Notes
    -----
    ``forward`` takes images of shape (n, channels, h, w) with h and w multiples of 8 and gives masks (n, 1, h, w) in
    -1 … 1.
    """

    stride = 8
    reach = 57

    def __init__(self, base_width: int = 24, channels: int = 1) -> None:
        super().__init__()
        w = base_width
        self.down1 = nn.Sequential(_down(channels, w, normalise=False), _block(w, w))
        self.down2 = nn.Sequential(_down(w, 2 * w), _block(2 * w, 2 * w))
        self.down3 = nn.Sequential(_down(2 * w, 4 * w), _block(4 * w, 4 * w), _block(4 * w, 4 * w, dilation=2))
        self.up2 = _up(4 * w, 2 * w)
        self.merge2 = _block(4 * w, 2 * w)
        self.up1 = _up(2 * w, w)
        self.merge1 = _block(2 * w, w)
        self.paint = nn.Sequential(nn.ConvTranspose2d(w, 1, 4, 2, 1), nn.Tanh())

    def forward(self, image: Tensor) -> Tensor:
        """Paint a mask in -1 … 1."""
        half = self.down1(image)
        quarter = self.down2(half)
        eighth = self.down3(quarter)
        x = self.merge2(torch.cat([self.up2(eighth), quarter], 1))
        x = self.merge1(torch.cat([self.up1(x), half], 1))
        painted: Tensor = self.paint(x)
        return painted


def build_generator(name: str, base_width: int) -> UNet256Generator | CompactGenerator:
    """Make a generator by the name that a model's card gives.

    Parameters
    ----------
    name : {"compact", "unet256"}
    base_width : int
        Channels of the first level.

    Raises
    ------
    ValueError
        If there is no generator of that name.
    """
    if name == "compact":
        return CompactGenerator(base_width)
    if name == "unet256":
        return UNet256Generator(base_width)
    raise ValueError(f"no generator is called {name!r}; there are 'compact' and 'unet256'")


def receptive_field(generator: UNet256Generator | CompactGenerator) -> int:
    """Measure how far, in pixels, an input pixel can be from an output pixel that it touches.

    Parameters
    ----------
    generator : UNet256Generator or CompactGenerator
        A seam-free network; the U-Net-256 sees its whole tile.

    Returns
    -------
    int
        The reach on either side, whatever the weights.

    Notes
    -----
    It is found from the gradient of output pixels of every phase of the stride, in a twin of one channel whose weights
    are all positive, so that no path through it is closed.
    """
    reach, stride = 0, generator.stride
    twin = type(generator)(1).double().eval()
    for module in twin.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
    size = 64 * stride
    image = torch.ones(1, 1, size, size, dtype=torch.float64, requires_grad=True)
    painted = twin(image)
    centre = size // 2
    for phase in range(stride):
        (gradient,) = torch.autograd.grad(painted[0, 0, centre + phase, centre + phase], image, retain_graph=True)
        touched = gradient[0, 0].abs().amax(0).nonzero().flatten()
        reach = max(reach, int((touched - centre - phase).abs().max()))
    return reach
