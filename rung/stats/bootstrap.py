"""Cluster bootstrap: intervals of a mean or a ratio by resampling whole groups.

Seeded and vectorised over group sums. Resampling cannot show a loss that no group has had, so
the gate does not rest on it (see `bounded.py`); reports use it for costs and ratios.

Sources: Davison and Hinkley 1997, section 3.8; Efron 1987 (BCa).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from rung.stats.clusters import Floats, cluster
from rung.stats.intervals import Interval

_CELLS_PER_CHUNK = 1_000_000


def cluster_bootstrap(
    values: ArrayLike,
    groups: Sequence[Hashable] | None = None,
    *,
    confidence: float = 0.95,
    num_resamples: int = 10_000,
    seed: int = 0,
    method: Literal["percentile", "bca"] = "percentile",
) -> Interval:
    """Return the bootstrap interval of the mean, groups resampled with replacement."""
    clusters = cluster(values, groups)
    draws = _resampled_ratios(clusters.sums, clusters.sizes, num_resamples, seed)
    tail = (1.0 - confidence) / 2.0
    levels = np.array([tail, 1.0 - tail])
    if method == "bca" and clusters.num_groups > 1 and np.ptp(draws) > 0:
        levels = _bca_levels(levels, draws, clusters.mean, clusters.sums, clusters.sizes)
    low, high = np.quantile(draws, levels)
    return float(low), float(high)


def ratio_interval(
    numerators: ArrayLike,
    denominators: ArrayLike,
    groups: Sequence[Hashable] | None = None,
    *,
    confidence: float = 0.95,
    num_resamples: int = 10_000,
    seed: int = 0,
) -> Interval:
    """Return the bootstrap interval of sum(numerators) / sum(denominators), both >= 0.

    Meant for cost per acceptable outcome. A resample whose denominator is 0 counts as infinite,
    so `high` is math.inf when acceptable outcomes are that rare.
    """
    top, bottom = cluster(numerators, groups), cluster(denominators, groups)
    if top.n != bottom.n:
        raise ValueError(f"{top.n} numerators but {bottom.n} denominators")
    if top.sums.min() < 0 or bottom.sums.min() < 0:
        raise ValueError("numerators and denominators must not be negative")
    draws = _resampled_ratios(top.sums, bottom.sums, num_resamples, seed)
    tail = (1.0 - confidence) / 2.0
    low = np.quantile(draws, tail, method="lower")
    high = np.quantile(draws, 1.0 - tail, method="higher")
    return float(low), float(high)


def _resampled_ratios(top: Floats, bottom: Floats, num_resamples: int, seed: int) -> Floats:
    """Return sum(top) / sum(bottom) over resampled groups; shape (num_resamples,)."""
    rng = np.random.default_rng(seed)
    num_groups = len(top)
    chunk = max(1, _CELLS_PER_CHUNK // num_groups)
    ratios = np.empty(num_resamples)
    for start in range(0, num_resamples, chunk):
        rows = min(chunk, num_resamples - start)
        picks = rng.integers(0, num_groups, size=(rows, num_groups))
        below = bottom[picks].sum(axis=1)
        ratios[start : start + rows] = np.divide(
            top[picks].sum(axis=1), below, out=np.full(rows, math.inf), where=below > 0
        )
    return ratios


def _bca_levels(
    levels: Floats, draws: Floats, estimate: float, sums: Floats, sizes: Floats
) -> Floats:
    """Shift the percentile levels for bias and skewness, the latter from leave-one-group-out."""
    share = (np.mean(draws < estimate) + np.mean(draws <= estimate)) / 2.0
    edge = 0.5 / len(draws)
    bias = special.ndtri(np.clip(share, edge, 1.0 - edge))
    left_out = (sums.sum() - sums) / (sizes.sum() - sizes)
    skew = left_out.mean() - left_out
    spread = float(np.square(skew).sum()) ** 1.5
    acceleration = float((skew**3).sum()) / (6.0 * spread) if spread > 0 else 0.0
    shifted = bias + special.ndtri(levels)
    adjusted = special.ndtr(bias + shifted / (1.0 - acceleration * shifted))
    return np.asarray(adjusted, dtype=np.float64)
