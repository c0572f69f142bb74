"""What lies behind the gold in a synthetic micrograph: the optical density of a replica or of a stained section.

Every function here draws random structure of a physical size (nm) and gives an optical density, so that the transmitted
intensity is ``exp(-density)``. No pixel of a real micrograph is used.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

Field = NDArray[np.float32]


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], scale: float) -> Field:
    """Draw a smooth random field of zero mean and unit variance, correlated over about `scale` pixels."""
    step = max(1.0, scale / 2)
    coarse = [max(4, int(np.ceil(n / step)) + 3) for n in shape]
    grid = Image.fromarray(rng.standard_normal(coarse, dtype=np.float32))
    box = (1.0, 1.0, 1.0 + shape[1] / step, 1.0 + shape[0] / step)
    field = np.asarray(
        grid.resize((shape[1], shape[0]), Image.Resampling.BICUBIC, box=_inside(box, coarse)), np.float32
    )
    return np.asarray(field / np.float32(0.72), np.float32)


def _inside(box: tuple[float, float, float, float], coarse: list[int]) -> tuple[float, float, float, float]:
    return box[0], box[1], min(box[2], coarse[1]), min(box[3], coarse[0])


def _distance_to_level(field: Field, level: float) -> Field:
    """Approximate signed distance in pixels to the level line of a smooth field: value over gradient."""
    gy, gx = np.gradient(field)
    slope = np.sqrt(gx * gx + gy * gy)
    return np.asarray((field - np.float32(level)) / np.maximum(slope, 0.25 * slope.mean() + 1e-9))


def _impulses(rng: np.random.Generator, density: Field) -> Field:
    """Points of random height, `density` of them in a pixel."""
    hit = rng.random(density.shape, dtype=np.float32) < density
    points = np.zeros(density.shape, np.float32)
    points[hit] = rng.uniform(0.5, 1.3, int(hit.sum()))
    return points


def _bumps(rng: np.random.Generator, density: Field, sigma: float) -> Field:
    """Gaussian bumps of height about one."""
    smooth = ndimage.gaussian_filter(_impulses(rng, density), sigma, truncate=3.0)
    return np.asarray(smooth * np.float32(2 * np.pi * sigma * sigma))


def _rings(rng: np.random.Generator, shape: tuple[int, int], radii: NDArray[np.float64], width: float) -> Field:
    """Circular walls at random places: vesicles, pits and cross-fractured stalks. Height about one."""
    field = np.zeros(shape, np.float32)
    for radius in radii:
        cy, cx = rng.uniform(0, shape[0]), rng.uniform(0, shape[1])
        reach = radius + 4 * width
        y0, y1 = max(0, int(cy - reach)), min(shape[0], int(cy + reach) + 1)
        x0, x1 = max(0, int(cx - reach)), min(shape[1], int(cx + reach) + 1)
        if y0 >= y1 or x0 >= x1:
            continue
        dy, dx = np.arange(y0, y1)[:, None] - cy, np.arange(x0, x1)[None] - cx
        distance = np.hypot(dy * rng.uniform(0.8, 1.25), dx) - radius
        side = 1 + rng.uniform(0, 0.9) * np.cos(np.arctan2(dy, dx) - rng.uniform(0, 2 * np.pi))
        field[y0:y1, x0:x1] += (side * np.exp(-0.5 * (distance / width) ** 2)).astype(np.float32)
    return field


def debris(rng: np.random.Generator, shape: tuple[int, int], nm_per_px: float, count: float) -> Field:
    """Dark, ragged, opaque pieces from 20 to 400 nm, and elongated or faint specks of the size of gold: density."""
    field = np.zeros(shape, np.float32)
    area_um2 = shape[0] * shape[1] * nm_per_px**2 * 1e-6
    for _ in range(rng.poisson(count * area_um2)):
        size = np.exp(rng.uniform(np.log(10), np.log(200))) / nm_per_px
        ragged = rng.uniform(0.1, 0.5)
        elongation = np.exp(abs(rng.normal(0, 0.6)))
        if size * nm_per_px < 25:
            elongation *= 1.7
        _add_blob(rng, field, size, elongation, ragged, rng.uniform(0.2, 3.0), rng.uniform(0.6, 3.0) / nm_per_px)
    return field


def _add_blob(
    rng: np.random.Generator, field: Field, size: float, elongation: float, ragged: float, dark: float, edge: float
) -> None:
    reach = int(size * elongation * 1.2 + 4 * edge) + 3
    cy, cx = (
        int(rng.integers(-reach // 2, field.shape[0] + reach // 2)),
        int(rng.integers(-reach // 2, field.shape[1] + reach // 2)),
    )
    y0, y1, x0, x1 = (
        max(0, cy - reach),
        min(field.shape[0], cy + reach),
        max(0, cx - reach),
        min(field.shape[1], cx + reach),
    )
    if y0 >= y1 or x0 >= x1:
        return
    dy, dx = np.arange(y0, y1)[:, None] - cy, np.arange(x0, x1)[None] - cx
    turn = rng.uniform(0, np.pi)
    along, across = dx * np.cos(turn) + dy * np.sin(turn), dy * np.cos(turn) - dx * np.sin(turn)
    angle = np.arctan2(dy, dx)
    outline = 1 + ragged * sum(rng.normal() / k * np.cos(k * angle + rng.uniform(0, 2 * np.pi)) for k in range(2, 7))
    radius = np.hypot(along / elongation, across) / np.maximum(outline, 0.3)
    inside = 0.5 * (1 - np.tanh((radius - size) / (2 * edge)))
    patch = inside * dark * (1 + 0.2 * smooth_noise(rng, inside.shape, max(2.0, size / 4)))
    field[y0:y1, x0:x1] = np.maximum(field[y0:y1, x0:x1], patch.astype(np.float32))


def replica(rng: np.random.Generator, shape: tuple[int, int], nm_per_px: float, texture: float | None = None) -> Field:
    """Draw the density of a freeze-fracture replica: a relief of membrane faces under an oblique platinum shadow.

    Parameters
    ----------
    rng : numpy.random.Generator
        Where all randomness comes from.
    shape : tuple of int
        Height and width in pixels.
    nm_per_px : float
        Pixel size.
    texture : float, optional
        Robust spread of the density that shading gives, ridges apart; left out, it is as drawn, mostly strong.

    Returns
    -------
    ndarray of float32, (height, width)
        Optical density of carbon and platinum; faces, intramembrane particles, ridges, shadows, pits, grain.
    """
    p = nm_per_px
    relief = smooth_noise(rng, shape, rng.uniform(300, 900) / p) * np.float32(rng.uniform(10, 60))
    relief += smooth_noise(rng, shape, rng.uniform(60, 150) / p) * np.float32(rng.uniform(0, 6))
    density = np.full(shape, rng.uniform(0.25, 0.6), np.float32)
    imp_density = np.full(shape, 10.0 ** rng.uniform(-5, -3.7), np.float32)
    for _ in range(rng.integers(1, 5)):
        outline = smooth_noise(rng, shape, np.exp(rng.uniform(np.log(100), np.log(800))) / p)
        if rng.random() < 0.5:
            outline += smooth_noise(rng, shape, 40 / p) * np.float32(rng.uniform(0.02, 0.12))
        distance = _distance_to_level(outline, rng.uniform(-1, 1)) * np.float32(p)
        face = 0.5 * (1 + np.tanh(distance / np.float32(rng.uniform(1.5, 10))))
        relief += face * np.float32(rng.uniform(-45, 45))
        density += face * np.float32(rng.normal(0, 0.08))
        imp_density *= 1 + face * np.float32(rng.uniform(0, 12))
        present = np.clip(smooth_noise(rng, shape, rng.uniform(60, 300) / p) + np.float32(rng.uniform(-0.8, 0.8)), 0, 1)
        width = np.float32(np.exp(rng.uniform(np.log(1.5), np.log(14))))
        density += (
            present
            * np.exp(-0.5 * (distance / width) ** 2)
            * np.float32(rng.choice([0.15, 0.5, 1.2, 2.5]) * rng.uniform(0.5, 1.3))
        )
        if rng.random() < 0.4:
            density -= (
                present * np.exp(-0.5 * ((distance - 2.5 * width) / width) ** 2) * np.float32(rng.uniform(0.05, 0.25))
            )
    patches = np.clip(smooth_noise(rng, shape, rng.uniform(80, 300) / p) - np.float32(rng.uniform(0.2, 1.6)), 0, 1)
    imp_density += patches * np.float32(rng.uniform(0, 6e-3))
    for size in (rng.uniform(3.0, 4.5), rng.uniform(4.5, 7.0)):
        relief += _bumps(rng, imp_density * np.float32(p * p * 0.5), size / p) * np.float32(rng.uniform(1.5, 6))
    area_um2 = shape[0] * shape[1] * p * p * 1e-6
    pits = np.exp(rng.uniform(np.log(12), np.log(90), rng.poisson(area_um2 * rng.uniform(0, 12)))) / p
    relief += _rings(rng, shape, pits, rng.uniform(2.5, 7) / p) * np.float32(rng.uniform(-8, 8))
    gy, gx = np.gradient(relief, np.float32(p))
    shadow = rng.uniform(0, 2 * np.pi)
    slope = gx * np.float32(np.cos(shadow)) + gy * np.float32(np.sin(shadow))
    strength = np.float32(rng.choice([0.4, 1.0]) * rng.uniform(0.3, 1.2))
    shading = strength * np.tanh(slope * np.float32(rng.uniform(0.5, 1.6)))
    shading += np.float32(rng.uniform(0.05, 0.5)) * (np.sqrt(1 + gx * gx + gy * gy) - 1)
    if texture is not None:
        low, high = np.percentile(shading[::3, ::3], [25, 75])
        shading *= np.float32(texture * 1.349 / max(high - low, 1e-6))
    density += shading
    grain = smooth_noise(rng, shape, max(1.0, rng.uniform(1.0, 2.5) / p)) * np.float32(rng.uniform(0.0, 0.06))
    density += grain * (1 + density)
    if rng.random() < 0.5:
        tears = smooth_noise(rng, shape, rng.uniform(80, 400) / p)
        edge = 0.5 * (1 + np.tanh(_distance_to_level(tears, rng.uniform(1.6, 2.6)) * np.float32(p / 3)))
        density *= 1 - edge * np.float32(rng.uniform(0.5, 0.95))
    return np.maximum(density, np.float32(0.02))


def resin(rng: np.random.Generator, shape: tuple[int, int], nm_per_px: float) -> Field:
    """Draw the density of a stained resin section: cytoplasm, membranes, vesicles, cristae, ribosomes, granules.

    Parameters and result are those of `replica`.
    """
    p = nm_per_px
    density = np.full(shape, rng.uniform(0.25, 0.5), np.float32)
    density += smooth_noise(rng, shape, rng.uniform(150, 500) / p) * np.float32(rng.uniform(0.01, 0.06))
    for scale in (25.0, 9.0, 4.0):
        density += smooth_noise(rng, shape, scale * rng.uniform(0.7, 1.4) / p) * np.float32(rng.uniform(0.01, 0.06))
    stain = np.float32(rng.uniform(0.15, 0.7))
    for _ in range(rng.integers(1, 5)):
        outline = smooth_noise(rng, shape, np.exp(rng.uniform(np.log(120), np.log(700))) / p)
        distance = _distance_to_level(outline, rng.uniform(-1, 1)) * np.float32(p)
        density += 0.5 * (1 + np.tanh(distance / 6)) * np.float32(rng.normal(0, 0.1))
        gap, width = np.float32(rng.uniform(2.5, 4.5)), np.float32(rng.uniform(1.2, 2.2))
        clear = np.clip(smooth_noise(rng, shape, 120 / p) + 1, 0, 1)
        for side in (-gap, gap):
            density += clear * stain * np.exp(-0.5 * ((distance - side) / width) ** 2)
    area_um2 = shape[0] * shape[1] * p * p * 1e-6
    radii = rng.normal(20, 3, rng.poisson(area_um2 * rng.uniform(0, 120))).clip(12, 40) / p
    density += _rings(rng, shape, radii, rng.uniform(2, 3.5) / p) * (stain * np.float32(0.7))
    if rng.random() < 0.5:
        where = np.clip(smooth_noise(rng, shape, 300 / p) - 0.4, 0, 1)
        phase = smooth_noise(rng, shape, 180 / p) * np.float32(rng.uniform(5, 15))
        density += where * stain * np.maximum(np.sin(phase), 0) ** 3
    clusters = np.clip(smooth_noise(rng, shape, 150 / p), 0, 1)
    ribosomes = _bumps(rng, clusters * np.float32(p * p * rng.uniform(0, 6e-4)), rng.uniform(6, 9) / p)
    granules = _bumps(rng, clusters * np.float32(p * p * rng.uniform(0, 1.5e-4)), rng.uniform(3.5, 6) / p)
    density += np.minimum(ribosomes, 1.2) * stain * np.float32(rng.uniform(0.3, 0.9))
    density += np.minimum(granules, 1.2) * stain * np.float32(rng.uniform(0.3, 1.0))
    return np.maximum(density, np.float32(0.02))
