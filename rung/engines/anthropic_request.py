"""A `Request` as the JSON body of an Anthropic-style server (`/v1/messages`).

Pure functions; nothing is sent here. Which models take which field is in `hosted.py`. The wire has
no seed, no grammar and no log-probabilities. A choice is asked for as a JSON object of one enum,
by `output_config` or by a tool that must be called. What a forced start or a schema cannot say is
an EngineError, never dropped.

The wire refuses white space at the end of a forced start: it is left off, and `anthropic_answer.py`
takes it off the answer again. It refuses blank messages and blank stop sequences, which are left
out; the answer is cut at every stop sequence here anyway.
"""

from __future__ import annotations

from typing import Any

from rung.core.errors import EngineError
from rung.engines.base import Request
from rung.engines.dialects import Dialect, may_think, thinking_fields
from rung.engines.openai_request import choice_schema, token_limit
from rung.engines.schema_subset import Inexpressible, closed, tool_input

PATH = "/messages"
_TOOL = "answer"


def messages_body(request: Request, dialect: Dialect, model: str) -> tuple[str, dict[str, Any]]:
    """Return the path below the base URL and the JSON body. Raises EngineError."""
    if request.prompt:
        raise EngineError("an anthropic server takes messages, not a raw prompt")
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": token_limit(request, dialect),
        "messages": _messages(request),
    }
    if system := "\n\n".join(m.content for m in request.messages if m.role == "system"):
        body["system"] = system
    if dialect.samples and not may_think(request, dialect):
        body["temperature"] = min(request.temperature, 1.0)
    if stops := [stop for stop in request.stop if stop.strip()]:
        body["stop_sequences"] = stops
    body |= thinking_fields(request, dialect)
    return PATH, body | _constraint(request, dialect, model)


def _messages(request: Request) -> list[dict[str, str]]:
    turns = [
        {"role": message.role, "content": message.content}
        for message in request.messages
        if message.role != "system" and message.content.strip()
    ]
    if prefix := request.prefix.rstrip():
        turns.append({"role": "assistant", "content": prefix})
    return turns


def _constraint(request: Request, dialect: Dialect, model: str) -> dict[str, Any]:
    name, schema = "schema", request.schema
    if request.choices:
        name, schema = "choices", choice_schema(request.choices)
    if schema is None:
        return {}
    reasons = []
    for style in dialect.schemas:
        try:
            if style == "output_config":
                described = {"type": "json_schema", "schema": closed(schema)}
                return {"output_config": {"format": described}}
            if may_think(request, dialect):
                raise Inexpressible("a forced tool call leaves no room for thinking")
            return _forced_tool(schema)
        except Inexpressible as reason:
            reasons.append(str(reason))
    raise EngineError(
        f"{model} takes this schema in no way: {'; '.join(reasons)}",
        hint="choose a rung without schema, or simplify the schema",
        refused=name,
    )


def _forced_tool(schema: dict[str, Any]) -> dict[str, Any]:
    tool = {
        "name": _TOOL,
        "description": "Takes the answer.",
        "input_schema": tool_input(schema),
    }
    choice = {"type": "tool", "name": _TOOL, "disable_parallel_tool_use": True}
    return {"tools": [tool], "tool_choice": choice}
