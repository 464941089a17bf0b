"""Server-sent events of a finished stream, put together to the answer they would have been.

For capture only: what clients get is passed on byte for byte. Unknown events are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from rung.gateway.wire import MESSAGES, Wire


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
            index = part.get("index", 0)
            choice = choices.setdefault(index, {"index": index})
            _add(choice, {k: v for k, v in part.items() if k not in ("index", "delta")})
            if isinstance(part.get("delta"), dict):
                _add(choice.setdefault("message", {}), part["delta"])
    if isinstance(kind := merged.get("object"), str):
        merged["object"] = kind.removesuffix(".chunk")
    return merged | {"choices": [choices[index] for index in sorted(choices)]}


def _add(whole: dict[str, Any], part: dict[str, Any]) -> None:
    """Append a delta: texts and lists grow, parts of tool calls find theirs by index."""
    for name, value in part.items():
        known = whole.get(name)
        if value is None:
            whole.setdefault(name, None)
        elif name == "tool_calls":
            _add_tool_calls(whole.setdefault(name, []), _dicts(value))
        elif name in ("content", "text", "refusal", "arguments", "reasoning_content"):
            whole[name] = (known or "") + value if isinstance(value, str) else value
        elif isinstance(value, dict) and isinstance(known, dict):
            _add(known, value)
        elif isinstance(value, list) and isinstance(known, list):
            known.extend(value)
        elif isinstance(value, dict):
            _add(whole.setdefault(name, {}), value)
        else:
            whole[name] = value


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
            blocks[event.get("index", len(blocks))] = dict(event["content_block"])
        elif kind == "content_block_delta" and isinstance(event.get("delta"), dict):
            _add_block(blocks.setdefault(event.get("index", 0), {}), event["delta"])
        elif kind == "message_delta":
            message |= {k: v for k, v in (event.get("delta") or {}).items() if v is not None}
            message["usage"] = (message.get("usage") or {}) | (event.get("usage") or {})
    for block in blocks.values():
        _decode_input(block)
    return message | {"content": [blocks[index] for index in sorted(blocks)]}


def _add_block(block: dict[str, Any], delta: dict[str, Any]) -> None:
    for name in ("text", "thinking"):
        if isinstance(delta.get(name), str):
            block[name] = block.get(name, "") + delta[name]
    if isinstance(delta.get("partial_json"), str):
        block["partial_json"] = block.get("partial_json", "") + delta["partial_json"]


def _decode_input(block: dict[str, Any]) -> None:
    text = block.pop("partial_json", "")
    if text:
        try:
            block["input"] = msgspec.json.decode(text)
        except msgspec.DecodeError:
            block["input"] = text


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
