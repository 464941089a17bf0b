"""Calls told as traces: all calls of one conversation, with the tool events between them.

A tool event is read from two calls: the one whose answer asks for the tool, and the later one whose
request holds the result. OpenAI and Anthropic messages are understood; other texts have no events.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from rung.store.calls import Call


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolEvent:
    """A use of a tool: what was asked, and what came back once it is known."""

    id: str
    name: str
    arguments: Any
    """The decoded JSON where it is some, else the text as it was written."""
    result: str | None = None
    asked_in: str
    """Id of the call whose answer asked for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One conversation of one tenant, oldest call first."""

    tenant: str
    conversation: str
    calls: tuple[Call, ...]

    def tool_events(self) -> tuple[ToolEvent, ...]:
        """Return the uses of tools in the order they were asked for."""
        results: dict[str, str] = {}
        for call in self.calls:
            results |= dict(_results(_decoded(call.request)))
        return tuple(
            ToolEvent(
                id=id_,
                name=name,
                arguments=arguments,
                result=results.get(id_),
                asked_in=call.id,
            )
            for call in self.calls
            for id_, name, arguments in _asked(_decoded(call.response))
        )


def traces_of(calls: Iterable[Call]) -> list[Trace]:
    """Group calls by tenant and conversation; a call without one is a trace of its own."""
    grouped: dict[tuple[str, str], list[Call]] = {}
    for call in calls:
        grouped.setdefault((call.tenant, call.conversation or call.id), []).append(call)
    return [
        Trace(tenant=tenant, conversation=conversation, calls=tuple(found))
        for (tenant, conversation), found in grouped.items()
    ]


def _decoded(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _asked(response: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    for choice in _dicts(response.get("choices")):
        for call in _dicts(_dict(choice.get("message")).get("tool_calls")):
            function = _dict(call.get("function"))
            text = str(function.get("arguments", ""))
            yield str(call.get("id")), str(function.get("name")), _decoded(text) or text
    for block in _dicts(response.get("content")):
        if block.get("type") == "tool_use":
            yield str(block.get("id")), str(block.get("name")), block.get("input")


def _results(request: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for message in _dicts(request.get("messages")):
        if message.get("role") == "tool":
            yield str(message.get("tool_call_id")), _text(message.get("content"))
        for block in _dicts(message.get("content")):
            if block.get("type") == "tool_result":
                yield str(block.get("tool_use_id")), _text(block.get("content"))


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in _dicts(content))
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
