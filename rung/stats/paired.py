"""Two routes on the same examples: McNemar's test and the clustered paired difference.

`PairedDifference` is candidate minus reference on values in 0..1, paired by example and clustered
by group. Its p-values and interval come from one test (`bounded.py`), so they never contradict
each other. A sign-flip permutation p-value over groups is given as an independent check. Pairing
rows by example is the caller's work; verdicts are the gate's.

Sources: McNemar 1947; Fagerland, Lydersen and Laake 2013 (mid-p); Miller 2024 section 4 (pairing);
Winkler et al. 2014 (sign flips of whole groups).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from rung.stats.bounded import mean_greater_p, mean_lower_bound
from rung.stats.clusters import Clusters, cluster

_CELLS_PER_CHUNK = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class McNemar:
    """Two-sided p-values of "as many pairs changed one way as the other"."""

    exact: float
    mid_p: float


def mcnemar(b: int, c: int) -> McNemar:
    """Test b pairs right-then-wrong against c wrong-then-right; other pairs say nothing."""
    n, fewer = b + c, min(b, c)
    if fewer < 0:
        raise ValueError(f"discordant counts must not be negative, got {b} and {c}")
    if n == 0:
        return McNemar(exact=1.0, mid_p=1.0)
    tail = float(special.bdtr(fewer, n, 0.5))
    point = tail - (float(special.bdtr(fewer - 1, n, 0.5)) if fewer else 0.0)
    exact = min(1.0, 2.0 * tail)
    return McNemar(exact=exact, mid_p=min(1.0, 2.0 * tail - point))


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedDifference:
    """Candidate minus reference, clustered by group."""

    n: int
    num_groups: int
    diff: float
    se: float
    """Clustered standard error; NaN for a single group."""
    alpha: float
    ci: tuple[float, float]
    """Its ends are one-sided bounds at level 1 - alpha each: coverage at least 1 - 2 * alpha."""
    p_value: float
    """Two-sided, H0: no difference."""
    margin: float
    p_non_inferior: float
    """One-sided, H0: diff <= -margin. At most alpha exactly when ci[0] >= -margin."""
    p_inferior: float
    """One-sided, H0: diff >= -margin."""
    p_superior: float
    """One-sided, H0: diff <= 0."""
    p_sign_flip: float
    """Two-sided permutation check, H0: differences are symmetric around 0 in each group."""


def paired_difference(
    reference: ArrayLike,
    candidate: ArrayLike,
    groups: Sequence[Hashable] | None = None,
    *,
    margin: float = 0.0,
    alpha: float = 0.025,
    seed: int = 0,
) -> PairedDifference:
    """Compare aligned values in 0..1, one per example.

    Raises ValueError when lengths differ, values leave 0..1, margin is outside 0..1 (1 excluded)
    or alpha outside 0..0.5 (ends excluded).
    """
    first, second = np.asarray(reference, np.float64), np.asarray(candidate, np.float64)
    if first.shape != second.shape:
        raise ValueError(f"{first.size} reference values but {second.size} candidate values")
    if min(first.min(), second.min()) < 0.0 or max(first.max(), second.max()) > 1.0:
        raise ValueError("values must lie in 0..1")
    if not 0.0 <= margin < 1.0 or not 0.0 < alpha < 0.5:
        raise ValueError(f"margin {margin} or alpha {alpha} is out of range")
    diffs = second - first
    clusters = cluster(diffs, groups)
    gains, losses = cluster((1.0 + diffs) / 2.0, groups), cluster((1.0 - diffs) / 2.0, groups)
    p_superior = mean_greater_p(gains, 0.5)
    return PairedDifference(
        n=clusters.n,
        num_groups=clusters.num_groups,
        diff=clusters.mean,
        se=clusters.se,
        alpha=alpha,
        ci=(
            2.0 * mean_lower_bound(gains, alpha) - 1.0,
            1.0 - 2.0 * mean_lower_bound(losses, alpha),
        ),
        p_value=min(1.0, 2.0 * min(p_superior, mean_greater_p(losses, 0.5))),
        margin=margin,
        p_non_inferior=mean_greater_p(gains, (1.0 - margin) / 2.0),
        p_inferior=mean_greater_p(losses, (1.0 + margin) / 2.0),
        p_superior=p_superior,
        p_sign_flip=sign_flip_p(clusters, seed=seed),
    )


def sign_flip_p(clusters: Clusters, *, num_flips: int = 10_000, seed: int = 0) -> float:
    """Return the two-sided p-value of the summed differences under random signs of whole groups.

    All 2^G sign patterns are used when there are no more of them than `num_flips`.
    """
    sums = clusters.sums[clusters.sums != 0.0]
    observed = abs(float(sums.sum())) - 1e-9
    if 2 ** len(sums) <= num_flips:
        patterns = np.arange(2 ** len(sums))[:, None] >> np.arange(len(sums)) & 1
        return float(np.mean(np.abs((2 * patterns - 1) @ sums) >= observed))
    rng = np.random.default_rng(seed)
    chunk = max(1, _CELLS_PER_CHUNK // len(sums))
    hits = 0
    for start in range(0, num_flips, chunk):
        rows = min(chunk, num_flips - start)
        signs = rng.integers(0, 2, size=(rows, len(sums)), dtype=np.int8)
        hits += int((np.abs((2 * signs - 1) @ sums) >= observed).sum())
    return (1 + hits) / (1 + num_flips)
