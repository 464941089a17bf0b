"""What no structure can hold: a slot that llguidance's JSON grammar fills.

The grammar is lenient: keywords it does not know are left to the check of the filled value, and so
are expressions it cannot read. It needs the `local` extra only to tell which those are.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from rung.forms.form import Note, Value
from rung.forms.resolve import CHECKED

_SEPARATORS = {"item_separator": ", ", "key_separator": ": ", "whitespace_flexible": False}
_STRIPPED = (
    ("pattern",), ("format",), ("patternProperties", "propertyNames"), ("oneOf",), ("allOf",),
    ("anyOf",), ("multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
    ("prefixItems", "items", "contains"), ("required", "properties", "additionalProperties"),
    ("$ref",), ("enum", "const"), ("type",),
)  # fmt: skip
"""What is given up, one after the other, until the grammar can be compiled."""
_IGNORED = re.compile(r'"([^"]+)"')


def sub_grammar(schema: Any, path: str) -> tuple[Value, list[Note]]:
    """Return a slot for a self-contained subschema, and what must be checked afterwards."""
    body = dict(schema) if isinstance(schema, Mapping) else {}
    given_up: list[str] = sorted(CHECKED & set(_keywords(body)))
    error, ignored = _validate(body)
    for keywords in _STRIPPED:
        if not error:
            break
        given_up += [name for name in keywords if name in set(_keywords(body))]
        body = _without(body, keywords)
        error, ignored = _validate(body)
    notes = [
        Note(path=path or "$", keyword=keyword, reason="checked when filled")
        for keyword in dict.fromkeys([*given_up, *ignored])
    ]
    value = Value(
        path=path,
        kind="json",
        json_schema=json.dumps(_with_options(body), ensure_ascii=False),
        schema=schema,
        hint=_hint(body),
        description=str(body.get("description", "")),
    )
    return value, notes


def _with_options(body: Mapping[str, Any]) -> dict[str, Any]:
    return {**body, "x-guidance": {**_SEPARATORS, "lenient": True}}


def _validate(body: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return the compiler's error, if any, and the keywords it ignores."""
    if importlib.util.find_spec("llguidance") is None:
        return "", []
    import llguidance

    lark = f"start: value\nvalue: %json {json.dumps(_with_options(body))}\n"
    is_error, said = llguidance.LLMatcher.validate_grammar_with_warnings(
        llguidance.LLMatcher.grammar_from_lark(lark)
    )
    if is_error:
        return said[0] if said else "it cannot be compiled", []
    return "", [name for line in said for name in _IGNORED.findall(line)]


def _keywords(schema: Any) -> Iterator[str]:
    """Yield every keyword in use, at any depth (property names among them)."""
    if isinstance(schema, Mapping):
        for keyword, value in schema.items():
            yield keyword
            yield from _keywords(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _keywords(value)


def _without(schema: Any, keywords: tuple[str, ...]) -> Any:
    """Return the schema without some keywords, at any depth; property names stay."""
    if isinstance(schema, list):
        return [_without(value, keywords) for value in schema]
    if not isinstance(schema, Mapping):
        return schema
    kept: dict[str, Any] = {}
    for keyword, value in schema.items():
        if keyword in ("enum", "const", "default", "examples"):
            kept |= {} if keyword in keywords else {keyword: value}
        elif keyword in ("properties", "$defs", "patternProperties", "dependentSchemas"):
            if keyword not in keywords:
                kept[keyword] = {name: _without(v, keywords) for name, v in value.items()}
        elif keyword not in keywords:
            kept[keyword] = _without(value, keywords)
    return kept


def _hint(body: Mapping[str, Any]) -> str:
    kinds = body.get("type")
    names = [kinds] if isinstance(kinds, str) else kinds if isinstance(kinds, list) else []
    return f"JSON {' or '.join(names)}" if names else "JSON value"
