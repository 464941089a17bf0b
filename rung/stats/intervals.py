"""Intervals for a rate or a mean, honest for small and clustered samples.

All return (low, high). Clustered means use Student's t with the effective number of groups less
one. Means of bounded values use Wilson's interval with an effective sample size, so they stay
inside the bounds and keep a width when every value is equal. The gate does not use these for its
verdicts; see `bounded.py` for the test it uses.

Sources: Wilson 1927; Clopper and Pearson 1934; Korn and Graubard 1998 and Franco et al. 2019
(effective sample size from the clustered variance).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from rung.stats.clusters import Clusters, Floats, cluster

Interval = tuple[float, float]


def normal_quantile(p: float) -> float:
    """Return the standard normal quantile of p."""
    return float(special.ndtri(p))


def t_quantile(p: float, degrees_of_freedom: float) -> float:
    """Return Student's t quantile of p."""
    return float(special.stdtrit(degrees_of_freedom, p))


def _wilson(rate: float, n: float, quantile: float) -> Interval:
    square = quantile * quantile / n
    centre = (rate + square / 2.0) / (1.0 + square)
    half = quantile * math.sqrt(rate * (1.0 - rate) / n + square / (4.0 * n)) / (1.0 + square)
    return (0.0 if rate <= 0.0 else centre - half, 1.0 if rate >= 1.0 else centre + half)


def wilson(k: float, n: float, *, confidence: float = 0.95) -> Interval:
    """Return Wilson's score interval of k out of n; both may be effective, fractional counts."""
    _check_counts(k, n)
    return _wilson(k / n, n, normal_quantile((1.0 + confidence) / 2.0))


def clopper_pearson(k: int, n: int, *, confidence: float = 0.95) -> Interval:
    """Return the exact interval of k out of n; each side misses with at most (1 - confidence) / 2.

    For a one-sided bound at level 1 - alpha ask for confidence 1 - 2 * alpha.
    """
    _check_counts(k, n)
    tail = (1.0 - confidence) / 2.0
    low = 0.0 if k == 0 else float(special.betaincinv(k, n - k + 1, tail))
    high = 1.0 if k == n else float(special.betaincinv(k + 1, n - k, 1.0 - tail))
    return low, high


def _check_counts(k: float, n: float) -> None:
    if not 0 <= k <= n or n <= 0:
        raise ValueError(f"{k} out of {n} is not a rate")


def mean_interval(
    values: ArrayLike,
    groups: Sequence[Hashable] | None = None,
    *,
    confidence: float = 0.95,
    low: float = -math.inf,
    high: float = math.inf,
) -> Interval:
    """Return a clustered interval of the mean of values known to lie in low..high.

    A single group says nothing about other groups: the answer is (low, high).
    """
    array = np.asarray(values, dtype=np.float64)
    clusters = cluster(array, groups)
    if array.min() < low or array.max() > high:
        raise ValueError(f"values reach outside {low}..{high}")
    if clusters.num_groups == 1:
        return low, high
    p = (1.0 + confidence) / 2.0
    if math.isinf(low) or math.isinf(high):
        half = t_quantile(p, clusters.degrees_of_freedom) * clusters.se
        return max(low, clusters.mean - half), min(high, clusters.mean + half)
    rate = (clusters.mean - low) / (high - low)
    n, quantile = (
        _effective_n(array, clusters, (low, high)),
        t_quantile(p, clusters.degrees_of_freedom),
    )
    if n == clusters.n == clusters.num_groups:
        quantile = normal_quantile(p)
    below, above = _wilson(rate, n, quantile)
    return low + (high - low) * below, low + (high - low) * above


def _effective_n(array: Floats, clusters: Clusters, bounds: Interval) -> float:
    """Return how many independent yes/no values would give this clustered standard error.

    Yes/no values never count for more than they are. No spread between groups gives no standard
    error: then every group counts as one value.
    """
    low, high = bounds
    binary = bool(np.isin(array, bounds).all())
    if binary and clusters.num_groups == clusters.n:
        return float(clusters.n)
    if clusters.se < 1e-12 * (high - low):
        return float(clusters.num_groups)
    n = (clusters.mean - low) * (high - clusters.mean) / clusters.se**2
    return min(n, float(clusters.n)) if binary else n
