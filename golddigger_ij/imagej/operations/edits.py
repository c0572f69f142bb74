"""What people have made of the particles of an image: which run they are of, and the ROIs as they are now."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.imagej.call import Call
from golddigger_ij.imagej.columns import regions_of
from golddigger_ij.imagej.commands import WHOLE_IMAGE
from golddigger_ij.imagej.options import PREFIX
from golddigger_ij.imagej.pixels import OpenImage

if TYPE_CHECKING:
    from golddigger_ij.proofreading import Proofreading
    from golddigger_ij.regions import Region
    from golddigger_ij.roi_table import RoiTable
    from golddigger_ij.runs import Run

_SETS = (".zip", ".roi")
_PICTURES = (".tif", ".tiff")


def edited_rois(call: Call) -> "tuple[RoiTable, dict[int, str] | None]":
    """Give the ROIs, from a file or from the request, and what ImageJ's groups are called, where that is known.

    Raises
    ------
    GoldDiggerError
        If the file cannot be read, or there are no ROIs in the request.
    """
    from golddigger_ij.roi_set import read_overlay, read_readable_rois
    from golddigger_ij.roi_table import roi_table

    source = str(call.options["rois"])
    suffix = Path(source).suffix.lower()
    if suffix in _SETS + _PICTURES:
        path = Path(source).expanduser()
        return (read_readable_rois(path) if suffix in _SETS else read_overlay(path)), None
    columns = call.request.get("rois")
    if columns is None:
        raise GoldDiggerError(
            f"there are no ROIs; detect the gold or open its results first, or name a RoiSet.zip with {PREFIX}rois=PATH"
        )
    rois = roi_table({name: values for name, values in columns.items() if name != "label"})
    named = {
        int(number): str(text) for number, text in zip(rois.group, columns.get("label") or (), strict=False) if text
    }
    # Where no group has a name, nobody has said what the numbers stand for.
    return rois, named or None


def run_of(image: OpenImage, rois: "RoiTable") -> "tuple[Run | None, str]":
    """Find the run that ROIs are of: the one last shown on the image, else the one that most ROIs name.

    Returns
    -------
    run : Run or None
    warning : str
        Where a run is named that is not known any more.
    """
    from golddigger_ij.imagej.remembered import recall_run

    counts = Counter(properties["gd_run"] for properties in rois.properties if properties.get("gd_run"))
    names = [*([image.run] if image.run else []), *(name for name, _ in counts.most_common(1))]
    for name in names:
        run = recall_run(name)
        if run is not None and run.shape in (None, image.shape) and run.plane in (None, image.plane):
            return run, ""
    lost = "there is no run of this image any more, so every mark counts as added; open its results first to compare"
    return None, lost if names else ""


def proofread(
    call: Call, run: "Run", rois: "RoiTable", labels: dict[int, str] | None, regions: "list[Region]"
) -> "Proofreading":
    """Compare the ROIs with the run.

    Raises
    ------
    GoldDiggerError
        If marks have no size and nothing says what it could be.
    """
    from golddigger_ij.proofreading import compare

    return compare(run, rois, labels, call.options["default_group"] or None, regions)


def selected_regions(call: Call, image: OpenImage) -> "list[Region]":
    """Give the selections that the operation is limited to; none for the whole image."""
    entries = () if call.options["region"] == WHOLE_IMAGE else call.entries("regions")
    return regions_of(entries, image.shape, image.title)
