"""Tools on the wire of an OpenAI-style server: what is offered, what was called, what came back.

Pure functions over JSON values. The wire takes letters, digits, `_` and `-` in names: every other
sign is sent as two underscores, and the offered name is put back. Arguments stay the text that the
model wrote; whether they fit is for the caller to say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from rung.core.records import Message, ToolCall
from rung.engines.base import Request

_UNSENDABLE = re.compile(r"[^A-Za-z0-9_-]")


def tool_fields(request: Request) -> dict[str, Any]:
    """Return the body fields that offer the request's tools."""
    if not request.tools:
        return {}
    return {
        "tools": [
            _function(
                name=_wire_name(tool.name),
                description=tool.description,
                parameters=dict(tool.parameters),
            )
            for tool in request.tools
        ]
    }


def wire_message(message: Message) -> dict[str, Any]:
    """Return a message as the wire has it."""
    sent: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.call_id:
        sent["tool_call_id"] = message.call_id
    if message.tool_calls:
        sent["content"] = message.content or None
        sent["tool_calls"] = [
            {"id": call.id, **_function(name=_wire_name(call.name), arguments=call.arguments)}
            for call in message.tool_calls
        ]
    return sent


def read_tool_calls(message: Mapping[str, Any], request: Request) -> tuple[ToolCall, ...]:
    """Return the calls of an answer, by the names that were offered; none where none was."""
    listed = message.get("tool_calls")
    if not request.tools or not isinstance(listed, list):
        return ()
    names = {_wire_name(tool.name): tool.name for tool in request.tools}
    calls = []
    for item in listed:
        function = item.get("function") if isinstance(item, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            continue
        name, arguments = str(function["name"]), function.get("arguments")
        if isinstance(arguments, dict):  # some servers have read them already
            arguments = json.dumps(arguments, ensure_ascii=False)
        text = arguments if isinstance(arguments, str) else ""
        calls.append(
            ToolCall(id=str(item.get("id", "")), name=names.get(name, name), arguments=text)
        )
    return tuple(calls)


def _function(**fields: Any) -> dict[str, Any]:
    return {"type": "function", "function": fields}


def _wire_name(name: str) -> str:
    return _UNSENDABLE.sub("__", name)
