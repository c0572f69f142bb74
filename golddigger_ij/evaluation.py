"""How good detections are, against ground truth: matching, precision, recall, F1, position error, size confusion."""

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.matching import Matching, candidate_pairs, match_candidates, positions
from golddigger_ij.sizes import assign_groups

Floats = NDArray[np.float64]

# deepBlink's choice (Eichenberger et al. 2021): fifty cut-offs from 0 to 3 pixels.
_INTEGRAL_PX, _INTEGRAL_CUTOFFS = 3.0, 50
# So many different diameters in a ground-truth file are names of sizes; more are measurements.
_MOST_NOMINAL_SIZES = 8


@dataclass(frozen=True)
class Truth:
    """Ground truth of one image: where the particles are, in pixels, and their size groups ('' where not given)."""

    xy: Floats
    group: NDArray[np.object_]


@dataclass(frozen=True)
class Evaluation:
    """Figures of merit of one image, or of several added up by `combine`.

    `distance_nm` are the distances of the true positives; `by_cutoff` holds the true positives and the false
    ones for each cut-off of the F1 integral; `confusion` counts true positives by (true group, found group).
    """

    true_positives: int
    false_positives: int
    false_negatives: int
    distance_nm: tuple[float, ...]
    confusion: tuple[tuple[str, str, int], ...]
    by_cutoff: tuple[tuple[int, int], ...]

    @property
    def truth_count(self) -> int:
        """Particles in the ground truth."""
        return self.true_positives + self.false_negatives

    @property
    def precision(self) -> float:
        """True positives in all that was found; 1 where nothing was found."""
        return _share(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        """True positives in all that is there; 1 where nothing is there."""
        return _share(self.true_positives, self.truth_count)

    @property
    def accuracy(self) -> float:
        """True positives in the ground truth: what the Gold Digger paper calls accuracy, and others recall."""
        return self.recall

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 1 where nothing is there and nothing was found."""
        return _f1(self.true_positives, self.false_positives, self.truth_count)

    @property
    def f1_integral(self) -> float:
        """Mean F1 over cut-offs from 0 to 3 pixels, which rewards exact positions (deepBlink)."""
        scores = [_f1(true, false, self.truth_count) for true, false in self.by_cutoff]
        return float(np.trapezoid(scores, dx=1.0) / (len(scores) - 1))

    @property
    def rmse_nm(self) -> float:
        """Root-mean-square distance of the true positives from the truth; NaN without any."""
        return float(np.sqrt(np.mean(np.square(self.distance_nm)))) if self.distance_nm else float("nan")

    @property
    def mean_distance_nm(self) -> float:
        """Mean distance of the true positives from the truth; NaN without any."""
        return float(np.mean(self.distance_nm)) if self.distance_nm else float("nan")

    @property
    def right_size(self) -> float:
        """Share of the true positives in the right group; NaN where no groups were given."""
        total = sum(count for _, _, count in self.confusion)
        return sum(count for true, found, count in self.confusion if true == found) / total if total else float("nan")

    def summary(self) -> str:
        """Table of all figures, for people."""
        rows = [
            ("ground truth", f"{self.truth_count}"),
            ("true positives", f"{self.true_positives}"),
            ("false positives", f"{self.false_positives}"),
            ("missed", f"{self.false_negatives}"),
            ("precision", f"{self.precision:.4f}"),
            ("recall", f"{self.recall:.4f}"),
            ("F1", f"{self.f1:.4f}"),
            ("F1 integral (0-3 px)", f"{self.f1_integral:.4f}"),
            ("accuracy (Gold Digger)", f"{self.accuracy:.4f}"),
            ("position error, rms", f"{self.rmse_nm:.2f} nm"),
            ("position error, mean", f"{self.mean_distance_nm:.2f} nm"),
        ]
        if self.confusion:
            rows.append(("right size", f"{self.right_size:.4f}"))
        rows += [(f"{true or 'unnamed'} found as {found}", f"{count}") for true, found, count in self.confusion]
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}}  {value:>10}" for name, value in rows)


def evaluate(
    found_xy: ArrayLike,
    truth_xy: ArrayLike,
    *,
    nm_per_px: float,
    cutoff_nm: float = 5.0,
    found_group: Sequence[str] | NDArray[np.object_] | None = None,
    truth_group: Sequence[str] | NDArray[np.object_] | None = None,
    inside: ArrayLike | None = None,
) -> Evaluation:
    """Score detections against ground truth.

    Parameters
    ----------
    found_xy, truth_xy : array_like, shape (n, 2) and (m, 2), float
        Positions (x, y) in pixels.
    nm_per_px : float
        Pixel size.
    cutoff_nm : float
        Greatest distance between a detection and the true particle that it is counted for.
    found_group, truth_group : sequence of str, length n and m, optional
        Size groups. Both are needed for the size confusion; true particles without a group (`''`) are left out
        of it.
    inside : array_like of bool, shape (n,), optional
        Which detections lie in the annotated region. Outside it, a detection that matches nothing is not judged.

    Returns
    -------
    Evaluation

    Raises
    ------
    GoldDiggerError
        If a position is not finite, or the lengths do not agree.

    Examples
    --------
    >>> result = evaluate([[10, 10], [40, 40]], [[11, 10]], nm_per_px=1.0)
    >>> result.precision, result.recall, result.rmse_nm
    (0.5, 1.0, 1.0)
    """
    found, truth = positions(found_xy, "detections"), positions(truth_xy, "ground truth")
    judged = np.ones(len(found), dtype=bool) if inside is None else np.asarray(inside, dtype=bool)
    if not (np.isfinite(nm_per_px) and nm_per_px > 0):
        raise GoldDiggerError(f"pixel size {nm_per_px:g} nm: give a positive number of nm per pixel")
    for name, values, expected in (("inside", judged, found), ("found_group", found_group, found),
                                   ("truth_group", truth_group, truth)):  # fmt: skip
        if values is not None and len(values) != len(expected):
            raise GoldDiggerError(f"{name}: has {len(values)} entries for {len(expected)} particles; give one for each")
    shape = (len(found), len(truth))
    cutoff_px = cutoff_nm / nm_per_px
    rows, columns, distances = candidate_pairs(found, truth, max(cutoff_px, _INTEGRAL_PX))

    def within(limit: float) -> Matching:
        near = distances <= limit
        return match_candidates(rows[near], columns[near], distances[near], shape=shape)

    def false_positives(matching: Matching) -> int:
        unmatched = judged.copy()
        unmatched[matching.found] = False
        return int(unmatched.sum())

    matching = within(cutoff_px)
    by_cutoff = [within(limit) for limit in np.linspace(0, _INTEGRAL_PX, _INTEGRAL_CUTOFFS)]
    pairs: Counter[tuple[str, str]] = Counter()
    if found_group is not None and truth_group is not None:
        named = zip(matching.truth, matching.found, strict=True)
        pairs.update((str(truth_group[t]), str(found_group[f])) for t, f in named if truth_group[t])
    return Evaluation(
        true_positives=len(matching.found),
        false_positives=false_positives(matching),
        false_negatives=len(truth) - len(matching.truth),
        distance_nm=tuple((matching.distance * nm_per_px).tolist()),
        confusion=_ordered(pairs),
        by_cutoff=tuple((len(m.found), false_positives(m)) for m in by_cutoff),
    )


def combine(evaluations: Sequence[Evaluation]) -> Evaluation:
    """Add up the counts of several images, so that every particle weighs the same."""
    pairs: Counter[tuple[str, str]] = Counter()
    cutoffs = np.zeros((_INTEGRAL_CUTOFFS, 2), dtype=int)
    for one in evaluations:
        for true, found, count in one.confusion:
            pairs[true, found] += count
        cutoffs += np.array(one.by_cutoff)
    return Evaluation(
        true_positives=sum(one.true_positives for one in evaluations),
        false_positives=sum(one.false_positives for one in evaluations),
        false_negatives=sum(one.false_negatives for one in evaluations),
        distance_nm=tuple(distance for one in evaluations for distance in one.distance_nm),
        confusion=_ordered(pairs),
        by_cutoff=tuple((int(true), int(false)) for true, false in cutoffs),
    )


def read_truth_csv(path: Path) -> Truth:
    """Read ground truth from a CSV file.

    Parameters
    ----------
    path : Path
        A CSV file with the columns `x` and `y` (pixels) and, where sizes are known, `group` or `diameter_nm`.
        Other columns are ignored. Up to eight different diameters count as nominal sizes; more are sorted into
        groups.

    Returns
    -------
    Truth

    Raises
    ------
    GoldDiggerError
        If the file cannot be read or lacks a column, or a value is not a number.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            columns = {name.strip().lower(): name for name in reader.fieldnames or () if name}
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise GoldDiggerError(f"{path}: cannot be read ({reason}); give a CSV file with the columns x and y") from error
    missing = [name for name in ("x", "y") if name not in columns]
    if missing:
        raise GoldDiggerError(f"{path}: has no column {' or '.join(missing)}; ground truth needs x and y in pixels")

    def numbers(name: str) -> Floats:
        try:
            return np.array([float(row[columns[name]]) for row in rows], dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise GoldDiggerError(f"{path}: column {name} holds something that is no number; correct it") from error

    xy = np.column_stack([numbers("x"), numbers("y")])
    if not np.isfinite(xy).all():
        raise GoldDiggerError(f"{path}: x and y must be finite numbers; correct the file")
    if "group" in columns:
        group = np.array([row[columns["group"]] or "" for row in rows], dtype=object)
    elif "diameter_nm" in columns:
        group = _named_sizes(numbers("diameter_nm"))
    else:
        group = np.full(len(rows), "", dtype=object)
    return Truth(xy, group)


def _named_sizes(diameter_nm: Floats) -> NDArray[np.object_]:
    if len(np.unique(diameter_nm)) > _MOST_NOMINAL_SIZES:
        return assign_groups(diameter_nm)[0]
    return np.array([f"{diameter:g}nm" for diameter in diameter_nm], dtype=object)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0


def _f1(true: int, false: int, truth_count: int) -> float:
    return _share(2 * true, true + false + truth_count)


def _ordered(pairs: Counter[tuple[str, str]]) -> tuple[tuple[str, str, int], ...]:
    def by_size(name: str) -> tuple[float, str]:
        digits = name.removesuffix("nm")
        return (float(digits) if digits.replace(".", "", 1).isdigit() else float("inf"), name)

    ordered = sorted(pairs.items(), key=lambda item: (by_size(item[0][0]), by_size(item[0][1])))
    return tuple((true, found, count) for (true, found), count in ordered)
