"""Scenes at random, as broad as the laboratories that the product has to work in."""

import numpy as np

from golddigger_ij.synthetic import Scene


def random_scene(rng: np.random.Generator) -> Scene:
    """Draw a scene: preparation, magnification, gold, optics and camera all vary.

    Parameters
    ----------
    rng : numpy.random.Generator

    Returns
    -------
    Scene
        Two thirds are replicas; sizes from 4 to 30 nm, one to three of them; pixel sizes from 0.5 to 1.6 nm.
    """
    kind = str(rng.choice(["replica", "resin", "pre-embedding"], p=[0.68, 0.26, 0.06]))
    count = int(rng.choice([1, 2, 3], p=[0.3, 0.4, 0.3]))
    if kind == "pre-embedding":
        sizes: tuple[float, ...] = (float(rng.uniform(12, 40)),)
    else:
        sizes = tuple(sorted(float(np.exp(rng.uniform(np.log(4.5), np.log(24)))) for _ in range(count)))
    density = tuple(float(min(10 ** rng.uniform(1.0, 2.5), 2e5 / s**2 / len(sizes))) for s in sizes)
    return Scene(
        kind=kind,
        nm_per_px=float(rng.choice([0.56, rng.uniform(0.9, 1.3), rng.uniform(1.0, 1.25), rng.uniform(1.3, 1.6)])),
        sizes_nm=sizes,
        per_um2=density,
        cv=float(rng.uniform(0.03, 0.14)),
        excess_nm=0.0,
        texture=None if rng.random() < 0.6 else float(np.exp(rng.uniform(np.log(0.04), np.log(0.3)))),
        absorption=float(np.exp(rng.uniform(np.log(0.16), np.log(0.6)))),
        blur_nm=float(rng.uniform(0.4, 1.6)),
        defocus_nm=float(rng.choice([0, 1]) * rng.uniform(0, 0.8)),
        fringe=float(rng.choice([0, 1]) * rng.uniform(0, 0.5)),
        noise=float(np.exp(rng.uniform(np.log(0.01), np.log(0.12)))),
        touching=float(rng.choice([0.05, 0.2, 0.6])),
        clustered=float(rng.uniform(0, 0.9)),
        debris_per_um2=float(rng.choice([0, 1, 4, 15])) * float(rng.uniform(0.3, 1.5)),
        gradient=float(rng.uniform(0, 0.2)),
        step=float(rng.uniform(0, 0.1)),
        dtype=str(rng.choice(["uint8", "uint16"])),
    )
