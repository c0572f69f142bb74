"""A real micrograph in ImageJ's window: what a person sees of one synapse, and what comes of proof-reading it."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import ConvexHull
from scipy.spatial.distance import cdist

pytestmark = [pytest.mark.slow, pytest.mark.shared]

NAME, NM_PER_PX = "S25", 0.55868

# A mark is a mouse click, up to so many pixels from the particle's centre.
CLICK_PX = 9.0


@pytest.fixture(scope="module")
def marks(shared_folder: Path) -> dict[str, NDArray[np.float64]]:
    """What a person has marked, in pixels, by size group."""
    from golddigger_ij.roi_set import read_roi_set

    found = {}
    for group in ("6nm", "12nm"):
        rois = read_roi_set(shared_folder / "data" / "ffril" / f"{NAME}_{group}_RoiSet.zip")
        found[group] = np.column_stack([rois.x, rois.y])
    return found


@pytest.fixture(scope="module")
def story(
    desktop: str, imagej_window: Any, shared_folder: Path, marks: Any, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """All that happens, once; the tests look at what came of it."""
    folder = tmp_path_factory.mktemp("micrograph")
    shutil.copy(shared_folder / "data" / "ffril" / f"{NAME}.jpg", folder)
    points = np.concatenate(list(marks.values()))
    # Around the marks, a little wider than they lie: that much has been annotated.
    corners = points[ConvexHull(points).vertices]
    outwards = corners - points.mean(axis=0)
    corners += 6 * outwards / np.linalg.norm(outwards, axis=1, keepdims=True)
    found: dict[str, Any] = imagej_window(
        """
from jpype import JArray, JFloat

ROI_MANAGER = JClass("ij.plugin.frame.RoiManager")
image = IJ.openImage(path)
image.show()
image.setRoi(JClass("ij.gui.PolygonRoi")(JArray(JFloat)(xs), JArray(JFloat)(ys), JClass("ij.gui.Roi").POLYGON))

choose("Detect Gold Particles...")
accept(window("Detect Gold Particles"))
question = asking("Pixel size")
fill(question, "Pixel size", pixel_size)
accept(question)
manager = wait_for(lambda: ROI_MANAGER.getInstance())
wait_for(lambda: manager.getCount() > 0 and "particles" in status())
found = [
    [float(roi.getFloatBounds().getCenterX()) - 0.5, float(roi.getFloatBounds().getCenterY()) - 0.5, str(roi.getName())]
    for roi in manager.getRoisAsArray()
]
selection = [str(image.getRoi().getTypeAsString()), str(image.getCalibration().getUnit())]

# One that is there is taken away, as if it were none.
image.deleteRoi()
manager.select(0)
until(lambda: manager.getCount() == len(found) - 1, lambda: click(button(manager, "Delete")))
image.setRoi(JClass("ij.gui.PolygonRoi")(JArray(JFloat)(xs), JArray(JFloat)(ys), JClass("ij.gui.Roi").POLYGON))
choose("Evaluate Gold Particles...")
accept(window("Evaluate Gold Particles"))
table = wait_for(lambda: JClass("ij.measure.ResultsTable").getResultsTable("Gold Evaluation"))
wait_for(lambda: table.size() > 0)
result = {
    "found": found, "selection": selection,
    "evaluation": {str(key): table.getValue(key, 0) for key in ("TP", "FP", "FN", "accuracy")},
}
""",
        path=str(folder / f"{NAME}.jpg"),
        xs=[float(x) + 0.5 for x in corners[:, 0]],
        ys=[float(y) + 0.5 for y in corners[:, 1]],
        pixel_size=str(NM_PER_PX),
    )
    return found


def test_the_particles_of_a_synapse_are_those_that_a_person_marked(story, marks):
    found = np.array([[x, y] for x, y, _ in story["found"]])
    points = np.concatenate(list(marks.values()))
    distance = cdist(points, found)
    missed = (distance.min(axis=1) > CLICK_PX).sum()
    false = (distance.min(axis=0) > CLICK_PX).sum()
    assert missed + false <= 0.05 * len(points)
    assert len(points) > 20


def test_their_size_groups_are_those_of_the_marks(story, marks):
    found = np.array([[x, y] for x, y, _ in story["found"]])
    groups = np.array([name.partition("-")[0] for _, _, name in story["found"]])
    marked = np.concatenate([np.full(len(points), group) for group, points in marks.items()])
    distance = cdist(np.concatenate(list(marks.values())), found)
    near = distance.min(axis=1) <= CLICK_PX
    assert (groups[distance.argmin(axis=1)] == marked)[near].mean() >= 0.95


def test_the_selection_stays_and_the_image_has_its_scale(story):
    assert story["selection"] == ["Polygon", "nm"]


def test_the_run_is_judged_inside_the_selection(story):
    count = len(story["found"])
    assert story["evaluation"] == pytest.approx({"TP": count - 1, "FP": 1, "FN": 0, "accuracy": 1.0})
