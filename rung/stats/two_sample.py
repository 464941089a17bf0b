"""Do two samples come from one distribution? A permutation test of the distance of their means.

The rows are feature vectors, one per independent unit (group, conversation): clustering is the
caller's work. The statistic is the squared distance of the two mean vectors, the maximum mean
discrepancy of a linear kernel (Gretton, Borgwardt, Rasch, Schölkopf, Smola 2012, "A kernel
two-sample test", JMLR 13). Under H0 the units are exchangeable, so p is exact at any size; it is
never 0 (Phipson and Smyth 2010), and drawing ends early once it is plainly large (Besag and
Clifford 1991, "Sequential Monte Carlo p-values").
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rung.stats.clusters import Floats

_ENOUGH = 20
"""Permuted distances at least as large as the observed one after which p is known well enough."""
_BATCH = 500
_TIE = 1e-12


def mean_distance_p(first: Any, second: Any, *, num_permutations: int, seed: int = 0) -> float:
    """Return the p-value of H0: the rows of both matrices, dense or sparse, are exchangeable.

    The smallest possible value is 1 / (num_permutations + 1).
    """
    num_first, num_second = first.shape[0], second.shape[0]
    if min(num_first, num_second) == 0:
        raise ValueError(f"{num_first} and {num_second} rows cannot be compared")
    gram = _gram(first, second)
    weights = np.concatenate(
        [np.full(num_first, 1.0 / num_first), np.full(num_second, -1.0 / num_second)]
    )
    observed = float(weights @ gram @ weights) - _TIE
    rng = np.random.default_rng(seed)
    done = reached = 0
    while done < num_permutations:
        size = min(_BATCH, num_permutations - done)
        drawn = rng.permuted(np.tile(weights, (size, 1)), axis=1)
        as_large = np.einsum("ij,ij->i", drawn @ gram, drawn) >= observed
        total = reached + int(as_large.sum())
        if total >= _ENOUGH:
            last = int(np.flatnonzero(as_large)[_ENOUGH - reached - 1])
            return _ENOUGH / (done + last + 1)
        reached, done = total, done + size
    return (reached + 1) / (num_permutations + 1)


def _gram(first: Any, second: Any) -> Floats:
    """Return all inner products, the first sample's rows before the second's."""
    parts = [_dense(first @ first.T), _dense(first @ second.T), _dense(second @ second.T)]
    return np.block([[parts[0], parts[1]], [parts[1].T, parts[2]]])


def _dense(matrix: Any) -> Floats:
    return np.asarray(matrix.todense() if hasattr(matrix, "todense") else matrix, dtype=np.float64)
