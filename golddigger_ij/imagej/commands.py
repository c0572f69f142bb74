"""What the engine can be asked for: each menu command with its options."""

from typing import Any

from golddigger_ij.config import DEFAULT, HELP, PIXEL_SIZES_NM, POLARITIES
from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.imagej.options import AUTO, Operation, Option

SELECTION, WHOLE_IMAGE = "selection", "whole image"
RESULTS_FOLDER = "gold-digger"
"""Where the results of a folder of images go unless another folder is named: into this one, in it."""

_IMAGE = Option("image", "Image", "Title or ID of an open image; empty: the active one.")
_MODEL = Option("model", "Model", HELP["model"], default=DEFAULT.model)
_THRESHOLD = Option(
    "threshold", "Threshold (0 to 1)", f"{HELP['threshold']} 'auto': the model's own.", "number", AUTO, limits=(0, 1)
)
_SIZES = Option("sizes", "Sizes (nm)", HELP["sizes"], default=DEFAULT.sizes)
_POLARITY = Option("polarity", "Gold is", HELP["polarity"], "choice", DEFAULT.polarity, POLARITIES)
_PIXEL_SIZE = Option(
    "pixel_size", "Pixel size (nm)", f"{HELP['pixel_size']} 'auto': as it says.", "number", AUTO, limits=PIXEL_SIZES_NM
)
_BURNED_IN = Option(
    "keep_burned_in", "Look under scale bars", HELP["keep_burned_in"], "yes or no", DEFAULT.keep_burned_in
)
_DEVICE = Option("device", "Device", HELP["device"], default=DEFAULT.device)
_SHOW = Option(
    "show",
    "Show in",
    "Where the particles appear.",
    "choice",
    "ROI Manager and overlay",
    ("ROI Manager and overlay", "ROI Manager", "overlay", "none"),
)
_SHAPE = Option(
    "shape",
    "Show as",
    "Ovals at their true diameter, or points; 'auto' takes points for very many.",
    "choice",
    "auto",
    ("auto", "ovals", "points"),
)
_ROIS = Option(
    "rois",
    "Take ROIs from",
    "'ROI Manager', 'overlay', or a RoiSet.zip; 'auto': the ROI Manager where it holds any, else the overlay.",
    default="auto",
)


def _region(what: str) -> Option:
    return Option("region", "Region", what, "choice", SELECTION, (SELECTION, WHOLE_IMAGE))


OPERATIONS: dict[str, Operation] = {
    "describe": Operation("Gold Digger"),
    "detect": Operation(
        "Detect Gold Particles",
        (
            _IMAGE,
            _MODEL,
            _THRESHOLD,
            _SIZES,
            _PIXEL_SIZE,
            _POLARITY,
            _region("Look inside the selection, where there is one, or in the whole image."),
            _BURNED_IN,
            _SHOW,
            _SHAPE,
            Option(
                "output", "Save to folder (optional)", "Folder for the run's files; empty: nothing is saved.", "folder"
            ),
            _DEVICE,
        ),
    ),
    "open_results": Operation(
        "Open Gold Results",
        (
            Option("path", "File", "A run's run.json, particles.csv or RoiSet.zip, or a CSV with x and y.", "file"),
            Option("image", "Image", "Title or ID of an open image; empty: the run's own."),
            _PIXEL_SIZE,
            Option("group", "Size group if missing", "Size group of particles that the file gives none, such as 6nm."),
            _SHOW,
            _SHAPE,
        ),
    ),
    "save_truth": Operation(
        "Save Gold Ground Truth",
        (
            _IMAGE,
            Option("folder", "Ground truth folder", "Folder of ground truth; the image is added to it.", "folder"),
            _region("What was proof-read: inside the selection, or the whole image."),
            _ROIS,
            Option("default_group", "Group of new marks (optional)", "Size group of marks without one, such as 6nm."),
            Option("author", "Author (optional)", "Who looked."),
            _PIXEL_SIZE,
        ),
    ),
    "load_truth": Operation(
        "Load Gold Ground Truth",
        (
            _IMAGE,
            Option("folder", "Ground truth folder", "Folder of ground truth, or one NAME.json in it.", "folder"),
            _SHOW,
            _SHAPE,
        ),
    ),
    "evaluate": Operation(
        "Evaluate Gold Particles",
        (
            _IMAGE,
            _region("What is judged: inside the selection, where there is one, or the whole image."),
            _ROIS,
            Option(
                "cutoff_nm", "Match within (nm)", "Largest distance of a match in nm.", "number", 5.0, (), (0.01, 1000)
            ),
            Option("default_group", "Group of new marks (optional)", "Size group of marks without one, such as 6nm."),
        ),
    ),
    "retrain": Operation(
        "Retrain Gold Model",
        (
            Option("folder", "Ground truth folder", "Folder of ground truth.", "folder"),
            Option("output", "Folder of the new model", "Folder for the new model.", "folder"),
            Option("start", "Start from", HELP["model"], default=DEFAULT.model),
            Option("epochs", "Epochs", "How often it is judged and saved.", "whole number", 6, (), (1, 10000)),
            Option(
                "steps", "Steps in an epoch", "Fewer are quicker and teach less.", "whole number", 100, (), (1, 10000)
            ),
            Option(
                "synthetic",
                "Synthetic images",
                "So many are mixed in, so that what was known is not forgotten.",
                "whole number",
                40,
                (),
                (0, 10000),
            ),
            _DEVICE,
        ),
    ),
    "detect_folder": Operation(
        "Detect Gold in Folder",
        (
            Option("folder", "Folder of images", "Folder of images, or one image.", "folder"),
            Option(
                "output",
                "Save to folder (optional)",
                f"Folder for the results; empty: '{RESULTS_FOLDER}' in theirs.",
                "folder",
            ),
            _MODEL,
            _THRESHOLD,
            _SIZES,
            _PIXEL_SIZE,
            _POLARITY,
            _BURNED_IN,
            Option(
                "keep_tree",
                "Search subfolders",
                "Search folders in folders, and repeat them below the output folder.",
                "yes or no",
                False,
            ),
            Option("plane", "Plane of stacks", "Plane of a stack, from 1, or 'all'.", default="all"),
            Option("redo", "Redo finished images", "Also images whose results are there already.", "yes or no", False),
            _DEVICE,
        ),
    ),
    "doctor": Operation("Gold Digger Doctor"),
}


def operation(name: Any) -> Operation:
    """Look an operation up.

    Raises
    ------
    GoldDiggerError
        If there is none of that name.
    """
    if name not in OPERATIONS:
        raise GoldDiggerError(f"there is no operation {name!r}; there are {', '.join(OPERATIONS)}")
    return OPERATIONS[str(name)]
