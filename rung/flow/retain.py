"""Measure what the adapter of a route would do to the tasks that share the one it follows.

Each of them answers its own dev examples twice, by its route in service and by the same route with
the new adapter; answers are kept, so nothing is asked again. What was found is logged, and
promotion asks for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rung.flow.session import Tell, open_session
from rung.gate.compare import Verdict
from rung.gate.retention import judge_retention
from rung.ladder.climb import draw
from rung.registry import Sharer, find_route, record_retention, sharers
from rung.store import Store
from rung.tasks.task import Task

_APART: dict[str, Any] = {
    "verdict": "promote",
    "passed": True,
    "apart": True,
    "reason": "parted: the task keeps the adapter that it has",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Retained:
    """What was found of one task."""

    task: str
    route: str
    """In service there."""
    old: str
    new: str
    report: dict[str, Any]

    @property
    def verdict(self) -> Verdict:
        """Whether the task keeps its work: promote, hold or reject."""
        verdict: Verdict = self.report["verdict"]
        return verdict

    @property
    def is_apart(self) -> bool:
        """Whether nothing was measured, since the task keeps the adapter that it has."""
        return bool(self.report.get("apart"))

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {"task": self.task, "route": self.route, "old": self.old, "new": self.new} | (
            self.report
        )


def retain(
    task: str | Task,
    route: str,
    *,
    limit: int = 0,
    seed: int = 0,
    apart: bool = False,
    tell: Tell | None = None,
) -> list[Retained]:
    """Judge a measured route's adapters on dev of every task that shares those they follow.

    With `apart` nothing is measured: it is logged that those tasks keep the adapter they have.
    """
    with open_session(task, tell) as session:
        name = session.task.name
        wanted = find_route(session.store, name, route)
        found = sharers(session.store, session.runtime.artifacts, name, wanted)
        return [
            _kept(session.store, one, _APART if apart else _judged(one, limit, seed, tell))
            for one in found
        ]


def _judged(sharer: Sharer, limit: int, seed: int, tell: Tell | None) -> dict[str, Any]:
    with open_session(sharer.task, tell) as session:
        task = session.task
        examples = draw(task.dev, limit or len(task.dev), seed=seed, name="dev")
        before = session.climber.rows(sharer.route, examples, "dev")
        after = session.climber.rows(sharer.after, examples, "dev")
    targets = {example.id: example.target for example in examples}
    return judge_retention(before, after, rules=task.gate, targets=targets, seed=seed).to_json()


def _kept(store: Store, sharer: Sharer, report: dict[str, Any]) -> Retained:
    record_retention(store, sharer, report)
    return Retained(
        task=sharer.task,
        route=sharer.route.name,
        old=sharer.old,
        new=sharer.new,
        report=report,
    )
