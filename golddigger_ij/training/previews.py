"""Pictures of training: what a network paints on a fixed set of tiles, epoch after epoch."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from golddigger_ij.atomic import replacing


def write_preview(path: Path, generator: nn.Module, image: Tensor, mask: Tensor) -> None:
    """Write tiles as a PNG of three rows: image, true mask, painted mask.

    Parameters
    ----------
    path : Path
    generator : Module
    image, mask : Tensor, (n, 1, h, w)
        A batch as `TileSource.batch` gives it.
    """
    from PIL import Image

    training = generator.training
    generator.eval()
    with torch.inference_mode():
        painted = generator(image)[:, 0].float().cpu().numpy() * 0.5 + 0.5
    generator.train(training)
    grey = image[:, 0].cpu().numpy()
    low, high = np.percentile(grey, [0.5, 99.5])
    rows = [np.clip((grey - low) / max(high - low, 1e-6), 0, 1), mask[:, 0].cpu().numpy(), painted]
    sheet = np.vstack([np.hstack(list(row)) for row in rows])
    with replacing(path) as temporary:
        Image.fromarray((255 * sheet).round().astype(np.uint8)).save(temporary, format="PNG")
