"""Which capability a server refuses, read from its words with care.

A request is taken to be refused for a capability only if the status says the request is at fault,
the request uses the capability, and the server's words name both it and a refusal. Of several
named ones the first is meant. Words about the content (a schema it cannot take, a combination) are
not held against the model: `lasting` is false. Nothing is asked again here.

Sources of the words: issues of clients of Claude, OpenAI, Mistral, DeepSeek, DashScope, OpenRouter,
llama.cpp and vLLM that quote these answers; `tests/engines/test_refusals.py` lists them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from rung.engines.base import Request
from rung.engines.dialects import Dialect, consistent
from rung.engines.support import asked_for

_STATUSES = (400, 404, 422)
_SCHEMA = (
    r"response_format|json_schema|output_config|output_format|structured.?output|tool_choice|tools"
    r"|schema|requested parameters"
)
_WORDS = {
    "prefix": (
        r"pre-?fill|prefix|partial|continue_final_message|add_generation_prompt|last role"
        r"|last message|final.{0,3}assistant|must end with a user message"
        r"|assistant messages at the end"
    ),
    "choices": _SCHEMA + r"|guided_choice|grammar|regex|choice",
    "regex": r"structured.?output|guided_regex|regex",
    "schema": _SCHEMA + r"|guided_json",
    "logprobs": r"log_?probs",
    "thinking": r"thinking|reasoning|chat_template_kwargs",
    "adapters": r"lora|adapter",
    "tool_calls": r"tool.?(choice|call|use)|tools\b|function.?call",
}
_REFUSED = re.compile(
    r"not (be )?(supported|allowed|permitted|available|enabled|accepted)|(not|n't) support"
    r"|unsupported|unavailable|incompatible|deprecated|unrecognized|unknown (field|parameter|name)"
    r"|extra_forbidden|cannot have 2 or more|expected last role|must end with|must be set to false"
    r"|not implemented|requires --|no endpoints found that|not accept|invalid schema"
    r"|too (complex|large|many)",
    re.IGNORECASE,
)
_CONTENT = re.compile(
    r"invalid schema|format\.schema|too (complex|large|many)|in context=|property '",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One capability that a server will not honour."""

    capability: str
    lasting: bool
    """It is the model that does not have it, whatever the request."""


def find_refusal(
    status: int, said: str, request: Request, body: Mapping[str, Any]
) -> Refusal | None:
    """Return what a server that answered `status` with these words refuses; None if unclear."""
    if status not in _STATUSES or not _REFUSED.search(said):
        return None
    used = asked_for(request)
    if "logprobs" in body and "logprobs" not in used:
        used += ("logprobs",)
    found = {
        name: at.start() for name in used if (at := re.search(_WORDS[name], said, re.IGNORECASE))
    }
    if not found:
        return None
    first = min(found, key=lambda name: found[name])
    lasting = len(found) == 1 and not _CONTENT.search(said)
    return Refusal(capability=first, lasting=lasting)


def without(dialect: Dialect, capability: str) -> Dialect:
    """Return the dialect that no longer declares a capability, nor what rests on it."""
    if capability == "prefix":
        return consistent(replace(dialect, prefix="none"))
    if capability == "thinking":
        return consistent(replace(dialect, switch=None))
    if capability == "tool_calls":
        return consistent(replace(dialect, tools=False))
    if capability == "choices" and dialect.choices == "enum_schema":
        capability = "schema"
    gone: dict[str, Any] = {capability: False}
    return consistent(replace(dialect, capabilities=replace(dialect.capabilities, **gone)))
