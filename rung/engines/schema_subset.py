"""What of a JSON Schema the structured-output modes of hosted models take.

OpenAI's strict mode wants closed objects with all keys required, or nothing is enforced; Claude's
`output_config` wants closed objects and knows few keywords. A keyword that only narrows values may
be left out: whoever asked checks the answer against the whole schema anyway. What cannot be said
at all is reported, never approximated. Answers are not looked at here.

Sources: OpenAI "Structured Outputs: supported schemas"; Claude "Structured outputs: JSON Schema
limitations" (no recursion, no map objects, no numeric or length limits, `minItems` 0 or 1).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_STRICT_KEYWORDS = {
    "$schema", "$ref", "$defs", "definitions", "type", "properties", "required",
    "additionalProperties", "items", "enum", "const", "anyOf", "title", "description", "pattern",
    "format", "multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
    "minItems", "maxItems",
}  # fmt: skip
_FORMATS = {
    "date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid",
}  # fmt: skip
_TOLD = (
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength",
    "maxLength", "pattern", "minItems", "maxItems", "uniqueItems", "format",
)  # fmt: skip
_SIMPLE = str | int | float | bool | None


class Inexpressible(Exception):
    """A schema that the mode has no words for; the message says what."""


def is_strict(schema: Any) -> bool:
    """Return whether OpenAI's strict mode takes a schema: a closed object of known keywords."""
    return (
        isinstance(schema, dict)
        and schema.get("type") == "object"
        and "anyOf" not in schema
        and _is_closed(schema)
    )


def _is_closed(schema: Any) -> bool:
    if not isinstance(schema, dict) or not schema.keys() <= _STRICT_KEYWORDS:
        return False
    keys = schema.get("properties")
    if schema.get("type") == "object" or keys is not None:
        if not isinstance(keys, dict) or schema.get("additionalProperties") is not False:
            return False
        if set(schema.get("required", ())) != keys.keys():
            return False
    return all(_is_closed(child) for child in _children(schema))


def _children(schema: Mapping[str, Any]) -> list[Any]:
    found = [schema["items"]] if "items" in schema else []
    found += schema.get("anyOf", ())
    for name in ("properties", "$defs", "definitions"):
        part = schema.get(name, {})
        found += part.values() if isinstance(part, dict) else [part]
    return found


def tool_input(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema as the input of a tool. Raises Inexpressible for anything but an object."""
    if schema.get("type") != "object":
        raise Inexpressible("its root is not an object")
    if parts := sorted({"anyOf", "oneOf", "allOf"} & schema.keys()):
        raise Inexpressible(f"{parts[0]} at its root")
    return dict(schema)


def closed(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema in the words of Claude's `output_config`; valid answers stay valid.

    Limits it cannot state go into the descriptions. Raises Inexpressible.
    """
    shared = {
        name: schema[name]
        for name in ("$defs", "definitions")
        if isinstance(schema.get(name), dict)
    }
    root = {name: part for name, part in schema.items() if name not in shared}
    _forbid_loops(root, shared, (), set())
    defined = {
        name: {key: _node(part) for key, part in parts.items()} for name, parts in shared.items()
    }
    return defined | _node(root)


def _node(schema: Any) -> dict[str, Any]:
    if not isinstance(schema, dict):
        raise Inexpressible(f"a part that is {schema!r}")
    if "$ref" in schema:
        return {"$ref": schema["$ref"]}
    node = _value(schema)
    told = [f"{name}: {schema[name]}" for name in _TOLD if name in schema and name not in node]
    about = " ".join(
        part for part in (schema.get("description"), f"({', '.join(told)})" if told else "") if part
    )
    return node | ({"description": about} if about else {})


def _value(schema: Mapping[str, Any]) -> dict[str, Any]:
    kind = schema.get("type")
    for name in ("enum", "const"):
        if name in schema:
            values = schema["enum"] if name == "enum" else [schema["const"]]
            if not all(isinstance(value, _SIMPLE) for value in values):
                raise Inexpressible(f"{name} with lists or objects")
            return ({"type": kind} if kind else {}) | {name: schema[name]}
    for name in ("anyOf", "oneOf", "allOf"):
        if name in schema:
            return _combined(name, schema)
    if kind is None and "properties" in schema:
        kind = "object"
    if kind is None:
        raise Inexpressible("a part without a type")
    kinds = kind if isinstance(kind, list) else [kind]
    node: dict[str, Any] = {"type": kind}
    if "object" in kinds:
        node |= _object(schema)
    if "array" in kinds:
        node |= _array(schema)
    if schema.get("format") in _FORMATS:
        node["format"] = schema["format"]
    return node


def _combined(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    if "properties" in schema or name == "allOf":
        raise Inexpressible(f"{name} that adds to other rules")
    return {"anyOf": [_node(part) for part in schema[name]]}


def _object(schema: Mapping[str, Any]) -> dict[str, Any]:
    keys = schema.get("properties", {})
    extra = schema.get("additionalProperties", True)
    required = schema.get("required", [])
    if isinstance(extra, dict) or "patternProperties" in schema or (extra and not keys):
        raise Inexpressible("an object with keys of any name")
    if unknown := sorted(set(required) - keys.keys()):
        raise Inexpressible(f"a required key without a schema, {unknown[0]!r}")
    return {
        "properties": {name: _node(part) for name, part in keys.items()},
        "required": list(required),
        "additionalProperties": False,
    }


def _array(schema: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(schema.get("items"), dict) or "prefixItems" in schema:
        raise Inexpressible("a list without one kind of item")
    least = schema.get("minItems")
    return {"items": _node(schema["items"])} | ({"minItems": least} if least in (0, 1) else {})


def _forbid_loops(
    part: Any, shared: Mapping[str, Any], path: tuple[str, ...], done: set[str]
) -> None:
    """Raise Inexpressible where a reference leads back to itself or nowhere."""
    if isinstance(part, list):
        part = dict(enumerate(part))
    if not isinstance(part, dict):
        return
    target = part.get("$ref")
    if isinstance(target, str) and target not in done:
        root, _, name = target.removeprefix("#/").partition("/")
        if target in path:
            raise Inexpressible("a part that contains itself")
        if name not in shared.get(root, {}):
            raise Inexpressible(f"the reference {target!r}")
        _forbid_loops(shared[root][name], shared, (*path, target), done)
        done.add(target)
    for value in part.values():
        _forbid_loops(value, shared, path, done)
