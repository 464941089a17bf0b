"""Find rules in logged failures, and keep only those that hold on rows they were not found on.

Half of the groups propose: a greedy rule list (sequential covering, at most three conditions) and
the leaves of a shallow tree. A rule is worth the lower Wilson bound of its hit rate, shrunk to the
base rate, since the best of many always looks too good. The other half disposes: a rule is kept
where the lower bound of its hit rate there, at a level divided by the number of rules tried,
exceeds the rate of the rows it does not cover, Fisher's exact test agrees (Wilson's bound alone is
too hopeful of rare hits), and handing on is worth its price.

What is a hit is the caller's choice: a failure, or a failure that the stronger route repairs
(delegation value: Mozannar et al. and arXiv 2604.14251 escalate only where the expert helps).
Sources: Cohen 1995 (sequential covering); Friedman and Popescu 2008 (rules from trees); Wilson
1927; Bonferroni's correction for the number of rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom
from sklearn.tree import DecisionTreeClassifier

from rung.core.seeds import stream
from rung.routes.escalation.rules import Condition, Evidence, Rule
from rung.stats.clusters import Floats, cluster
from rung.stats.intervals import wilson

MIN_SUPPORT = 10
"""Rows a rule must cover on each half."""
MAX_RULES = 6
MAX_CONDITIONS = 3
SHRINKAGE = 10.0
"""Rows at the base rate that are added to those a rule covers before it is ranked."""
ALPHA = 0.05
_CUTS = 8
_TREE_DEPTH = 3
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """Rows to learn from: one request each."""

    signals: Sequence[Mapping[str, float]]
    hits: Floats
    """1 where handing on would have been right, else 0; shape (rows,)."""
    groups: Sequence[str]
    value_usd: Floats | None = None
    """What handing each row on gains, extra cost taken off; None where nothing is priced."""

    def take(self, rows: Sequence[int]) -> Log:
        """Return some of the rows."""
        return Log(
            signals=[self.signals[i] for i in rows],
            hits=self.hits[list(rows)],
            groups=[self.groups[i] for i in rows],
            value_usd=None if self.value_usd is None else self.value_usd[list(rows)],
        )


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


def halves(groups: Sequence[str], *, seed: int) -> tuple[list[int], list[int]]:
    """Deal whole groups to two halves; return the rows of each."""
    names = sorted(set(groups))
    stream(seed, "halves").shuffle(names)
    chosen = set(names[: len(names) // 2])
    first = [i for i, group in enumerate(groups) if group in chosen]
    return first, [i for i, group in enumerate(groups) if group not in chosen]


def propose(log: Log) -> list[Rule]:
    """Return candidate rules, no two that cover the same rows, the best first."""
    conditions = [(c, _mask((c,), log)) for c in _conditions(log)]
    found = [_prune(when, log) for when in (*_greedy(log, conditions), *_leaves(log))]
    unique: dict[bytes, tuple[Condition, ...]] = {}
    for when in sorted(found, key=lambda when: -_worth(_mask(when, log), log)):
        unique.setdefault(_mask(when, log).tobytes(), when)
    rules = [when for when in unique.values() if _worth(_mask(when, log), log) > _base(log)]
    return [Rule(id=_name(when, i), when=when) for i, when in enumerate(rules[:MAX_RULES])]


def judge(rule: Rule, log: Log, *, num_tried: int = 1) -> Evidence:
    """Return what rows say of a rule; its lower bound is corrected for the rules tried."""
    covered = _mask(rule.when, log)
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


def _base(log: Log) -> float:
    return float(log.hits.mean())


def _worth(covered: Mask, log: Log) -> float:
    """Return the lower bound of the hit rate, shrunk to the base rate; for ranking only, so rows
    count as if they were independent."""
    num = int(covered.sum())
    if num < MIN_SUPPORT:
        return 0.0
    low = wilson(float(log.hits[covered].sum()), num, confidence=0.8)[0]
    return (num * low + SHRINKAGE * _base(log)) / (num + SHRINKAGE)


def _mask(when: Sequence[Condition], log: Log) -> Mask:
    return np.array([all(c.holds(row) for c in when) for row in log.signals], dtype=np.bool_)


def _conditions(log: Log) -> Iterator[Condition]:
    """Yield comparisons at values that some row has: all of few, quantiles of many."""
    for name in sorted({name for row in log.signals for name in row}):
        values = np.array(sorted({row[name] for row in log.signals if name in row}))
        if len(values) > _CUTS:
            values = np.unique(np.quantile(values, np.linspace(0, 1, _CUTS + 1), method="nearest"))
        for value in values[1:]:
            yield Condition(signal=name, sign=">=", value=_short(value, up=False))
        for value in values[:-1]:
            yield Condition(signal=name, sign="<=", value=_short(value, up=True))


def _short(value: float, *, up: bool) -> float:
    """Return the value in three digits for readers, rounded so that it still holds for itself."""
    if value == int(value):
        return float(value)
    near = float(f"{value:.3g}")
    step = 10.0 ** (np.floor(np.log10(abs(value))) - 2)
    off = near < value if up else near > value
    return float(f"{near + (step if up else -step):.6g}") if off else near


def _greedy(
    log: Log, conditions: Sequence[tuple[Condition, Mask]]
) -> Iterator[tuple[Condition, ...]]:
    """Yield rules one after another, each on the rows that those before it leave."""
    left = np.ones(len(log.hits), dtype=np.bool_)
    for _ in range(MAX_RULES):
        when, covered = _grow(log, conditions, left)
        if not when:
            return
        yield when
        left &= ~covered


def _grow(
    log: Log, conditions: Sequence[tuple[Condition, Mask]], left: Mask
) -> tuple[tuple[Condition, ...], Mask]:
    """Add the condition that helps most until none does."""
    when: tuple[Condition, ...] = ()
    covered, worth = left, max(_base(log), _worth(left, log))
    while len(when) < MAX_CONDITIONS:
        scored = [(_worth(covered & mask, log), c, mask) for c, mask in conditions]
        best = max(scored, key=lambda item: item[0], default=None)
        if best is None or best[0] <= worth + 1e-9:
            break
        worth, when, covered = best[0], (*when, best[1]), covered & best[2]
    return when, covered


def _prune(when: tuple[Condition, ...], log: Log) -> tuple[Condition, ...]:
    """Drop conditions, the last first, that only keep out rows worth handing on themselves."""
    for condition in reversed(when):
        rest = tuple(c for c in when if c != condition)
        kept_out = _mask(rest, log) & ~_mask((condition,), log)
        if rest and kept_out.any() and log.hits[kept_out].mean() > _base(log):
            when = rest
    return when


def _leaves(log: Log) -> Iterator[tuple[Condition, ...]]:
    """Yield the paths of a shallow tree that lead to more hits than usual."""
    names = sorted({name for row in log.signals for name in row})
    if not names or len(set(log.hits.tolist())) < 2:
        return
    table = np.array([[row.get(name, np.nan) for name in names] for row in log.signals])
    table = np.where(np.isnan(table), np.nanmedian(table, axis=0), table)
    fitted = DecisionTreeClassifier(
        max_depth=_TREE_DEPTH, min_samples_leaf=MIN_SUPPORT, random_state=0
    ).fit(table, log.hits.astype(int))
    tree, base = fitted.tree_, _base(log)

    def walk(node: int, path: tuple[Condition, ...]) -> Iterator[tuple[Condition, ...]]:
        if tree.children_left[node] < 0:
            if path and float(tree.value[node][0][1]) > base:
                yield path
            return
        name, cut = names[tree.feature[node]], float(tree.threshold[node])
        below = Condition(signal=name, sign="<=", value=_short(cut, up=True))
        above = Condition(signal=name, sign=">=", value=_short(cut, up=False))
        yield from walk(int(tree.children_left[node]), (*path, below))
        yield from walk(int(tree.children_right[node]), (*path, above))

    yield from walk(0, ())


def _name(when: Sequence[Condition], number: int) -> str:
    parts = "-".join(re.sub(r"\W+", "", c.signal).lower().replace("_", "-") for c in when)
    return f"{parts[:48].strip('-')}-{number + 1}"
