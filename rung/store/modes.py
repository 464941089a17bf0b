"""How each task is answered in production: a log of modes, the last line of a task counts.

What a mode means is known in `gateway/modes.py`.
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
class ModeEntry:
    """One line: from then on the task was answered so."""

    id: int
    created: str
    task: str
    mode: str
    detail: dict[str, Any]
    reason: str


class ModeLog:
    """Reads and extends the log. Raises StoreError when the database fails."""

    def __init__(self, store: Connected) -> None:
        self._store = store

    def append(
        self, task: str, mode: str, detail: dict[str, Any], reason: str, *, after: int | None = None
    ) -> bool:
        """Add a line. With `after`, only while that line (its id) is still the task's last one."""
        row = {"created": now_utc(), "task": task, "mode": mode, "reason": reason}
        row |= {"detail": json.dumps(detail, sort_keys=True)}
        column = tables.modes.c
        last = sa.select(sa.func.max(column.id)).where(column.task == task)
        with self._store.writing("changing the mode of a task") as connection:
            if after is not None and connection.scalar(last) != after:
                return False
            connection.execute(tables.modes.insert(), row)
        return True

    def history(self, task: str) -> list[ModeEntry]:
        """Return the lines of a task, oldest first."""
        column = tables.modes.c
        query = sa.select(tables.modes).where(column.task == task).order_by(column.id)
        return self._read(query)

    def current(self) -> dict[str, ModeEntry]:
        """Return the last line of every task that has one."""
        column = tables.modes.c
        last = sa.select(sa.func.max(column.id)).group_by(column.task)
        found = self._read(sa.select(tables.modes).where(column.id.in_(last)))
        return {entry.task: entry for entry in found}

    def _read(self, query: sa.Select[Any]) -> list[ModeEntry]:
        with self._store.reading("reading the modes of tasks") as connection:
            rows = connection.execute(query).mappings().all()
        return [ModeEntry(**{**row, "detail": json.loads(row["detail"])}) for row in rows]
