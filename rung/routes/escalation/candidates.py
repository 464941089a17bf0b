"""Candidate rules from one half of a log: a greedy rule list and the leaves of a shallow tree.

A rule is worth the lower Wilson bound of its hit rate, shrunk to the base rate, since the best of
many always looks too good. Whether a candidate holds is judged on other rows (`mine.py`).

Sources: Cohen 1995 (sequential covering); Friedman and Popescu 2008 (rules from trees); Wilson
1927.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier

from rung.routes.escalation.rules import Condition, Rule
from rung.stats.clusters import Floats
from rung.stats.intervals import wilson

MIN_SUPPORT = 10
"""Rows a rule must cover on each half."""
MAX_RULES = 6
MAX_CONDITIONS = 3
SHRINKAGE = 10.0
"""Rows at the base rate that are added to those a rule covers before it is ranked."""
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


def propose(log: Log) -> list[Rule]:
    """Return candidate rules, no two that cover the same rows, the best first."""
    conditions = [(c, covers((c,), log)) for c in _conditions(log)]
    found = [_prune(when, log) for when in (*_greedy(log, conditions), *_leaves(log))]
    unique: dict[bytes, tuple[Condition, ...]] = {}
    for when in sorted(found, key=lambda when: -_worth(covers(when, log), log)):
        unique.setdefault(covers(when, log).tobytes(), when)
    rules = [when for when in unique.values() if _worth(covers(when, log), log) > _base(log)]
    return [Rule(id=_name(when, i), when=when) for i, when in enumerate(rules[:MAX_RULES])]


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


def covers(when: Sequence[Condition], log: Log) -> Mask:
    """Return the rows on which every condition holds."""
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
        kept_out = covers(rest, log) & ~covers((condition,), log)
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
