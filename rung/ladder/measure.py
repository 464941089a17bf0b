"""Rows of one route to one Arm: means, clustered intervals, latency percentiles, costs."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from rung.core.records import Row
from rung.ladder.result import Arm, Kind, Measured
from rung.routes.route import Route
from rung.stats.bootstrap import ratio_interval
from rung.stats.intervals import mean_interval

_KINDS: dict[str, Kind] = {
    "empty": "floor",
    "majority": "floor",
    "oracle": "ceiling",
    "recorded": "reference",
}


def to_arm(
    route: Route, rows: Sequence[Row], split: Measured, *, priced_errors: bool, stopped: str = ""
) -> Arm:
    """Summarise one route's rows on one split.

    An outcome is accepted when the answer is usable and, where the task prices errors, its error
    costs nothing; without error prices it must be strictly right.
    """
    groups = [row.group for row in rows]
    scores = np.array([row.score for row in rows])
    strict = np.array([float(row.strict) for row in rows])
    latency = np.array([row.latency_ms for row in rows])
    accepted = np.array([float(_accepted(row, priced_errors)) for row in rows])
    spent = np.array([row.cost_usd + row.error_cost_usd for row in rows])
    cost = float(np.mean([row.cost_usd for row in rows]))
    score = float(scores.mean())
    low, high = ratio_interval(spent, accepted, groups)
    return Arm(
        route=route.name,
        route_hash=route.hash,
        rung=route.rung,
        kind=_KINDS.get(route.rung, "rung"),
        model=route.model,
        split=split,
        num_examples=len({row.example for row in rows}),
        num_groups=len(set(groups)),
        score=score,
        score_sd=float(scores.std(ddof=1)) if len(scores) > 1 else 0.0,
        score_ci=mean_interval(scores.clip(0, 1), groups, low=0.0, high=1.0),
        strict=float(strict.mean()),
        strict_ci=mean_interval(strict, groups, low=0.0, high=1.0),
        latency_p50_ms=float(np.percentile(latency, 50)),
        latency_p95_ms=float(np.percentile(latency, 95)),
        prompt_tokens=_mean(row.usage.prompt_tokens for row in rows),
        cached_tokens=_mean(row.usage.cached_tokens for row in rows),
        forced_tokens=_mean(row.usage.forced_tokens for row in rows),
        output_tokens=_mean(row.usage.output_tokens for row in rows),
        passes=_mean(row.effort.passes for row in rows),
        skipped_tokens=_mean(row.effort.skipped_tokens for row in rows),
        drafted_tokens=_mean(row.effort.drafted_tokens for row in rows),
        accepted_tokens=_mean(row.effort.accepted_tokens for row in rows),
        scored_tokens=_mean(row.effort.scored_tokens for row in rows),
        cost_usd=cost,
        cost_per_point=cost / score if score > 0 else None,
        cpao_usd=cost_per_accepted(rows, priced_errors=priced_errors),
        cpao_ci=(low, high) if math.isfinite(high) else None,
        num_failed=sum(row.status == "failed" for row in rows),
        stopped=stopped,
        rows=tuple(rows),
    )


def cost_per_accepted(rows: Sequence[Row], *, priced_errors: bool) -> float | None:
    """Return (serving + error cost) / accepted outcomes in USD; None when nothing was accepted."""
    accepted = sum(_accepted(row, priced_errors) for row in rows)
    spent = sum(row.cost_usd + row.error_cost_usd for row in rows)
    return spent / accepted if accepted else None


def _accepted(row: Row, priced_errors: bool) -> bool:
    if row.status in ("failed", "abstained"):
        return False
    return row.error_cost_usd == 0.0 if priced_errors else row.strict


def _mean(values: object) -> float:
    return float(np.mean(list(values)))  # type: ignore[call-overload]
