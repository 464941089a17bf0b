"""What stages of a cascade did on the same requests, and what escalating between them comes to.

Arrays over requests, aligned; money per request in USD. A stage is a route's rows, or a person, who
is not measured but assumed. Nothing is fitted here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rung.core.records import Row
from rung.stats.bootstrap import ratio_interval
from rung.stats.clusters import Floats
from rung.stats.intervals import Interval, mean_interval

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One way to answer, on every request. All arrays have shape (requests,)."""

    name: str
    cost_usd: Floats
    """What answering costs."""
    loss_usd: Floats
    """What the answer's error costs."""
    accepted: Floats
    """1 where the outcome is acceptable; of a person the probability that it is."""
    right: Floats
    """1 where the answer is strictly right; a wrong one may still be acceptable."""
    latency_ms: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes(Stage):
    """What came of the requests, all stages that took part paid."""

    stage: NDArray[np.int64]
    """Which stage's answer stood."""

    @property
    def total_usd(self) -> Floats:
        """Serving and error cost of each request."""
        total: Floats = self.cost_usd + self.loss_usd
        return total

    @property
    def share_escalated(self) -> float:
        """Share of requests that the first stage did not answer."""
        return float((self.stage > 0).mean())


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Means over requests, with 95 % intervals clustered by group."""

    name: str
    share_escalated: float
    accuracy: float
    """Share of strictly right answers."""
    accuracy_ci: Interval
    acceptable: float
    """Share of acceptable outcomes: a confusion that costs nothing is one."""
    cost_usd: float
    loss_usd: float
    total_usd: float
    cpao_usd: float
    cpao_ci: Interval


def stage_of(name: str, rows: Sequence[Row], *, error_usd: float | None = None) -> Stage:
    """Return the stage of a route's rows, one a request.

    `error_usd` is what a wrong answer costs where the task prices none; then right is acceptable.
    """
    right = np.array([float(row.strict) for row in rows])
    if error_usd is None:
        loss = np.array([row.error_cost_usd for row in rows])
        usable = np.array([row.status not in ("failed", "abstained") for row in rows])
        accepted = (usable & (loss == 0.0)).astype(np.float64)
    else:
        accepted, loss = right, (1.0 - right) * error_usd
    return Stage(
        name=name,
        cost_usd=np.array([row.cost_usd for row in rows]),
        loss_usd=loss,
        accepted=accepted,
        right=right,
        latency_ms=np.array([row.latency_ms for row in rows]),
    )


def person(loss_if_wrong_usd: Floats, *, usd: float, p_error: float, name: str = "person") -> Stage:
    """Return people who are paid `usd` a request and err with `p_error`, both assumed."""
    n = len(loss_if_wrong_usd)
    return Stage(
        name=name,
        cost_usd=np.full(n, usd),
        loss_usd=p_error * loss_if_wrong_usd,
        accepted=np.full(n, 1.0 - p_error),
        right=np.full(n, 1.0 - p_error),
        latency_ms=np.zeros(n),
    )


def cascade(
    stages: Sequence[Stage],
    escalate: Sequence[Mask],
    *,
    skip: Mask | None = None,
    direct: Mask | None = None,
) -> Outcomes:
    """Return what comes of `escalate[i]`: the requests that stage i hands on, if it gets them.

    Stages that were asked are paid; requests in `skip` go past the first one without asking it,
    those in `direct` from the first one to the last.
    """
    n = len(stages[0].cost_usd)
    nobody = np.zeros(n, dtype=np.bool_)
    skip, direct = (nobody if mask is None else mask for mask in (skip, direct))
    here = ~nobody
    stage = np.zeros(n, dtype=np.int64)
    cost, latency = np.zeros(n), np.zeros(n)
    for i, one in enumerate(stages):
        stage[here] = i
        last = i == len(stages) - 1
        past = skip if i == 0 else nobody if last else direct
        paid = here & ~past
        cost += np.where(paid, one.cost_usd, 0.0)
        latency += np.where(paid, one.latency_ms, 0.0)
        if last:
            break
        here = here & (escalate[i] | past | direct)
    columns = np.arange(n)
    return Outcomes(
        name=" > ".join(one.name for one in stages),
        cost_usd=cost,
        loss_usd=np.stack([one.loss_usd for one in stages])[stage, columns],
        accepted=np.stack([one.accepted for one in stages])[stage, columns],
        right=np.stack([one.right for one in stages])[stage, columns],
        latency_ms=latency,
        stage=stage,
    )


def summarise(name: str, found: Outcomes, groups: Sequence[str], *, seed: int = 0) -> Summary:
    """Return the means and intervals of outcomes."""
    total, accepted = found.total_usd, found.accepted
    return Summary(
        name=name,
        share_escalated=found.share_escalated,
        accuracy=float(found.right.mean()),
        accuracy_ci=mean_interval(found.right, groups, low=0.0, high=1.0),
        acceptable=float(accepted.mean()),
        cost_usd=float(found.cost_usd.mean()),
        loss_usd=float(found.loss_usd.mean()),
        total_usd=float(total.mean()),
        cpao_usd=float(total.sum() / accepted.sum()) if accepted.sum() else float("inf"),
        cpao_ci=ratio_interval(total, accepted, groups, num_resamples=2000, seed=seed),
    )
