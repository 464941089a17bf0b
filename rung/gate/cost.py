"""Is the candidate cheaper to serve, or if not, better?

Costs are the rows' serving costs, averaged over samples and paired by example; what wrong answers
cost is limited by the margin and the hard limits, not here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from rung.gate.compare import Verdict
from rung.gate.rows import Pairs
from rung.stats.bootstrap import cluster_bootstrap
from rung.stats.intervals import mean_interval


@dataclass(frozen=True, slots=True, kw_only=True)
class CostDifference:
    """Mean serving cost per example of candidate and incumbent, paired."""

    incumbent_usd: float
    candidate_usd: float
    diff_usd: float
    ci: tuple[float, float]
    """One-sided bounds at level 1 - alpha each; infinite for a single group."""
    timed: bool = True
    """Whether these are costs that can be compared, be it of some examples; see `Row.timed`."""

    def to_json(self) -> dict[str, Any]:
        """Return the difference as JSON; an infinite bound is null."""
        return {
            "incumbent_usd": self.incumbent_usd,
            "candidate_usd": self.candidate_usd,
            "diff_usd": self.diff_usd,
            "ci": [bound if math.isfinite(bound) else None for bound in self.ci],
            **({} if self.timed else {"timed": False}),
        }


def cost_difference(pairs: Pairs, *, alpha: float, seed: int) -> CostDifference:
    """Return the paired cost difference, clustered by group.

    Its bounds are the wider of Student's t and the cluster bootstrap, because costs are skewed
    where a route escalates now and then. Examples whose times are of different hours are left out.
    """
    both = list(zip(pairs.reference, pairs.candidate, strict=True))
    timed = [(a, b) for a, b in both if a.timed and b.timed]
    compared = timed or both
    before = [a.mean("cost_usd") for a, _ in compared]
    after = [b.mean("cost_usd") for _, b in compared]
    groups = [a.group for a, _ in compared]
    diffs = [b - a for a, b in zip(before, after, strict=True)]
    confidence = 1.0 - 2.0 * alpha
    by_t = mean_interval(diffs, groups, confidence=confidence)
    drawn = cluster_bootstrap(diffs, groups, confidence=confidence, seed=seed)
    return CostDifference(
        incumbent_usd=math.fsum(before) / len(before),
        candidate_usd=math.fsum(after) / len(after),
        diff_usd=math.fsum(diffs) / len(diffs),
        ci=(min(by_t[0], drawn[0]), max(by_t[1], drawn[1])),
        timed=bool(timed),
    )


def cost_verdict(
    cost: CostDifference,
    *,
    min_saving: float,
    superior: bool,
    not_better: bool,
    priced: bool = True,
) -> Verdict:
    """Demand shown savings or shown superiority; reject only when both are ruled out.

    A saving counts from the share `min_saving` of the incumbent's cost. Where the incumbent is not
    `priced`, or the costs are not `timed`, the saving is unknown and only superiority counts.
    """
    if not priced or not cost.timed:
        return "promote" if superior else "hold"
    if _is_saving(cost, min_saving) or superior:
        return "promote"
    return "reject" if cost.ci[0] >= 0.0 and not_better else "hold"


def _is_saving(cost: CostDifference, min_saving: float) -> bool:
    return cost.ci[1] < -min_saving * cost.incumbent_usd


def cost_reason(
    cost: CostDifference, *, min_saving: float, superior: bool, priced: bool = True
) -> str:
    """Say whether the candidate is shown to be cheaper, and if not, whether it is better."""
    if not priced or not cost.timed:
        why = "was measured in another hour" if priced else "is not known"
        text = f"costs ${cost.candidate_usd:.3g} per example, what the incumbent cost {why}"
        return f"{text}: but better" if superior else f"{text}: it must be shown to be better"
    text = f"costs ${cost.candidate_usd:.3g} against ${cost.incumbent_usd:.3g} per example"
    low, high = cost.ci
    if _is_saving(cost, min_saving):
        return f"{text}: cheaper, {-high / cost.incumbent_usd:.0%} or more saved"
    if superior:
        return f"{text}: not shown to be cheaper, but better"
    if not math.isfinite(high):
        return f"{text}: one group says nothing about other groups"
    if high < 0.0:
        saved = -high / cost.incumbent_usd
        return f"{text}: {saved:.1%} or more saved, less than the {min_saving:.0%} that count"
    return f"{text} (difference {low:+.3g} to {high:+.3g}): neither shown to be cheaper nor better"
