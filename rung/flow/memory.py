"""What agents remember of the people who ask: read, deleted on request, and which agents do."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import Literal

from rung.core.clock import now_utc
from rung.registry import find_route, measured, promoted
from rung.routes.route import Route
from rung.store import Fact, FactLog, Store
from rung.store.facts import owner_key
from rung.worlds.catalog import load


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """A fact, and whether it is still told."""

    fact: Fact
    state: Literal["holds", "superseded", "expired"]


def remembered(task: str, owner: str, *, tenant: str = "") -> tuple[Remembered, ...]:
    """Return every fact kept of a person in a task, oldest first."""
    now = now_utc()
    with closing(Store()) as store:
        return tuple(_told(fact, now) for fact in _facts(store, task, owner, tenant).all())


def forget_owner(task: str, owner: str, *, tenant: str = "") -> int:
    """Delete every fact kept of a person in a task; return how many there were."""
    with closing(Store()) as store:
        return _facts(store, task, owner, tenant).forget()


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


def _facts(store: Store, task: str, owner: str, tenant: str) -> FactLog:
    return FactLog(store, task=load(task).name, owner=owner_key(tenant, owner))


def _told(fact: Fact, now: str) -> Remembered:
    if fact.superseded_by is not None:
        return Remembered(fact=fact, state="superseded")
    return Remembered(fact=fact, state="holds" if fact.holds(now) else "expired")
