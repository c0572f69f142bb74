"""`golddigger-ij synthesize`: micrographs with exact ground truth, ready to train or to test with."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from golddigger_ij.errors import GoldDiggerError

if TYPE_CHECKING:
    from golddigger_ij.synthetic import Scene


def synthesize(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the images and their ground truth.")],
    count: Annotated[int, typer.Option(help="How many images.")] = 1,
    size: Annotated[str, typer.Option(metavar="WxH", help="Width and height in pixels.")] = "2048x2048",
    kind: Annotated[
        str, typer.Option(help="'replica', 'resin', 'pre-embedding', or 'any' for random scenes.")
    ] = "replica",
    pixel_size: Annotated[float, typer.Option(help="nm per pixel.")] = 1.11,
    gold: Annotated[str, typer.Option(help="Gold diameters in nm.")] = "6,12",
    density: Annotated[float, typer.Option(help="Particles of each size in a square micrometre.")] = 40.0,
    touching: Annotated[float, typer.Option(help="Share of particles that touch another one.")] = 0.05,
    light_gold: Annotated[bool, typer.Option("--light-gold", help="Dark field: gold light on dark.")] = False,
    tiled: Annotated[bool, typer.Option("--tiled", help="Tiled TIFF instead of strips.")] = False,
    seed: Annotated[int, typer.Option(help="The same seed makes the same images.")] = 0,
    progress: Annotated[str, typer.Option(help="'auto', 'json' or 'none'.")] = "auto",
) -> int:
    """Make micrographs with exact ground truth: NAME.tif, NAME.json and NAME_marks.csv."""
    import numpy as np

    from golddigger_ij.cli.progress import progress as show
    from golddigger_ij.synthetic import KINDS, Scene
    from golddigger_ij.synthetic_scenes import random_scene

    try:
        width, height = _size(size)
        diameters = tuple(float(part) for part in gold.split(","))
        if min(diameters) <= 0 or pixel_size <= 0 or density < 0 or count < 1:
            raise ValueError
    except ValueError:
        print(
            "golddigger-ij: give --size as WxH (2048x2048), --gold as nm (6,12), and positive numbers", file=sys.stderr
        )
        return 2
    if kind not in (*KINDS, "any"):
        print(f"golddigger-ij: --kind {kind}: choose {', '.join(KINDS)} or any", file=sys.stderr)
        return 2
    for number in range(count):
        scene = Scene(
            kind, pixel_size, diameters, (density,) * len(diameters), touching=touching, light_gold=light_gold
        )
        if kind == "any":
            scene = random_scene(np.random.default_rng([seed, number]))
        path = output / f"{kind}-{seed + number:04d}.tif"
        with show(progress, path.name) as update:
            marks = write_sample(path, height, width, scene, seed + number, update, tiled)
        print(f"{path}: ground truth in {marks}")
    return 0


def write_sample(
    path: Path,
    height: int,
    width: int,
    scene: "Scene",
    seed: int,
    update: Callable[[int, int], None],
    tiled: bool = False,
) -> Path:
    """Write one synthetic montage and its ground truth, and give the path of the marks."""
    from golddigger_ij.annotations import Annotation, write_annotation
    from golddigger_ij.montage import open_montage
    from golddigger_ij.synthetic import write_montage

    truth = write_montage(path, height, width, scene, seed, tiled=tiled, progress=update)
    with open_montage(path) as montage:
        digest = montage.sha256()
    annotation = Annotation(
        image=Path(path.name),
        nm_per_px=scene.nm_per_px,
        x=truth.x,
        y=truth.y,
        diameter_nm=truth.diameter_nm,
        sha256=digest,
        shape=(height, width),
        record={"author": "golddigger-ij synthesize", "seed": seed, "scene": vars(scene)},
    )
    record = write_annotation(path.parent, annotation)
    return record.with_name(f"{record.stem}_marks.csv")


def _size(text: str) -> tuple[int, int]:
    width, height = (int(part) for part in text.lower().split("x"))
    if min(width, height) < 16:
        raise GoldDiggerError(f"--size {text}: give at least 16x16")
    return width, height
