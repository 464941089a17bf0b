"""The store: one small database of append-only records.

Owns the logs of the product (answers, holdout openings with their turns, the registry) and knows
nothing of what routes or verdicts mean; facts are in `facts.py`. Each answer is committed by
itself, so a killed run loses at most the answer being computed.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from rung.core.clock import now_utc
from rung.core.hashing import canonical_json, content_hash
from rung.store import tables
from rung.store.connection import Connected, boundary


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One opening of a holdout."""

    id: int
    created: str
    task: str
    split_hash: str
    question_hash: str
    """Hash of what was asked of it; asking the same again is not a new opening."""
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryEntry:
    """One promotion or rollback."""

    id: int
    created: str
    task: str
    action: str
    route_hash: str
    payload: dict[str, Any]


class Store(Connected):
    """The database at `url`, by default `RUNG_HOME/store.db`; created and migrated when opened.

    Several processes may use one store at once. Every method raises StoreError when the database
    cannot be read or written.
    """

    def get_answer(self, key: str) -> dict[str, Any] | None:
        """Return the answer cached under a content hash, or None."""
        return self._get(tables.answers, key, "reading a cached answer")

    def put_answer(self, key: str, payload: dict[str, Any]) -> None:
        """Cache an answer durably; the first writer wins."""
        self._put(tables.answers, key, payload, "caching an answer")

    def forget_answers(self, *, before: str) -> int:
        """Delete cached answers older than a UTC time; return how many there were.

        Turns stay: what was asked of a holdout is not asked again.
        """
        with self.writing("forgetting answers") as connection:
            old = tables.answers.delete().where(tables.answers.c.created < before)
            return connection.execute(old).rowcount

    def get_turn(self, key: str) -> dict[str, Any] | None:
        """Return what all routes of an opening said in a turn, or None."""
        return self._get(tables.turns, key, "reading a turn of an opening")

    def keep_turn(self, key: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Keep what was said in a turn; return what is kept, which is what came first."""
        self._put(tables.turns, key, payload, "keeping a turn of an opening")
        return self.get_turn(key) or payload

    def _get(self, table: sa.Table, key: str, doing: str) -> dict[str, Any] | None:
        with self.reading(doing) as connection:
            text = connection.scalar(sa.select(table.c.payload).where(table.c.key == key))
        return None if text is None else dict(json.loads(text))

    def _put(self, table: sa.Table, key: str, payload: dict[str, Any], doing: str) -> None:
        row = {"key": key, "payload": json.dumps(payload), "created": now_utc()}
        with boundary(doing), suppress(IntegrityError), self._transaction() as connection:
            connection.execute(table.insert(), row)

    def record_opening(
        self, *, task: str, split_hash: str, question: Any, detail: dict[str, Any]
    ) -> int:
        """Log that a holdout is opened for `question`; return which opening of it this is (1, …).

        The same question asked again returns its first number and adds no entry.
        """
        asked = content_hash(question)
        row = {"created": now_utc(), "task": task, "split_hash": split_hash}
        row |= {"question_hash": asked, "detail": canonical_json(detail)}
        ledger = tables.ledger.c
        query = sa.select(ledger.question_hash).where(ledger.split_hash == split_hash)
        with self.writing("writing the holdout ledger") as connection:
            known = list(connection.scalars(query.order_by(ledger.id)))
            if asked not in known:
                connection.execute(tables.ledger.insert(), row)
                known.append(asked)
        return known.index(asked) + 1

    def openings(self, split_hash: str) -> list[LedgerEntry]:
        """Return every opening of a holdout, oldest first."""
        query = sa.select(tables.ledger).where(tables.ledger.c.split_hash == split_hash)
        with self.reading("reading the holdout ledger") as connection:
            rows = connection.execute(query.order_by(tables.ledger.c.id)).mappings().all()
        return [LedgerEntry(**{**row, "detail": json.loads(row["detail"])}) for row in rows]

    def append_registry(
        self, *, task: str, action: str, route_hash: str, payload: dict[str, Any]
    ) -> None:
        """Append one line to a task's registry."""
        row = {"created": now_utc(), "task": task, "action": action}
        row |= {"route_hash": route_hash, "payload": canonical_json(payload)}
        with self.writing("writing the registry") as connection:
            connection.execute(tables.registry.insert(), row)

    def registry(self, task: str) -> list[RegistryEntry]:
        """Return a task's registry, oldest first."""
        query = sa.select(tables.registry).where(tables.registry.c.task == task)
        with self.reading("reading the registry") as connection:
            rows = connection.execute(query.order_by(tables.registry.c.id)).mappings().all()
        return [RegistryEntry(**{**row, "payload": json.loads(row["payload"])}) for row in rows]

    def revision(self) -> tuple[int, ...]:
        """Return numbers that change with the registry, modes, rounds and the keys."""
        numbers = [
            sa.select(sa.func.coalesce(sa.func.max(tables.registry.c.id), 0)),
            sa.select(sa.func.coalesce(sa.func.max(tables.modes.c.id), 0)),
            sa.select(sa.func.coalesce(sa.func.max(tables.rounds.c.id), 0)),
            sa.select(sa.func.count()).select_from(tables.keys),
            sa.select(sa.func.count()).where(tables.keys.c.revoked != ""),
        ]
        query = sa.select(*[number.scalar_subquery() for number in numbers])
        with self.reading("looking for changes") as connection:
            return tuple(connection.execute(query).one())

    def promoted_tasks(self) -> list[str]:
        """Return the tasks of which a route was ever promoted, by name."""
        column = tables.registry.c
        query = sa.select(column.task).where(column.action == "promote").distinct()
        with self.reading("reading the registry") as connection:
            return sorted(connection.scalars(query))
