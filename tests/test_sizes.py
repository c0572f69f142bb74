import math
import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.sizes import assign_groups, parse_sizes

# Means and scatter in nm, as measured on freeze-fracture replicas.
MEASURED = {"6nm": (6.3, 0.6), "12nm": (11.7, 0.7), "18nm": (17.2, 1.5), "5nm": (5.0, 0.4), "10nm": (9.8, 0.7)}
MEASURED["15nm"] = (14.6, 1.1)


def micrograph(seed: int, debris: int = 0, **counts: int) -> tuple[np.ndarray, list[str]]:
    """Diameters with their true labels; debris of any size comes last, as `other`."""
    rng = np.random.default_rng(seed)
    names = {f"{name.removeprefix('gold')}nm": count for name, count in counts.items()}
    parts = [rng.normal(*MEASURED[name], count) for name, count in names.items()]
    parts.append(np.exp(rng.uniform(math.log(3), math.log(60), debris)))
    truth = [name for name, count in names.items() for _ in range(count)] + ["other"] * debris
    return np.concatenate(parts), truth


@pytest.mark.parametrize(
    "counts",
    [
        {"gold6": 300, "gold12": 300},
        {"gold6": 20, "gold12": 25},
        {"gold6": 4, "gold12": 5},
        {"gold6": 15, "gold12": 4},
        {"gold5": 100, "gold10": 200},
        {"gold10": 150, "gold15": 150},
        {"gold6": 200, "gold12": 150, "gold18": 60},
        {"gold6": 3000, "gold12": 2000, "gold18": 500},
        {"gold6": 800, "gold18": 90},
    ],
)
def test_sizes_that_are_apart_are_told_apart(counts):
    right, total = 0, 0
    for seed in range(12):
        diameters, truth = micrograph(seed, **counts)
        labels, groups = assign_groups(diameters)
        right += sum(a == b for a, b in zip(labels, truth, strict=True))
        total += len(truth)
        if sum(counts.values()) > 20:
            assert [group.label for group in groups] == sorted(set(truth), key=lambda name: float(name[:-2]))
    assert right / total >= 0.985


@pytest.mark.parametrize("counts", [{"gold6": 300, "gold12": 5}, {"gold6": 5, "gold12": 300}])
def test_five_particles_of_a_second_size_among_three_hundred_are_a_group(counts):
    # Five particles do not fix their mean, and so their name, but they do show a second size.
    found = [assign_groups(micrograph(seed, debris=3, **counts)[0]) for seed in range(25)]
    assert [len(groups) for _, groups in found].count(2) >= 23
    rare, frequent = sorted(counts, key=lambda name: counts[name])
    first = 0 if rare == "gold6" else 300
    apart = [len(groups) == 2 and len({*labels[first : first + 5]} - {"other"}) == 1 for labels, groups in found]
    assert sum(apart) >= 23
    assert all(f"{frequent.removeprefix('gold')}nm" in labels for labels, _ in found)


@pytest.mark.parametrize("name", ["gold6", "gold12", "gold18"])
def test_one_size_is_one_group_however_many_particles(name):
    counts = np.unique(np.geomspace(3, 3000, 34).astype(int))
    samples = [micrograph(seed, **{name: int(n)})[0] for n in counts for seed in range(3)]
    alone = [[group.label for group in assign_groups(sample)[1]] for sample in samples]
    assert sum(len(labels) == 1 for labels in alone) >= 0.98 * len(alone)
    label = name.removeprefix("gold") + "nm"
    many = [labels for sample, labels in zip(samples, alone, strict=True) if len(sample) >= 30]
    assert many.count([label]) >= 0.98 * len(many)


def test_debris_and_merged_pairs_make_no_group():
    for seed in range(15):
        diameters, _ = micrograph(seed, debris=8, gold6=400)
        pairs = np.random.default_rng(seed).normal(6.3 * math.sqrt(2), 0.5, 5)
        labels, groups = assign_groups(np.concatenate([diameters, pairs]))
        assert [group.label for group in groups] == ["6nm"]
        assert (labels[:400] == "6nm").mean() > 0.99


def test_a_few_uncertain_particles_make_no_group():
    diameters, _ = micrograph(0, gold6=60)
    everything = np.concatenate([diameters, np.linspace(3.9, 4.1, 9)])
    sure = np.arange(len(everything)) < 60
    assert [group.label for group in assign_groups(everything, None, sure)[1]] == ["6nm"]
    assert [group.label for group in assign_groups(everything)[1]] == ["4nm", "6nm"]


def test_what_fits_no_group_is_other():
    diameters, _ = micrograph(0, gold6=100)
    labels, _ = assign_groups([*diameters, 2.0, 25.0, 300.0, 0.0, -1.0, math.nan, math.inf])
    assert labels[100:].tolist() == ["other"] * 7


@pytest.mark.parametrize("sizes", [None, [6, 12], [(4, 9), (9, 15)]])
def test_no_particles_are_no_error(sizes):
    labels, _ = assign_groups([], sizes)
    assert labels.shape == (0,)


@pytest.mark.parametrize("diameter", [4.0, 6.4, 12.3, 55.0])
def test_a_single_particle_is_a_group(diameter):
    labels, groups = assign_groups([diameter])
    assert labels.tolist() == [groups[0].label]


def test_identical_diameters_are_one_group():
    labels, groups = assign_groups([6.0] * 500)
    assert [group.label for group in groups] == ["6nm"]
    assert set(labels) == {"6nm"}


@given(st.lists(st.floats(1, 100), max_size=60), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_the_particles_does_not_matter(diameters, random):
    order = list(range(len(diameters)))
    random.shuffle(order)
    labels, groups = assign_groups(diameters)
    shuffled, same_groups = assign_groups([diameters[i] for i in order])
    assert groups == same_groups
    assert shuffled.tolist() == [labels[i] for i in order]


@given(st.lists(st.floats(0.1, 200), max_size=80))
@settings(max_examples=80, deadline=None)
def test_groups_are_apart_uniquely_named_and_hold_what_bears_their_name(diameters):
    labels, groups = assign_groups(diameters)
    names = [group.label for group in groups]
    assert len(set(names)) == len(names)
    assert "other" not in names
    for small, large in pairwise(groups):
        assert small.low_nm < small.high_nm <= large.low_nm < large.high_nm
    for diameter, label in zip(diameters, labels, strict=True):
        holding = [group.label for group in groups if group.low_nm <= diameter < group.high_nm]
        assert holding == ([] if label == "other" else [label])


def test_a_hundred_thousand_diameters_take_less_than_a_second():
    diameters, truth = micrograph(0, debris=500, gold6=60_000, gold12=40_000)
    start = time.perf_counter()
    labels, groups = assign_groups(diameters)
    assert time.perf_counter() - start < 2
    assert [group.label for group in groups] == ["6nm", "12nm"]
    assert (labels[:100_000] == np.array(truth[:100_000])).mean() > 0.99


def test_given_sizes_meet_at_their_geometric_mean_and_reach_no_further_than_their_factors():
    labels, groups = assign_groups([3.5, 3.7, 8.4, 8.5, 17.9, 18.1], [12, 6])
    assert labels.tolist() == ["other", "6nm", "6nm", "12nm", "12nm", "other"]
    assert [group.label for group in groups] == ["6nm", "12nm"]
    assert groups[0].high_nm == groups[1].low_nm == pytest.approx(math.sqrt(72))


def test_given_sizes_far_apart_leave_a_gap():
    assert assign_groups([9.5, 10.0, 11.0], [6, 18])[0].tolist() == ["other", "other", "18nm"]


def test_given_sizes_keep_their_labels_without_any_particle():
    assert [group.label for group in assign_groups([6.1], [6, 12, 1.4])[1]] == ["1.4nm", "6nm", "12nm"]


def test_given_limits_are_taken_as_they_are():
    labels, groups = assign_groups([3.9, 4.0, 8.99, 9.0, 15.0], [(4, 9), (9, 15)])
    assert labels.tolist() == ["other", "6.5nm", "6.5nm", "12nm", "other"]
    assert [(group.low_nm, group.high_nm) for group in groups] == [(4, 9), (9, 15)]


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("auto", None),
        (" Auto ", None),
        ("6,12,18", [6.0, 12.0, 18.0]),
        ("6nm, 12 nm", [6.0, 12.0]),
        ("4-9,9-15", [(4.0, 9.0), (9.0, 15.0)]),
        ("4–9.5", [(4.0, 9.5)]),
    ],
)
def test_sizes_are_read_as_they_are_written(text, sizes):
    assert parse_sizes(text) == sizes


@pytest.mark.parametrize(
    "text", ["", "big", "6,", "6,9-15", "6,6", "0", "-3", "nan", "inf", "9-4", "4-9,8-15", "1-2-3"]
)
def test_sizes_that_mean_nothing_are_refused_in_one_line(text):
    with pytest.raises(GoldDiggerError, match="sizes") as caught:
        parse_sizes(text)
    assert "\n" not in str(caught.value)
