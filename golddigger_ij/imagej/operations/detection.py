"""Detect the gold of the image that is open."""

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from golddigger_ij.config import DetectionConfig
from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.imagej.call import Call
from golddigger_ij.imagej.columns import particle_columns
from golddigger_ij.imagej.operations.edits import selected_regions
from golddigger_ij.imagej.options import PREFIX
from golddigger_ij.imagej.pixels import OpenImage, uncalibrated

if TYPE_CHECKING:
    from golddigger_ij.burned_in import Box
    from golddigger_ij.models import Model
    from golddigger_ij.montage import Montage

TILE_SIZE = 960
"""Smaller than the default: between two tiles is the time to stop, and Esc should take less than a second."""

_SAME_SIZE = 1e-4
"""Share by which ImageJ's calibration may differ from the file's and be the same: both round it."""

_loaded: dict[tuple[str, int, int], "Model"] = {}


def detect(call: Call) -> dict[str, Any]:
    """Find the particles of an image; see `golddigger_ij.imagej.service` for what is answered.

    Raises
    ------
    NeedsPixels
        If the image cannot be read from its file.
    GoldDiggerError
        If an option or the image is of no use, or the files cannot be written.
    """
    from golddigger_ij.atomic import refuse_unwritable
    from golddigger_ij.batch import plane_stem, summary
    from golddigger_ij.detect import detect as run
    from golddigger_ij.imagej.remembered import remember_run
    from golddigger_ij.results import run_identity, write_results
    from golddigger_ij.runs import Run

    image = OpenImage(call.request.get("image"))
    config, model = configuration(call, TILE_SIZE), cached_model(call.options["model"])
    output = Path(call.options["output"]).expanduser() if call.options["output"] else None
    if output is not None:
        refuse_unwritable(output)
    with image.montage(call.check, config.pixel_size) as montage:
        config, source = _calibrated(config, image, montage)
        regions = selected_regions(call, image)
        found = run(montage, model, config, regions=regions, progress=call.progress("Looking for gold"))
        found = replace(found, pixel_size_source=source or found.pixel_size_source)
        identity = run_identity(montage.sha256(), model, config, montage.plane, regions)
        files: list[Path] = []
        call.check()
        if output is not None:
            stem = plane_stem(image.stem, montage.plane)
            files = write_results(output, stem, montage, found, model, config, regions)
        labels = tuple(group.label for group in found.groups)
        warning = remember_run(
            Run(
                id=identity,
                particles=found.particles,
                groups=labels,
                nm_per_px=found.nm_per_px,
                image_name=image.path.name if image.path is not None else image.title,
                image_path=montage.path,
                image_sha256=montage.sha256(),
                shape=montage.shape,
                plane=montage.plane,
                regions=tuple(region.name for region in regions),
            )
        )
        from_file = montage.path is not None
    return {
        **particle_columns(found.particles, labels, found.nm_per_px, identity),
        "threshold": found.threshold,
        "seconds": sum(found.seconds.values()),
        "burned_in": _columns_of_boxes(found.burned_in.boxes),
        "files": [str(path) for path in files],
        "read_from": "file" if from_file else "pixels",
        "warning": warning,
        "message": summary(found.particles, len(found.burned_in.boxes)),
    }


def configuration(call: Call, tile_size: int = DetectionConfig().tile_size) -> DetectionConfig:
    """Make the description of a detection of the options of a call.

    Raises
    ------
    GoldDiggerError
        If a value is of no use; the message names the macro key.
    """
    from golddigger_ij.runtime import choose_device
    from golddigger_ij.sizes import parse_sizes

    names = ("model", "threshold", "sizes", "polarity", "pixel_size", "keep_burned_in", "device")
    config = DetectionConfig(tile_size=tile_size, **{name: call.options[name] for name in names})
    try:
        parse_sizes(config.sizes)
    except GoldDiggerError as error:
        raise GoldDiggerError(f"{PREFIX}sizes={config.sizes}: {str(error).partition(': ')[2]}") from error
    choose_device(config.device)
    return config


def cached_model(name: str, option: str = "model") -> "Model":
    """Load a model, or give it again if its files have not changed.

    Raises
    ------
    GoldDiggerError
        If there is none, or it cannot be read; the message names the macro key.
    """
    from golddigger_ij.models import BUNDLED, WEIGHTS, bundled_models, load_model

    folder = BUNDLED / name if name in bundled_models() else Path(name).expanduser()
    try:
        card, weights = ((folder / part).stat().st_mtime_ns for part in ("card.json", WEIGHTS))
    except OSError:
        card = weights = 0
    known = (str(folder.absolute()), card, weights)
    if known not in _loaded:
        try:
            model = load_model(name if name in bundled_models() else folder)
        except GoldDiggerError as error:
            missing = "no such model" in str(error)
            raise GoldDiggerError(f"{PREFIX}{option}={error}" if missing else str(error)) from error
        _loaded.clear()
        _loaded[known] = model
    return _loaded[known]


def _calibrated(config: DetectionConfig, image: OpenImage, montage: "Montage") -> tuple[DetectionConfig, str | None]:
    """Decide on the pixel size: the option's, else ImageJ's, else the file's; and say if it is ImageJ's."""
    if config.pixel_size is not None:
        return config, None
    filed = None if montage.pixel_size is None else montage.pixel_size.nm
    if image.nm_per_px is not None:
        # The file's own, where they agree, so that the same run has the same name on the command line.
        if filed is not None and math.isclose(filed, image.nm_per_px, rel_tol=_SAME_SIZE):
            return config, None
        return config.changed(pixel_size=float(f"{image.nm_per_px:.9g}")), "ImageJ's calibration"
    if filed is not None:
        return config, None
    raise uncalibrated(image, montage)


def _columns_of_boxes(boxes: "tuple[Box, ...]") -> dict[str, Any]:
    """Give boxes as columns in ImageJ's coordinates, where a pixel's corner is at whole numbers."""
    corners = np.array([(box.x0, box.y0, box.x1 - box.x0, box.y1 - box.y0) for box in boxes], np.float64)
    left, top, width, height = corners.reshape(-1, 4).T
    columns = {"left": left, "top": top, "width": width, "height": height}
    return {name: np.ascontiguousarray(column) for name, column in columns.items()} | {
        "kind": [box.kind for box in boxes]
    }
