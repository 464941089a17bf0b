"""Read what the gateway captured: calls, traces, and examples to make a task of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from rung.core.clock import UTC_FORM
from rung.core.errors import TraceError
from rung.store import Store
from rung.store.calls import Call, CallLog
from rung.traces import Trace, traces_of
from rung.traces.heard import answer_text, last_word
from rung.traces.query import Table, query


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which calls; an empty value leaves a field out."""

    task: str = ""
    tenant: str | None = None
    conversation: str = ""
    since: str = ""
    """ISO-8601; UTC where it has no offset."""
    limit: int = 0

    def __post_init__(self) -> None:
        """Write the time as calls have it; raise TraceError where it is none."""
        if self.since:
            object.__setattr__(self, "since", _as_utc(self.since))


def captured(wanted: Filter) -> Iterator[Call]:
    """Yield calls, oldest first."""
    with closing(Store()) as store:
        yield from CallLog(store).read(**asdict(wanted))


def queried(wanted: Filter, sql: str, *, texts: bool = False) -> Table:
    """Return what SQL says of the calls, the table `calls`. Raises TraceError."""
    return query(captured(wanted), sql, texts=texts)


def find_trace(id_: str) -> dict[str, Any]:
    """Return a trace by a call's id or a conversation's, with feedback. Raises TraceError."""
    with closing(Store()) as store:
        log = CallLog(store)
        call = log.get(id_)
        conversation = call.conversation if call else id_
        tenant = call.tenant if call else None
        found = traces_of(log.read(conversation=conversation, tenant=tenant))
        if not found:
            raise TraceError(
                f"no call and no conversation is called {id_!r}", hint="rung traces list"
            )
        if len(found) > 1:
            tenants = ", ".join(repr(trace.tenant) for trace in found)
            raise TraceError(
                f"several tenants ({tenants}) have a conversation {id_!r}",
                hint="name one of its calls",
            )
        return _shown(log, found[0])


def exported(wanted: Filter) -> Iterator[dict[str, Any]]:
    """Yield chat rows as `rung init` reads them, one an answered call.

    A correction given by feedback takes the place of the answer; a call that was not accepted and
    not corrected is left out, and so are calls that ran beside another or went wrong. A caller's
    last word counts.
    """
    with closing(Store()) as store:
        log = CallLog(store)
        num = 0
        for call in log.read(**asdict(replace(wanted, limit=0))):
            if wanted.limit and num == wanted.limit:
                return
            if call.status != 200 or call.outcome not in ("ok", "repaired", "escalated"):
                continue
            said = log.feedback([call.id], call.tenant).get(call.id, [])
            accepted, correction = last_word(said)
            if call.pair or (accepted is False and correction is None):
                continue
            row = _chat_row(call, "" if correction is None else _as_text(correction))
            if row is not None:
                num += 1
                yield row


def _shown(log: CallLog, trace: Trace) -> dict[str, Any]:
    said = log.feedback([call.id for call in trace.calls], trace.tenant)
    return {
        "tenant": trace.tenant,
        "conversation": trace.conversation,
        "calls": [
            asdict(call) | {"feedback": [asdict(f) for f in said.get(call.id, [])]}
            for call in trace.calls
        ],
        "tool_events": [asdict(event) for event in trace.tool_events()],
    }


def _chat_row(call: Call, correction: str) -> dict[str, Any] | None:
    try:
        request, response = json.loads(call.request), json.loads(call.response)
    except (ValueError, RecursionError):
        return None
    if not isinstance(request, dict):
        return None
    answer = correction or answer_text(response)
    messages = request.get("messages")
    if messages is None and isinstance(request.get("input"), str):
        messages = [{"role": "user", "content": request["input"]}]
    if not isinstance(messages, list) or not answer:
        return None
    last = {"role": "assistant", "content": answer}
    return {"messages": [*messages, last], "group": call.conversation, "call_id": call.id}


def _as_utc(time: str) -> str:
    try:
        given = datetime.fromisoformat(time)
        return (
            (given if given.tzinfo else given.replace(tzinfo=UTC))
            .astimezone(UTC)
            .strftime(UTC_FORM)
        )
    except (ValueError, OverflowError):
        raise TraceError(
            f"{time!r} is no time to read calls from",
            hint="as 2026-11-26 or 2026-11-26T10:30:00+02:00; without an offset it is UTC",
        ) from None


def _as_text(correction: Any) -> str:
    """Return a corrected answer as a model would have written it."""
    if isinstance(correction, str):
        return correction
    return json.dumps(correction, ensure_ascii=False)
