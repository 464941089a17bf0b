"""Escalation rules: predicates over signals that a person can read, edit and version.

A rule says when a request is handed on, to the next stage or to a person, and carries the evidence
it was kept for. Rules live in `rules.toml` of the task's folder:

    version = 3

    [[words]]
    signal = "both_intents"
    says = "kinds of request in one message"
    groups = [["return", "refund"], ["exchange", "swap"]]

    [[rule]]
    id = "both-intents"
    version = 1
    when = ["both_intents >= 2"]
    to = "next"

The file is read in `rules_file.py`; mining is in `mine.py`, serving in `cascade.py`.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rung.routes.escalation.signals import describe_signal, is_before
from rung.routes.escalation.text_signals import WordSignal

Sign = Literal[">=", "<="]
_SIGNS = {">=": operator.ge, "<=": operator.le}
_SAYS = {">=": "at least", "<=": "at most"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One comparison of a signal with a number."""

    signal: str
    sign: Sign
    value: float

    def holds(self, signals: Mapping[str, float]) -> bool:
        """Return whether it holds; a signal that is not known holds nothing."""
        known = signals.get(self.signal)
        return known is not None and bool(_SIGNS[self.sign](known, self.value))

    def __str__(self) -> str:
        return f"{self.signal} {self.sign} {self.value:.6g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Counts on rows that the rule was not found on."""

    num: int = 0
    """Rows that the rule covers."""
    num_hits: int = 0
    """Of those, how many it is meant to catch."""
    num_rest: int = 0
    rest_hits: int = 0
    low: float = 0.0
    """Lower bound of its hit rate, corrected for the number of rules tried."""
    p_value: float = 1.0
    """Of no difference to the rest (Fisher's exact test, one-sided), corrected likewise."""
    value_usd: float | None = None
    """Mean gain of handing a covered request on, extra cost taken off; None where not priced."""

    @property
    def rate(self) -> float:
        """Hit rate among covered rows."""
        return self.num_hits / self.num if self.num else 0.0

    @property
    def lift(self) -> float:
        """Hit rate among covered rows over that of the rest."""
        rest = self.rest_hits / self.num_rest if self.num_rest else 0.0
        return self.rate / rest if rest else math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Hand a request on when every condition holds."""

    id: str
    version: int = 1
    when: tuple[Condition, ...]
    to: Literal["next", "human"] = "next"
    cost_usd: float = 0.0
    """What handing one request on costs more, as known when the rule was made."""
    evidence: Evidence | None = None

    def holds(self, signals: Mapping[str, float]) -> bool:
        """Return whether a request is handed on."""
        return all(condition.holds(signals) for condition in self.when)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """A task's rules file."""

    version: int = 0
    words: tuple[WordSignal, ...] = ()
    rules: tuple[Rule, ...] = ()

    def is_before(self, rule: Rule) -> bool:
        """Return whether a rule can be judged before any model is asked."""
        return all(is_before(condition.signal, self.words) for condition in rule.when)

    def first(self, signals: Mapping[str, float], *, before: bool) -> Rule | None:
        """Return the first rule of this stage that holds, None where none does."""
        fitting = (rule for rule in self.rules if self.is_before(rule) == before)
        return next((rule for rule in fitting if rule.holds(signals)), None)


def in_words(rule: Rule, words: Sequence[WordSignal] = ()) -> str:
    """Return what a rule says in plain words, without its evidence."""
    parts = [
        f"{describe_signal(c.signal, words)} is {_SAYS[c.sign]} {c.value:.4g}" for c in rule.when
    ]
    to = "to a person" if rule.to == "human" else "on"
    return f"hand the request {to} when {' and '.join(parts)}"
