"""A run read back from its files, from a bare table, and from where it was remembered."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from golddigger_ij.config import DetectionConfig
from golddigger_ij.detect import Detection
from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.models import Model
from golddigger_ij.montage import open_montage
from golddigger_ij.particles import Particles, write_particles_csv
from golddigger_ij.results import write_results
from golddigger_ij.roi_set import read_roi_set
from golddigger_ij.runs import MOST_REMEMBERED, Run, load_run, no_run, recall, remember, user_folder


@pytest.fixture(scope="module")
def finished(
    section_file: Path, detection: Detection, model: Model, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """The files of a run, by the end of their names."""
    folder = tmp_path_factory.mktemp("run")
    with open_montage(section_file) as montage:
        files = write_results(folder, "my_section", montage, detection, model, DetectionConfig())
    return {path.name.removeprefix("my_section_"): path for path in files}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GOLDDIGGER_IJ_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def _run(name: str = "0123456789abcdef", count: int = 5) -> Run:
    particles = Particles.build(
        np.arange(count) * 10.5, np.arange(count) * 3.25, area_px=80.0, nm_per_px=0.6, score=0.7, group="6nm", plane=3
    )
    return Run(
        name, particles, ("6nm", "12nm"), 0.6, "é cell.tif", Path("/data/é cell.tif"), "ab", (40, 50), 3, ("profile 1",)
    )


def _same(first: Particles, second: Particles) -> bool:
    names = ("id", "x", "y", "area", "diameter_nm", "score", "group")
    return all(np.array_equal(getattr(first, name), getattr(second, name)) for name in names)


def test_every_file_of_a_run_leads_to_the_whole_run(
    finished: dict[str, Path], detection: Detection, section_file: Path
) -> None:
    assert {"run.json", "particles.csv", "RoiSet.zip", "overlay.png"} < finished.keys()
    for path in finished.values():
        run = load_run(path)
        assert _same(run.particles, detection.particles), path.name
        assert run.groups[: len(detection.groups)] == tuple(group.label for group in detection.groups)
        assert run.nm_per_px == detection.nm_per_px
        assert (run.image_name, run.image_path) == ("section.tif", section_file.resolve())
        assert (run.shape, run.plane, run.regions) == ((420, 560), None, ())
        assert run.id == read_roi_set(finished["RoiSet.zip"]).properties[0]["gd_run"]
    assert load_run(finished["run.json"].parent).id == run.id


def test_a_file_beside_a_run_that_is_not_the_runs_own_is_a_table(finished: dict[str, Path], tmp_path: Path) -> None:
    folder = finished["run.json"].parent
    mine = folder / "my_section_checked_6nm.csv"
    mine.write_text("x,y,area\n1,2,30\n")
    try:
        assert len(load_run(mine, nm_per_px=1.1).particles) == 1
    finally:
        mine.unlink()


def test_a_record_that_is_damaged_or_lacks_its_table_is_named(finished: dict[str, Path], tmp_path: Path) -> None:
    content = json.loads(finished["run.json"].read_text())
    record = tmp_path / "a_run.json"
    record.write_text(json.dumps(content))
    with pytest.raises(GoldDiggerError, match=r"a_particles\.csv: cannot be read"):
        load_run(record)
    write_particles_csv(tmp_path / "a_particles.csv", Particles.empty())
    for damaged in ("", "[]", "{}", '{"run": "x", "image": 3}', json.dumps({**content, "image": {"shape": 1}})):
        record.write_text(damaged)
        with pytest.raises(GoldDiggerError, match=r"a_run\.json: is not a run's record"):
            load_run(record)


@pytest.mark.parametrize("name", ["missing.csv", "missing_run.json", "missing.zip"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(GoldDiggerError, match=f"{name}: no such file"):
        load_run(tmp_path / name)


def test_files_and_folders_without_a_run_say_what_to_open(tmp_path: Path) -> None:
    (tmp_path / "a_RoiSet.zip").write_bytes(b"")
    with pytest.raises(GoldDiggerError, match=r"no STEM_run\.json beside it"):
        load_run(tmp_path / "a_RoiSet.zip")
    with pytest.raises(GoldDiggerError, match="holds no runs"):
        load_run(tmp_path)


@pytest.mark.parametrize("header", ["x,y,area", "X,Y,Area", " x , Y ,AREA", "area,score,y,x"])
def test_a_bare_table_becomes_a_run(tmp_path: Path, header: str) -> None:
    values = {"x": "10.5", "y": "20", "area": "95.033", "score": "0.5"}
    row = ",".join(values[name.strip().lower()] for name in header.split(","))
    path = tmp_path / "cell_6nm.csv"
    path.write_text(f"{header}\n{row}\n")
    run = load_run(path, nm_per_px=0.55)
    (found,) = (run.particles,)
    assert (found.x[0], found.y[0], found.area[0], found.group[0]) == (10.5, 20, 95.033, "6nm")
    assert found.diameter_nm[0] == pytest.approx(6.05, abs=0.01)
    assert (run.groups, run.image_name) == (("6nm",), "cell_6nm")
    assert run.id == load_run(path, nm_per_px=0.55).id
    assert run.id != load_run(path, nm_per_px=0.6).id


def test_without_a_size_in_the_name_diameters_give_the_groups(tmp_path: Path) -> None:
    path = tmp_path / "marks.csv"
    path.write_text("x,y,area\n1,2,28.3\n3,4,28.0\n5,6,113\n")
    run = load_run(path, nm_per_px=1.0)
    assert run.particles.group.tolist() == ["6nm", "6nm", "12nm"]
    assert run.groups == ("6nm", "12nm")


def test_positions_alone_get_the_size_of_their_group(tmp_path: Path) -> None:
    path = tmp_path / "cell_12nm.csv"
    path.write_text("x,y\n100,200\n")
    assert load_run(path, nm_per_px=0.5).particles.diameter_nm.tolist() == [12.0]
    other = tmp_path / "marks.csv"
    other.write_text("x,y\n100,200\n")
    assert load_run(other, nm_per_px=0.5, group="6 nm").particles.diameter_nm.tolist() == [6.0]
    with pytest.raises(GoldDiggerError, match="without an area and without a size group"):
        load_run(other, nm_per_px=0.5)
    with pytest.raises(GoldDiggerError, match="size group 'small'"):
        load_run(other, nm_per_px=0.5, group="small")


def test_centroids_of_imagejs_results_are_shifted_and_its_points_are_not(tmp_path: Path) -> None:
    path = tmp_path / "Results_6nm.csv"
    path.write_text(" ,Area,X,Y\n1,100,30.5,40.5\n2,0,50,60\n")
    run = load_run(path, nm_per_px=0.5)
    assert run.particles.x.tolist() == [30, 50]
    assert run.particles.y.tolist() == [40, 60]
    assert run.particles.diameter_nm[1] == 6.0


def test_a_table_without_a_pixel_size_says_how_to_give_it(tmp_path: Path) -> None:
    path = tmp_path / "cell_6nm.csv"
    path.write_text("x,y,area\n1,2,30\n")
    with pytest.raises(GoldDiggerError, match="its pixel size is not known; open its image and set the scale"):
        load_run(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [("a,b\n1,2\n", "has no column 'x'"), ("x,y,area\n1,2,-3\n", "negative"), ("x,y\n1,oops\n", "line 2, column 'y'")],
)
def test_a_table_that_is_none_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "cell_6nm.csv"
    path.write_text(text)
    with pytest.raises(GoldDiggerError, match=message):
        load_run(path, nm_per_px=1)


@pytest.mark.shared
def test_positions_in_microns_are_not_taken_for_pixels(shared_folder: Path) -> None:
    with pytest.raises(GoldDiggerError, match=r"S4_6nm\.csv: its positions are microns"):
        load_run(shared_folder / "data" / "ffril" / "S4_6nm.csv", nm_per_px=0.55868)


def test_a_remembered_run_is_recalled_as_it_was(home: Path) -> None:
    run = _run()
    assert remember(run).is_relative_to(home)
    back = recall(run.id)
    assert back is not None
    assert _same(back.particles, run.particles)
    assert back.particles.plane is not None
    assert back.particles.plane.tolist() == [3] * 5
    assert back.particles.region is None
    for name in ("id", "groups", "nm_per_px", "image_name", "image_path", "image_sha256", "shape", "plane", "regions"):
        assert getattr(back, name) == getattr(run, name), name


def test_runs_without_particles_or_a_file_are_remembered_too(home: Path) -> None:
    nothing = no_run(1.1, "Untitled")
    remember(Run("nothing", nothing.particles, (), 1.1, "Untitled"))
    back = recall("nothing")
    assert back is not None
    assert (len(back.particles), back.image_path, back.shape, back.groups) == (0, None, None, ())


@pytest.mark.parametrize("name", ["unknown", "", "../../etc/passwd", "a/b", "a\0b", "x" * 500])
def test_an_unknown_id_gives_nothing(home: Path, name: str) -> None:
    assert recall(name) is None


def test_an_id_that_leads_out_of_the_folder_is_not_written(home: Path) -> None:
    with pytest.raises(ValueError, match="file name"):
        remember(_run("../outside"))
    assert not home.exists()


def test_a_damaged_memory_is_as_good_as_none(home: Path) -> None:
    path = remember(_run())
    whole, facts = path.read_bytes(), "nm_per_px".encode("utf-32-le")
    assert facts in whole
    for content in (b"", b"PK\x03\x04", whole[: len(whole) // 2], whole.replace(facts, facts[::-1])):
        path.write_bytes(content)
        assert recall(_run().id) is None
    remember(_run())
    assert recall(_run().id) is not None


def test_the_runs_used_longest_ago_are_forgotten(home: Path) -> None:
    for number in range(MOST_REMEMBERED):
        path = remember(_run(f"run-{number}", count=1))
        os.utime(path, (1000 + number, 1000 + number))
    assert recall("run-0") is not None  # which is a use of it
    remember(_run("new", count=1))
    assert recall("run-1") is None
    assert recall("run-0") is not None
    assert recall("new") is not None
    assert len(list((home / "runs").iterdir())) == MOST_REMEMBERED


def test_the_folder_is_in_the_users_home_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOLDDIGGER_IJ_HOME", raising=False)
    assert user_folder() == Path.home() / ".golddigger-ij"
