"""From a fitted cascade to money: its spending by kind, its tiers, and what a year of it costs.

Figures are of the dev rows the cascade was fitted on, at today's prices and the user's volume.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np

from rung.routes.escalation.economics import (
    Cpao,
    Fixed,
    Spending,
    Volume,
    at_volume,
    benign_share,
    break_even_factor,
    break_even_requests,
    cost_per_outcome,
    shock,
)
from rung.routes.escalation.operating import Trial
from rung.routes.escalation.outcomes import Outcomes, cascade
from rung.routes.escalation.tiers import Tier, TierVerdict, tier_verdict
from rung.stats.clusters import Floats

Kind = Literal["machine", "hosted", "person"]
SHOCKS = (0.1, 0.5, 2.0, 10.0)
"""Multiples of today's hosted prices that a simulation tries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """What three ways to run a task cost."""

    volume_per_day: float
    cpao: Mapping[Tier, Cpao]
    volumes: Mapping[Tier, Volume]
    """Serving and rework at the volume, without what is fixed."""
    shocks: Mapping[float, Mapping[Tier, float]]
    """CPAO at multiples of hosted prices."""
    break_even_factor: float
    """Multiple of hosted prices below which the last stage alone is cheaper than the cascade; NaN
    where it pays no more for hosted calls."""
    break_even_requests: float
    """Requests after which training has paid off, hosting taken off what they save."""
    label_accuracy: float
    workflow_accuracy: float
    benign_share: float
    """Share of the first stage's wrong labels that cost nothing."""
    share_escalated: float
    latency_p50_ms: float
    latency_p95_ms: float
    verdict: TierVerdict

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON."""
        return asdict(self)


def value_of(
    trial: Trial,
    thresholds: Sequence[float],
    kinds: Sequence[Kind],
    *,
    volume_per_day: float,
    margin: float,
    training_usd: float = 0.0,
    training_serves: float = float("inf"),
    hosting_usd_per_day: float = 0.0,
) -> Worth:
    """Price the first stage alone, the cascade, and the last stage alone, on the same requests."""
    outcomes: dict[Tier, Outcomes] = {
        "frontier": cascade(trial.stages[-1:], []),
        "hybrid": trial.at(thresholds),
        "specialist": cascade(trial.stages[:1], []),
    }
    groups = list(trial.groups)
    spent: dict[Tier, Spending] = {
        "frontier": _spending(outcomes["frontier"], trial, kinds, only=len(kinds) - 1),
        "hybrid": _spending(outcomes["hybrid"], trial, kinds),
        "specialist": _spending(outcomes["specialist"], trial, kinds, only=0),
    }
    ours = Fixed(
        training_usd=training_usd,
        serves_requests=training_serves,
        hosting_usd_per_day=hosting_usd_per_day,
        requests_per_day=volume_per_day,
    )
    fixed: dict[Tier, Fixed] = {"frontier": Fixed(), "hybrid": ours, "specialist": ours}
    good = {tier: found.accepted for tier, found in outcomes.items()}
    cpao = {
        tier: cost_per_outcome(spent[tier], good[tier], groups, fixed=fixed[tier]) for tier in spent
    }
    means = {tier: float(one.total_usd.mean()) for tier, one in spent.items()}
    machine_usd = spent["hybrid"].machine_usd + ours.usd_per_request
    held = replace(spent["hybrid"], machine_usd=machine_usd)
    first, hybrid = trial.stages[0], outcomes["hybrid"]
    label, workflow = float(first.right.mean()), float(first.accepted.mean())
    return Worth(
        volume_per_day=volume_per_day,
        cpao=cpao,
        volumes={tier: at_volume(mean, volume_per_day) for tier, mean in means.items()},
        shocks={
            factor: {
                tier: _per_outcome(shock(one, hosted=factor), fixed[tier], good[tier])
                for tier, one in spent.items()
            }
            for factor in SHOCKS
        },
        break_even_factor=break_even_factor(held, spent["frontier"]),
        break_even_requests=break_even_requests(
            fixed_usd=training_usd,
            saving_usd=means["frontier"] - means["hybrid"] - hosting_usd_per_day / volume_per_day,
        ),
        label_accuracy=label,
        workflow_accuracy=workflow,
        benign_share=benign_share(label, workflow),
        share_escalated=hybrid.share_escalated,
        latency_p50_ms=float(np.percentile(hybrid.latency_ms, 50)),
        latency_p95_ms=float(np.percentile(hybrid.latency_ms, 95)),
        verdict=tier_verdict(outcomes, cpao, groups, margin=margin),
    )


def _per_outcome(spent: Spending, fixed: Fixed, accepted: Floats) -> float:
    good = float(accepted.sum())
    return float((spent.total_usd + fixed.usd_per_request).sum()) / good if good else math.inf


def _spending(
    found: Outcomes, trial: Trial, kinds: Sequence[Kind], *, only: int | None = None
) -> Spending:
    """Split what requests cost by who was paid; `only` names the one stage that was asked."""
    n = len(found.stage)
    paid: dict[Kind, Any] = {kind: np.zeros(n) for kind in ("machine", "hosted", "person")}
    later = np.zeros(n)
    for i, stage in enumerate(trial.stages):
        asked = np.full(n, i == only) if only is not None else found.stage >= i
        if i == 0 and only is None:
            asked = asked & ~trial.skipped
        elif i < len(trial.stages) - 1 and only is None:
            asked = asked & ~trial.direct
        cost = np.where(asked, stage.cost_usd, 0.0)
        if kinds[i] == "hosted" and i > 0 and only is None:
            later += cost
        else:
            paid[kinds[i]] = paid[kinds[i]] + cost
    return Spending(
        tokens_usd=paid["hosted"],
        machine_usd=paid["machine"],
        escalation_usd=later,
        person_usd=paid["person"],
        retry_usd=np.zeros(n),
        rework_usd=found.loss_usd,
    )
