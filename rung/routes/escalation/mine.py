"""Find rules in logged failures, and keep only those that hold on rows they were not found on.

Half of the groups propose (`candidates.py`), the other half disposes: a rule is kept where the
lower Wilson bound of its hit rate there, at a level divided by the number of rules tried, exceeds
the rate of the rows it does not cover, Fisher's exact test agrees (Wilson's bound alone is too
hopeful of rare hits), and handing on is worth its price.

What is a hit is the caller's choice: a failure, or a failure that the stronger route repairs
(delegation value: arXiv 2604.14251 escalates only where the expert helps).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import hypergeom

from rung.core.seeds import stream
from rung.routes.escalation.candidates import MIN_SUPPORT, Log, Mask, covers, propose
from rung.routes.escalation.outcomes import Stage
from rung.routes.escalation.rules import Evidence, Rule
from rung.stats.clusters import cluster
from rung.stats.intervals import wilson

ALPHA = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Mined:
    """What mining found: rules that held, and those that did not, with evidence."""

    kept: tuple[Rule, ...]
    rejected: tuple[Rule, ...]
    num_found_on: int
    num_held_out: int


def mine(log: Log, *, seed: int = 0, cost_usd: float = 0.0) -> Mined:
    """Return the rules that half of the log proposes and the other half confirms."""
    first, second = halves(log.groups, seed=seed)
    found, held = log.take(first), log.take(second)
    proposed = propose(found)
    judged = [
        replace(rule, cost_usd=cost_usd, evidence=judge(rule, held, num_tried=len(proposed)))
        for rule in proposed
    ]
    kept = [rule for rule in judged if rule.evidence is not None and _holds_up(rule.evidence)]
    return Mined(
        kept=tuple(kept),
        rejected=tuple(rule for rule in judged if rule not in kept),
        num_found_on=len(first),
        num_held_out=len(second),
    )


def mine_stages(
    signals: Sequence[Mapping[str, float]],
    stages: Sequence[Stage],
    groups: Sequence[str],
    *,
    seed: int = 0,
) -> Mined:
    """Mine where the first stage fails; with others, where the last repairs it, at its price."""
    first, last = stages[0], stages[-1]
    if len(stages) == 1:
        return mine(Log(signals=signals, hits=1.0 - first.accepted, groups=groups), seed=seed)
    log = Log(
        signals=signals,
        hits=((first.accepted < 0.5) & (last.accepted > 0.5)).astype(np.float64),
        groups=groups,
        value_usd=first.loss_usd - last.loss_usd - last.cost_usd,
    )
    return mine(log, seed=seed, cost_usd=float(last.cost_usd.mean()))


def halves(groups: Sequence[str], *, seed: int) -> tuple[list[int], list[int]]:
    """Deal whole groups to two halves; return the rows of each."""
    names = sorted(set(groups))
    stream(seed, "halves").shuffle(names)
    chosen = set(names[: len(names) // 2])
    first = [i for i, group in enumerate(groups) if group in chosen]
    return first, [i for i, group in enumerate(groups) if group not in chosen]


def judge(rule: Rule, log: Log, *, num_tried: int = 1) -> Evidence:
    """Return what rows say of a rule; its lower bound is corrected for the rules tried."""
    covered = covers(rule.when, log)
    num, num_hits = int(covered.sum()), int(log.hits[covered].sum())
    value = None
    if log.value_usd is not None and num:
        value = float(log.value_usd[covered].mean())
    num_rest, rest_hits = len(log.hits) - num, int(log.hits[~covered].sum())
    p = _fisher_p(num_hits, num, rest_hits, num_rest, design=_design(covered, log))
    return Evidence(
        num=num,
        num_hits=num_hits,
        num_rest=num_rest,
        rest_hits=rest_hits,
        p_value=min(1.0, p * max(1, num_tried)),
        low=_lower(covered, log, confidence=1.0 - 2.0 * ALPHA / max(1, num_tried)),
        value_usd=value,
    )


def _holds_up(evidence: Evidence) -> bool:
    rest = evidence.rest_hits / evidence.num_rest if evidence.num_rest else 0.0
    pays = evidence.value_usd is None or evidence.value_usd > 0.0
    better = evidence.low > rest and evidence.p_value <= ALPHA
    return evidence.num >= MIN_SUPPORT and better and pays


def _lower(covered: Mask, log: Log, *, confidence: float) -> float:
    """Return Wilson's lower bound with as many rows as the groups are worth."""
    if not covered.any():
        return 0.0
    rate = float(log.hits[covered].mean())
    num = float(covered.sum()) / _design(covered, log)
    return wilson(rate * num, num, confidence=confidence)[0]


def _design(covered: Mask, log: Log) -> float:
    """Return how many covered rows carry what one independent row does, at least 1."""
    if not covered.any():
        return 1.0
    groups = [group for group, inside in zip(log.groups, covered, strict=True) if inside]
    clusters = cluster(log.hits[covered], groups)
    rate, num = clusters.mean, float(clusters.n)
    if clusters.num_groups == clusters.n or not clusters.se > 0.0:
        return num / clusters.num_groups
    worth = max(float(clusters.num_groups), rate * (1.0 - rate) / clusters.se**2)
    return max(1.0, num / worth)


def _fisher_p(hits: int, num: int, rest_hits: int, num_rest: int, *, design: float) -> float:
    """Return the one-sided p-value of a higher hit rate among covered rows; counts are divided by
    the design effect."""
    k, n, a, b = (round(count / design) for count in (hits, num, rest_hits, num_rest))
    if n == 0 or b == 0:
        return 1.0
    return float(hypergeom.sf(k - 1, n + b, k + a, n))
