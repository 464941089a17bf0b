"""A first threshold that promises something: an error rate, or what errors cost a request.

The rate is certified (with 90 % probability over the rows), the cost bounded on average over rows
(`stats/risk.py`). Both take one request a group, of those that may stay: no rule hands them on, and
there is an answer. Where there are
too few rows everything escalates: what is not promised never stands in for what is.
"""

from __future__ import annotations

import numpy as np

from rung.routes.escalation.operating import Point, Trial, point_at
from rung.routes.escalation.policy import NEVER
from rung.stats.risk import Certified, certify_threshold, conformal_risk_threshold


def certify_rate(
    trial: Trial, chosen: Point, max_risk: float
) -> tuple[Point, Certified | None, str]:
    """Return the point with a threshold whose answers err at most so often, and that in words."""
    rows = _independent(trial)
    found = certify_threshold(
        -trial.scores[0][rows], trial.stages[0].accepted[rows] > 0.5, max_risk=max_risk
    )
    if found is None:
        told = f"no threshold can be certified at {max_risk:.0%} on {len(rows)} groups"
        return _with(trial, chosen, None), None, f"{told}: {_ALL}"
    told = f"{found.num_errors} of {found.num_answered} wrong, at most {found.risk_bound:.1%}"
    return (
        _with(trial, chosen, found.threshold),
        found,
        f"certified: of answers that stay local {told} are, at 90 % confidence",
    )


def bound_loss(
    trial: Trial, chosen: Point, *, max_loss_usd: float, dearest_usd: float
) -> tuple[Point, str]:
    """Return the point with a threshold that bounds what errors cost a request, and that in words.

    `dearest_usd` is what no error costs more than, known beforehand and not seen in the rows. An
    answer that is handed on costs nothing here.
    """
    rows = _independent(trial)
    loss_usd = trial.stages[0].loss_usd[rows]
    found = None
    if rows:
        found = conformal_risk_threshold(
            -trial.scores[0][rows], loss_usd, max_risk=max_loss_usd, max_loss=dearest_usd
        )
    if found is None:
        told = f"no threshold keeps errors at ${max_loss_usd:.3g} a request on {len(rows)} groups"
        return _with(trial, chosen, None), f"{told}: {_ALL}"
    stays = -trial.scores[0][rows] >= found
    mean = float(np.where(stays, loss_usd, 0.0).mean())
    return (
        _with(trial, chosen, found),
        f"bounded: errors that stay local cost ${mean:.3g} a request here, at most"
        f" ${max_loss_usd:.3g} on average over draws of {len(rows)} groups",
    )


_ALL = "everything escalates until there are more"


def _independent(trial: Trial) -> list[int]:
    """Return the first request of each group that has an answer and that no rule hands on."""
    first: dict[str, int] = {}
    for i, group in enumerate(trial.groups):
        if not trial.forced[i] and np.isfinite(trial.scores[0][i]):
            first.setdefault(group, i)
    return list(first.values())


def _with(trial: Trial, chosen: Point, sure: float | None) -> Point:
    """Return the point where answers stay that are at least so sure; None: no answer stays."""
    limit = -NEVER if sure is None else -sure
    return point_at(trial, (limit, *chosen.thresholds[1:]))
