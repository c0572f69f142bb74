"""Micrographs with exact ground truth: gold of any size on replicas and sections, through a microscope and a camera.

A micrograph is optical density: the background (`synthetic_texture`), plus gold as spheres of metal, so that the
density of a particle is in proportion to its thickness along the beam; then the transmitted intensity
``exp(-density)``, the point spread and defocus, the camera's gain, offset, noise and bit depth. Nothing is taken from
a real image.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from golddigger_ij import synthetic_texture
from golddigger_ij.atomic import replacing
from golddigger_ij.synthetic_texture import Field, smooth_noise

KINDS = ("replica", "resin", "pre-embedding")

OPAQUE = 1.2
"""Optical density of the background from which on nobody could see gold."""


@dataclass(frozen=True)
class Scene:
    """What a micrograph shows and how it was taken. Lengths in nm, densities in particles per µm².

    Attributes
    ----------
    kind : {"replica", "resin", "pre-embedding"}
        Pre-embedding gold is silver-enhanced: irregular, of widely varying size.
    sizes_nm, per_um2 : tuple of float
        Nominal gold diameters, and how many of each there are in a square micrometre.
    cv : float
        Coefficient of variation of the diameters within a size.
    excess_nm : float
        How much larger than its nominal size gold is. Real "6, 12 and 18 nm" gold on replicas measures 6.3, 11.7 and
        17.2 nm at an edge level at which spheres of just that size would measure 5.3, 11.2 and 17.4.
    texture : float, optional
        Robust spread of a replica's density, ridges apart; 0.1 to 0.17 in real ones. None draws it, mostly stronger.
    absorption : float
        Optical density of gold per nm of thickness.
    blur_nm, defocus_nm : float
        Standard deviation of the point spread, and by how much it varies slowly over the field.
    fringe : float
        Strength of the bright Fresnel fringe around dense objects.
    noise : float
        Standard deviation of the camera's noise at mean intensity, as a fraction of that intensity.
    touching, clustered : float
        Share of particles that touch another one, and share that lie in clusters.
    debris_per_um2 : float
        Dark pieces that are not gold.
    gradient, step : float
        Slow change of brightness over a field; change of brightness from one stitched field to the next.
    dtype : {"uint8", "uint16"}
        Depth of the camera.
    light_gold : bool
        Dark field: gold light on dark.
    """

    kind: str = "replica"
    nm_per_px: float = 1.11
    sizes_nm: tuple[float, ...] = (6.0, 12.0)
    per_um2: tuple[float, ...] = (40.0, 20.0)
    cv: float = 0.07
    excess_nm: float = 0.7
    texture: float | None = 0.13
    absorption: float = 0.22
    blur_nm: float = 0.8
    defocus_nm: float = 0.3
    fringe: float = 0.1
    noise: float = 0.04
    touching: float = 0.05
    clustered: float = 0.4
    debris_per_um2: float = 0.5
    gradient: float = 0.1
    step: float = 0.03
    dtype: str = "uint8"
    light_gold: bool = False


@dataclass(frozen=True)
class Truth:
    """The gold of a micrograph: centres in pixels, equivalent diameters and nominal sizes in nm; arrays (n,)."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    diameter_nm: NDArray[np.float64]
    nominal_nm: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.x)

    def shifted(self, dx: float, dy: float) -> "Truth":
        """The same gold in a frame whose origin lies at (-dx, -dy)."""
        return replace(self, x=self.x + dx, y=self.y + dy)

    @staticmethod
    def joined(parts: "list[Truth]") -> "Truth":
        """Join the gold of several fields."""
        return Truth(
            *(np.concatenate([getattr(t, name) for t in parts]) for name in ("x", "y", "diameter_nm", "nominal_nm"))
        )


@dataclass(frozen=True)
class Micrograph:
    """An image, what is in it, and its pixel size in nm."""

    image: NDArray[np.uint8] | NDArray[np.uint16]
    truth: Truth
    nm_per_px: float


@dataclass(frozen=True)
class _Gold:
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    diameter: NDArray[np.float64]
    nominal: NDArray[np.float64]


def micrograph(
    height: int, width: int, scene: Scene = Scene(), seed: int = 0, *, counts: tuple[int, ...] | None = None
) -> Micrograph:
    """Make one micrograph.

    Parameters
    ----------
    height, width : int
        Size in pixels.
    scene : Scene
        What is in it.
    seed : int
        The same seed, scene and size give the same image.
    counts : tuple of int, optional
        Exactly so many particles of each of the scene's sizes, instead of `Scene.per_um2`.

    Returns
    -------
    Micrograph
        Image and ground truth. A particle counts where its centre lies in the image.
    """
    rng = np.random.default_rng(seed)
    shape = (height, width)
    p = scene.nm_per_px
    if scene.kind == "replica":
        density = synthetic_texture.replica(rng, shape, p, scene.texture)
    else:
        density = synthetic_texture.resin(rng, shape, p)
    density = np.maximum(density, synthetic_texture.debris(rng, shape, p, scene.debris_per_um2))
    gold = _place(rng, density, scene, counts)
    areas = _add_gold(rng, density, gold, scene)
    image = _camera(rng, np.exp(-density), scene)
    return Micrograph(image, Truth(gold.x, gold.y, 2 * np.sqrt(areas / np.pi), gold.nominal), p)


def _place(rng: np.random.Generator, density: Field, scene: Scene, counts: tuple[int, ...] | None) -> _Gold:
    """Centres and diameters; particles touch, but do not lie on top of one another or in what is opaque anyway."""
    p, shape = scene.nm_per_px, density.shape
    area_um2 = shape[0] * shape[1] * p * p * 1e-6
    if counts is None:
        counts = tuple(int(n) for n in rng.poisson(np.array(scene.per_um2) * area_um2))
    nominal = np.repeat(np.array(scene.sizes_nm, float), counts)
    rng.shuffle(nominal)
    spread = 0.35 if scene.kind == "pre-embedding" else scene.cv
    diameter = (nominal + scene.excess_nm) * np.exp(
        np.clip(rng.normal(0, spread, len(nominal)), -2.5 * spread, 2.5 * spread)
    )
    xy = np.zeros((len(nominal), 2))
    size = np.array([shape[1], shape[0]], float)
    seeds = rng.uniform(0, 1, (max(1, len(nominal) // 25), 2)) * size
    pending = np.arange(len(nominal))
    for _ in range(60):
        if not len(pending):
            break
        draw = rng.uniform(0, 1, (len(pending), 2)) * (size - 1)
        in_cluster = rng.random(len(pending)) < scene.clustered
        near = seeds[rng.integers(len(seeds), size=len(pending))] + rng.normal(
            0, rng.uniform(30, 90) / p, (len(pending), 2)
        )
        draw[in_cluster] = near[in_cluster]
        touching = (rng.random(len(pending)) < scene.touching) & (pending > 0)
        partner = rng.integers(0, np.maximum(pending, 1))
        angle = rng.uniform(0, 2 * np.pi, len(pending))
        gap = (diameter[pending] + diameter[partner]) / 2 / p * rng.uniform(0.97, 1.1, len(pending))
        beside = xy[partner] + gap[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
        draw[touching] = beside[touching]
        xy[pending] = draw
        inside = ((xy >= 0) & (xy <= size - 1)).all(1)
        column, row = np.clip(xy.round().astype(int), 0, (size - 1).astype(int)).T
        pending = np.flatnonzero(~inside | (density[row, column] > OPAQUE) | _overlapping(xy, diameter / p))
    keep = np.ones(len(nominal), bool)
    keep[pending] = False
    return _Gold(xy[keep, 0], xy[keep, 1], diameter[keep], nominal[keep])


def _overlapping(xy: NDArray[np.float64], diameter_px: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The later one of each two particles that lie on top of one another."""
    bad = np.zeros(len(xy), bool)
    if len(xy) < 2:
        return bad
    pairs = cKDTree(xy).query_pairs(float(diameter_px.max()), output_type="ndarray")
    distance = np.hypot(*(xy[pairs[:, 0]] - xy[pairs[:, 1]]).T)
    close = distance < 0.94 * (diameter_px[pairs[:, 0]] + diameter_px[pairs[:, 1]]) / 2
    bad[pairs[close].max(1)] = True
    return bad


def _add_gold(rng: np.random.Generator, density: Field, gold: _Gold, scene: Scene) -> NDArray[np.float64]:
    """Add the gold's density in place and give each particle's projected area in nm²."""
    p = scene.nm_per_px
    areas = np.pi / 4 * gold.diameter**2
    irregular = scene.kind == "pre-embedding"
    for i, (x, y, diameter) in enumerate(zip(gold.x, gold.y, gold.diameter, strict=True)):
        radius = diameter / 2 / p
        reach = radius * (2.0 if irregular else 1.4) + 2
        y0, y1 = max(0, int(y - reach)), min(density.shape[0], int(y + reach) + 2)
        x0, x1 = max(0, int(x - reach)), min(density.shape[1], int(x + reach) + 2)
        dy, dx = np.arange(y0, y1)[:, None] - y, np.arange(x0, x1)[None] - x
        turn, aspect = rng.uniform(0, np.pi), np.exp(abs(rng.normal(0, 0.05 if diameter < 15 else 0.12)))
        along, across = dx * np.cos(turn) + dy * np.sin(turn), dy * np.cos(turn) - dx * np.sin(turn)
        square = (along / aspect**0.5) ** 2 + (across * aspect**0.5) ** 2
        if irregular:
            angle = np.arctan2(dy, dx)
            outline = 1 + sum(
                rng.normal(0, 0.22 / k) * np.cos(k * angle + rng.uniform(0, 2 * np.pi)) for k in range(2, 6)
            )
            square = square / np.maximum(outline, 0.4) ** 2
            areas[i] *= float(np.mean(np.maximum(outline, 0.4) ** 2))
        # A pixel sees the mean thickness over its own area, which softens the sphere's steep rim.
        thickness = 2 * p * np.sqrt(np.maximum(radius * radius - square, 0))
        rim = np.clip(radius - np.sqrt(square) + 0.5, 0, 1)
        thickness = np.maximum(thickness, rim * p * np.sqrt(radius) * 0.7)
        if irregular:
            thickness = np.minimum(thickness, 20.0)
        density[y0:y1, x0:x1] += (scene.absorption * thickness).astype(np.float32)
    return areas


def _camera(rng: np.random.Generator, intensity: Field, scene: Scene) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Point spread, defocus, fringe, uneven brightness, noise, gain and depth."""
    p, shape = scene.nm_per_px, intensity.shape
    sharp = ndimage.gaussian_filter(intensity, max(0.3, scene.blur_nm / p), truncate=3.0)
    if scene.defocus_nm > 0:
        # Defocus that varies over the field is a mixture of two point spreads whose weights vary slowly.
        blurred = ndimage.gaussian_filter(intensity, max(0.4, (scene.blur_nm + 2 * scene.defocus_nm) / p), truncate=3.0)
        weight = np.clip(0.5 + 0.5 * smooth_noise(rng, shape, 1200 / p), 0, 1)
        sharp += weight * (blurred - sharp)
    if scene.fringe > 0:
        wide = ndimage.gaussian_filter(sharp, max(0.6, 2.2 * scene.blur_nm / p), truncate=3.0)
        sharp += np.float32(scene.fringe) * (sharp - wide)
    mean = np.float32(max(1e-3, float(sharp[::7, ::7].mean())))
    sharp *= (1 + np.float32(scene.gradient) * smooth_noise(rng, shape, 2000 / p)) * np.float32(
        1 + scene.step * rng.standard_normal()
    )
    signal = np.maximum(sharp, 0) / mean
    noise = rng.standard_normal(shape, dtype=np.float32)
    if rng.random() < 0.5:
        noise = ndimage.gaussian_filter(noise, 0.6) * np.float32(1.9)
    signal += np.float32(scene.noise) * np.sqrt(signal + np.float32(0.05)) * noise
    if scene.light_gold:
        signal = np.float32(1.8) - signal
    if scene.dtype == "uint16":
        offset, gain = rng.uniform(100, 4000), rng.uniform(2000, 20000)
        return np.asarray(np.clip(signal * np.float32(gain) + np.float32(offset), 0, 65535), np.uint16)
    offset, gain = rng.uniform(-20, 40), rng.uniform(100, 185)
    return np.asarray(np.clip(signal * np.float32(gain) + np.float32(offset + 0.5), 0, 255), np.uint8)


def fields(
    height: int, width: int, scene: Scene, seed: int, field_size: int = 2048
) -> Iterator[tuple[int, int, Micrograph]]:
    """Make a stitched montage field by field: rows of fields from the top, each row from the left.

    Yields
    ------
    y0, x0 : int
        The field's place.
    field : Micrograph
        Its image and its gold, in the field's own coordinates.
    """
    camera_seed = np.random.SeedSequence(seed)
    rows, columns = _cut(height, field_size), _cut(width, field_size)
    for y0, y1 in pairwise(rows):
        for x0, x1 in pairwise(columns):
            (child,) = camera_seed.spawn(1)
            yield y0, x0, micrograph(y1 - y0, x1 - x0, scene, int(child.generate_state(1)[0]))


def _cut(length: int, field_size: int) -> list[int]:
    """Where fields begin and end along one side; a rest of less than 64 pixels belongs to the last field."""
    return [*range(0, max(1, length - 63), field_size), length]


def write_montage(
    path: Path,
    height: int,
    width: int,
    scene: Scene = Scene(),
    seed: int = 0,
    *,
    tiled: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Truth:
    """Write a montage of any size as a (Big)TIFF with its pixel size, in bounded memory.

    Parameters
    ----------
    path : Path
        The TIFF to make.
    height, width : int
        Size in pixels.
    scene, seed
        As in `micrograph`.
    tiled : bool
        Tiles of 512 × 512 pixels instead of strips.
    progress : callable, optional
        Called with pixels done and pixels in all.

    Returns
    -------
    Truth
        All gold of the montage.
    """
    truths: list[Truth] = []

    def bands() -> Iterator[NDArray[np.uint8] | NDArray[np.uint16]]:
        band: NDArray[np.uint8] | NDArray[np.uint16] | None = None
        for y0, x0, part in fields(height, width, scene, seed):
            if x0 == 0:
                band = np.empty((part.image.shape[0], width), part.image.dtype)
            assert band is not None
            band[:, x0 : x0 + part.image.shape[1]] = part.image
            truths.append(part.truth.shifted(x0, y0))
            if progress is not None:
                progress(y0 * width + part.image.shape[0] * (x0 + part.image.shape[1]), height * width)
            if x0 + part.image.shape[1] == width:
                yield band

    def pieces() -> Iterator[NDArray[np.uint8] | NDArray[np.uint16]]:
        for band in bands():
            step = 512 if tiled else 64
            for y in range(0, band.shape[0], step):
                if not tiled:
                    yield band[y : y + step]
                    continue
                for x in range(0, width, step):
                    yield band[y : y + step, x : x + step]

    with replacing(path) as temporary, tifffile.TiffWriter(temporary, bigtiff=height * width > 2**31) as writer:
        writer.write(
            pieces(),
            shape=(height, width),
            dtype=scene.dtype,
            tile=(512, 512) if tiled else None,
            rowsperstrip=None if tiled else 64,
            resolution=(1e7 / scene.nm_per_px, 1e7 / scene.nm_per_px),
            resolutionunit="CENTIMETER",
        )
    return Truth.joined(truths)
