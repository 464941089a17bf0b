"""Calls that went through the gateway, and the feedback on them: the table behind traces.

A call is written once under its id, in one transaction with what it cost its key; writing it again
changes nothing. Only retention deletes. Texts arrive redacted (`traces/redact.py`). What a call
means is not known here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any

import sqlalchemy as sa

from rung.store import tables
from rung.store.connection import Connected

_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request and what came of it, as it is kept."""

    id: str
    """Sorts by time."""
    created: str
    tenant: str = ""
    key_id: str = ""
    conversation: str = ""
    wire: str = "chat"
    """`chat`, `completions`, `embeddings`, `messages`, `task` or `systemone`."""
    model: str
    """As the client asked for it."""
    served_by: str = ""
    """The endpoint or the route that answered; empty when none did."""
    task: str = ""
    mode: str = ""
    """The task's mode at that time."""
    arm: str = ""
    """`specialist`, `frontier`, or `merged` of both; empty outside of tasks."""
    filled_by: str = ""
    """JSON of which arm filled which field of a merged answer."""
    pair: str = ""
    """Of a call that ran silently beside another: that one's id."""
    status: int
    """Of HTTP, as the client saw it; 499 when the client had gone."""
    outcome: str = "ok"
    """`ok`, the status of a route's answer, `refused` where the model or its server would not have
    the input, `error`, or `cut` for a stream that did not end."""
    streamed: bool = False
    prompt_tokens: int = 0
    cached_tokens: int = 0
    forced_tokens: int = 0
    output_tokens: int = 0
    estimated: bool = False
    """The server told no token counts; they are estimated from the texts."""
    cost_usd: float | None = None
    """None where no price is known."""
    latency_ms: float = 0.0
    upstream_ms: float = 0.0
    """Part of the latency spent waiting for the endpoint or the route."""
    first_ms: float = 0.0
    """Until the first byte of the answer."""
    hedge: str = ""
    """The endpoint that the same request was sent to because the first one was slow."""
    request: str = ""
    response: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """What was said about a call, sooner or later."""

    created: str
    tenant: str
    call_id: str
    accepted: bool | None = None
    reward: float | None = None
    correction: str | None = None
    """JSON of what the answer should have been."""
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a served call ended, without its texts."""

    id: str
    tenant: str
    conversation: str
    arm: str
    outcome: str


class CallLog:
    """Reads and extends the calls of a store. Raises StoreError when that fails."""

    def __init__(self, store: Connected) -> None:
        self._store = store
        self._mark = "?" if store.dialect == "sqlite" else "%s"
        self._charge = _CHARGE.replace("?", self._mark)

    def append(self, calls: Sequence[Call]) -> None:
        """Write calls and what they cost in one transaction; durable when this returns."""
        # one statement for all rows: a step for each would hand the interpreter over and back
        row = f"({', '.join([self._mark] * len(_NAMES))})"
        insert = f"{_INSERT} {', '.join([row] * len(calls))} ON CONFLICT DO NOTHING"
        values = tuple(value for call in calls for value in _values(call))
        with self._store.writing_raw("keeping calls") as cursor:
            cursor.execute(insert, values)
            for (key_id, month), (cost, number) in _spent(calls).items():
                cursor.execute(self._charge, (key_id, month, cost, number))

    def read(
        self,
        *,
        task: str = "",
        tenant: str | None = None,
        conversation: str = "",
        since: str = "",
        after: str = "",
        limit: int = 0,
    ) -> Iterator[Call]:
        """Yield calls in the order of their ids, a page at a time; `after` is an id."""
        column = tables.calls.c
        query = sa.select(tables.calls).order_by(column.id).limit(min(limit or _PAGE, _PAGE))
        for value, test in (
            (task, column.task == task),
            (conversation, column.conversation == conversation),
            (since, column.created >= since),
        ):
            query = query.where(test) if value else query
        if tenant is not None:
            query = query.where(column.tenant == tenant)
        left = limit or None
        while left is None or left > 0:
            with self._store.reading("reading calls") as connection:
                rows = connection.execute(query.where(column.id > after)).mappings().all()
            found = [Call(**row) for row in rows][:left]
            yield from found
            if len(rows) < _PAGE:
                return
            after = found[-1].id
            left = None if left is None else left - len(found)

    def last_id(self, task: str) -> str:
        """Return the id of a task's newest call; empty where it has none."""
        column = tables.calls.c
        with self._store.reading("reading calls") as connection:
            newest = sa.select(sa.func.max(column.id)).where(column.task == task)
            return str(connection.scalar(newest) or "")

    def get(self, id_: str) -> Call | None:
        """Return one call, or None."""
        query = sa.select(tables.calls).where(tables.calls.c.id == id_)
        with self._store.reading("reading a call") as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else Call(**row)

    def outcomes(self, task: str, *, since: str, mode: str) -> list[Outcome]:
        """Return how the served calls of a task ended in one mode, oldest first."""
        column = tables.calls.c
        wanted = [column[field.name] for field in fields(Outcome)]
        query = sa.select(*wanted).where(*_served(task, since, mode)).order_by(column.id)
        with self._store.reading("reading outcomes") as connection:
            return [Outcome(**row) for row in connection.execute(query).mappings()]

    def answered_beside(self, task: str, *, since: str, mode: str) -> set[str]:
        """Return the ids of served calls beside which another one was answered well."""
        column = tables.calls.c
        query = sa.select(column.pair).where(
            column.task == task,
            column.created >= since,
            column.mode == mode,
            column.pair != "",
            column.outcome.in_(("ok", "repaired")),
        )
        with self._store.reading("reading what was answered beside") as connection:
            return set(connection.scalars(query))

    def feedback_on_outcomes(
        self, task: str, *, since: str, mode: str
    ) -> dict[str, list[Feedback]]:
        """Return what tenants said of their calls among these outcomes, oldest first; in one query
        however many they are."""
        column, call = tables.feedback.c, tables.calls.c
        same = (column.call_id == call.id) & (column.tenant == call.tenant)
        query = sa.select(tables.feedback).join(tables.calls, same)
        return self._feedback(query.where(*_served(task, since, mode)).order_by(column.id))

    def forget_before(self, created: str) -> int:
        """Delete calls and feedback older than a UTC time; return how many calls there were."""
        with self._store.writing("forgetting calls") as connection:
            connection.execute(tables.feedback.delete().where(tables.feedback.c.created < created))
            old = tables.calls.delete().where(tables.calls.c.created < created)
            return connection.execute(old).rowcount

    def add_feedback(self, feedback: Feedback) -> None:
        """Keep feedback; the call it is about may come later, or never."""
        row = {field.name: getattr(feedback, field.name) for field in fields(Feedback)}
        with self._store.writing("keeping feedback") as connection:
            connection.execute(tables.feedback.insert(), row)

    def feedback(self, call_ids: Sequence[str], tenant: str) -> dict[str, list[Feedback]]:
        """Return a tenant's feedback on these calls, oldest first."""
        column = tables.feedback.c
        found: dict[str, list[Feedback]] = {}
        query = sa.select(tables.feedback).where(column.tenant == tenant).order_by(column.id)
        for start in range(0, len(call_ids), _PAGE):
            page = call_ids[start : start + _PAGE]
            found |= self._feedback(query.where(column.call_id.in_(page)))
        return found

    def _feedback(self, query: sa.Select[Any]) -> dict[str, list[Feedback]]:
        found: dict[str, list[Feedback]] = defaultdict(list)
        with self._store.reading("reading feedback") as connection:
            for row in connection.execute(query).mappings().all():
                values = {name: value for name, value in row.items() if name != "id"}
                found[row["call_id"]].append(Feedback(**values))
        return dict(found)


def _served(task: str, since: str, mode: str) -> tuple[sa.ColumnElement[bool], ...]:
    """Return what tells the calls of a task that were served in one mode."""
    column = tables.calls.c
    return (
        column.task == task,
        column.created >= since,
        column.mode == mode,
        column.pair == "",
    )


_NAMES = tuple(field.name for field in fields(Call))
_INSERT = f"INSERT INTO calls ({', '.join(_NAMES)}) VALUES"
_CHARGE = (
    "INSERT INTO spend (key_id, month, cost_usd, num_calls) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (key_id, month) DO UPDATE SET cost_usd = spend.cost_usd + excluded.cost_usd,"
    " num_calls = spend.num_calls + excluded.num_calls"
)
_values = attrgetter(*_NAMES)


def _spent(calls: Sequence[Call]) -> dict[tuple[str, str], tuple[float, int]]:
    spent: dict[tuple[str, str], tuple[float, int]] = {}
    for call in calls:
        if call.key_id:
            at = (call.key_id, call.created[:7])
            cost, number = spent.get(at, (0.0, 0))
            spent[at] = (cost + (call.cost_usd or 0.0), number + 1)
    return spent
