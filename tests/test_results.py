"""The files of a run: those of the contract, whole or not there, and none left over from the run before."""

import csv
import json
import os
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from golddigger_ij import __version__
from golddigger_ij.config import DetectionConfig
from golddigger_ij.crops import Crop, crop_region, crop_regions, parse_crop
from golddigger_ij.detect import Detection
from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.models import Model
from golddigger_ij.montage import Montage, open_montage
from golddigger_ij.particles import read_particles_csv
from golddigger_ij.regions import label_regions, load_regions
from golddigger_ij.results import write_results

CONFIG = DetectionConfig()


@pytest.fixture
def montage(section_file: Path) -> Iterator[Montage]:
    with open_montage(section_file) as opened:
        yield opened


def write(folder: Path, montage: Montage, detection: Detection, model: Model, **more: Any) -> list[Path]:
    return write_results(folder, "section", montage, detection, model, CONFIG, **more)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.reader(stream))


def test_the_files_are_those_of_the_contract(
    montage: Montage, detection: Detection, model: Model, tmp_path: Path
) -> None:
    written = write(tmp_path / "new" / "folder", montage, detection, model)
    groups = {f"section_{group.label}.csv" for group in detection.groups}
    fixed = {f"section_{end}" for end in ("particles.csv", "RoiSet.zip", "overlay.png", "run.json")}
    assert written[0].name == "section_particles.csv"
    assert names(tmp_path / "new" / "folder") == {path.name for path in written}
    assert names(tmp_path / "new" / "folder") - {"section_other.csv"} == fixed | groups


def test_the_tables_have_the_columns_of_the_contract(
    montage: Montage, detection: Detection, model: Model, tmp_path: Path
) -> None:
    write(tmp_path, montage, detection, model)
    table = rows(tmp_path / "section_particles.csv")
    assert table[0] == ["id", "x", "y", "area", "diameter_nm", "score", "group"]
    assert len(table) == len(detection.particles) + 1
    listed = 0
    for group in {*(group.label for group in detection.groups), *detection.particles.groups}:
        part = rows(tmp_path / f"section_{group}.csv")
        assert part[0] == ["x", "y", "area"]
        assert [row[1:4] for row in table[1:] if row[6] == group] == part[1:]
        listed += len(part) - 1
    assert listed == len(detection.particles)
    with zipfile.ZipFile(tmp_path / "section_RoiSet.zip") as rois:
        assert len(rois.namelist()) == len(detection.particles)
    with Image.open(tmp_path / "section_overlay.png") as picture:
        assert picture.width >= montage.shape[1]


def test_the_record_says_what_was_done_to_what(
    montage: Montage, detection: Detection, model: Model, section_file: Path, tmp_path: Path
) -> None:
    write(tmp_path, montage, detection, model)
    record = json.loads((tmp_path / "section_run.json").read_text(encoding="utf-8"))
    assert record["golddigger_ij"] == __version__
    assert record["image"] == {
        "path": str(section_file.resolve()),
        "sha256": montage.sha256(),
        "shape": [420, 560],
        "dtype": "uint8",
        "plane": None,
        "nm_per_px": pytest.approx(1.1),
        "pixel_size_source": "TIFF resolution",
    }
    assert record["model"]["sha256"] == model.sha256
    assert record["config"]["tile_size"] == CONFIG.tile_size
    assert record["counts"]["total"] == len(detection.particles) == sum(record["counts"].values()) / 2
    assert record["threshold"] == model.threshold
    assert record["device"] == detection.device
    assert record["engine"].startswith("torch ")
    assert set(record["seconds"]) == set(detection.seconds)
    assert set(record["files"]) == names(tmp_path)
    assert record["burned_in"]["left_out"] == []
    assert record["preview"] is None


def test_a_rerun_takes_away_what_its_predecessor_lists_and_nothing_else(
    montage: Montage, detection: Detection, model: Model, tmp_path: Path
) -> None:
    write(tmp_path, montage, detection, model)
    (tmp_path / "section_notes.txt").write_text("mine")
    (tmp_path / "precious.txt").write_text("mine")
    record = json.loads((tmp_path / "section_run.json").read_text())
    record["files"] += ["precious.txt", "../outside.csv", ".."]
    (tmp_path / "section_run.json").write_text(json.dumps(record))
    (tmp_path.parent / "outside.csv").write_text("mine")
    none = replace(detection, particles=detection.particles.select([]), groups=[])
    written = write(tmp_path, montage, none, model)
    assert names(tmp_path) == {path.name for path in written} | {"section_notes.txt", "precious.txt"}
    assert (tmp_path.parent / "outside.csv").exists()
    assert len(read_particles_csv(tmp_path / "section_particles.csv")) == 0


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
@pytest.mark.parametrize("moved", [0, 3, 5, 9])
def test_an_interrupted_exchange_leaves_the_earlier_run_as_it_was(
    error: BaseException,
    moved: int,
    montage: Montage,
    detection: Detection,
    model: Model,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    none = replace(detection, particles=detection.particles.select([]), groups=[])
    write(tmp_path, montage, none, model)
    before = contents(tmp_path)
    calls = 0
    rename = os.replace

    def fails(source: Path, target: Path) -> Path:
        nonlocal calls
        # Files are made in the hidden folder first; only what comes to or leaves the folder itself counts.
        crossing = Path(source).parent != Path(target).parent
        calls += crossing
        if crossing and calls == moved + 1:
            raise error
        rename(source, target)
        return Path(target)

    monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else GoldDiggerError):
        write(tmp_path, montage, detection, model)
    assert contents(tmp_path) == before


def test_a_file_too_large_for_the_disk_is_one_line_and_leaves_nothing(
    montage: Montage, detection: Detection, model: Model, tmp_path: Path
) -> None:
    resource = pytest.importorskip("resource", reason="limits on file sizes are Unix's")
    write(tmp_path / "old", montage, detection, model)
    before = contents(tmp_path / "old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, limits[1]))
    try:
        for name in ("old", "new"):
            with pytest.raises(GoldDiggerError) as caught:
                write(tmp_path / name, montage, detection, model)
            assert "\n" not in str(caught.value)
            assert str(tmp_path / name) in str(caught.value)
            assert "/." not in str(caught.value), "the hidden folder is no concern of the user's"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert contents(tmp_path / "old") == before
    assert names(tmp_path / "new") == set()


def test_a_full_disk_is_one_line_and_leaves_nothing(
    montage: Montage, detection: Detection, model: Model, tmp_path: Path
) -> None:
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("a small disk cannot be mounted here")
    try:
        with pytest.raises(GoldDiggerError, match="space") as caught:
            write(tmp_path, montage, detection, model)
        assert "\n" not in str(caught.value)
        assert names(tmp_path) == set()
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_folder_in_the_place_of_a_file_is_not_touched(
    montage: Montage, detection: Detection, model: Model, tmp_path: Path
) -> None:
    (tmp_path / "section_overlay.png").mkdir()
    (tmp_path / "section_overlay.png" / "mine.txt").write_text("mine")
    with pytest.raises(GoldDiggerError, match=r"section_overlay\.png"):
        write(tmp_path, montage, detection, model)
    assert names(tmp_path) == {"section_overlay.png"}
    assert (tmp_path / "section_overlay.png" / "mine.txt").read_text() == "mine"


def test_regions_get_a_column_and_a_file(montage: Montage, detection: Detection, model: Model, tmp_path: Path) -> None:
    file = tmp_path / "profiles.json"
    file.write_text('{"a": [[0, 0], [250, 0], [250, 419], [0, 419]], "b": [[300, 0], [559, 0], [559, 419]]}')
    regions = load_regions(file, montage.shape)
    own = label_regions(detection.particles.x, detection.particles.y, regions)
    limited = replace(detection.particles, region=own).select(own != "")
    write(tmp_path / "out", montage, replace(detection, particles=limited), model, regions=regions)
    assert rows(tmp_path / "out" / "section_particles.csv")[0][-1] == "region"
    table = rows(tmp_path / "out" / "section_regions.csv")
    assert table[0][:2] == ["region", "area_um2"]
    assert table[0][-2:] == ["total", "particles_per_um2"]
    assert [row[0] for row in table[1:]] == ["a", "b"]
    assert sum(int(row[-2]) for row in table[1:]) == len(limited)
    record = json.loads((tmp_path / "out" / "section_run.json").read_text())
    assert record["regions"] == ["a", "b"]


def test_the_run_is_named_by_what_decides_its_result(
    montage: Montage, detection: Detection, model: Model, tmp_path: Path
) -> None:
    def name(config: DetectionConfig) -> str:
        write_results(tmp_path, "section", montage, detection, model, config)
        return str(json.loads((tmp_path / "section_run.json").read_text())["run"])

    assert name(CONFIG) == name(DetectionConfig(tile_size=256, batch_size=4))
    assert name(CONFIG) != name(DetectionConfig(sizes="6,12"))


def test_a_crop_is_drawn_alone_but_listed_in_the_montages_coordinates(
    montage: Montage, detection: Detection, model: Model, tmp_path: Path
) -> None:
    crop = Crop(100, 60, 320, 200)
    inside = crop_region(crop).contains(detection.particles.x, detection.particles.y)
    particles = detection.particles.select(inside).renumbered()
    write(tmp_path, montage, replace(detection, particles=particles), model, crop=crop)
    found = read_particles_csv(tmp_path / "section_particles.csv")
    assert len(found) > 5
    assert found.x.min() >= 99.5
    assert found.x.max() < 419.5
    assert json.loads((tmp_path / "section_run.json").read_text())["preview"] == vars(crop)


def test_the_parts_of_regions_in_a_crop_hold_what_both_hold(tmp_path: Path) -> None:
    mask = np.zeros((80, 120), np.uint8)
    mask[10:50, 20:70] = 1
    mask[60:75, 90:110] = 3
    Image.fromarray(mask).save(tmp_path / "mask.png")
    (tmp_path / "polygons.json").write_text('{"region-1": [[20, 10], [69.5, 10], [69.5, 49.5], [20, 49.5]]}')
    crop = Crop(40, 5, 45, 60)
    rows_, columns = (part.ravel() for part in np.mgrid[:80, :120])
    in_crop = crop_region(crop).contains(columns, rows_)
    assert in_crop.sum() == 45 * 60
    for file in ("mask.png", "polygons.json"):
        whole = load_regions(tmp_path / file, (80, 120))
        (part,) = crop_regions(whole, crop)
        assert part.name == "region-1"
        assert np.array_equal(part.contains(columns, rows_), whole[0].contains(columns, rows_) & in_crop)
    assert crop_regions(load_regions(tmp_path / "mask.png", (80, 120)), crop)[0].area_px == 30 * 40
    with pytest.raises(GoldDiggerError, match="no region"):
        crop_regions(load_regions(tmp_path / "mask.png", (80, 120)), Crop(0, 0, 5, 5))


@pytest.mark.parametrize("text", ["1,2,3", "a,b,c,d", "0,0,0,5", "-1,0,5,5", "1.5,0,5,5", ""])
def test_a_crop_that_is_none_is_explained(text: str) -> None:
    with pytest.raises(GoldDiggerError, match="X"):
        parse_crop(text)
