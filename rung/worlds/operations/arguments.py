"""Checks the arguments of a call against the small part of JSON Schema that the apps use.

A general validator would do, but its messages name the schema; these name the value and the rule,
in words that an agent can act on. Values that mean the same are taken for the same: `"30"` for a
number, `4 March 2026` for a day, null for an argument left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from rung.core.spelling import did_you_mean, listing, quote
from rung.worlds.canonical import canonical
from rung.worlds.tables import Refused
from rung.worlds.world import Tool

_CLOCK = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d")
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_CLOCK_PATTERN = r"^\d\d:\d\d$"


def check(tool: Tool, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments as the tool's function takes them.

    Raises Refused naming the first argument that is unknown, missing or wrong.
    """
    properties, required = tool.parameters["properties"], tool.parameters["required"]
    for name in arguments:
        if name not in properties:
            raise Refused(
                f"{tool.name} has no argument {quote(name)}; {did_you_mean(name, properties)}"
            )
    given = {name: value for name, value in arguments.items() if value is not None}
    for name in required:
        if name not in given:
            raise Refused(f"{tool.name} needs {name}; it takes {listing(properties)}")
    return {
        name: _value(f"{tool.name}: {name}", properties[name], value)
        for name, value in given.items()
    }


def _value(where: str, schema: Mapping[str, Any], value: Any) -> Any:
    if "enum" in schema:
        return _choice(where, schema["enum"], value)
    kinds: dict[str, Callable[[str, Mapping[str, Any], Any], Any]] = {
        "array": _list,
        "integer": _integer,
        "string": _string,
    }
    return kinds[schema["type"]](where, schema, value)


def _choice(where: str, known: list[str], value: Any) -> str:
    for option in known:
        if canonical(option) == canonical(value):
            return option
    raise Refused(f"{where} is {quote(value)}; it must be one of {listing(known)}")


def _list(where: str, schema: Mapping[str, Any], value: Any) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise Refused(f"{where} is {quote(value)}; it must be a list")
    low, high = schema["minItems"], schema["maxItems"]
    if not low <= len(value) <= high:
        raise Refused(f"{where} has {len(value)} items; it must have {low} to {high}")
    return [_value(where, schema["items"], item) for item in value]


def _integer(where: str, schema: Mapping[str, Any], value: Any) -> int:
    low, high = schema["minimum"], schema["maximum"]
    form = str(canonical(value))
    wrong = isinstance(value, bool) or not re.fullmatch(r"-?\d{1,9}", form)
    if wrong or not low <= int(form) <= high:
        raise Refused(f"{where} is {quote(value)}; it must be a whole number from {low} to {high}")
    return int(form)


def _string(where: str, schema: Mapping[str, Any], value: Any) -> str:
    if isinstance(value, bool | Mapping | list | tuple) or not str(canonical(value)).strip():
        raise Refused(f"{where} is {quote(value)}; it must be text")
    if schema.get("format") == "date":
        return _canonical(where, _is_day, value, "a day like 2026-03-04")
    if schema.get("format") == "email":
        return _canonical(where, _EMAIL.fullmatch, value, "a mail address")
    if schema.get("pattern") == _CLOCK_PATTERN:
        return _canonical(where, _CLOCK.fullmatch, value, "a time like 09:30")
    text = value if isinstance(value, str) else str(canonical(value))
    if len(text) > schema.get("maxLength", len(text)):
        raise Refused(f"{where} has {len(text)} characters; at most {schema['maxLength']} fit")
    return text.strip()


def _canonical(where: str, fits: Callable[[str], object], value: Any, wanted: str) -> str:
    form = str(canonical(value))
    if not fits(form):
        raise Refused(f"{where} is {quote(value)}; it must be {wanted}")
    return form


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
