"""Accuracy on synthetic reference montages like those of the Gold Digger paper, with exact ground truth.

    python benchmarks/synthetic.py            every set, five seeds each
    python benchmarks/synthetic.py --quick    small fields, one seed

Montages are those of `golddigger_ij.synthetic` with seeds from 900,000 on, which no training uses. Each is written to a
TIFF and goes through the whole pipeline with default settings. Precision, recall (the paper's "accuracy") and F1 are
pooled over the seeds; a detection counts within 5 nm of the true centre (within half a diameter for silver-enhanced
gold, whose centre is not sharply defined).
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from golddigger_ij.evaluation import Evaluation, combine, evaluate
from golddigger_ij.matching import match
from golddigger_ij.synthetic import Micrograph, Scene, Truth, micrograph
from golddigger_ij.synthetic_scenes import random_scene

FIRST_SEED = 900_000
CUTOFF_NM = 5.0
TOUCHING = 1.12
"""Two particles touch if their centres are no farther apart than this times the sum of their radii."""

REPLICA = Scene()
RESIN = replace(REPLICA, kind="resin", absorption=0.3)
PRE_EMBEDDING = Scene(kind="pre-embedding", sizes_nm=(25.0,), per_um2=(25.0,))


@dataclass(frozen=True)
class Found:
    """What the pipeline found in one micrograph."""

    xy: NDArray[np.float64]
    group: NDArray[np.object_]

    def counts(self) -> dict[str, int]:
        """Particles of each group."""
        return {str(label): int((self.group == label).sum()) for label in sorted(set(self.group))}


@dataclass(frozen=True)
class Set:
    """Micrographs of one kind: what makes them, how near a detection must lie, and the least precision and recall."""

    name: str
    make: Callable[[int], Micrograph]
    seeds: Sequence[int]
    least: float | None
    cutoff_nm: float = CUTOFF_NM


class Detector:
    """The product with its default settings, from a TIFF file on."""

    def __init__(self, model: str) -> None:
        from golddigger_ij.models import load_model

        self._model = load_model(model)

    def find(self, image: NDArray[np.uint8] | NDArray[np.uint16], nm_per_px: float) -> Found:
        """Detect the gold of an image."""
        from golddigger_ij.detect import detect
        from golddigger_ij.montage import open_montage

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "micrograph.tif"
            resolution = (1e7 / nm_per_px, 1e7 / nm_per_px)
            tifffile.imwrite(path, image, resolution=resolution, resolutionunit="CENTIMETER")
            with open_montage(path) as montage:
                particles = detect(montage, self._model).particles
        return Found(np.column_stack([particles.x, particles.y]), particles.group)


def reference(height: int, width: int, count: int, scene: Scene = REPLICA) -> Callable[[int], Micrograph]:
    """Montages of a given size with exactly so many particles, shared evenly among the scene's sizes."""
    share = count // len(scene.sizes_nm)
    counts = (count - share * (len(scene.sizes_nm) - 1), *[share] * (len(scene.sizes_nm) - 1))
    return lambda seed: micrograph(height, width, scene, seed, counts=counts)


def any_scene(side: int, kind: str) -> Callable[[int], Micrograph]:
    """Scenes as broad as those of training: any gold, optics, camera and magnification."""

    def make(seed: int) -> Micrograph:
        draw = np.random.default_rng(seed)
        scene = next(s for s in (random_scene(draw) for _ in range(1000)) if s.kind == kind)
        return micrograph(side, side, scene, seed)

    return make


def nominal_groups(truth: Truth) -> list[str]:
    """Size groups of the ground truth."""
    return [f"{size:g}nm" for size in truth.nominal_nm]


def scored(found: Found, made: Micrograph, cutoff_nm: float) -> Evaluation:
    """Score one micrograph."""
    return evaluate(
        found.xy,
        np.column_stack([made.truth.x, made.truth.y]),
        nm_per_px=made.nm_per_px,
        cutoff_nm=cutoff_nm,
        found_group=found.group,
        truth_group=nominal_groups(made.truth),
    )


def touching_pairs(truth: Truth, nm_per_px: float) -> NDArray[np.intp]:
    """Pairs of true particles that touch, shape (n, 2)."""
    from scipy.spatial import cKDTree

    xy = np.column_stack([truth.x, truth.y])
    radius = truth.diameter_nm / 2 / nm_per_px
    pairs: NDArray[np.intp] = cKDTree(xy).query_pairs(2 * TOUCHING * float(radius.max()), output_type="ndarray")
    distance = np.hypot(*(xy[pairs[:, 0]] - xy[pairs[:, 1]]).T)
    return pairs[distance <= TOUCHING * (radius[pairs[:, 0]] + radius[pairs[:, 1]])]


def both_found(found: Found, made: Micrograph) -> tuple[int, int]:
    """How many touching pairs there are, and how many of which both particles were found."""
    pairs = touching_pairs(made.truth, made.nm_per_px)
    truth_xy = np.column_stack([made.truth.x, made.truth.y])
    matched = np.zeros(len(truth_xy), bool)
    matched[match(found.xy, truth_xy, CUTOFF_NM / made.nm_per_px).truth] = True
    return len(pairs), int(matched[pairs].all(1).sum())


def at_half_scale(made: Micrograph) -> Micrograph:
    """The same field with 2 × 2 pixels binned into one, as a camera at half the magnification sees it."""
    height, width = (n // 2 * 2 for n in made.image.shape)
    fine = made.image[:height, :width].astype(np.float32).reshape(height // 2, 2, width // 2, 2)
    binned = np.rint(fine.mean((1, 3))).astype(made.image.dtype)
    truth = replace(made.truth, x=(made.truth.x + 0.5) / 2 - 0.5, y=(made.truth.y + 0.5) / 2 - 0.5)
    return Micrograph(binned, truth, 2 * made.nm_per_px)


def sets(quick: bool, seed_count: int) -> Iterator[Set]:
    """Every set of the table."""

    def seeds(block: int, count: int = seed_count) -> range:
        return range(FIRST_SEED + 1000 * block, FIRST_SEED + 1000 * block + count)

    side = 800 if quick else 2000
    if quick:
        yield Set("replica 1270x1706, 153", reference(1270, 1706, 153), seeds(0), 0.98)
    else:
        yield Set("replica 2537x3413, 612", reference(2537, 3413, 612), seeds(0), 0.98)
        yield Set("replica 3326x7043, 1810", reference(3326, 7043, 1810), seeds(1, max(1, seed_count // 2)), 0.98)
    yield Set("resin, 6 and 12 nm", reference(side, side, side * side // 12_000, RESIN), seeds(2), 0.95)
    yield Set("pre-embedding", lambda s: micrograph(side, side, PRE_EMBEDDING, s), seeds(3), None, 12.5)
    for block, size in enumerate((10.0, 15.0, 18.0), 4):
        scene = replace(REPLICA, sizes_nm=(size,), per_um2=(60.0,))
        yield Set(
            f"replica, {size:g} nm alone", reference(side, side, side * side // 14_000, scene), seeds(block), 0.95
        )
    if not quick:
        yield Set("replica, any optics and gold", any_scene(1000, "replica"), seeds(10, 6 * seed_count), None)
        yield Set("resin, any optics and gold", any_scene(1000, "resin"), seeds(11, 3 * seed_count), None)


def passed(value: float, least: float | None) -> str:
    """What to print beside a figure that has a goal."""
    if least is None:
        return ""
    return f"  {'ok' if value >= least else 'MISSED'} (goal {least:g})"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small fields and one seed")
    parser.add_argument("--model", default="gold")
    parser.add_argument("--seeds", type=int, default=None, help="seeds of each set [default: 5, quick: 1]")
    options = parser.parse_args()
    seed_count = options.seeds or (1 if options.quick else 5)
    detector = Detector(options.model)
    good = True

    print(f"{'set':<30} {'images':>6} {'truth':>6} {'precis.':>8} {'recall':>8} {'F1':>8} {'size':>8} {'rms nm':>7}")
    for one in sets(options.quick, seed_count):
        results, groups = [], []
        for seed in one.seeds:
            made = one.make(seed)
            found = detector.find(made.image, made.nm_per_px)
            results.append(scored(found, made, one.cutoff_nm))
            groups.append(" ".join(label for label in found.counts() if label != "other"))
        all_of = combine(results)
        # The paper's goal is on accuracy and precision; for a size that training lacked it is on F1.
        value = all_of.f1 if "alone" in one.name else min(all_of.precision, all_of.recall)
        good &= one.least is None or value >= one.least
        print(
            f"{one.name:<30} {len(results):>6} {all_of.truth_count:>6} {all_of.precision:>8.4f} {all_of.recall:>8.4f} "
            f"{all_of.f1:>8.4f} {all_of.right_size:>8.4f} {all_of.rmse_nm:>7.2f}{passed(value, one.least)}",
            flush=True,
        )
        if one.least is not None:
            print(f"{'':<30} groups: {', '.join(sorted(set(groups)))}", flush=True)
    good &= two_magnifications(
        detector, 1600 if options.quick else 4000, range(FIRST_SEED + 20_000, FIRST_SEED + 20_000 + seed_count)
    )
    good &= pairs(
        detector, 800 if options.quick else 2000, range(FIRST_SEED + 30_000, FIRST_SEED + 30_000 + seed_count)
    )
    return 0 if good else 1


def two_magnifications(detector: Detector, side: int, seeds: Sequence[int]) -> bool:
    """Print and judge what is found in the same fields at 0.555 and at 1.11 nm per pixel."""
    good = True
    for seed in seeds:
        fine = micrograph(side, side, replace(REPLICA, nm_per_px=0.555), seed)
        coarse = at_half_scale(fine)
        found = [detector.find(made.image, made.nm_per_px) for made in (fine, coarse)]
        counts = [one.counts() for one in found]
        scores = [scored(one, made, CUTOFF_NM) for one, made in zip(found, (fine, coarse), strict=True)]
        named = [{label: n for label, n in one.items() if label != "other"} for one in counts]
        difference = abs(len(found[0].xy) / max(1, len(found[1].xy)) - 1)
        same = set(named[0]) == set(named[1]) and difference <= 0.02
        good &= same
        print(
            f"same field, seed {seed}: {len(fine.truth)} true; 0.56 nm/px {counts[0]} F1 {scores[0].f1:.4f}; "
            f"1.11 nm/px {counts[1]} F1 {scores[1].f1:.4f}; counts differ by {difference:.1%}"
            f"  {'ok' if same else 'MISSED'}",
            flush=True,
        )
    return good


def pairs(detector: Detector, side: int, seeds: Sequence[int]) -> bool:
    """Print and judge how often both particles of a touching pair are found."""
    good = True
    for nm_per_px in (1.11, 0.56):
        scene = replace(REPLICA, nm_per_px=nm_per_px, touching=0.6, clustered=0.0)
        length = round(side * 1.11 / nm_per_px)
        total = both = 0
        for seed in seeds:
            made = reference(length, length, side * side // 10_000, scene)(seed)
            counted, found = both_found(detector.find(made.image, made.nm_per_px), made)
            total, both = total + counted, both + found
        share = both / max(1, total)
        good &= share >= 0.95
        print(
            f"touching pairs at {nm_per_px} nm/px: both found in {both} of {total} = {share:.4f}{passed(share, 0.95)}"
        )
    return good


if __name__ == "__main__":
    sys.exit(main())
