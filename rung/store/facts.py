"""Facts that customers stated, kept for later conversations; the table behind memory.

A fact belongs to one owner of one task, and an agent's query never goes without both. Rows are
written once: a correction is a new row that names the rows it takes the place of, so what was
believed before can still be read. Only forgetting deletes, because a customer may ask for it or
facts are too old. Which text states a fact is decided in `agents/`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa

from rung.store.connection import Connected
from rung.store.tables import facts as table

MAX_OWNER_CHARS = 200
_BETWEEN = "\x1f"
PERMANENT = ""
"""As a fact's `expires`: never."""


def owner_key(tenant: str, owner: str) -> str:
    """Return the name that a tenant's owner has in the store; none for nobody."""
    return f"{tenant}{_BETWEEN}{owner}" if owner and tenant else owner


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A fact before it is kept: what was said of whom, and where."""

    subject: str
    """Whom or what it is about: `user`, or somebody of theirs such as `wife`."""
    attribute: str
    value: str
    """As it was written, byte for byte."""
    salience: float
    """How much it matters later, 0 to 1."""
    conversation: str
    turn: int
    """Number of the turn within its conversation."""
    start: int
    end: int
    """Where the value stands in the turn's text, in characters."""
    quote: str
    """The sentence it stands in."""
    created: str
    expires: str = PERMANENT
    """UTC time from which it no longer holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact(Claim):
    """A fact that is kept."""

    id: int
    superseded_by: int | None = None
    """The fact that took its place; None while it stands."""

    def holds(self, now: str) -> bool:
        """Return whether it neither was superseded nor has expired at `now` (UTC ISO-8601)."""
        return self.superseded_by is None and not (self.expires and self.expires <= now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Somebody of whom facts are kept in a task."""

    task: str
    tenant: str
    owner: str
    """As named when asked."""
    num_facts: int
    first: str
    """When the oldest fact was stated."""
    last: str


_NAMES = tuple(field.name for field in fields(Claim))


class FactLog:
    """The facts of one owner (a user or customer) in one task."""

    def __init__(self, store: Connected, *, task: str, owner: str) -> None:
        self._store = store
        self._key = {"task": task, "owner": owner}
        self._mine = (table.c.task == task) & (table.c.owner == owner)

    def all(self) -> tuple[Fact, ...]:
        """Return every fact, superseded and expired ones too, oldest first."""
        with self._store.reading("reading facts") as connection:
            return self._read(connection)

    def add(self, claim: Claim, *, only: bool = False, instead_of: str = "") -> Fact | None:
        """Keep a claim; return None when this place of this turn was kept before.

        It supersedes the standing facts of its subject and attribute that have the same value or
        the value `instead_of` (letters' case aside), with `only` those of any value. What it
        supersedes is read and written in one transaction.
        """
        with self._store.writing("keeping a fact") as connection:
            known = self._read(connection)
            if any(_place(fact) == _place(claim) for fact in known):
                return None
            values = {claim.value.casefold(), instead_of.casefold()}
            replaced = [
                fact.id
                for fact in known
                if fact.superseded_by is None
                and (fact.subject, fact.attribute) == (claim.subject, claim.attribute)
                and (only or fact.value.casefold() in values)
            ]
            row = _values(claim) | self._key | {"supersedes": json.dumps(replaced)}
            result = connection.execute(table.insert().values(row))
            (id_,) = result.inserted_primary_key or (0,)
        return Fact(**_values(claim), id=id_)

    def forget(self) -> int:
        """Delete all facts of the owner in the task; return how many there were."""
        with self._store.writing("forgetting facts") as connection:
            return connection.execute(table.delete().where(self._mine)).rowcount

    def _read(self, connection: sa.Connection) -> tuple[Fact, ...]:
        query = sa.select(table).where(self._mine).order_by(table.c.id)
        return _facts(connection.execute(query).mappings().all())


def known_owners(store: Connected, *, task: str = "") -> tuple[Known, ...]:
    """Return everybody of whom a fact is kept in a task, or in any, by task and name."""
    column = table.c
    key = (column.task, column.owner)
    counts = (sa.func.count(), sa.func.min(column.created), sa.func.max(column.created))
    query = sa.select(*key, *counts).group_by(*key).order_by(*key)
    if task:
        query = query.where(column.task == task)
    with store.reading("reading whose facts are kept") as connection:
        rows = connection.execute(query).all()
    return tuple(
        Known(**_names(key), task=name, num_facts=number, first=first, last=last)
        for name, key, number, first, last in rows
    )


def forget_facts(store: Connected, *, task: str = "", owner: str = "", before: str = "") -> int:
    """Delete facts, of a task, of an owner and stated before a time, where these are named; return
    how many there were.

    None comes back by it: what a fact superseded is older than the fact.
    """
    where = [table.c.task == task] if task else []
    where += [table.c.owner == owner] if owner else []
    where += [table.c.created < before] if before else []
    with store.writing("forgetting facts") as connection:
        return connection.execute(table.delete().where(*where)).rowcount


def _names(key: str) -> dict[str, str]:
    """Return the tenant and the owner of a name that `owner_key` made."""
    tenant, between, owner = key.partition(_BETWEEN)
    return {"tenant": tenant, "owner": owner} if between else {"tenant": "", "owner": key}


def _facts(rows: Sequence[sa.RowMapping]) -> tuple[Fact, ...]:
    successor = {id_: row["id"] for row in rows for id_ in json.loads(row["supersedes"])}
    return tuple(
        Fact(
            **{name: row[name] for name in _NAMES},
            id=row["id"],
            superseded_by=successor.get(row["id"]),
        )
        for row in rows
    )


def _values(claim: Claim) -> dict[str, Any]:
    return {name: getattr(claim, name) for name in _NAMES}


def _place(claim: Claim) -> tuple[object, ...]:
    return claim.conversation, claim.turn, claim.start, claim.subject, claim.attribute
