"""Is a route wrong more often than it was? What callers say, and what the frontier says beside it.

Two rates, each of conversations, each tested so that looking at every round is as good as looking
once (`stats/sequential.py`): how often callers rejected or corrected the specialist, silence
counting as content; and how often it disagreed with the frontier where that was asked whatever the
doubt. Both are held against what the route missed on dev when it was chosen: the exact upper bound
of that rate, plus the gate's margin. The frontier's answer counts as right, so where it errs more
often than the labels do, the second rate is too strict by as much.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rung.stats.intervals import clopper_pearson
from rung.stats.sequential import rate_above
from rung.tasks.answers import Answers
from rung.tasks.drift import ALPHA, MIN_TEXTS
from rung.tasks.fresh import label_of
from rung.tasks.scorers import score_output
from rung.tasks.task import Example, Task
from rung.traces.heard import Heard

_SHARE = ALPHA / 3 / 3
"""Of the bound on dev and of each rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How often a route was wrong, by one witness."""

    what: str
    num_wrong: int
    num: int
    """Conversations."""
    max_rate: float

    @property
    def alarm(self) -> bool:
        """Whether it is shown to be wrong more often than it was."""
        return rate_above(self.num_wrong, self.num, self.max_rate, alpha=_SHARE)


def allowed_rate(strict: Sequence[bool], *, margin: float) -> float | None:
    """Return how often a route may be wrong, by its dev answers; None where there are few."""
    if len(strict) < MIN_TEXTS:
        return None
    wrong = sum(not right for right in strict)
    return min(1.0, clopper_pearson(wrong, len(strict), confidence=1 - 2 * _SHARE)[1] + margin)


def find_rates(task: Task, heard: Iterable[Heard], *, route: str, max_rate: float) -> list[Rate]:
    """Return both rates of a route (by name) over what was heard since it was put in service."""
    answers = Answers(task.schema)
    rejected: dict[tuple[str, str], bool] = {}
    audited: dict[tuple[str, str], bool] = {}
    for one in heard:
        unit = (one.tenant, one.conversation)
        if one.arm == "specialist" and one.served_by == route:
            rejected[unit] = rejected.get(unit, False) or _is_rejected(task, answers, one)
        if one.audited is not None:
            specialist, frontier = one.audited
            apart = not _agree(task, one, frontier, specialist)
            audited[unit] = audited.get(unit, False) or apart
    found = (("rejected or corrected", rejected), ("unlike the frontier", audited))
    return [
        Rate(what=what, num_wrong=sum(units.values()), num=len(units), max_rate=max_rate)
        for what, units in found
    ]


def _is_rejected(task: Task, answers: Answers, one: Heard) -> bool:
    """Return whether a caller did not want the answer; one that corrects nothing did."""
    if one.accepted is not False:
        return False
    target = label_of(answers, one) if one.source == "correction" else None
    return target is None or not _agree(task, one, target, one.output)


def _agree(task: Task, one: Heard, target: Any, output: Any) -> bool:
    if not isinstance(target, dict) or not isinstance(output, dict):
        return False
    example = Example(id=one.id, input=one.text, target=target, group=one.conversation)
    return score_output(task, example, output).strict
