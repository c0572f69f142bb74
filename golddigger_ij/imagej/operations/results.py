"""Open the files of a finished run."""

from typing import Any

from golddigger_ij.imagej.call import Call
from golddigger_ij.imagej.columns import particle_columns
from golddigger_ij.imagej.pixels import OpenImage


def open_results(call: Call) -> dict[str, Any]:
    """Read a run's files, or a bare table of positions; see `golddigger_ij.imagej.service` for what is answered.

    Raises
    ------
    GoldDiggerError
        If the file cannot be read or belongs to no run, or a bare table comes without a pixel size.
    """
    from golddigger_ij.batch import summary
    from golddigger_ij.imagej.remembered import remember_run
    from golddigger_ij.runs import load_run

    path = call.path("path", "give a run's run.json, particles.csv or RoiSet.zip, or a CSV with x and y")
    image = OpenImage(call.request["image"]) if call.request.get("image") else None
    nm_per_px = call.options["pixel_size"] or (None if image is None else image.nm_per_px)
    run = load_run(path, nm_per_px, call.options["group"] or None)
    warning = remember_run(run)
    known = run.image_path if run.image_path is not None and run.image_path.is_file() else None
    height, width = run.shape or (None, None)
    return {
        **particle_columns(run.particles, run.groups, run.nm_per_px, run.id),
        "image_path": None if known is None else str(known),
        "image_name": run.image_name,
        "width": width,
        "height": height,
        "plane": run.plane,
        "same_size": None if image is None or run.shape is None else run.shape == image.shape,
        "warning": warning,
        "message": f"{path.name}: {summary(run.particles)}",
    }
