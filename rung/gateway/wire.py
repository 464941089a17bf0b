"""What the gateway reads of requests and answers on the wire; everything else passes untouched.

OpenAI's chat completions, completions and embeddings, and Anthropic's messages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from rung.core.records import Usage
from rung.gateway.refusal import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """One kind of request: where it goes and what its answers hold."""

    name: str
    path: str
    """At the endpoint, below its base URL."""
    answer: str
    """The field that every answer has."""


CHAT = Wire(name="chat", path="/chat/completions", answer="choices")
COMPLETIONS = Wire(name="completions", path="/completions", answer="choices")
EMBEDDINGS = Wire(name="embeddings", path="/embeddings", answer="data")
MESSAGES = Wire(name="messages", path="/messages", answer="content")


_NOTHING = msgspec.Raw(b"")


class Asked(msgspec.Struct):
    """The fields of a request that decide where it goes."""

    model: str = ""
    stream: bool | None = None
    metadata: msgspec.Raw = _NOTHING
    messages: msgspec.Raw = _NOTHING
    system: msgspec.Raw = _NOTHING
    prompt: msgspec.Raw = _NOTHING
    input: msgspec.Raw = _NOTHING
    store: msgspec.Raw = _NOTHING
    mcp_servers: msgspec.Raw = _NOTHING
    container: msgspec.Raw = _NOTHING

    @property
    def idempotent(self) -> bool:
        """Whether answering twice does what answering once does: nothing is kept at the endpoint,
        and no tool is used there."""
        unset = (b"", b"null", b"false", b"[]")
        return all(bytes(f) in unset for f in (self.store, self.mcp_servers, self.container))


_asked = msgspec.json.Decoder(Asked)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read_request(body: bytes) -> Asked:
    """Decode a request's body. Raises Refusal 400 naming what is wrong with it."""
    try:
        asked = _asked.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(400, "invalid_json", f"the body cannot be read: {error}") from None
    if not asked.model:
        raise Refusal(400, "missing_model", "the body names no model")
    return asked


def with_model(body: bytes, model: str) -> bytes:
    """Return the body asking for another model; every other value keeps its bytes."""
    fields: dict[str, Any] = dict(_fields.decode(body))
    fields["model"] = model
    return msgspec.json.encode(fields)


Tokens = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)] | None
"""A count that can be one; what a server tells beyond that is no count."""


class PromptDetails(msgspec.Struct):
    """OpenAI's split of prompt tokens."""

    cached_tokens: Tokens = 0


class RawUsage(msgspec.Struct):
    """Token counts of either wire."""

    prompt_tokens: Tokens = 0
    completion_tokens: Tokens = 0
    prompt_tokens_details: PromptDetails | None = None
    input_tokens: Tokens = 0
    output_tokens: Tokens = 0
    cache_read_input_tokens: Tokens = 0
    cache_creation_input_tokens: Tokens = 0


_usage = msgspec.json.Decoder(RawUsage | None, strict=False)


class Answered(msgspec.Struct):
    """The fields of an answer that are looked at."""

    choices: list[msgspec.Raw] | None = None
    data: list[msgspec.Raw] | None = None
    content: list[msgspec.Raw] | None = None
    usage: msgspec.Raw = _NOTHING


_answered = msgspec.json.Decoder(Answered)


def read_answer(wire: Wire, body: bytes) -> Answered | None:
    """Decode an answer of status 200; None when it is not one of this wire."""
    try:
        answered = _answered.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return None if getattr(answered, wire.answer) is None else answered


def usage_of(told: msgspec.Raw | dict[str, Any] | None) -> Usage | None:
    """Return the counts in the four kinds; None when the server told none, or none that can be."""
    try:
        if isinstance(told, msgspec.Raw):
            raw = _usage.decode(told) if told else None
        else:
            raw = msgspec.convert(told, type=RawUsage | None, strict=False)
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError):
        return None
    return _in_four_kinds(raw) if raw is not None else None


def _in_four_kinds(raw: RawUsage) -> Usage:
    if raw.input_tokens or raw.cache_read_input_tokens or raw.output_tokens:
        return Usage(
            prompt_tokens=(raw.input_tokens or 0) + (raw.cache_creation_input_tokens or 0),
            cached_tokens=raw.cache_read_input_tokens or 0,
            output_tokens=raw.output_tokens or 0,
        )
    details = raw.prompt_tokens_details
    cached = (details.cached_tokens or 0) if details else 0
    return Usage(
        prompt_tokens=max(0, (raw.prompt_tokens or 0) - cached),
        cached_tokens=cached,
        output_tokens=raw.completion_tokens or 0,
    )
