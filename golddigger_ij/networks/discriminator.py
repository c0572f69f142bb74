"""Is each patch of a mask painted or true? The 70 × 70 PatchGAN discriminator of pix2pix (Isola et al. 2017)."""

import torch
from torch import Tensor, nn


class PatchDiscriminator(nn.Module):
    """Judge overlapping 70 × 70 patches of an image together with its mask.

    Parameters
    ----------
    base_width : int
        Channels of the first layer (ndf); the paper's is 64.
    channels : int
        Channels of the image, without the mask.

    Notes
    -----
    ``forward`` takes images (n, channels, h, w) and masks (n, 1, h, w) and gives one logit a patch,
    (n, 1, h/8 - 2, w/8 - 2).
    """

    def __init__(self, base_width: int = 64, channels: int = 1) -> None:
        super().__init__()
        w = base_width
        layers: list[nn.Module] = [nn.Conv2d(channels + 1, w, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True)]
        for wide, narrow, stride in ((2 * w, w, 2), (4 * w, 2 * w, 2), (8 * w, 4 * w, 1)):
            layers += [
                nn.Conv2d(narrow, wide, 4, stride, 1, bias=False),
                nn.BatchNorm2d(wide),
                nn.LeakyReLU(0.2, inplace=True),
            ]
        layers.append(nn.Conv2d(8 * w, 1, 4, 1, 1))
        self.layers = nn.Sequential(*layers)

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """Give one logit a patch: positive where the mask looks true."""
        judged: Tensor = self.layers(torch.cat([image, mask], 1))
        return judged
