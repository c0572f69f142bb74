"""The losses of the adversarial loop, each a mean over known pixels only."""

import torch
from torch import Tensor
from torch.nn import functional


def pixel_loss(kind: str, painted: Tensor, mask: Tensor, weight: Tensor) -> Tensor:
    """Compare a painted mask with the true one where something is known.

    Parameters
    ----------
    kind : {"l1", "balanced"}
        L1 in the generator's own range of -1 … 1, as in pix2pix; or weighted binary cross-entropy.
    painted : Tensor, (n, 1, h, w)
        The generator's output, -1 … 1.
    mask, weight : Tensor, (n, 1, h, w)
        1 on marks, else 0; weight of each pixel, 0 where nothing is known.

    Returns
    -------
    Tensor
        A scalar.
    """
    known = (weight > 0).float()
    area = known.sum().clamp(min=1)
    if kind == "l1":
        return (known * (painted - (2 * mask - 1)).abs()).sum() / area
    probability = (painted.float() * 0.5 + 0.5).clamp(1e-6, 1 - 1e-6)
    # Focal factor (Lin et al. 2017, gamma = 1): nearly all of a micrograph is easy background.
    truth = torch.where(mask > 0.5, probability, 1 - probability)
    return (weight * (1 - truth) * -torch.log(truth)).sum() / area


def real_or_painted(judged: Tensor, real: bool, known: Tensor) -> Tensor:
    """Binary cross-entropy of the discriminator's patches, those that see something known.

    Parameters
    ----------
    judged : Tensor, (n, 1, h, w)
        The discriminator's logits.
    real : bool
        What they should say.
    known : Tensor, (n, 1, H, W)
        1 where the image is annotated.
    """
    share = functional.adaptive_avg_pool2d(known, (judged.shape[-2], judged.shape[-1]))
    target = torch.full_like(judged, 1.0 if real else 0.0)
    loss = functional.binary_cross_entropy_with_logits(judged, target, reduction="none")
    return (share * loss).sum() / share.sum().clamp(min=1)
