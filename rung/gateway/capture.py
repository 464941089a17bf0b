"""Make the record of a call: which conversation it belongs to, tokens, cost, redacted texts.

Everything here runs in the writer's thread. Nothing reaches the disk but through `Redactor`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from rung.core.clock import now_utc
from rung.core.records import Usage
from rung.engines.prices import Price, cost_usd
from rung.gateway.names import Names
from rung.gateway.sse import merge
from rung.gateway.wire import MESSAGES, Asked, Wire, usage_of
from rung.store.calls import Call
from rung.traces.redact import Redactor

_CHARS_PER_TOKEN = 4
_DATA_URL = re.compile(rb'"data:[^",]{0,200};base64,[^"]*"')
"""A picture or a sound in JSON: what it costs has nothing to do with its length."""


@dataclass(slots=True, kw_only=True)
class Seen:
    """What is known of a passed-on call when it ends, bytes as they were."""

    known: dict[str, Any]
    """Fields of the record; texts, tokens and cost are added here."""
    wire: Wire
    asked: Asked
    request: bytes
    response: bytes = b""
    is_events: bool = False
    usage: Usage | None = None
    price: Price | None = None
    told: Callable[[Call], None] = field(default=lambda call: None)
    """Called with the finished record, before it is written."""


def finished(seen: Seen, redactor: Redactor, names: Names) -> Call:
    """Return the record as it is to be kept."""
    known, response = seen.known, seen.response
    if seen.is_events:
        merged = merge(seen.wire, seen.response)
        response = msgspec.json.encode(merged)
        usage, estimated = _of_stream(seen, merged)
    else:
        estimated = seen.usage is None and known["status"] == 200
        usage = _estimate(seen.request, response) if estimated else seen.usage or Usage()
    cost = None if seen.price is None else cost_usd(seen.price, usage, known["upstream_ms"])
    named = known.pop("conversation")
    error = known.pop("error")
    done = Call(
        **known,
        created=now_utc(),
        conversation=conversation_of(seen.asked, named, known["tenant"], names),
        prompt_tokens=usage.prompt_tokens,
        cached_tokens=usage.cached_tokens,
        forced_tokens=usage.forced_tokens,
        output_tokens=usage.output_tokens,
        estimated=estimated,
        cost_usd=cost,
        request=redactor.json(seen.request),
        response=redactor.json(response),
        error=redactor.text(error),
    )
    seen.told(done)
    return done


class _Turn(msgspec.Struct):
    role: str = ""


_turns = msgspec.json.Decoder(list[msgspec.Raw])
_role = msgspec.json.Decoder(_Turn)


def conversation_of(asked: Asked, named: str, tenant: str, names: Names) -> str:
    """Return what ties the calls of one conversation together.

    The name that the client gave, in the header or as `metadata.conversation`, else a hash of the
    messages up to the first of the user, which every later call of the conversation repeats. Two
    conversations that begin alike are told apart only by the client.
    """
    if given := named or named_conversation(asked):
        return names.given(given, tenant)
    return names.hashed(tenant.encode(), *_opening(asked))


def named_conversation(asked: Asked) -> str:
    """Return the client's `metadata.conversation`, empty when it names none."""
    try:
        value = msgspec.json.decode(asked.metadata) if asked.metadata else None
    except (msgspec.DecodeError, RecursionError):
        return ""
    name = value.get("conversation") if isinstance(value, dict) else None
    return name[:200] if isinstance(name, str) else ""


def _opening(asked: Asked) -> list[bytes]:
    if not asked.messages:
        return [bytes(asked.prompt), bytes(asked.input)]
    opening = [bytes(asked.system)]
    try:
        for turn in _turns.decode(asked.messages):
            opening.append(bytes(turn))
            if _role.decode(turn).role == "user":
                break
    except (msgspec.DecodeError, RecursionError):
        opening.append(bytes(asked.messages))
    return opening


def _of_stream(seen: Seen, merged: dict[str, Any]) -> tuple[Usage, bool]:
    """Return what a stream used, and whether that is an estimate, by what came of it.

    A stream of chat that is cut has told no usage yet, one of messages only that of its beginning:
    each is charged for what came, or a client that leaves before the end would pay nothing.
    """
    if not seen.response:
        return Usage(), False
    told = usage_of(merged.get("usage"))
    if told is not None and (seen.wire is not MESSAGES or merged.get("stop_reason")):
        return told, False
    guess = _estimate(seen.request, msgspec.json.encode(merged.get(seen.wire.answer)))
    if told is None:
        return guess, True
    if guess.output_tokens > told.output_tokens:
        return replace(told, output_tokens=guess.output_tokens), True
    return told, False


def _estimate(request: bytes, answer: bytes) -> Usage:
    return Usage(prompt_tokens=_num_tokens(request), output_tokens=_num_tokens(answer))


def _num_tokens(data: bytes) -> int:
    told = _DATA_URL.sub(b"", data) if b";base64," in data else data
    return len(told) // _CHARS_PER_TOKEN
