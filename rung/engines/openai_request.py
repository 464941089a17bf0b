"""A `Request` as the JSON body of an OpenAI-style server.

Pure functions; nothing is sent here. What differs between servers is in `dialects.py`. A field
that the dialect has no words for is an EngineError, never dropped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from rung.core.errors import EngineError
from rung.engines import gbnf
from rung.engines.base import Request
from rung.engines.dialects import Dialect, may_think, thinking_fields
from rung.engines.openai_choice import decisive_bytes
from rung.engines.openai_tools import tool_fields, wire_message
from rung.engines.schema_subset import is_strict

_MAX_STOPS = 4


def request_body(request: Request, dialect: Dialect, model: str) -> tuple[str, dict[str, Any]]:
    """Return the path below the base URL and the JSON body. Raises EngineError."""
    body: dict[str, Any] = {
        "model": request.adapter or model,
        dialect.max_tokens_field: token_limit(request, dialect),
    }
    if dialect.samples:
        body["temperature"] = request.temperature
    if dialect.samples and dialect.seed_field and request.temperature > 0:
        body[dialect.seed_field] = request.seed
    if request.stop and dialect.stops:
        body["stop"] = list(request.stop[:_MAX_STOPS])
    body |= _logprob_fields(request, dialect)
    body |= _constraint(request, dialect) | tool_fields(request)
    if request.prompt:
        return "/completions", body | {"prompt": request.prompt + request.prefix}
    body |= _template_fields(request, dialect)
    return "/chat/completions", body | {"messages": _messages(request, dialect)}


def _messages(request: Request, dialect: Dialect) -> list[dict[str, Any]]:
    messages = [wire_message(message) for message in request.messages]
    if request.prefix:
        last: dict[str, Any] = {"role": "assistant", "content": request.prefix}
        if dialect.prefix in ("prefix", "partial"):
            last[dialect.prefix] = True
        messages.append(last)
    return messages


def _template_fields(request: Request, dialect: Dialect) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if request.prefix and dialect.prefix == "continue":
        fields |= {"continue_final_message": True, "add_generation_prompt": False}
    return fields | dict(thinking_fields(request, dialect))


def token_limit(request: Request, dialect: Dialect) -> int:
    """Return the token limit: enough for the longest choice, whose end the server decides, and for
    the thinking that a provider counts into it; or as few as mostly tell the choices apart."""
    if request.choices and dialect.choice_tokens and not may_think(request, dialect):
        return min(dialect.choice_tokens, decisive_bytes(request.choices))
    longest = max((len(choice.encode()) for choice in request.choices), default=0)
    limit = max(request.max_tokens, 16 + longest) if request.choices else request.max_tokens
    return limit + (dialect.thinking_tokens if may_think(request, dialect) else 0)


def _logprob_fields(request: Request, dialect: Dialect) -> dict[str, Any]:
    top = request.top_logprobs
    if request.choices and dialect.capabilities.choice_logprobs:
        top = dialect.max_top
    if not top:
        return {}
    return {"logprobs": top} if request.prompt else {"logprobs": True, "top_logprobs": top}


def _constraint(request: Request, dialect: Dialect) -> dict[str, Any]:
    if request.choices:
        return _choice_fields(request, dialect)
    if request.regex:
        name = "regex"
        value: Any = request.regex
    elif request.schema is not None:
        if not request.prompt:
            return _response_format("answer", request.schema, dialect)
        name, value = "json", request.schema
    else:
        return {}
    if dialect.choices == "structured":
        return {"structured_outputs": {name: value}}
    if dialect.choices == "guided":
        return {f"guided_{name}": value}
    if dialect.choices == "regex":
        return {"regex": value} if name == "regex" else {"json_schema": json.dumps(value)}
    if dialect.choices == "grammar":
        return {"json_schema": value} if name == "json" else {"grammar": gbnf.from_regex(value)}
    raise EngineError(f"a {dialect.server} server takes a schema only with messages, not a prompt")


def _choice_fields(request: Request, dialect: Dialect) -> dict[str, Any]:
    choices = list(request.choices)
    if dialect.choices == "structured":
        return {"structured_outputs": {"choice": choices}}
    if dialect.choices == "guided":
        return {"guided_choice": choices}
    if dialect.choices == "grammar":
        return {"grammar": gbnf.one_of(choices)}
    if dialect.choices == "regex":
        return {"regex": "(" + "|".join(map(_regex_literal, choices)) + ")"}
    if request.prompt or request.prefix:
        raise EngineError(
            f"a {dialect.server} server takes choices only with messages and without a prefix",
            hint="set server in engines.toml if it is vllm, sglang or llama-server",
        )
    return _response_format("choice", choice_schema(choices), dialect)


def choice_schema(choices: Sequence[str]) -> dict[str, Any]:
    """Return the schema of `{"choice": …}`, for servers that take choices no other way."""
    return {
        "type": "object",
        "properties": {"choice": {"type": "string", "enum": list(choices)}},
        "required": ["choice"],
        "additionalProperties": False,
    }


def _response_format(name: str, schema: dict[str, Any], dialect: Dialect) -> dict[str, Any]:
    described = {"name": name, "schema": schema, "strict": is_strict(schema)}
    fields = {"response_format": {"type": "json_schema", "json_schema": described}}
    return fields | dict(dialect.schema_fields or {})


def _regex_literal(text: str) -> str:
    # not re.escape: it escapes spaces and hyphens, which some regex engines refuse
    return re.sub(r"([\\.^$*+?{}\[\]()|])", r"\\\1", text)
