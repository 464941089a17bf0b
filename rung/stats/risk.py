"""Thresholds that carry a guarantee: selective answering, expected loss, prediction sets.

Guarantees hold when future examples are drawn like the calibration examples, independently of one
another: pass one example per group. They lapse under drift; recalibrate.

Sources: Geifman and El-Yaniv 2017 (selective guaranteed risk) with fixed-sequence testing as in
Angelopoulos et al. 2021, "Learn then test"; Angelopoulos et al. 2022, "Conformal risk control";
Sadinle, Lei and Wasserman 2019 (LAC sets).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

_NUM_THRESHOLDS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Certified:
    """Answer when the score is at least `threshold`; the risk among those is then bounded."""

    threshold: float
    coverage: float
    """Share of the calibration examples that would be answered."""
    num_answered: int
    num_errors: int
    risk_bound: float
    """Upper bound of the error rate among answered examples."""


def certify_threshold(
    scores: ArrayLike, correct: ArrayLike, *, max_risk: float, delta: float = 0.1
) -> Certified | None:
    """Return the loosest threshold whose error rate is at most `max_risk`, or None: escalate all.

    With probability 1 - delta over the calibration examples the true error rate among answered
    examples is at most `max_risk`. Thresholds are tried from strict to loose on a grid that does
    not depend on `correct`; the first failure ends the search, else the guarantee would be void.
    """
    sure, right = np.asarray(scores, np.float64), np.asarray(correct, np.bool_)
    if sure.shape != right.shape:
        raise ValueError(f"{sure.size} scores but {right.size} outcomes")
    if not 0.0 < max_risk < 1.0 or not 0.0 < delta < 1.0:
        raise ValueError(f"max_risk {max_risk} and delta {delta} must lie between 0 and 1")
    fewest = math.ceil(math.log(delta) / math.log1p(-max_risk))
    if sure.size < fewest:
        return None
    ranked = np.sort(sure)[::-1]
    first = min(2 * fewest, sure.size)
    best: Certified | None = None
    for rank in np.linspace(first, sure.size, _NUM_THRESHOLDS).astype(np.int64):
        threshold = float(ranked[rank - 1])
        answered = sure >= threshold
        n = int(answered.sum())
        errors = int((answered & ~right).sum())
        bound = 1.0 if errors == n else float(special.betaincinv(errors + 1, n - errors, 1 - delta))
        if bound > max_risk:
            break
        best = Certified(
            threshold=threshold,
            coverage=n / sure.size,
            num_answered=n,
            num_errors=errors,
            risk_bound=bound,
        )
    return best


def conformal_risk_threshold(
    scores: ArrayLike, losses: ArrayLike, *, max_risk: float, max_loss: float = 1.0
) -> float | None:
    """Return the loosest threshold that bounds the expected loss of a request; None: escalate all.

    A request is answered when its score is at least the threshold and then loses its value of
    `losses` (0 to `max_loss`, the unit of `max_risk`); an escalated one loses nothing here. The
    guarantee is on the mean over calibration sets, weaker than that of `certify_threshold`, but it
    takes losses of any size: the result satisfies n / (n + 1) * mean loss + max_loss / (n + 1)
    <= max_risk.
    """
    sure, lost = np.asarray(scores, np.float64), np.asarray(losses, np.float64)
    if sure.shape != lost.shape or sure.size == 0:
        raise ValueError(f"{sure.size} scores but {lost.size} losses")
    if lost.min() < 0.0 or lost.max() > max_loss:
        raise ValueError(f"losses must lie in 0..{max_loss}")
    order = np.argsort(-sure, kind="stable")
    bounds = (np.cumsum(lost[order]) + max_loss) / (sure.size + 1)
    last_of_ties = np.append(np.diff(sure[order]) != 0.0, True)
    kept = np.flatnonzero((bounds <= max_risk + 1e-12) & last_of_ties)
    return float(sure[order[kept[-1]]]) if kept.size else None


def lac_threshold(p_right: ArrayLike, *, alpha: float) -> float:
    """Return the probability from which an option belongs in the prediction set.

    `p_right` holds the probability given to the right option of each calibration example. Sets of
    all options at or above the result hold the right one with probability 1 - alpha on average.
    It is 0 (every option) when there are too few examples.
    """
    p = np.sort(np.asarray(p_right, dtype=np.float64))
    rank = math.ceil((p.size + 1) * (1.0 - alpha))
    return 0.0 if rank > p.size else float(p[p.size - rank])


def prediction_set(p: Sequence[float], threshold: float) -> tuple[int, ...]:
    """Return the indices of the options that `lac_threshold` keeps; it may be empty."""
    return tuple(i for i, value in enumerate(p) if value >= threshold)
