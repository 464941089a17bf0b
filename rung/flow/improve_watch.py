"""The part of a round that watches: what traffic says of the route in service, and demoting it.

The monitors are `tasks/drift.py` and `tasks/disagreement.py`; here they are given what they need.
Everything is held against the generation of the splits that the route was gated on, inputs against
what that generation added: the rest may be what inputs were like once. Texts are redacted as
capture redacts them. No model is asked: what the route misses is read from answers that
the climb kept.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from rung.core.errors import RungError
from rung.flow.improve_journal import WATCHED
from rung.flow.session import Session
from rung.gateway.modes import UNSET
from rung.gateway.schedule import Schedule
from rung.gateway.settings import read_settings
from rung.registry import Promotion, measured, passed, promote_route
from rung.routes.answer import answer_key
from rung.routes.route import Route
from rung.routes.runtime import Answer, check_stays
from rung.store import Store
from rung.store.modes import ModeEntry, ModeLog
from rung.store.rounds import RoundLine
from rung.tasks.disagreement import Rate, allowed_rate, find_rates
from rung.tasks.drift import Drift, Novelty, NoveltyGauge, find_drift
from rung.tasks.generation import of_split, only_added
from rung.tasks.scorers import score_output
from rung.tasks.task import Example, Task
from rung.traces.heard import Heard
from rung.traces.redact import Redactor

_DEMOTION = re.compile(r"round \d+: ")
"""How the reason of a demotion begins; no other line of the mode log does."""
_MAX_NEW = 1000
"""New conversations that novelty looks at in a round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What a round saw of a route; a monitor that had too little to go by is None or missing."""

    route: str
    route_hash: str
    reference: str
    """What the monitors count from: the promotion and what the route was fitted on."""
    num_inputs: int
    """Conversations since the route was put in service."""
    drift: Drift | None = None
    novelty: Novelty | None = None
    seen_until: str = ""
    """The call up to which novelty has counted."""
    rates: tuple[Rate, ...] = ()

    @property
    def alarms(self) -> list[str]:
        """Return what is wrong, in words."""
        found = []
        if self.drift and self.drift.alarm:
            level = f"p {self.drift.p:.2g}, level {self.drift.level:.2g}"
            found.append(f"inputs drifted from what {self.route} was fitted on ({level})")
        if self.novelty and self.novelty.alarm:
            share = f"{self.novelty.num_novel} of {self.novelty.num_inputs}"
            found.append(f"{share} inputs are novel, more than {self.novelty.max_rate:.1%}")
        for rate in self.rates:
            if rate.alarm:
                share = f"{rate.num_wrong} of {rate.num} conversations {rate.what}"
                found.append(f"{share}, more than {rate.max_rate:.1%}")
        return found

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON for the journal."""
        return asdict(self) | {"alarms": self.alarms}


def watch(
    session: Session, serving: Promotion, heard: Sequence[Heard], lines: Sequence[RoundLine]
) -> Watched:
    """Return what the traffic since a promotion says of its route."""
    task, route = session.task, serving.route
    origin = of_split(task, "holdout", serving.receipt.get("split_sha256", ""))
    fitted_on = _redacted(origin)
    newest = only_added(fitted_on)
    since = [one for one in heard if one.created >= serving.since]
    firsts = _first_of_conversations(since)
    reference = f"{serving.since} {route.hash[:12]} {fitted_on.split_hashes['train'][:12]}"
    novelty, until = _novelty(
        fitted_on.train, newest.dev, firsts, _counted_before(lines, reference)
    )
    strict = _kept_strict(session, origin.dev, route)
    max_rate = allowed_rate(strict, margin=task.gate.margin)
    return Watched(
        route=route.name,
        route_hash=route.hash,
        reference=reference,
        num_inputs=len(firsts),
        drift=find_drift((*newest.train, *newest.dev), [one.text for one in firsts]),
        novelty=novelty,
        seen_until=until,
        rates=()
        if max_rate is None
        else tuple(find_rates(task, since, route=route.name, max_rate=max_rate)),
    )


def demote(
    store: Store, task: Task, alarmed: str, reason: str, schedule: Schedule
) -> dict[str, Any]:
    """Take the specialist out of service as far as there is somebody else; say what was done.

    To `teacher` where the task has a frontier, else to a `cascade` that the gate has passed, else
    nobody is asked instead and the alarm is all there is. `alarmed` is the hash of the route that
    the alarm is about. Taken again after a kill, it goes on.
    """
    log = ModeLog(store)
    before = log.current().get(task.name)
    mode = before.mode if before else UNSET.name
    begun = before is not None and before.reason == reason
    if schedule.on_alarm == "tell":
        return _not_demoted(reason, "the schedule says to tell only")
    slots = before.detail.get("slots", {}) if before else {}
    if {mode, *slots.values()} <= {"teacher", "shadow"} and not begun:
        return _not_demoted(reason, f"the frontier answers already, in mode {mode}")
    after = before.id if before else None
    if frontier := _frontier(task, log.history(task.name)):
        if begun or log.append(task.name, "teacher", {"frontier": frontier}, reason, after=after):
            return {"to": "teacher", "reason": reason}
    elif cascade := _cascade(store, task.name, alarmed):
        if begun or log.append(task.name, "cascade", {}, reason, after=after):
            promote_route(store, task.name, cascade, passed(store, task.name, cascade) or {})
            return {"to": "cascade", "reason": reason, "route": cascade.name}
    else:
        return _not_demoted(reason, "there is no frontier and no cascade to take over")
    return _not_demoted(reason, "the mode was changed by hand meanwhile")


def mode_before(store: Store, task: str) -> tuple[str, dict[str, Any]]:
    """Return the mode and detail from which a round demoted a task; the mode is empty where none
    did, or where it was changed since."""
    lines = ModeLog(store).history(task)
    if not lines or not _DEMOTION.match(lines[-1].reason):
        return "", {}
    for line in reversed(lines):
        if not _DEMOTION.match(line.reason):
            return line.mode, line.detail
    return UNSET.name, {"frontier": lines[-1].detail.get("frontier", "")}


def restore(store: Store, task: str, reason: str) -> str:
    """Bring back the mode from which a round demoted a task; return it, empty where there is
    nothing to bring back."""
    log = ModeLog(store)
    now = log.current().get(task)
    mode, detail = mode_before(store, task)
    if not mode or now is None or not log.append(task, mode, detail, reason, after=now.id):
        return ""
    return mode


def _not_demoted(reason: str, why: str) -> dict[str, Any]:
    return {"to": "", "reason": reason, "why": why}


def _frontier(task: Task, history: Sequence[ModeEntry]) -> str:
    """Return the frontier that a task was given last, unless its inputs may not go there."""
    named = (entry.detail.get("frontier", "") for entry in reversed(history))
    found = next((model for model in named if model), "")
    try:
        check_stays(task, found)
    except RungError:
        return ""
    return found


def _cascade(store: Store, task: str, alarmed: str) -> Route | None:
    """Return the newest passed cascade but the route that the alarm is about."""
    for route in reversed(measured(store, task)):
        if route.stages and route.hash != alarmed and passed(store, task, route):
            return route
    return None


def _redacted(task: Task) -> Task:
    capture = read_settings().capture
    redactor = Redactor(capture.redact, capture.patterns)

    def plain(examples: Sequence[Example]) -> tuple[Example, ...]:
        return tuple(replace(one, input=redactor.text(one.input)) for one in examples)

    return replace(task, train=plain(task.train), dev=plain(task.dev))


def _first_of_conversations(heard: Sequence[Heard]) -> list[Heard]:
    firsts: dict[tuple[str, str], Heard] = {}
    for one in heard:
        firsts.setdefault((one.tenant, one.conversation), one)
    return list(firsts.values())


def _counted_before(lines: Sequence[RoundLine], reference: str) -> dict[str, Any]:
    """Return the last line that counted novelty from the same reference."""
    return next(
        (
            line.detail
            for line in reversed(lines)
            if line.event == WATCHED and line.detail["reference"] == reference
        ),
        {},
    )


def _novelty(
    train: Sequence[Example],
    dev: Sequence[Example],
    firsts: Sequence[Heard],
    before: dict[str, Any],
) -> tuple[Novelty | None, str]:
    """Return the count so far with this round's new conversations, and up to where it goes."""
    if not NoveltyGauge.has_enough(train, dev):
        return None, ""
    gauge = NoveltyGauge(train, dev)
    until = before.get("seen_until", "")
    new = [one for one in firsts if one.id > until][:_MAX_NEW]
    known = before.get("novelty") or {"num_novel": 0, "num_inputs": 0}
    found = Novelty(
        num_novel=known["num_novel"] + gauge.count([one.text for one in new]),
        num_inputs=known["num_inputs"] + len(new),
        max_rate=gauge.max_rate,
    )
    return found, new[-1].id if new else until


def _kept_strict(session: Session, dev: Sequence[Example], route: Route) -> list[bool]:
    """Return whether the route's dev answers that were kept are strict."""
    found = []
    for example in dev:
        kept = session.store.get_answer(answer_key(route, session.task, example))
        if kept is not None:
            answer = Answer.from_json(kept)
            usable = answer.output if answer.status != "failed" else None
            found.append(score_output(session.task, example, usable).strict)
    return found
