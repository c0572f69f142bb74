import csv
import math
import time
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.evaluation import combine, evaluate, read_truth_csv
from golddigger_ij.matching import match

points = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=12).map(
    lambda pairs: np.array(pairs, float).reshape(-1, 2)
)


@given(points, points, st.floats(0, 8))
@settings(max_examples=200, deadline=None)
def test_matching_is_the_optimum_of_the_full_hungarian_problem(found, truth, cutoff):
    matching = match(found, truth, cutoff)
    count, total = 0, 0.0
    if len(found) and len(truth):
        distance = cdist(found, truth)
        rows, columns = linear_sum_assignment(np.where(distance <= cutoff, distance, 1e6))
        kept = distance[rows, columns][distance[rows, columns] <= cutoff]
        count, total = len(kept), kept.sum()
    assert len(matching.found) == count
    assert matching.distance.sum() == pytest.approx(total)
    assert len(set(matching.found.tolist())) == len(set(matching.truth.tolist())) == count
    assert (matching.distance <= cutoff).all()


@given(points, points)
@settings(max_examples=50, deadline=None)
def test_exchanging_found_and_truth_exchanges_precision_and_recall(found, truth):
    there = evaluate(found, truth, nm_per_px=1.0, cutoff_nm=3.0)
    back = evaluate(truth, found, nm_per_px=1.0, cutoff_nm=3.0)
    assert (there.precision, there.recall) == (back.recall, back.precision)
    assert there.f1 == back.f1


def test_a_particle_is_never_counted_for_two_detections():
    result = evaluate([[10, 10], [11, 10]], [[10.4, 10]], nm_per_px=1.0)
    assert (result.true_positives, result.false_positives, result.false_negatives) == (1, 1, 0)
    assert result.mean_distance_nm == pytest.approx(0.4)


def test_more_pairs_are_preferred_to_closer_pairs():
    # The detection at 2 is nearest to the truth at 2.5, but then the truth at 0 would stay alone.
    matching = match([[2, 0], [5, 0]], [[0, 0], [2.5, 0]], cutoff=3.0)
    assert matching.found.tolist() == [0, 1]
    assert matching.truth.tolist() == [0, 1]


def test_a_pair_exactly_at_the_cutoff_counts():
    assert len(match([[0.1, 0]], [[5.1, 0]], cutoff=5.0).found) == 1
    assert len(match([[3, 4]], [[3, 4]], cutoff=0.0).found) == 1


def test_the_cutoff_and_the_errors_are_in_nanometres():
    result = evaluate([[0, 0]], [[6, 8]], nm_per_px=0.5, cutoff_nm=5.0)
    assert result.true_positives == 1
    assert result.rmse_nm == pytest.approx(5.0)
    assert evaluate([[0, 0]], [[6, 8]], nm_per_px=0.51, cutoff_nm=5.0).true_positives == 0


def test_root_mean_square_and_mean_distance():
    result = evaluate([[3, 0], [104, 0]], [[0, 0], [100, 0]], nm_per_px=1.0)
    assert result.rmse_nm == pytest.approx(math.sqrt((9 + 16) / 2))
    assert result.mean_distance_nm == pytest.approx(3.5)


def test_detections_outside_the_annotated_region_are_not_judged():
    found, inside = [[10, 10], [50, 50], [90, 90]], [True, True, False]
    result = evaluate(found, [[10, 10]], nm_per_px=1.0, inside=inside)
    assert (result.true_positives, result.false_positives) == (1, 1)
    at_the_edge = evaluate([[90, 90]], [[90, 90]], nm_per_px=1.0, inside=[False])
    assert (at_the_edge.true_positives, at_the_edge.false_positives) == (1, 0)


def test_the_sizes_of_true_positives_are_compared():
    result = evaluate(
        [[0, 0], [20, 0], [40, 0], [60, 0]],
        [[0, 0], [20, 0], [40, 0], [60, 0]],
        nm_per_px=1.0,
        found_group=["6nm", "12nm", "12nm", "6nm"],
        truth_group=["6nm", "6nm", "12nm", ""],
    )
    assert result.confusion == (("6nm", "6nm", 1), ("6nm", "12nm", 1), ("12nm", "12nm", 1))
    assert result.right_size == pytest.approx(2 / 3)
    assert "6nm found as 12nm" in result.summary()


def test_the_f1_integral_rewards_exact_positions():
    truth = np.arange(0, 400, 20.0)[:, None] * [1.0, 0.5]
    exact, near, far = (evaluate(truth + np.array([off, 0]), truth, nm_per_px=1.0) for off in (0.0, 1.5, 4.0))
    assert exact.f1_integral == pytest.approx(1.0)
    assert near.f1_integral == pytest.approx(0.5, abs=0.02)
    assert far.f1_integral == 0.0
    assert far.f1 == 1.0


def test_nothing_found_and_nothing_there_are_defined():
    nothing = np.zeros((0, 2))
    assert evaluate(nothing, nothing, nm_per_px=1.0).f1 == 1.0
    missed = evaluate(nothing, [[1, 1]], nm_per_px=1.0)
    assert (missed.precision, missed.recall, missed.f1) == (1.0, 0.0, 0.0)
    assert math.isnan(missed.rmse_nm)
    assert "nan" in missed.summary()
    assert evaluate([[1, 1]], nothing, nm_per_px=1.0).f1 == 0.0


def test_images_are_combined_by_adding_up_their_particles():
    one = evaluate([[0, 0], [50, 50]], [[0, 0]], nm_per_px=1.0, found_group=["6nm", "6nm"], truth_group=["6nm"])
    two = evaluate([[0, 0]], [[3, 0], [80, 0]], nm_per_px=1.0, found_group=["12nm"], truth_group=["6nm", "6nm"])
    both = combine([one, two])
    assert (both.true_positives, both.false_positives, both.false_negatives) == (2, 1, 1)
    assert both.distance_nm == (0.0, 3.0)
    assert both.right_size == 0.5
    assert both.f1_integral <= one.f1_integral


def test_the_order_of_the_particles_does_not_matter():
    truth = [[0, 0], [4, 0], [8, 1]]
    results = {evaluate(list(order), truth, nm_per_px=1.0).rmse_nm for order in permutations([[1, 0], [5, 1], [7, 2]])}
    assert max(results) - min(results) < 1e-12


def test_a_hundred_thousand_particles_take_seconds():
    rng = np.random.default_rng(0)
    truth = rng.uniform(0, 16000, (100_000, 2))
    start = time.perf_counter()
    assert evaluate(truth + rng.normal(0, 1, truth.shape), truth, nm_per_px=0.56).recall > 0.99
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize("bad", [[[0.0, math.nan]], [1.0, 2.0, 3.0], [[1, 2, 3]]])
def test_positions_that_are_none_are_named(bad):
    with pytest.raises(GoldDiggerError, match="detections"):
        evaluate(bad, [[0, 0]], nm_per_px=1.0)


def test_lengths_that_disagree_are_named():
    with pytest.raises(GoldDiggerError, match="inside: has 2 entries for 1"):
        evaluate([[0, 0]], [[0, 0]], nm_per_px=1.0, inside=[True, True])


def write_csv(path: Path, header: list[str], rows: list[list[object]]) -> Path:
    with path.open("w", newline="", encoding="utf-8-sig") as stream:
        csv.writer(stream).writerows([header, *rows])
    return path


def test_truth_with_groups_is_read(tmp_path):
    path = write_csv(tmp_path / "truth.csv", ["id", "X", "y", "group"], [[1, 3.5, 4, "6nm"], [2, 10, 11, "12nm"]])
    truth = read_truth_csv(path)
    assert truth.xy.tolist() == [[3.5, 4], [10, 11]]
    assert truth.group.tolist() == ["6nm", "12nm"]


def test_truth_with_nominal_diameters_is_named_by_them(tmp_path):
    path = write_csv(tmp_path / "truth.csv", ["x", "y", "diameter_nm"], [[0, 0, 6.0], [1, 1, 12], [2, 2, 6]])
    assert read_truth_csv(path).group.tolist() == ["6nm", "12nm", "6nm"]


def test_truth_with_measured_diameters_is_grouped(tmp_path):
    rng = np.random.default_rng(0)
    diameters = [*rng.normal(6, 0.4, 40), *rng.normal(12, 0.8, 40)]
    rows: list[list[object]] = [[i, i, d] for i, d in enumerate(diameters)]
    groups = read_truth_csv(write_csv(tmp_path / "truth.csv", ["x", "y", "diameter_nm"], rows)).group.tolist()
    assert groups == ["6nm"] * 40 + ["12nm"] * 40


def test_truth_of_positions_alone_has_no_groups(tmp_path):
    path = write_csv(tmp_path / "truth.csv", ["x", "y"], [[1, 2]])
    assert read_truth_csv(path).group.tolist() == [""]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a,b\n1,2\n", "no column x or y"),
        (b"", "no column"),
        (b"x,y\n1,here\n", "column y"),
        (b"x,y\n1\n", "column y"),
        (b"x,y\n1,nan\n", "finite"),
        (b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_a_truth_file_that_is_wrong_is_named_with_what_is_wrong(tmp_path, content, said):
    path = tmp_path / "truth.csv"
    path.write_bytes(content)
    with pytest.raises(GoldDiggerError, match=said) as caught:
        read_truth_csv(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_truth_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(GoldDiggerError, match=r"none\.csv"):
        read_truth_csv(tmp_path / "none.csv")
