"""Keys of the gateway: who may ask what, how often and for how much. Only digests are kept.

A key is a random text of 256 bits, so one round of SHA-256 is enough to hide it; the text itself
is returned once, when the key is made.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass

import sqlalchemy as sa

from rung.core.clock import now_utc
from rung.core.errors import ConfigError
from rung.store import tables
from rung.store.connection import Connected

PREFIX = "rung-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key without its text."""

    id: str
    created: str
    revoked: str
    """UTC time from which it is refused; empty while it works."""
    name: str
    tenant: str
    """Whose calls these are; tenants never see each other's."""
    digest: str
    scopes: tuple[str, ...]
    """Models and `task/NAME`s it may ask for; a trailing `*` matches any ending."""
    budget_usd: float | None
    """A calendar month (UTC); None for no limit."""
    requests_per_minute: int
    """0 for no limit."""


def digest_of(text: str) -> str:
    """Return the SHA-256 of a key, by which it is known."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


class KeyLog:
    """Makes, lists and revokes keys. Raises StoreError when the database fails."""

    def __init__(self, store: Connected) -> None:
        self._store = store

    def create(
        self,
        name: str,
        *,
        tenant: str = "",
        scopes: tuple[str, ...] = ("*",),
        budget_usd: float | None = None,
        requests_per_minute: int = 0,
    ) -> tuple[Key, str]:
        """Make a key; return it and its text, which is kept nowhere."""
        text = PREFIX + secrets.token_urlsafe(32)
        key = Key(
            id="key_" + secrets.token_hex(8),
            created=now_utc(),
            revoked="",
            name=name,
            tenant=tenant or name,
            digest=digest_of(text),
            scopes=scopes,
            budget_usd=budget_usd,
            requests_per_minute=requests_per_minute,
        )
        row = {name: getattr(key, name) for name in Key.__slots__}
        with self._store.writing("keeping a key") as connection:
            connection.execute(tables.keys.insert(), row | {"scopes": json.dumps(scopes)})
        return key, text

    def list(self) -> list[Key]:
        """Return every key, oldest first, revoked ones too."""
        query = sa.select(tables.keys).order_by(tables.keys.c.created, tables.keys.c.id)
        with self._store.reading("reading keys") as connection:
            rows = connection.execute(query).mappings().all()
        return [Key(**{**row, "scopes": tuple(json.loads(row["scopes"]))}) for row in rows]

    def revoke(self, id_or_name: str) -> Key:
        """Revoke a key by its id, or by its name where only one works. Raises ConfigError."""
        working = [key for key in self.list() if not key.revoked]
        found = [key for key in working if id_or_name in (key.id, key.name)]
        if len(found) != 1:
            many = f"{len(found)} working keys are" if found else "no working key is"
            raise ConfigError(f"{many} called {id_or_name!r}", hint="rung keys list")
        column = tables.keys.c
        with self._store.writing("revoking a key") as connection:
            connection.execute(
                tables.keys.update().where(column.id == found[0].id).values(revoked=now_utc())
            )
        return found[0]

    def spent_usd(self, month: str) -> dict[str, float]:
        """Return what each key spent in a month (`2026-11`), by key id."""
        column = tables.spend.c
        query = sa.select(column.key_id, column.cost_usd).where(column.month == month)
        with self._store.reading("reading what keys spent") as connection:
            return {row.key_id: row.cost_usd for row in connection.execute(query)}
