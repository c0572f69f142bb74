"""Particles that become ROIs, and ground truth again, unedited: nothing may be lost or moved on the way."""

import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from golddigger_ij.annotations import read_annotation
from golddigger_ij.roi_set import read_roi_set

if TYPE_CHECKING:
    from golddigger_ij.synthetic import Micrograph

FFRIL_NM_PER_PX = 0.55868
CLOSE_PX = 0.01
PER_CM = 1e7 / 1.1
SAVE = 'run("Save Gold Ground Truth...", "gd_folder=[" + path + " truth] gd_region=[whole image] {}");'
LOAD = 'run("Load Gold Ground Truth...", "gd_folder=[" + path + " truth]");'
DETECT = 'run("Detect Gold Particles...", "gd_output=[" + path + " out] {}");'


@pytest.fixture
def montage(section: "Micrograph", tmp_path: Path) -> Path:
    path = tmp_path / "cell.tif"
    tifffile.imwrite(path, section.image, resolution=(PER_CM, PER_CM), resolutionunit="CENTIMETER")
    return path


def assert_same_table(there: dict[str, Any], back: dict[str, Any]) -> None:
    assert len(there["x"]) > 10
    for name in ("id", "group"):
        assert back[name] == there[name], name
    for name in ("x", "y"):
        assert np.abs(np.subtract(back[name], there[name])).max() < CLOSE_PX, name
    # Points have no size: theirs is that of the particle that they were.
    assert np.allclose(back["diameter_nm"], there["diameter_nm"], atol=0.01)


def assert_nothing_changed(there: dict[str, Any], kept: dict[str, Any]) -> None:
    count = len(there["x"])
    changes = "moved", "regrouped", "moved_and_regrouped", "added", "deleted", "outside", "doubled", "ignored"
    assert {name: kept[name] for name in changes if kept[name]} == {}
    assert (kept["kept"], kept["total"], kept["warning"]) == (count, count, "")


@pytest.mark.parametrize("shape", ["ovals", "points"])
@pytest.mark.parametrize("reopened", [False, True], ids=["as it is", "from its TIFF"])
def test_a_round_trip_without_edits_gives_the_same_table(imagej, montage, shape, reopened):
    between = "saveAs('tiff', path + ' copy.tif'); close(); open(path + ' copy.tif');" if reopened else ""
    macro = f"open(path); {DETECT.format('gd_shape=' + shape)} {between} {SAVE.format('')} Overlay.remove; {LOAD}"
    there, kept, back = imagej.answers(macro, montage)
    assert_nothing_changed(there, kept)
    assert_same_table(there, back)
    rois = imagej("result = [as_json(request['rois']) for request, _ in heard if request.get('rois')][-1]")
    assert set(rois["kind"]) == {"oval" if shape == "ovals" else "point"}
    assert len(rois["kind"]) == len(there["x"])
    if shape == "ovals":
        assert rois["gd_id"] == [str(int(number)) for number in there["id"]]
    assert rois["label"] == rois["gd_group"]
    assert sorted(rois["label"]) == sorted(there["group"])


@pytest.mark.parametrize("end", ["run.json", "particles.csv", "RoiSet.zip"])
@pytest.mark.parametrize("shape", ["ovals", "points"])
def test_results_that_were_opened_come_back_unchanged(imagej, montage, shape, end):
    (there,) = imagej.answers(f"open(path); {DETECT.format('gd_show=none')}", montage)
    results = f"{montage} out/cell_{end}"
    opening = f'run("Open Gold Results...", "gd_path=[{results}] gd_shape={shape}");'
    _, kept, back = imagej.answers(f"{opening} {SAVE.format('')} {LOAD}", montage)
    assert_nothing_changed(there, kept)
    assert_same_table(there, back)


def test_a_roi_set_that_imagej_has_saved_comes_back_unchanged(imagej, montage):
    (there,) = imagej.answers(f"open(path); {DETECT.format('')}", montage)
    # As "Save..." of the ROI Manager does, which needs a window.
    imagej(
        """
stream = JClass("java.util.zip.ZipOutputStream")(JClass("java.io.FileOutputStream")(path))
for roi in IJ.getImage().getOverlay().toArray():
    stream.putNextEntry(JClass("java.util.zip.ZipEntry")(f"{roi.getName()}.roi"))
    JClass("ij.io.RoiEncoder")(stream).write(roi)
    stream.flush()
stream.close()
""",
        path=f"{montage} by hand.zip",
    )
    kept, back = imagej.answers(SAVE.format("gd_rois=[" + '" + path + " by hand.zip]') + LOAD, montage)
    assert_nothing_changed(there, kept)
    assert_same_table(there, back)


@pytest.fixture
def long_montage(section: "Micrograph", tmp_path: Path) -> Path:
    """A montage of 70,000 px with gold at its right end, which ImageJ's 16-bit coordinates do not reach."""
    image = np.full((300, 70_000), 200, np.uint8)
    image[:, 69_400:69_960] = section.image[:300]
    path = tmp_path / "long.tif"
    tifffile.imwrite(path, image, resolution=(PER_CM, PER_CM), resolutionunit="CENTIMETER")
    return path


@pytest.mark.parametrize("shape", ["ovals", "points"])
def test_a_round_trip_beyond_60535_px_loses_nothing(imagej, long_montage, shape):
    between = "saveAs('tiff', path + ' copy.tif'); close(); open(path + ' copy.tif');"
    inside = "makeRectangle(69000, 0, 1000, 300);"
    macro = f"open(path); {inside} {DETECT.format('gd_shape=' + shape)} Roi.remove; {SAVE.format('')} {LOAD}"
    there, kept, back = imagej.answers(macro, long_montage)
    assert min(there["x"]) > 60_535
    assert_nothing_changed(there, kept)
    assert_same_table(there, back)
    imagej("tidy()")
    opening = f'run("Open Gold Results...", "gd_path=[{long_montage} out/long_particles.csv] gd_shape={shape}");'
    of_zip = f"gd_rois=[{long_montage} out/long_RoiSet.zip]"
    again = f"{opening} {between} {SAVE.format('')} {LOAD} {SAVE.format(of_zip)} {LOAD}"
    opened, kept, back, of_set, from_set = imagej.answers(again, long_montage)
    assert opened["x"] == there["x"]
    assert_nothing_changed(there, kept)
    assert_same_table(there, back)
    assert_nothing_changed(there, of_set)
    assert_same_table(there, from_set)


def test_entries_of_a_roi_set_that_cannot_be_read_are_told_and_the_rest_goes_on(imagej, montage):
    (there,) = imagej.answers(f"open(path); {DETECT.format('')}", montage)
    whole, damaged = Path(f"{montage} out/cell_RoiSet.zip"), montage.with_name("damaged.zip")
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(damaged, "w") as target:
        for number, entry in enumerate(source.namelist()):
            content = source.read(entry)
            target.writestr(entry, {2: b"", 5: content[:30], 7: b"no ROI at all"}.get(number, content))
    rois = f"gd_rois=[{damaged}]"
    (kept,) = imagej.answers(SAVE.format(rois), montage)
    assert (kept["kept"], kept["deleted"]) == (len(there["x"]) - 3, 0)
    assert "3 unreadable" in kept["message"]
    assert "3 unreadable" in imagej.log
    # Nobody knows whether these were deleted, so nothing is learned about their places.
    truth = read_annotation(Path(kept["path"]))
    assert len(truth.excluded) == 3
    broken = montage.with_name("broken.zip")
    broken.write_bytes(damaged.read_bytes()[:200])
    told = imagej.fails(SAVE.format(f"gd_rois=[{broken}]"), montage)
    assert "broken.zip: " in told


SETS = [(stem, size) for stem in ("S1", "S4", "S13", "S15", "S25", "S29") for size in ("6nm", "12nm")]


@pytest.mark.shared
@pytest.mark.parametrize(("stem", "size"), SETS, ids=[f"{stem} {size}" for stem, size in SETS])
def test_roi_sets_that_people_made_in_imagej_become_ground_truth(imagej, shared_folder, stem, size, tmp_path):
    data = shared_folder / "data" / "ffril"
    (marked,) = [path for path in data.glob(f"{stem}_{size}*") if path.suffix in (".roi", ".zip")]
    image = tmp_path / f"{stem}.jpg"
    shutil.copy(data / f"{stem}.jpg", image)
    expected = read_roi_set(marked)
    options = f"gd_pixel_size={FFRIL_NM_PER_PX} gd_default_group={size} gd_rois=[{marked}]"
    (kept,) = imagej.answers(f"open(path); {SAVE.format(options)}", image)
    assert (kept["added"], kept["total"], kept["ignored"]) == (len(expected.x), len(expected.x), 0)
    truth = read_annotation(Path(kept["path"]))
    assert np.array_equal(np.sort(truth.x), np.sort(expected.x))
    assert truth.x.tolist() == np.round(truth.x).tolist()
    assert set(truth.group) == {size}
    assert truth.image == image
