"""How well a router spends strong calls: performance gap recovered, its area, calls needed.

Definitions of RouteLLM (Ong et al. 2024, arXiv 2406.18665, section 2.2), on the exact curve over
all shares of strong calls instead of ten points. A router that knows nothing has an area of 0.5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from rung.stats.clusters import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterCurve:
    """Quality against the share of requests that the strong model answers."""

    shares: Floats
    """Shape (n + 1,); 0 to 1."""
    quality: Floats
    """Shape (n + 1,); mean quality at each share, weak alone first, strong alone last."""

    @property
    def recovered(self) -> Floats:
        """PGR: the part of the gap between weak and strong that is closed; shape (n + 1,)."""
        weak, strong = self.quality[0], self.quality[-1]
        closed: Floats = (self.quality - weak) / (strong - weak)
        return closed

    @property
    def apgr(self) -> float:
        """Area under PGR over the share of strong calls."""
        return float(np.trapezoid(self.recovered, self.shares))

    def cpt(self, recovered: float) -> float:
        """Return the least share of strong calls that closes this part (0 to 1) of the gap."""
        return float(self.shares[np.argmax(self.recovered >= recovered - 1e-12)])


def router_curve(scores: ArrayLike, weak: ArrayLike, strong: ArrayLike) -> RouterCurve:
    """Return the curve of a router that sends the highest scores to the strong model first.

    `weak` and `strong` are each model's quality (0 to 1) on the same requests. Requests of equal
    score are sent in no order: the curve is straight between the ends of a tie. Raises ValueError
    when lengths differ or the strong model is no better.
    """
    doubt, low, high = (np.asarray(values, np.float64) for values in (scores, weak, strong))
    if not doubt.shape == low.shape == high.shape or doubt.size == 0:
        raise ValueError(f"{doubt.size} scores, {low.size} weak and {high.size} strong results")
    if high.mean() <= low.mean():
        raise ValueError("the strong model is not better than the weak one")
    order = np.argsort(-doubt, kind="stable")
    gains = np.concatenate([[0.0], np.cumsum((high - low)[order])]) / doubt.size
    shares = np.arange(doubt.size + 1) / doubt.size
    ends = np.concatenate([[True], np.diff(doubt[order]) != 0.0, [True]])
    return RouterCurve(
        shares=shares, quality=low.mean() + np.interp(shares, shares[ends], gains[ends])
    )
