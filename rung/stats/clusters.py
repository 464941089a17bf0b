"""Values tied into groups: sums, sizes, clustered standard error, intra-class correlation.

Examples of one group (conversation, template, customer) are not independent, so every interval
and test in this package counts groups, not examples. This file computes no interval and no test.

Sources: Miller 2024, "Adding error bars to evals" (arXiv 2411.00640), section 2.2 (clustered
standard error); Kish 1965 (effective number of groups, design effect); Fleiss 1986 (ICC from a
one-way analysis of variance with unequal group sizes).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clusters:
    """Per-group sums and sizes of a list of values, groups in order of first appearance."""

    sums: Floats
    """Shape (num_groups,)."""
    sizes: Floats
    """Shape (num_groups,); how many values each group holds."""

    @property
    def num_groups(self) -> int:
        """How many groups there are."""
        return len(self.sizes)

    @property
    def n(self) -> int:
        """How many values there are."""
        return int(self.sizes.sum())

    @property
    def mean(self) -> float:
        """Mean over values (not over groups)."""
        return float(self.sums.sum() / self.sizes.sum())

    @property
    def residuals(self) -> Floats:
        """Sum over each group of value minus mean; shape (num_groups,)."""
        return self.sums - self.mean * self.sizes

    @property
    def se(self) -> float:
        """Standard error of the mean with the G / (G - 1) correction; NaN for a single group."""
        if self.num_groups == 1:
            return math.nan
        correction = self.num_groups / (self.num_groups - 1)
        return float(np.sqrt(np.square(self.residuals).sum() * correction) / self.n)

    @property
    def degrees_of_freedom(self) -> float:
        """Effective number of groups less one, never below 1: G - 1 when sizes are equal."""
        return max(1.0, float(self.sizes.sum() ** 2 / np.square(self.sizes).sum()) - 1.0)


def group_codes(groups: Sequence[Hashable]) -> NDArray[np.int64]:
    """Return each value's group as 0, 1, 2, ... in order of first appearance; shape (n,)."""
    codes: dict[Hashable, int] = {}
    return np.array([codes.setdefault(group, len(codes)) for group in groups], dtype=np.int64)


def cluster(values: ArrayLike, groups: Sequence[Hashable] | None = None) -> Clusters:
    """Sum values by group; without groups every value is a group of its own.

    Raises ValueError when there is no value, a value is not finite, or the lengths differ.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"need a flat, non-empty list of values, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError("values must be finite")
    if groups is None:
        return Clusters(sums=array, sizes=np.ones_like(array))
    if len(groups) != array.size:
        raise ValueError(f"{array.size} values but {len(groups)} groups")
    codes = group_codes(groups)
    sums: Floats = np.bincount(codes, weights=array).astype(np.float64)
    return Clusters(sums=sums, sizes=np.bincount(codes).astype(np.float64))


def clustered_se(values: ArrayLike, groups: Sequence[Hashable]) -> float:
    """Return sqrt(sum over groups of (sum of residuals)^2) / n, without small-sample correction.

    This is Miller 2024 as published; intervals here use `Clusters.se`, which is larger.
    """
    clusters = cluster(values, groups)
    return float(np.sqrt(np.square(clusters.residuals).sum()) / clusters.n)


def icc(values: ArrayLike, groups: Sequence[Hashable]) -> float:
    """Return the one-way ANOVA intra-class correlation, cut to 0..1.

    It is 0 when no group has two values, there is one group, or the values do not vary.
    """
    array = np.asarray(values, dtype=np.float64)
    clusters = cluster(array, groups)
    n, num_groups = clusters.n, clusters.num_groups
    if num_groups == 1 or n == num_groups:
        return 0.0
    between = float((np.square(clusters.residuals) / clusters.sizes).sum()) / (num_groups - 1)
    total = float(np.square(array - clusters.mean).sum())
    within = (total - between * (num_groups - 1)) / (n - num_groups)
    size = (n - float(np.square(clusters.sizes).sum()) / n) / (num_groups - 1)
    spread = between + (size - 1.0) * within
    return min(1.0, max(0.0, (between - within) / spread)) if spread > 1e-15 else 0.0


def design_effect(icc: float, group_size: float) -> float:
    """Return 1 + (m - 1) * ICC: how many clustered examples carry what one independent one does."""
    return 1.0 + (group_size - 1.0) * icc
