"""How often two arms said the same of a field of a task: counts, no texts.

A count is of one route and one frontier model; it only ever grows. What an agreement is, is known
in `gateway/agreement.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from rung.store import tables
from rung.store.connection import Connected

_ADD = sa.text(
    "INSERT INTO agreements (task, slot, route_hash, frontier, num_compared, num_agreed)"
    " VALUES (:task, :slot, :route_hash, :frontier, 1, :agreed)"
    " ON CONFLICT (task, slot, route_hash, frontier) DO UPDATE SET"
    " num_compared = agreements.num_compared + 1,"
    " num_agreed = agreements.num_agreed + excluded.num_agreed"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Of so many comparisons so many agreed."""

    num_compared: int
    num_agreed: int


class AgreementLog:
    """Reads and extends the counts. Raises StoreError when the database fails."""

    def __init__(self, store: Connected) -> None:
        self._store = store

    def add(self, task: str, route_hash: str, frontier: str, agreed: Mapping[str, bool]) -> None:
        """Add one comparison of each slot, by whether it agreed."""
        about = {"task": task, "route_hash": route_hash, "frontier": frontier}
        rows = [about | {"slot": slot, "agreed": int(same)} for slot, same in agreed.items()]
        if rows:
            with self._store.writing("counting agreements") as connection:
                connection.execute(_ADD, rows)

    def read(self, task: str, route_hash: str, frontier: str) -> dict[str, Agreement]:
        """Return the counts of every slot that was compared."""
        column = tables.agreements.c
        query = sa.select(column.slot, column.num_compared, column.num_agreed).where(
            column.task == task, column.route_hash == route_hash, column.frontier == frontier
        )
        with self._store.reading("reading agreements") as connection:
            rows = connection.execute(query.order_by(column.slot)).all()
        return {
            slot: Agreement(num_compared=compared, num_agreed=agreed)
            for slot, compared, agreed in rows
        }
