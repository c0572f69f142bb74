"""`golddigger-ij synthesize`: micrographs with exact ground truth, ready to train or to test with."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from golddigger_ij.cli.messages import WrongCommandLine, check_choice
from golddigger_ij.cli.progress import KINDS as PROGRESS_KINDS

if TYPE_CHECKING:
    from golddigger_ij.synthetic import Scene


def synthesize(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the images and their ground truth.")
    ],
    count: Annotated[int, typer.Option(metavar="N", min=1, help="How many images.")] = 1,
    size: Annotated[str, typer.Option(metavar="WxH", help="Width and height in pixels.")] = "2048x2048",
    kind: Annotated[
        str, typer.Option(metavar="KIND", help="'replica', 'resin', 'pre-embedding', or 'any' for random scenes.")
    ] = "replica",
    pixel_size: Annotated[float, typer.Option(metavar="NM", help="Nanometres for each pixel.")] = 1.11,
    gold: Annotated[str, typer.Option(metavar="NM,...", help="Gold diameters in nm.")] = "6,12",
    density: Annotated[float, typer.Option(metavar="N", help="Particles of each size in a square micrometre.")] = 40.0,
    touching: Annotated[
        float, typer.Option(metavar="SHARE", help="Share of particles that touch another one, 0 to 1.")
    ] = 0.05,
    light_gold: Annotated[bool, typer.Option("--light-gold", help="Dark field: gold light on dark.")] = False,
    tiled: Annotated[bool, typer.Option("--tiled", help="Tiled TIFF instead of strips.")] = False,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="The same seed makes the same images.")] = 0,
    progress: Annotated[
        str, typer.Option(metavar="KIND", help="'auto' (a bar on a terminal), 'json' or 'none'.")
    ] = "auto",
) -> int:
    """Make micrographs with exact ground truth: NAME.tif, NAME.json and NAME_marks.csv.

    With --kind any, pixel size, gold and the rest are drawn at random for each image.
    """
    import numpy as np

    from golddigger_ij.atomic import refuse_unwritable
    from golddigger_ij.cli.progress import progress as show
    from golddigger_ij.synthetic import KINDS, Scene
    from golddigger_ij.synthetic_scenes import random_scene

    check_choice("--progress", progress, PROGRESS_KINDS)
    check_choice("--kind", kind, (*KINDS, "any"))
    width, height = parse_size(size)
    diameters = _diameters(gold)
    for option, value, most in (("--pixel-size", pixel_size, 1000.0), ("--density", density, 1e5)):
        if not 0 < value <= most:
            raise WrongCommandLine(f"{option} {value:g}: give a number from above 0 to {most:g}")
    if not 0 <= touching <= 1:
        raise WrongCommandLine(f"--touching {touching:g}: give a share from 0 to 1")
    refuse_unwritable(output)
    for number in range(count):
        scene = Scene(
            kind, pixel_size, diameters, (density,) * len(diameters), touching=touching, light_gold=light_gold
        )
        if kind == "any":
            scene = random_scene(np.random.default_rng([seed, number]))
        path = output / f"{kind}-{seed + number:04d}.tif"
        with show(progress, path.name) as update:
            marks = write_sample(path, height, width, scene, seed + number, update, tiled)
        print(f"{path}: {width} x {height} px, ground truth in {marks}", flush=True)
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


def parse_size(text: str) -> tuple[int, int]:
    """Read WxH.

    Raises
    ------
    WrongCommandLine
        If it is not two whole numbers of at least 16.
    """
    try:
        width, height = (int(part) for part in text.lower().split("x"))
    except ValueError:
        width = height = 0
    if min(width, height) < 16:
        raise WrongCommandLine(f"--size {text}: give width x height in whole pixels, such as 2048x2048; at least 16x16")
    return width, height


def _diameters(text: str) -> tuple[float, ...]:
    try:
        diameters = tuple(float(part) for part in text.split(","))
    except ValueError:
        diameters = ()
    if not diameters or not all(0 < diameter < math.inf for diameter in diameters):
        raise WrongCommandLine(f"--gold {text}: give diameters in nm, such as 6,12")
    return diameters
