"""An input on its way to a task: what it needs, whose it is, and its record when it has ended."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from rung.core.clock import monotonic_ms, now_utc
from rung.gateway.access import Visitor
from rung.gateway.arms import Said
from rung.gateway.asgi import Request
from rung.gateway.catalogue import PREFIX
from rung.gateway.names import Names
from rung.gateway.refusal import Refusal
from rung.store.calls import Call
from rung.store.facts import MAX_OWNER_CHARS, owner_key

MAX_INPUT_CHARS = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """An input on its way to a task."""

    call_id: str
    visitor: Visitor
    task: str
    text: str
    conversation: str
    """Without personal data, so that it is kept as it is: a canary's arm goes by it."""
    owner: str
    wire: str
    request: bytes
    """As it is kept."""
    began_ms: float
    streamed: bool = False


def checked(text: str) -> str:
    """Return an input. Raises Refusal when it is empty or too long."""
    if not text.strip():
        raise Refusal(400, "empty_input", "the input is empty")
    if len(text) > MAX_INPUT_CHARS:
        message = f"the input has {len(text)} characters, at most {MAX_INPUT_CHARS} fit"
        raise Refusal(400, "input_too_long", message)
    return text


def conversation_of(request: Request, visitor: Visitor, named: str, text: str, names: Names) -> str:
    """Return the conversation a client names, else a hash of the input."""
    found = (request.header(b"x-rung-conversation") or named)[:200]
    if not found:
        return names.hashed(visitor.tenant.encode(), text.encode("utf-8", "surrogatepass"))
    return names.given(found, visitor.tenant)


def owner_of(request: Request, visitor: Visitor, named: str) -> str:
    """Return whose request it is, apart from other tenants' people; empty where nobody says.

    Raises Refusal for a name that is too long.
    """
    found = request.header(b"x-rung-owner") or named
    if len(found) > MAX_OWNER_CHARS:
        message = f"the owner has {len(found)} characters, at most {MAX_OWNER_CHARS} fit"
        raise Refusal(400, "owner_too_long", message)
    return owner_key(visitor.tenant, found)


def record(
    errand: Errand, mode: str, *, said: Said | None = None, id_: str = "", pair: str = "",
    status: int = 200, outcome: str = "",
) -> Call:  # fmt: skip
    """Return the call of an errand that an arm answered, or that ended without an answer."""
    usage = said.asked.usage if said else None
    ended = ("refused" if said.refused else said.asked.status) if said else "error"
    latency_ms = monotonic_ms() - errand.began_ms
    return Call(
        id=id_ or errand.call_id,
        created=now_utc(),
        tenant=errand.visitor.tenant,
        key_id=errand.visitor.key_id,
        conversation=errand.conversation,
        wire=errand.wire,
        model=PREFIX + errand.task,
        served_by=said.asked.route if said else "",
        task=errand.task,
        mode=mode,
        arm=said.arm if said else "",
        filled_by=header_json(said.filled_by) if said and said.filled_by else "",
        pair=pair,
        status=status,
        outcome=outcome or ended,
        streamed=errand.streamed,
        prompt_tokens=usage.prompt_tokens if usage else 0,
        cached_tokens=usage.cached_tokens if usage else 0,
        forced_tokens=usage.forced_tokens if usage else 0,
        output_tokens=usage.output_tokens if usage else 0,
        cost_usd=said.asked.cost_usd if said else 0.0,
        latency_ms=said.wait_ms if said and pair else latency_ms,
        upstream_ms=said.wait_ms if said else latency_ms,
        first_ms=latency_ms,
    )


def header_json(filled_by: Mapping[str, str]) -> str:
    """Return JSON that may stand in a header: one line of ASCII."""
    return json.dumps(dict(filled_by))
