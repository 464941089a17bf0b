"""What agents remember of the people who ask: read, and deleted on request."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import Literal

from rung.core.clock import now_utc
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


def _facts(store: Store, task: str, owner: str, tenant: str) -> FactLog:
    return FactLog(store, task=load(task).name, owner=owner_key(tenant, owner))


def _told(fact: Fact, now: str) -> Remembered:
    if fact.superseded_by is not None:
        return Remembered(fact=fact, state="superseded")
    return Remembered(fact=fact, state="holds" if fact.holds(now) else "expired")
