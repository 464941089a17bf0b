"""The test the gate rests on: is the mean of bounded, clustered values above a given value?

A t test or a bootstrap trusts the spread it sees. Rare total losses are often not in the sample:
with 20 independent examples and a true loss of 0.03 made of one-in-33 failures, a t test promotes
54 % of the time at alpha 0.05. The p-value here is therefore the larger of two:

1. Student's t on group sums, which is right when the sum is near normal;
2. the exact tail of the least favourable distribution: the maximum-likelihood distribution on the
   observed groups plus one unseen group at the lower bound, among those whose mean equals the
   hypothesis. With no loss seen in G groups of one size it is (1 - margin)^G, which is exact;
   with unequal sizes the unseen group is as large as the group of an average example.

Values must lie in 0..1; callers scale. One unseen group may lose every example it holds, so a
hypothesis at distance m below a perfect sample needs ln(alpha) / ln(1 - m) groups (59 for 0.05).

Sources: DiCiccio and Romano 1990, "Nonparametric confidence limits by resampling methods and
least favorable families"; Owen 2001, "Empirical likelihood"; Honda and Takemura 2010 (bounded
support, mass on the unseen end point). The tail is computed by the fast Fourier transform on a
grid instead of resampling, so there is no seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy.optimize import brentq

from rung.stats.clusters import Clusters, Floats

_FINEST_STEPS, _COARSEST_STEPS = 480, 30
_MAX_CELLS = 1 << 16
_MOST_CELLS = 1 << 20
_SMALLEST_P = 1e-12


def mean_greater_p(clusters: Clusters, null_mean: float) -> float:
    """Return a one-sided p-value of H0: mean <= null_mean, for values in 0..1."""
    return max(_t_p(clusters, null_mean), _least_favourable_p(clusters, null_mean))


def mean_lower_bound(clusters: Clusters, alpha: float) -> float:
    """Return the largest null mean that `mean_greater_p` rejects at alpha; 0 if there is none."""

    def excess(null_mean: float) -> float:
        return mean_greater_p(clusters, null_mean) - alpha

    if excess(0.0) >= 0.0:
        return 0.0
    return _root(excess, 0.0, clusters.mean)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    return float(brentq(function, low, high, xtol=1e-7, rtol=1e-8))


def _t_p(clusters: Clusters, null_mean: float) -> float:
    if clusters.num_groups == 1:
        return 1.0
    distance = clusters.mean - null_mean
    if clusters.se < 1e-12:
        return 0.0 if distance > 0 else 1.0
    return float(special.stdtr(clusters.degrees_of_freedom, -distance / clusters.se))


def _least_favourable_p(clusters: Clusters, null_mean: float) -> float:
    """Return P(mean >= observed) under the least favourable distribution of mean null_mean."""
    if clusters.mean - null_mean <= 1e-12:
        return 0.5
    if null_mean <= 1e-12:
        return _SMALLEST_P
    average = clusters.n / clusters.num_groups
    sums, sizes = clusters.sums / average, clusters.sizes / average
    unseen_size = float(np.square(sizes).sum() / sizes.sum())
    weights = _null_weights(sums - null_mean * sizes, -unseen_size * null_mean)
    # V = sum - observed mean * (size - 1): sum over groups of V >= G * observed mean exactly
    # when the resampled mean reaches the observed one.
    atoms = np.append(sums - clusters.mean * (sizes - 1.0), -clusters.mean * (unseen_size - 1.0))
    total = clusters.num_groups * clusters.mean
    return max(_SMALLEST_P, _upper_tail(atoms, weights, clusters.num_groups, total))


def _null_weights(scores: Floats, unseen: float) -> Floats:
    """Return the likeliest weights, unseen atom last, under which the scores have mean 0.

    `scores` are group sums minus their null expectation, with positive total; `unseen` < 0 is the
    same of the unseen group. The weights are 1 / (G * (1 + t * score)), with t as large
    as the unseen atom allows; what they leave of 1 is the unseen atom's.
    """

    def slope(t: float) -> float:
        return float((scores / (1.0 + t * scores)).sum())

    t = (1.0 - 1e-9) / max(-unseen, -float(scores.min()))
    if slope(t) < 0.0:
        t = _root(slope, 0.0, t)
    weights = 1.0 / (len(scores) * (1.0 + t * scores))
    weights = np.append(weights, max(0.0, 1.0 - float(weights.sum())))
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def _upper_tail(atoms: Floats, weights: Floats, num_draws: int, threshold: float) -> float:
    """Return P(sum of num_draws independent draws >= threshold).

    An atom between two grid points is split so that its mean is kept, which only adds spread.
    """
    span = float(np.ptp(atoms))
    steps = float(_FINEST_STEPS)
    while steps > _COARSEST_STEPS and num_draws * span * steps > _MAX_CELLS:
        steps /= 2
    while num_draws * span * steps > _MOST_CELLS:  # one group holds most of many examples
        steps /= 2
    start = math.floor(float(atoms.min()) * steps)
    place = atoms * steps - start
    cell = np.floor(place + 1e-9).astype(np.int64)
    part = np.clip(place - cell, 0.0, 1.0)
    size = int(cell.max()) + 2
    masses = np.bincount(cell, weights * (1.0 - part), size)
    masses += np.bincount(cell + 1, weights * part, size)
    length = num_draws * (size - 1) + 1
    padded = 1 << (length - 1).bit_length()
    sums = np.fft.irfft(_power(np.fft.rfft(masses, padded), num_draws), padded)[:length]
    first = math.ceil(threshold * steps - num_draws * start - 1e-6)
    return float(np.clip(sums[max(first, 0) :].sum(), 0.0, 1.0))


def _power(values: NDArray[np.complex128], exponent: int) -> NDArray[np.complex128]:
    """Raise to a whole power by repeated squaring, far faster than numpy's complex power."""
    result = np.ones_like(values)
    while exponent:
        if exponent & 1:
            result *= values
        values = values * values
        exponent >>= 1
    return result
