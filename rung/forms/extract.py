"""Values that stand in the input word for word, so that an id or a name cannot be invented."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from rung.forms.ecma import matches
from rung.forms.ecma_escapes import PatternError
from rung.forms.express import resembles
from rung.forms.form import Choice, Const, Node, Object, Union, Value, join_path
from rung.forms.validity import violations
from rung.forms.values import settings_of

MAX_SOURCE_CHARS = 20_000
_PIECE = re.compile(r"\w+|\s+|[^\w\s]")


def chunks_of(source: str, *, raw: bool = False) -> tuple[str, ...]:
    """Return the words and signs of the input in order, as a JSON string (or plain text) has them.

    A run of them is what an extractive slot may hold; no escape is ever split.
    """
    pieces = _PIECE.findall(source[:MAX_SOURCE_CHARS])
    if raw:
        return tuple(" " if piece.isspace() else piece for piece in pieces)
    return tuple(json.dumps(piece, ensure_ascii=False)[1:-1] for piece in pieces)


def foreign(value: Any, source: str) -> bool:
    """Return whether a text does not stand in the input; white space counts as equal."""
    return isinstance(value, str) and _plain(value) not in _plain(source)


def invented(node: Node, value: Any, source: str, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the place and the text of each extractive value that does not stand in the input."""
    if isinstance(node, Const | Choice):
        return
    if isinstance(node, Object) and isinstance(value, dict):
        for name, part in node.parts:
            if name in value:
                yield from invented(part, value[name], source, join_path(path, name))
    elif isinstance(node, Union):
        arm = next((arm for arm in node.arms if resembles(arm, value)), None)
        if arm is not None:
            yield from invented(arm, value, source, path)
    elif isinstance(value, list) and not isinstance(node, Object) and node.item is not None:
        for i, item in enumerate(value):
            yield from invented(node.item, item, source, f"{path}[{i}]")
    elif isinstance(node, Value) and node.extractive and foreign(value, source):
        yield path, value
    elif isinstance(node, Value) and node.kind == "json":
        for text in _invented_inside(node.schema, value, source, node.schema, frozenset()):
            yield path, text


def _invented_inside(
    schema: Any, value: Any, source: str, root: Any, followed: frozenset[str]
) -> Iterator[str]:
    """Yield the texts of a sub-grammar's value that a part of its schema wants from the input.

    `root` is the whole schema, which references lead into; those `followed` have led to this value.
    Of the alternatives that the value is valid by, the one that it breaks least counts.
    """
    if not isinstance(schema, Mapping):
        return
    if settings_of(schema).get("extractive") is True and foreign(value, source):
        yield value
    name = str(schema.get("$ref", "")).removeprefix("#/$defs/")
    if name in root.get("$defs", {}) and name not in followed:
        yield from _invented_inside(root["$defs"][name], value, source, root, followed | {name})
    for part in schema.get("allOf", ()):
        yield from _invented_inside(part, value, source, root, followed)
    for keyword in ("anyOf", "oneOf"):
        found = [
            list(_invented_inside(part, value, source, root, followed))
            for part in schema.get(keyword, ())
            if _fits(part, value, root)
        ]
        yield from min(found, key=len, default=[])
    for part, inner in _said_inside(schema, value):
        yield from _invented_inside(part, inner, source, root, frozenset())


def _fits(part: Any, value: Any, root: Mapping[str, Any]) -> bool:
    alone = {"$defs": root.get("$defs", {}), **part} if isinstance(part, Mapping) else part
    return not violations(value, alone)


def _said_inside(schema: Mapping[str, Any], value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield what a schema says of each part of a value, beside that part."""
    if isinstance(value, dict):
        named = schema.get("properties", {})
        patterns = schema.get("patternProperties", {})
        for name, inner in value.items():
            said = [part for pattern, part in patterns.items() if _speaks_of(pattern, name)]
            said += [named[name]] if name in named else []
            for part in said or [schema.get("additionalProperties")]:
                yield part, inner
    elif isinstance(value, list):
        first = schema.get("prefixItems", ())
        for i, inner in enumerate(value):
            yield first[i] if i < len(first) else schema.get("items"), inner


def _speaks_of(pattern: str, name: str) -> bool:
    try:
        return matches(pattern, name)
    except PatternError:  # searched for too long: rather copied from the input than invented
        return True


def _plain(text: str) -> str:
    return " ".join(text.split())
