"""The journal of the improving loop: what it was told to do for a task, and did, line by line.

A line is written once and never changed. What a schedule says and when a round is due is known in
`gateway/schedule.py`; what a round does, in `flow/improve.py`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from rung.core.clock import now_utc
from rung.store import tables
from rung.store.connection import Connected


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundLine:
    """One line of the journal."""

    id: int
    created: str
    task: str
    number: int
    """Of the round, 1, 2, …; 0 where it belongs to none."""
    event: str
    detail: dict[str, Any]


class RoundLog:
    """Reads and extends the journal. Raises StoreError when the database fails."""

    def __init__(self, store: Connected) -> None:
        self._store = store

    def append(self, task: str, number: int, event: str, detail: dict[str, Any]) -> None:
        """Add a line; durable when this returns."""
        row = {"created": now_utc(), "task": task, "number": number, "event": event}
        row |= {"detail": json.dumps(detail, sort_keys=True)}
        with self._store.writing("writing the journal of rounds") as connection:
            connection.execute(tables.rounds.insert(), row)

    def history(self, task: str) -> list[RoundLine]:
        """Return the lines of a task, oldest first."""
        query = sa.select(tables.rounds).where(tables.rounds.c.task == task)
        with self._store.reading("reading the journal of rounds") as connection:
            rows = connection.execute(query.order_by(tables.rounds.c.id)).mappings().all()
        return [RoundLine(**{**row, "detail": json.loads(row["detail"])}) for row in rows]

    def tasks(self) -> list[str]:
        """Return the tasks that have lines, by name."""
        with self._store.reading("reading the journal of rounds") as connection:
            return sorted(connection.scalars(sa.select(tables.rounds.c.task).distinct()))
