"""Ground truth on disk -> images that a network can be trained on."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from golddigger_ij.annotations import Annotation, disc, read_annotations
from golddigger_ij.burned_in import find_burned_in
from golddigger_ij.contrast import estimate_contrast
from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.montage import open_montage
from golddigger_ij.synthetic import micrograph
from golddigger_ij.synthetic_scenes import random_scene
from golddigger_ij.training.batches import TrainingImage
from golddigger_ij.working_grid import WorkingGrid


def gather_images(
    folders: Sequence[Path],
    working_nm_per_px: float,
    validation: Path | None = None,
    synthetic: int = 0,
    image_done: Callable[[int, int], None] | None = None,
) -> tuple[list[TrainingImage], list[TrainingImage]]:
    """Prepare all ground truth of some folders, and decide what is held out.

    Parameters
    ----------
    folders : sequence of Path
        Folders of ground truth.
    working_nm_per_px : float
    validation : Path, optional
        A folder of ground truth that nothing is learned from. Without one, every fifth image of ground truth and every
        tenth synthetic one is held out.
    synthetic : int
        How many synthetic images to add.
    image_done : callable, optional
        Called with images done and images in all; may raise to stop.

    Returns
    -------
    images, held_out : list of TrainingImage

    Raises
    ------
    GoldDiggerError
        If a folder holds no ground truth, or an image is missing or has changed.
    """
    real = [annotation for folder in folders for annotation in read_annotations(folder)]
    judges = read_annotations(validation) if validation is not None else []
    prepared: list[TrainingImage] = []
    for annotation in real + judges:
        prepared.append(prepare_image(annotation, working_nm_per_px))
        if image_done is not None:
            image_done(len(prepared), len(real) + len(judges))
    made = synthetic_images(range(synthetic), working_nm_per_px)
    learned = prepared[: len(real)]
    if validation is not None:
        return learned + made, prepared[len(real) :]
    held_out = learned[4::5] + made[9::10]
    kept = [image for image in learned + made if not any(image is other for other in held_out)]
    return kept, held_out


def prepare_image(
    annotation: Annotation, working_nm_per_px: float, weight: float = 1.0, shrink: int = 1
) -> TrainingImage:
    """Read a marked image the way that detection reads it: normalised as a whole, at the working pixel size.

    Parameters
    ----------
    annotation : Annotation
    working_nm_per_px : float
    weight : float
        How often tiles come from this image, relative to the others.
    shrink : int
        Make the image coarser by this factor first, as if it had been taken at a lower magnification.

    Raises
    ------
    GoldDiggerError
        If the image is missing, has changed since it was annotated, or cannot be read.
    """
    with open_montage(annotation.image, plane=annotation.plane) as montage:
        if annotation.sha256 is not None and montage.sha256() != annotation.sha256:
            raise GoldDiggerError(
                f"{annotation.image}: is not the image that was annotated (its content has changed); annotate it again"
            )
        burned_in = find_burned_in(montage)
        contrast = estimate_contrast(montage, burned_in.boxes)
        pixels = contrast.apply(montage.read(0, 0, *montage.shape))
        burned = burned_in.mask(0, 0, *montage.shape)
    pixels[burned] = 0
    nm_per_px, scale = annotation.nm_per_px, 1.0
    if shrink > 1:
        height, width = (n // shrink * shrink for n in pixels.shape)
        pixels = pixels[:height, :width].reshape(height // shrink, shrink, width // shrink, shrink).mean((1, 3))
        nm_per_px, scale = nm_per_px * shrink, 1 / shrink
    grid = WorkingGrid.over((pixels.shape[0], pixels.shape[1]), nm_per_px, working_nm_per_px)
    height, width = grid.size
    x, y = (grid.to_working((v + 0.5) * scale - 0.5) for v in (annotation.x, annotation.y))
    known = annotation.known(grid.size, scale / grid.ratio)
    if burned.any():
        rows = np.minimum(
            grid.to_original(np.arange(height, dtype=float)).round().astype(int) * shrink, burned.shape[0] - 1
        )
        columns = np.minimum(
            grid.to_original(np.arange(width, dtype=float)).round().astype(int) * shrink, burned.shape[1] - 1
        )
        known = (np.ones(grid.size, bool) if known is None else known) & ~burned[np.ix_(rows, columns)]
    return TrainingImage(
        name=annotation.image.stem,
        pixels=grid.resample(pixels, 0, height, 0, width),
        x=x,
        y=y,
        diameter=annotation.diameter_nm / nm_per_px / grid.ratio,
        known=known,
        weight=weight,
    )


def synthetic_images(
    numbers: Sequence[int], working_nm_per_px: float, side: int = 560, weight: float = 1.0
) -> list[TrainingImage]:
    """Make synthetic training images of random scenes.

    Parameters
    ----------
    numbers : sequence of int
        One image each; the same number gives the same image.
    working_nm_per_px : float
    side : int
        Width and height in working pixels, about.
    weight : float
        As in `TrainingImage`.
    """
    return [_synthetic(number, working_nm_per_px, side, weight) for number in numbers]


def _synthetic(number: int, working_nm_per_px: float, side: int, weight: float) -> TrainingImage:
    scene = random_scene(np.random.default_rng([77, number]))
    original = int(side * working_nm_per_px / scene.nm_per_px)
    made = micrograph(original, original, scene, seed=number)
    contrast = estimate_contrast(open_montage(made.image), light_gold=scene.light_gold)
    grid = WorkingGrid.over(made.image.shape, scene.nm_per_px, working_nm_per_px)
    pixels = grid.resample(contrast.apply(made.image), 0, grid.size[0], 0, grid.size[1])
    truth = made.truth
    x, y, diameter = (
        grid.to_working(truth.x),
        grid.to_working(truth.y),
        truth.diameter_nm / scene.nm_per_px / grid.ratio,
    )
    hidden = np.flatnonzero(~_visible(pixels, x, y, diameter))
    places = tuple(disc(x[i], y[i], diameter[i]) for i in hidden)
    known = Annotation(Path(), 1.0, x, y, diameter, excluded=places).known((grid.size[0], grid.size[1]))
    return TrainingImage(f"synthetic-{number}", pixels, x, y, diameter, known, weight)


def _visible(
    pixels: NDArray[np.float32], x: NDArray[np.float64], y: NDArray[np.float64], diameter: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Tell which particles a person could see: darker than their surroundings by twice what these vary."""
    visible = np.zeros(len(x), bool)
    for i, (cx, cy, d) in enumerate(zip(x, y, diameter, strict=True)):
        reach = int(1.4 * d) + 3
        y0, x0 = max(0, int(cy) - reach), max(0, int(cx) - reach)
        patch = ndimage.gaussian_filter(pixels[y0 : int(cy) + reach + 2, x0 : int(cx) + reach + 2], 0.22 * d)
        distance = np.hypot(np.arange(patch.shape[0])[:, None] + y0 - cy, np.arange(patch.shape[1])[None] + x0 - cx)
        core = patch[distance <= max(0.8, 0.25 * d)]
        around = patch[(distance > 0.8 * d) & (distance < 1.35 * d)]
        if len(core) and len(around):
            # Medians, since a neighbour that touches must not hide a particle.
            level = np.median(around)
            visible[i] = level - core.mean() > max(0.5, 2 * 1.4826 * float(np.median(np.abs(around - level))))
    return visible
