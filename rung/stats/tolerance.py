"""How low is unusually low? A threshold from a sample, with a bound on how often chance goes below.

Distribution-free: whatever continuous law the values follow, the probability below the k-th
smallest of n is Beta(k, n + 1 - k) (Wilks 1941, "Determination of sample sizes for setting
tolerance limits"). Ties only make going below rarer. Values are one per independent unit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special


def low_threshold(values: ArrayLike, *, share: float, alpha: float) -> tuple[float, float]:
    """Return a value below which about `share` of new values lie, and a rate that is an upper
    bound of that share with probability 1 - alpha over the sample."""
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    if ordered.size == 0:
        raise ValueError("no values to take a threshold from")
    rank = max(1, int(share * ordered.size))
    most = float(special.betaincinv(rank, ordered.size + 1 - rank, 1.0 - alpha))
    return float(ordered[rank - 1]), most
