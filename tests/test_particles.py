"""The particle table and its files."""

import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.particles import (
    Particles,
    diameter_of_area,
    read_particles_csv,
    write_group_csvs,
    write_particles_csv,
)

COLUMNS = ("id", "x", "y", "area", "diameter_nm", "score", "group")


def _random(count: int, seed: int = 0) -> Particles:
    rng = np.random.default_rng(seed)
    return Particles.build(
        rng.uniform(0, 27000, count),
        rng.uniform(0, 16000, count),
        area_px=rng.uniform(20, 900, count),
        nm_per_px=0.55868,
        score=rng.random(count),
        group=rng.choice(["6nm", "12nm", "other"], count),
    )


def _same(a: Particles, b: Particles) -> bool:
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in COLUMNS)


def test_the_file_is_the_contract(tmp_path: Path) -> None:
    table = Particles.build(
        [5.0, 1.25], [9.0, 2.5], area_px=[78.53982, 100], nm_per_px=0.5, score=[0.75, 1], group=["6nm", "other"]
    )
    write_particles_csv(tmp_path / "a.csv", table)
    assert (tmp_path / "a.csv").read_bytes() == (
        b"id,x,y,area,diameter_nm,score,group\n"
        b"1,1.250,2.500,100.000,5.6419,1.0000,other\n"
        b"2,5.000,9.000,78.540,5.0000,0.7500,6nm\n"
    )


def test_optional_columns_follow_in_the_order_of_the_contract(tmp_path: Path) -> None:
    table = Particles.build(
        [1.0],
        [2.0],
        area_px=10,
        nm_per_px=1.0,
        score=1,
        group="6nm",
        region='axon, "left"',
        plane=3,
        width_nm=7.0,
        height_nm=6.5,
        class_name="gold",
    )
    write_particles_csv(tmp_path / "a.csv", table)
    header, row = (tmp_path / "a.csv").read_text().splitlines()
    assert header == "id,x,y,area,diameter_nm,score,group,region,plane,width_nm,height_nm,class"
    assert row.endswith('6nm,"axon, ""left""",3,7.0000,6.5000,gold')
    back = read_particles_csv(tmp_path / "a.csv")
    assert back.region is not None
    assert back.region.tolist() == ['axon, "left"']
    assert back.plane is not None
    assert back.plane.tolist() == [3]
    assert back.class_name is not None
    assert back.class_name.tolist() == ["gold"]


@settings(max_examples=50, deadline=None)
@given(
    hnp.arrays(np.float64, st.tuples(st.integers(0, 20), st.just(4)), elements=st.floats(0, 1)),
    st.floats(0.01, 20),
)
def test_a_table_that_is_read_back_is_the_same_table(
    tmp_path_factory: pytest.TempPathFactory, values: np.ndarray, nm_per_px: float
) -> None:
    path = tmp_path_factory.mktemp("table") / "a.csv"
    x, y, area, score = values.T
    table = Particles.build(x * 70000, y * 30000, area_px=area * 1000, nm_per_px=nm_per_px, score=score, group="6nm")
    write_particles_csv(path, table)
    back = read_particles_csv(path)
    assert _same(table, back)
    assert _same(back, back.renumbered())
    assert np.array_equal(back.diameter_nm, diameter_of_area(back.area, nm_per_px))


def test_the_order_in_which_particles_are_found_does_not_show() -> None:
    rng = np.random.default_rng(1)
    x, y, score = rng.integers(0, 5, 200) / 1.0, rng.integers(0, 5, 200) / 1.0, rng.random(200)
    order = rng.permutation(200)
    one = Particles.build(x, y, area_px=10, nm_per_px=1.0, score=score, group="6nm")
    two = Particles.build(x[order], y[order], area_px=10, nm_per_px=1.0, score=score[order], group="6nm")
    assert _same(one, two)
    assert (np.diff(one.y) >= 0).all()


def test_an_image_without_gold_has_an_empty_table(tmp_path: Path) -> None:
    write_particles_csv(tmp_path / "a.csv", Particles.empty())
    assert (tmp_path / "a.csv").read_text() == "id,x,y,area,diameter_nm,score,group\n"
    assert len(read_particles_csv(tmp_path / "a.csv")) == 0


def test_each_group_has_a_file_with_x_y_area(tmp_path: Path) -> None:
    table = Particles.build(
        [1, 2, 3], [1, 2, 3], area_px=[9, 50, 7], nm_per_px=1, score=1, group=["6nm", "12nm", "6nm"]
    )
    paths = write_group_csvs(tmp_path, "S1", table, ["6nm", "12nm", "18nm"])
    assert [path.name for path in paths] == ["S1_6nm.csv", "S1_12nm.csv", "S1_18nm.csv"]
    assert paths[0].read_text() == "x,y,area\n1.000,1.000,9.000\n3.000,3.000,7.000\n"
    assert paths[2].read_text() == "x,y,area\n"


def test_a_file_from_a_spreadsheet_with_other_columns_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbfnote,group,score,diameter_nm,area,y,x,id\r\nok,6nm,0.5,6,30,2,1,7\r\n\r\n")
    table = read_particles_csv(path)
    assert (table.id[0], table.x[0], table.y[0], table.group[0]) == (7, 1.0, 2.0, "6nm")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,x,y,area,diameter_nm,group\n", "no column 'score'"),
        ("", "no column 'id'"),
        ("id,x,y,area,diameter_nm,score,group\n1,1,1,1,1,1,6nm\n2,1,one,1,1,1,6nm\n", "line 3, column 'y': 'one'"),
        ("id,x,y,area,diameter_nm,score,group\n1,1,nan,1,1,1,6nm\n", "line 2, column 'y': 'nan'"),
        ("id,x,y,area,diameter_nm,score,group\n1.5,1,1,1,1,1,6nm\n", "'1.5' is not a whole number"),
        ("id,x,y,area,diameter_nm,score,group\n1,1\n", "line 2 has 2 fields"),
    ],
)
def test_a_damaged_table_is_refused_with_file_and_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(GoldDiggerError, match=message) as error:
        read_particles_csv(path)
    assert str(path) in str(error.value)


def test_a_missing_file_and_a_binary_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GoldDiggerError, match="cannot be read"):
        read_particles_csv(tmp_path / "none.csv")
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(GoldDiggerError, match="UTF-8"):
        read_particles_csv(tmp_path / "b.csv")


def test_tables_put_together_are_numbered_anew() -> None:
    a, b = _random(5, 1), _random(7, 2)
    both = Particles.concatenate([a, b])
    assert both.id.tolist() == list(range(1, 13))
    assert (np.diff(both.y) >= 0).all()
    assert sorted(both.x) == sorted([*a.x, *b.x])
    assert len(Particles.concatenate([])) == 0


def test_selected_rows_keep_their_ids() -> None:
    table = _random(10)
    chosen = table.select(table.group == "6nm")
    assert set(chosen.id) == {i for i, g in zip(table.id, table.group, strict=True) if g == "6nm"}
    assert len(table.select([])) == 0


def test_values_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="x holds"):
        Particles.build([np.nan], [1.0], area_px=1, nm_per_px=1, score=1, group="6nm")


def test_a_hundred_thousand_rows_are_written_in_a_moment(tmp_path: Path) -> None:
    table = _random(100_000)
    start = time.process_time()
    write_particles_csv(tmp_path / "a.csv", table)
    assert time.process_time() - start < 1.0
