"""The two-sample test against all permutations, and its error rate on data that breaks others."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
import scipy.sparse as sp

from rung.stats.two_sample import mean_distance_p


def exact_p(first, second) -> float:
    """Return the p-value over every way to deal the rows."""
    rows = np.vstack([first, second])
    everyone = range(len(rows))

    def distance(chosen) -> float:
        others = [at for at in everyone if at not in chosen]
        return float(np.square(rows[list(chosen)].mean(0) - rows[others].mean(0)).sum())

    observed = distance(tuple(range(len(first)))) - 1e-12
    dealt = [distance(chosen) >= observed for chosen in combinations(everyone, len(first))]
    return sum(dealt) / len(dealt)


@pytest.mark.parametrize("shift", [0.0, 0.6, 1.2])
def test_p_is_that_of_all_permutations(shift: float) -> None:
    rng = np.random.default_rng(3)
    first, second = rng.normal(size=(4, 3)), rng.normal(size=(6, 3)) + shift
    drawn = np.mean(
        [mean_distance_p(first, second, num_permutations=4000, seed=s) for s in range(30)]
    )
    assert drawn == pytest.approx(exact_p(first, second), abs=0.02)


def test_sparse_rows_and_their_order_change_nothing() -> None:
    rng = np.random.default_rng(4)
    first, second = rng.normal(size=(20, 5)), rng.normal(size=(30, 5)) + 1.5
    p = mean_distance_p(first, second, num_permutations=999)
    assert p == 1 / 1000  # the smallest there is: no permutation reached the distance
    assert mean_distance_p(sp.csr_matrix(first), sp.csr_matrix(second), num_permutations=999) == p
    with pytest.raises(ValueError, match="0 and 30 rows"):
        mean_distance_p(first[:0], second, num_permutations=9)


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [(20, 20), (10, 60), (60, 10)])
@pytest.mark.parametrize("kind", ["normal", "heavy", "rare"])
def test_false_alarms_are_as_rare_as_stated(sizes: tuple[int, int], kind: str) -> None:
    """800 pairs of samples of one law: heavy tails and rare words, on which a t test errs."""
    rng = np.random.default_rng(5)

    def rows(num: int):
        if kind == "rare":
            return (rng.random((num, 40)) < 0.02).astype(float)
        return rng.standard_t(1.5, (num, 4)) if kind == "heavy" else rng.normal(size=(num, 4))

    num_runs, alpha = 800, 0.05
    wrong = sum(
        mean_distance_p(rows(sizes[0]), rows(sizes[1]), num_permutations=399, seed=run) <= alpha
        for run in range(num_runs)
    )
    assert wrong / num_runs <= alpha + 3 * math.sqrt(alpha * (1 - alpha) / num_runs)
