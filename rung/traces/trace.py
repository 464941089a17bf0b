"""Calls told as traces: all calls of one conversation, with the tool events between them.

A tool event is read from two calls: the one whose answer asks for the tool, and the later one whose
request holds the result. OpenAI and Anthropic messages are understood; other texts have no events.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
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
        """Return the uses of tools in the order they were asked for.

        Some servers use an id again; its result is the newest one that the next request has.
        """
        told = [_results(_decoded(call.request)) for call in self.calls]
        events = []
        for at, call in enumerate(self.calls):
            asked = list(_asked(_decoded(call.response)))
            left = Counter(id_ for id_, _, _ in asked)
            for id_, name, arguments in asked:
                before = told[at].get(id_)
                later = (known.get(id_, []) for known in told[at + 1 :])
                found = next((results for results in later if results and results != before), [])
                result = found[-left[id_]] if len(found) >= left[id_] else None
                left[id_] -= 1
                events.append(
                    ToolEvent(
                        id=id_, name=name, arguments=arguments, result=result, asked_in=call.id
                    )
                )
        return tuple(events)


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
    return dict_of(_value(text, None))


def _value(text: str, other: Any) -> Any:
    """Return what a text of JSON says, and something else where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return other


def _asked(response: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    for choice in dicts_of(response.get("choices")):
        for call in dicts_of(dict_of(choice.get("message")).get("tool_calls")):
            function = dict_of(call.get("function"))
            arguments = function.get("arguments", "")
            if isinstance(arguments, str):
                arguments = _value(arguments, arguments)
            yield str(call.get("id")), str(function.get("name")), arguments
    for block in dicts_of(response.get("content")):
        if block.get("type") == "tool_use":
            yield str(block.get("id")), str(block.get("name")), block.get("input")


def _results(request: dict[str, Any]) -> dict[str, list[str]]:
    """Return what came back under each id, oldest first."""
    found: dict[str, list[str]] = defaultdict(list)
    for message in dicts_of(request.get("messages")):
        if message.get("role") == "tool":
            found[str(message.get("tool_call_id"))].append(_text(message.get("content")))
        for block in dicts_of(message.get("content")):
            if block.get("type") == "tool_result":
                found[str(block.get("tool_use_id"))].append(_text(block.get("content")))
    return dict(found)


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in dicts_of(content))
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)


def dict_of(value: Any) -> dict[str, Any]:
    """Return a value that should be an object, an empty one where it is none."""
    return value if isinstance(value, dict) else {}


def dicts_of(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a value that should be a list of them."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
