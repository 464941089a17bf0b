"""What agents remember of the people who ask: read, deleted on request, and which agents do."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import Literal

from rung.core.clock import days_ago, now_utc
from rung.core.errors import ConfigError
from rung.registry import find_route, measured, promoted
from rung.routes.route import Route
from rung.store import Fact, FactLog, Store
from rung.store.facts import Known, forget_facts, known_owners, owner_key
from rung.worlds.catalog import load

State = Literal["holds", "superseded", "expired"]
EVERY_TASK = "all"
"""In place of a task's name: all of them, also those that are gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """A fact, and whether it is still told."""

    task: str
    fact: Fact
    state: State


def people(task: str) -> tuple[Known, ...]:
    """Return whose facts are kept in a task."""
    with closing(Store()) as store:
        return known_owners(store, task=_named(task))


def remembered(task: str, owner: str, *, tenant: str = "") -> tuple[Remembered, ...]:
    """Return every fact kept of a person in a task, oldest first."""
    name, key, now = _named(task), owner_key(tenant, owner), now_utc()
    with closing(Store()) as store:
        tasks = [name] if name else sorted({one.task for one in known_owners(store)})
        found = [(one, FactLog(store, task=one, owner=key).all()) for one in tasks]
    return tuple(
        Remembered(task=one, fact=fact, state=_state(fact, now))
        for one, facts in found
        for fact in facts
    )


def forget(task: str, *, owner: str = "", tenant: str = "", older_than_days: int = 0) -> int:
    """Delete the facts kept in a task of a person, or stated more than so many days ago, or both;
    return how many there were."""
    if not owner and not older_than_days:
        raise ConfigError("nobody is named to forget", hint="name the OWNER, or --older-than DAYS")
    before = days_ago(older_than_days) if older_than_days else ""
    with closing(Store()) as store:
        return forget_facts(store, task=_named(task), owner=owner_key(tenant, owner), before=before)


def why_forgotten(task: str, *, route: str = "") -> str:
    """Return why whoever is named to a route (that in service) is not remembered, and what to type;
    empty where they are."""
    loaded = load(task)
    name = loaded.name
    with closing(Store()) as store:
        serving = promoted(store, name)
        asked = serving.route if serving else None
        if route:
            asked = find_route(store, name, route)
        known = {one.name: one for one in measured(store, name)}
    if asked is None or _remembers(asked):
        return ""
    able = sorted(one for one, found in known.items() if _remembers(found))
    if able:
        advice = f"ask with --route {able[0]}; rung gate {name} {able[0]} judges it for service"
    elif loaded.spans_conversations:
        advice = f"rung climb {name} --rungs memory measures one that remembers"
    else:
        advice = "agents do where examples tell what was said `earlier`: see docs/worlds.md"
    return f"route {asked.name!r} remembers nobody, so the owner changes nothing ({advice})"


def _remembers(route: Route) -> bool:
    return any(part.agent and part.agent.memory for part in (route, *route.stages))


def _named(task: str) -> str:
    """Return a task's name for the store, nothing for every task."""
    return "" if task == EVERY_TASK else load(task).name


def _state(fact: Fact, now: str) -> State:
    if fact.superseded_by is not None:
        return "superseded"
    return "holds" if fact.holds(now) else "expired"
