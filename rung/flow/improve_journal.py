"""The journal of a round while it is made: where it goes on, and what may still be spent.

A step is taken once: its line is written when it is done, and kept lines are what a round that was
killed goes on from. What the steps are is in `improve.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from rung.core import config, files
from rung.core.clock import now_utc
from rung.core.errors import ConfigError
from rung.gateway.schedule import (
    BEGAN,
    ENABLED,
    ENDED,
    RESUMED,
    Schedule,
    read_schedule,
    since_a_day,
    unfinished,
)
from rung.store.calls import CallLog
from rung.store.rounds import RoundLine, RoundLog
from rung.tasks.task import Task

WATCHED, DEMOTED, ROTATED, MINED, MAPPED = "watched", "demoted", "rotated", "mined", "mapped"
CLIMBING, CLIMBED = "climbing", "climbed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What may still be spent today."""

    usd: float
    climbs: int


class Round:
    """The lines of one round: a step that has its line is not taken again."""

    def __init__(self, log: RoundLog, task: str, number: int) -> None:
        self._log, self.task, self.number = log, task, number
        self.began = next(line.detail for line in self._own() if line.event == BEGAN)
        self.schedule = read_schedule(self.began["schedule"])

    @property
    def lines(self) -> list[RoundLine]:
        """Every line of the task, oldest first."""
        return self._log.history(self.task)

    @property
    def others(self) -> list[RoundLine]:
        """The lines of other rounds."""
        return [line for line in self.lines if line.number != self.number]

    def kept(self, event: str) -> dict[str, Any] | None:
        """Return what a step that was taken left; None where it was not."""
        return next((line.detail for line in self._own() if line.event == event), None)

    def once(self, event: str, step: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return what a step left, taking it if it was not taken."""
        if (kept := self.kept(event)) is not None:
            return kept
        self._log.append(self.task, self.number, event, found := step())
        return found

    def end(self, outcome: str, reason: str, then: str, **more: Any) -> dict[str, Any]:
        """Write the last line; `then` is the command to type next."""
        detail = {"outcome": outcome, "reason": reason, "next": then} | more
        found = self.once(ENDED, lambda: detail)
        return {"task": self.task, "round": self.number} | found

    def _own(self) -> Iterator[RoundLine]:
        return (line for line in self.lines if line.number == self.number)


def open_round(log: RoundLog, task: Task, calls: CallLog, given: dict[str, Any]) -> Round:
    """Take up the round that did not end, else begin one with what was captured so far.

    Raises ConfigError for a schedule that is not that of the round which is taken up.
    """
    lines = log.history(task.name)
    if began := unfinished(lines):
        kept = began.detail["schedule"]
        if _scheduled(kept, given) != _scheduled(kept, {}):
            raise ConfigError(
                f"round {began.number} of task {task.name!r} did not end; it goes on as it began",
                hint=f"end it first: rung improve {task.name}",
            )
        log.append(task.name, began.number, RESUMED, {})
        return Round(log, task.name, began.number)
    number = max((line.number for line in lines), default=0) + 1
    detail = {
        "schedule": merged(lines, given).to_json(),
        "until": calls.last_id(task.name),
        "generation": task.generation,
    }
    log.append(task.name, number, BEGAN, detail)
    return Round(log, task.name, number)


def merged(lines: Sequence[RoundLine], given: dict[str, Any]) -> Schedule:
    """Return the schedule in force, the last one or the default, with what was given."""
    last = next((line for line in reversed(lines) if line.event == ENABLED), None)
    return _scheduled(last.detail if last else {}, given)


def _scheduled(known: dict[str, Any], given: dict[str, Any]) -> Schedule:
    return read_schedule(known | {name: v for name, v in given.items() if v is not None})


def left_today(lines: Sequence[RoundLine], schedule: Schedule) -> Left:
    """Return what the climbs of the last day left; one without an end counts by its estimate."""
    today = since_a_day(lines, now_utc())
    spent = {line.number: line.detail["cost_usd"] for line in today if line.event == CLIMBING}
    spent |= {line.number: line.detail["cost_usd"] for line in today if line.event == CLIMBED}
    return Left(
        usd=schedule.budget_usd - sum(spent.values()), climbs=schedule.climbs_a_day - len(spent)
    )


def is_unclimbed(lines: Sequence[RoundLine]) -> bool:
    """Return whether an earlier round made a generation and did not get to climb on it."""
    events = [
        line.event
        for line in lines
        if line.event == CLIMBED or (line.event == ROTATED and line.detail["enough"])
    ]
    return bool(events) and events[-1] == ROTATED


def alone() -> AbstractContextManager[None]:
    """Hold this home's rounds. Raises ConfigError when another process makes one."""
    busy = ConfigError(
        "another round is running", hint="wait for its end: rung improve NAME --history"
    )
    return files.alone(config.home() / "improve.lock", busy)
