"""A round of improvement: watch the traffic, make it part of the task, climb, propose or promote.

1. What traffic says of the route in service (`improve_watch.py`); an alarm demotes it.
2. Labelled traffic becomes the next generation of the splits, with a new holdout, once there is
   enough of it (`improve_climb.py`).
3. Rules are mined and failures mapped anew; the ladder is climbed and gated on the new holdout.
4. It ends with a proposal, or with the route in service where the schedule says `promote`.

Every step is a line of the journal before the next begins, and a round whose last line is missing
is gone on with from there: answers, splits and promotions are each kept whole or not at all. One
round runs at a time on one home.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from typing import Any

from rung.core.clock import monotonic_ms
from rung.core.errors import ConfigError, RungError
from rung.flow import improve_climb as steps
from rung.flow.climb import Options
from rung.flow.improve_journal import (
    CLIMBED,
    CLIMBING,
    DEMOTED,
    MAPPED,
    MINED,
    ROTATED,
    WATCHED,
    Left,
    Round,
    alone,
    is_unclimbed,
    left_today,
    merged,
    open_round,
)
from rung.flow.improve_watch import demote, mode_before, restore, watch
from rung.flow.session import Tell, open_session
from rung.gate.rotate import plan_rotation
from rung.gateway.schedule import DISABLED, ENABLED, Schedule, schedule_of, unfinished
from rung.registry import promoted
from rung.store import Store
from rung.store.calls import CallLog
from rung.store.rounds import RoundLine, RoundLog
from rung.tasks.fresh import fresh_examples
from rung.tasks.task import Task
from rung.traces.heard import Heard, hear
from rung.worlds.catalog import load


def enable(name: str, given: dict[str, Any]) -> Schedule:
    """Switch rounds of a task on; what is not given stays as it was, or at its default."""
    task = _improvable(name)
    with closing(Store()) as store:
        log = RoundLog(store)
        schedule = merged(log.history(task.name), given)
        log.append(task.name, 0, ENABLED, schedule.to_json())
    return schedule


def disable(name: str) -> None:
    """Switch rounds of a task off; one that runs comes to its end."""
    task = load(name)
    with closing(Store()) as store:
        log = RoundLog(store)
        if schedule_of(log.history(task.name)) is None:
            raise ConfigError(
                f"rounds of task {task.name!r} are off already",
                hint=f"rung improve {task.name} --enable",
            )
        log.append(task.name, 0, DISABLED, {})


def history(name: str) -> list[RoundLine]:
    """Return the journal of a task, oldest line first."""
    task = load(name)
    with closing(Store()) as store:
        return RoundLog(store).history(task.name)


def look_ahead(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return what a round would find and do now, and do none of it."""
    task = _improvable(name)
    with open_session(task) as session:
        lines = RoundLog(session.store).history(task.name)
        schedule = merged(lines, given)
        heard = hear(CallLog(session.store), task.name)
        serving = promoted(session.store, task.name)
        watched = watch(session, serving, heard, lines).to_json() if serving else {}
        fresh = fresh_examples(task, heard)
        rotation = plan_rotation(task, fresh.examples, min_groups=schedule.min_groups)
        return {
            "task": task.name,
            "unfinished": unfinished(lines) is not None,
            "num_calls": len(heard),
            "num_labelled": fresh.num_labelled,
            "watched": watched,
            "rotation": asdict(rotation),
            "would_climb": rotation.enough or is_unclimbed(lines),
            "left": asdict(left_today(lines, schedule)),
            "schedule": schedule.to_json(),
        }


def improve(name: str, given: dict[str, Any], tell: Tell | None = None) -> dict[str, Any]:
    """Make one round, or end the one that was interrupted; return its last line of the journal.

    Raises ConfigError when another round runs, and what ends a round early after it is written.
    """
    task = _improvable(name)
    with alone(), closing(Store()) as store:
        log = RoundLog(store)
        round_ = open_round(log, task, CallLog(store), given)
        try:
            return _Work(round_, store, tell).run(task)
        except RungError as error:
            round_.end("failed", str(error), f"rung improve {task.name}")
            raise


class _Work:
    """Takes the steps of a round."""

    def __init__(self, round_: Round, store: Store, tell: Tell | None) -> None:
        self._round, self._store, self._tell = round_, store, tell
        self._began_ms = monotonic_ms()

    def run(self, task: Task) -> dict[str, Any]:
        round_, schedule = self._round, self._round.schedule
        heard = hear(CallLog(self._store), task.name, until=round_.began["until"])
        alarms = self._watch(task, heard)
        left = left_today(round_.others, schedule)
        if left.climbs < 1 or left.usd <= 0.0:
            spent = "climbs" if left.climbs < 1 else "dollars"
            more = _more(schedule, spent)
            reason = f"the {spent} of today are spent"
            return round_.end("budget", reason, f"rung improve {task.name} {more}", alarms=alarms)
        if not is_unclimbed(round_.others):
            rotated = round_.once(
                ROTATED, lambda: self._rotate(task, heard, round_.began["generation"])
            )
            if not rotated["enough"]:
                return round_.end("waiting", _too_few(rotated), _ask_more(task), alarms=alarms)
            task = load(task.name)
        limit = steps.num_to_look_at(task, heard, schedule.minutes, left.usd)
        round_.once(MINED, lambda: steps.mine(task, limit, self._tell))
        round_.once(MAPPED, lambda: steps.map_failures(task, limit, self._tell))
        return self._climb(task, left, alarms)

    def _watch(self, task: Task, heard: Sequence[Heard]) -> list[str]:
        serving = promoted(self._store, task.name)
        if serving is None and self._round.kept(WATCHED) is None:
            return []
        others = self._round.others

        def look() -> dict[str, Any]:
            assert serving is not None
            with open_session(task) as session:
                return watch(session, serving, heard, others).to_json()

        watched = self._round.once(WATCHED, look)
        alarms: list[str] = watched["alarms"]
        if alarms:
            reason = f"round {self._round.number}: {'; '.join(alarms)}"
            alarmed, schedule = watched["route_hash"], self._round.schedule
            self._round.once(DEMOTED, lambda: demote(self._store, task, alarmed, reason, schedule))
        return alarms

    def _rotate(self, task: Task, heard: Sequence[Heard], generation: int) -> dict[str, Any]:
        if task.generation > generation:  # rotated, and killed before it was written down
            return {"enough": True, "generation": task.generation}
        return steps.rotate(task, fresh_examples(task, heard), self._round.schedule)

    def _climb(self, task: Task, left: Left, alarms: list[str]) -> dict[str, Any]:
        round_, schedule = self._round, self._round.schedule
        spent_minutes = (monotonic_ms() - self._began_ms) / 60_000
        minutes = max(schedule.minutes - spent_minutes, 0.1 * schedule.minutes)
        options = steps.options_of(task, schedule, minutes)

        climbing = round_.kept(CLIMBING)
        if climbing is None:
            cost_usd = steps.estimate_usd(task, options, self._tell)
            if cost_usd > left.usd:
                reason = f"a climb is estimated at ${cost_usd:.4g}, ${left.usd:.4g} are left today"
                more = f"rung improve {task.name} --enable --budget-usd {cost_usd * 1.5:.2g}"
                return round_.end("budget", reason, more, alarms=alarms)
            climbing = round_.once(
                CLIMBING, lambda: {"options": asdict(options), "cost_usd": cost_usd}
            )
        options = _options_from(climbing["options"])
        climbed = round_.once(CLIMBED, lambda: steps.climb_once(task, options, self._tell))
        return self._conclude(task, climbed, alarms)

    def _conclude(self, task: Task, climbed: dict[str, Any], alarms: list[str]) -> dict[str, Any]:
        round_, name = self._round, climbed["route"]
        reason = climbed["reason"]
        if climbed["verdict"] != "promote":
            outcome = "rejected" if climbed["verdict"] == "reject" else "held"
            return round_.end(outcome, reason, f"rung report {task.name}", alarms=alarms)
        digest = climbed["route_hash"][:12]
        told: dict[str, Any] = {"route": name, "route_hash": digest, "alarms": alarms}
        if round_.schedule.policy == "propose":
            back = _mode_back(task, *mode_before(self._store, task.name))
            return round_.end(
                "proposed", reason, f"rung promote {task.name} {digest}{back}", **told
            )
        why = f"round {round_.number} promoted {name}"
        mode = restore(self._store, task.name, why)
        return round_.end("promoted", reason, f"rung mode {task.name}", mode=mode, **told)


def _more(schedule: Schedule, spent: str) -> str:
    if spent == "climbs":
        return f"--climbs {schedule.climbs_a_day + 1}"
    return f"--budget-usd {2 * schedule.budget_usd or 1.0:g}"


def _too_few(rotated: dict[str, Any]) -> str:
    new, needed = rotated["num_new_groups"], rotated["num_groups_needed"]
    return (
        f"{new} of about {needed} independent labelled conversations that a new holdout needs"
        f" ({rotated['num_labelled']} labelled calls, {rotated['num_known']} of them known)"
    )


def _ask_more(task: Task) -> str:
    return f"rung mode {task.name} cascade --frontier http:NAME --audit-share 0.1"


def _mode_back(task: Task, mode: str, detail: dict[str, Any]) -> str:
    """Return the commands that bring a mode back, that of the task before those of its slots."""
    slots = (f"{own} --slot {slot}" for slot, own in detail.get("slots", {}).items())
    words = (mode, *slots) if mode else ()
    return "".join(f" && rung mode {task.name} {word}" for word in words)


def _options_from(detail: dict[str, Any]) -> Options:
    return Options(**{**detail, "models": tuple(detail["models"]), "rungs": tuple(detail["rungs"])})


def _improvable(name: str) -> Task:
    task = load(name)
    if task.world:
        raise ConfigError(
            f"task {task.name!r} is played in a world, whose traffic has no labels",
            hint="rounds are for tasks that the gateway serves",
        )
    if not task.num_holdout:
        raise ConfigError(
            f"task {task.name!r} has no holdout: it only serves",
            hint="improve it where it was made",
        )
    return task
