"""Server-sent events of a finished stream, put together to the answer they would have been.

For capture only: what clients get is passed on byte for byte. Unknown events are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from rung.gateway.wire import MESSAGES, Wire

_IN_PIECES = ("content", "text", "refusal", "arguments", "reasoning_content")
"""Fields of a delta that go on where the one before ended."""


def merge(wire: Wire, raw: bytes) -> dict[str, Any]:
    """Return the answer as one JSON object; `choices` or `content` is empty when nothing came."""
    events = list(_events(raw))
    return _merge_messages(events) if wire is MESSAGES else _merge_choices(events)


def _events(raw: bytes) -> Iterator[dict[str, Any]]:
    for line in raw.splitlines():
        if not line.startswith(b"data:"):
            continue
        try:
            value = msgspec.json.decode(line[5:])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        if isinstance(value, dict):
            yield value


def _merge_choices(events: list[dict[str, Any]]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    choices: dict[int, dict[str, Any]] = {}
    for event in events:
        for name, value in event.items():
            if name != "choices" and value is not None:
                merged[name] = value
        for part in _dicts(event.get("choices")):
            index = _index(part, 0)
            choice = choices.setdefault(index, {"index": index})
            delta = part.pop("delta", None)
            part.pop("index", None)
            _add(choice, part)
            if isinstance(delta, dict):
                message = choice["message"] = _dict(choice.get("message"))
                _add(message, delta)
    if isinstance(kind := merged.get("object"), str):
        merged["object"] = kind.removesuffix(".chunk")
    return merged | {"choices": [choices[index] for index in sorted(choices)]}


def _add(whole: dict[str, Any], part: dict[str, Any]) -> None:
    """Append a delta: texts and lists grow, parts of tool calls find theirs by index.

    A value of another kind than the one before takes its place.
    """
    for name, value in part.items():
        known = whole.get(name)
        if value is None:
            whole.setdefault(name, None)
        elif name == "tool_calls":
            whole[name] = known if isinstance(known, list) else []
            _add_tool_calls(whole[name], _dicts(value))
        elif isinstance(value, dict):
            whole[name] = known if isinstance(known, dict) else {}
            _add(whole[name], value)
        elif isinstance(value, list) and isinstance(known, list):
            known.extend(value)
        else:
            whole[name] = _joined(known, value) if name in _IN_PIECES else value


def _joined(known: Any, value: Any) -> Any:
    """Return text and text as one; where one of them is a list, the text is a part of it."""
    if isinstance(known, str) and isinstance(value, str):
        return known + value
    if isinstance(known, str) and isinstance(value, list):
        return [*_parts(known), *value]
    if isinstance(known, list) and isinstance(value, str):
        return [*known, *_parts(value)]
    return value


def _parts(text: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": text}] if text else []


def _add_tool_calls(calls: list[dict[str, Any]], parts: list[dict[str, Any]]) -> None:
    for part in parts:
        index = part.get("index", len(calls))
        call = next((call for call in calls if call.get("index") == index), None)
        if call is None:
            call = {"index": index}
            calls.append(call)
        _add(call, {name: value for name, value in part.items() if name != "index"})


def _merge_messages(events: list[dict[str, Any]]) -> dict[str, Any]:
    message: dict[str, Any] = {"content": []}
    blocks: dict[int, dict[str, Any]] = {}
    for event in events:
        kind = event.get("type")
        if kind == "message_start" and isinstance(event.get("message"), dict):
            message |= event["message"]
        elif kind == "content_block_start" and isinstance(event.get("content_block"), dict):
            blocks[_index(event, len(blocks))] = dict(event["content_block"])
        elif kind == "content_block_delta" and isinstance(event.get("delta"), dict):
            _add_block(blocks.setdefault(_index(event, 0), {}), event["delta"])
        elif kind == "message_delta":
            message |= {k: v for k, v in _dict(event.get("delta")).items() if v is not None}
            message["usage"] = _dict(message.get("usage")) | _dict(event.get("usage"))
    for block in blocks.values():
        _decode_input(block)
    return message | {"content": [blocks[index] for index in sorted(blocks)]}


def _add_block(block: dict[str, Any], delta: dict[str, Any]) -> None:
    for name in ("text", "thinking", "partial_json"):
        if isinstance(delta.get(name), str):
            block[name] = _joined(block.get(name), delta[name])


def _decode_input(block: dict[str, Any]) -> None:
    text = block.pop("partial_json", "")
    if text:
        try:
            block["input"] = msgspec.json.decode(text)
        except (msgspec.DecodeError, TypeError, RecursionError):
            block["input"] = text


def _index(part: dict[str, Any], otherwise: int) -> int:
    index = part.get("index")
    return index if isinstance(index, int) else otherwise


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
