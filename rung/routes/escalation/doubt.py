"""From signals to the probability that an answer is wrong, calibrated on rows it was not fitted on.

Logistic regression on standardised signals; with a thousand rows or more an isotonic map on top
(fewer make it a staircase). Every probability returned for a fitted row comes from folds that hold
none of its group. Signals are combined, not chosen: which of them matters is printed by `weights`.
What is done with the probability is in `operating.py` and `policy.py`.

Sources: Platt 1999; Zadrozny and Elkan 2002 (isotonic); methods of combining signals as in
"UCCI" (arXiv 2605.18796).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from rung.stats.clusters import Floats

FOLDS = 5
MIN_ROWS = 40
"""Rows below which the probability is the failure rate."""
MIN_FOR_ISOTONIC = 1000
STRENGTH = 0.3
"""Inverse of the penalty on standardised weights; small, because rows are few and signals many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A fitted probability of error. All tuples but the knots have one entry a signal."""

    names: tuple[str, ...] = ()
    means: tuple[float, ...] = ()
    scales: tuple[float, ...] = ()
    weights: tuple[float, ...] = ()
    """Log-odds of an error per standard deviation of the signal."""
    intercept: float
    knots: tuple[tuple[float, float], ...] = ()
    """The isotonic map: (logistic probability, calibrated probability), ascending."""
    num_rows: int = 0

    def p_error(self, signals: Mapping[str, float]) -> float:
        """Return the probability that the answer is wrong; an unknown signal is as usual."""
        odds = self.intercept
        for name, mean, scale, weight in zip(
            self.names, self.means, self.scales, self.weights, strict=True
        ):
            odds += weight * (signals.get(name, mean) - mean) / scale
        p = float(1.0 / (1.0 + np.exp(-odds)))
        if not self.knots:
            return p
        at, value = zip(*self.knots, strict=True)
        return float(np.interp(p, at, value))

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {
            "names": list(self.names),
            "means": list(self.means),
            "scales": list(self.scales),
            "weights": list(self.weights),
            "intercept": self.intercept,
            "knots": [list(knot) for knot in self.knots],
            "num_rows": self.num_rows,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Doubt:
        """Rebuild what `to_json` gave; raises TypeError or KeyError for anything else."""
        lists = {name: tuple(data[name]) for name in ("names", "means", "scales", "weights")}
        return cls(
            **lists,
            intercept=float(data["intercept"]),
            knots=tuple((float(a), float(b)) for a, b in data["knots"]),
            num_rows=int(data["num_rows"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A doubt fitted on all rows, and each row's probability from folds without its group."""

    doubt: Doubt
    p_error: Floats
    """Shape (rows,)."""


def fit_doubt(
    signals: Sequence[Mapping[str, float]],
    wrong: Floats,
    groups: Sequence[str],
    *,
    names: Sequence[str] | None = None,
    seed: int = 0,
) -> Fitted:
    """Fit the probability of `wrong` (0 or 1) on the named signals, by default all that vary."""
    chosen = list(names) if names is not None else varying(signals)
    p = _crossed(signals, wrong, groups, chosen, seed)
    doubt = _fit(signals, wrong, chosen)
    if len(wrong) >= MIN_FOR_ISOTONIC:
        doubt = replace(doubt, knots=_knots(p, wrong))
        p = _crossed_isotonic(p, wrong, groups, seed)
    return Fitted(doubt=doubt, p_error=p)


def varying(signals: Sequence[Mapping[str, float]]) -> list[str]:
    """Return the names of signals that at least two rows have and that are not constant."""
    names = sorted({name for row in signals for name in row})
    return [name for name in names if len({row[name] for row in signals if name in row}) > 1]


def _fit(signals: Sequence[Mapping[str, float]], wrong: Floats, names: Sequence[str]) -> Doubt:
    """Fit the logistic part; too few rows or one outcome alone give the smoothed rate."""
    n, num_wrong = len(wrong), float(wrong.sum())
    if n < MIN_ROWS or num_wrong in (0.0, float(n)) or not names:
        rate = (num_wrong + 1.0) / (n + 2.0)
        return Doubt(intercept=float(np.log(rate / (1.0 - rate))), num_rows=n)
    table = np.array([[row.get(name, np.nan) for name in names] for row in signals])
    means = np.nan_to_num(np.nanmean(table, axis=0))
    scales = np.nanstd(table, axis=0)
    scales = np.where(np.isfinite(scales) & (scales > 1e-12), scales, 1.0)
    unit = np.nan_to_num((table - means) / scales)
    model = LogisticRegression(C=STRENGTH, max_iter=2000).fit(unit, wrong.astype(int))
    return Doubt(
        names=tuple(names),
        means=tuple(map(float, means)),
        scales=tuple(map(float, scales)),
        weights=tuple(map(float, model.coef_[0])),
        intercept=float(model.intercept_[0]),
        num_rows=n,
    )


def _folds(groups: Sequence[str], seed: int) -> Any:
    num = min(FOLDS, len(set(groups)))
    if num < 2:
        return []
    rows = np.zeros((len(groups), 1))
    return GroupKFold(num, shuffle=True, random_state=seed).split(rows, groups=groups)


def crossed(
    groups: Sequence[str], fit: Callable[[Any, Any], Floats], *, seed: int = 0
) -> Floats | None:
    """Return values for every row, each from `fit(seen rows, unseen rows)` on folds of groups.

    None where there is one group only.
    """
    found = np.full(len(groups), np.nan)
    for seen, unseen in _folds(groups, seed):
        found[unseen] = fit(seen, unseen)
    return None if np.isnan(found).any() else found


def _crossed(
    signals: Sequence[Mapping[str, float]],
    wrong: Floats,
    groups: Sequence[str],
    names: Sequence[str],
    seed: int,
) -> Floats:
    def fit(seen: Any, unseen: Any) -> Floats:
        doubt = _fit([signals[i] for i in seen], wrong[seen], names)
        return np.array([doubt.p_error(signals[i]) for i in unseen])

    found = crossed(groups, fit, seed=seed)
    return np.full(len(wrong), _fit([], wrong[:0], ()).p_error({})) if found is None else found


def _crossed_isotonic(p: Floats, wrong: Floats, groups: Sequence[str], seed: int) -> Floats:
    def fit(seen: Any, unseen: Any) -> Floats:
        at, value = zip(*_knots(p[seen], wrong[seen]), strict=True)
        return np.asarray(np.interp(p[unseen], at, value), np.float64)

    found = crossed(groups, fit, seed=seed + 1)
    return p if found is None else found


def _knots(p: Floats, wrong: Floats) -> tuple[tuple[float, float], ...]:
    model = IsotonicRegression(out_of_bounds="clip", y_min=0.0, y_max=1.0).fit(p, wrong)
    pairs = zip(model.X_thresholds_, model.y_thresholds_, strict=True)
    return tuple((float(a), float(b)) for a, b in pairs)
