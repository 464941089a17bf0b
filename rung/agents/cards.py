"""What a model is told about tools: their raw JSON Schemas, or a card of one line each.

    calendar.create(title, email, start: date-time, length: minutes 15-480, room?: A|B)  Add one

A card keeps what a call needs: names, order, what is optional, what values look like, and the first
sentence of the description. What an argument's name says already is not said again. Nothing is
truncated mid-word, and nothing is learned: cards are made from the schema alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from rung.agents.ids import is_id_key
from rung.worlds.world import Tool

MAX_OPTIONS = 12
"""Options listed on a card; of more, the first ones and how many there are."""
MIN_SHARED = 2
"""Tools that must say the same of an argument for it to be said once for all."""
Written = Literal["schemas", "cards"]
_MIN_CHARS = 6
_NOTHING: Mapping[str, str] = {}
Inside = frozenset[int]
"""Which parts of a schema, by identity, a description is inside of: a recursive one ends there."""
_NOWHERE: Inside = frozenset()
_SENTENCE = re.compile(r"(?<=[^.\s]{2})[.;:](?:\s|$)|\n")
_LEAD = re.compile(r"^(?:this (?:tool|function) )?(?:is used to |allows you to |will )?", re.I)
_PATTERN = re.compile(r"\b(?:YYYY|HH)[-/:. ]?[\w:/. -]*\w\b")
_UNIT = re.compile(
    r"\b(?:in )?(seconds|minutes|hours|days|weeks|months|percent|usd|eur|dollars|euros|cents|kg"
    r"|grams|km|metres|meters)\b",
    re.I,
)
_DIGITS = re.compile(r"(?:\\d|\[0-9\])(?:\{(\d+)\})?")
_ALIKE = {"integer": "integer", "number": "number", "boolean": "true|false", "object": "object"}


def document(tools: Sequence[Tool], how: Written, examples: Mapping[str, str] | None = None) -> str:
    """Return the documentation of tools, one line each; `examples` are arguments by tool.

    What an argument's values look like in several tools is said once, behind the cards.
    """
    shown = examples or {}
    shared = _shared_values(tools) if how == "cards" else {}
    lines = []
    for tool in tools:
        text = card(tool, shared) if how == "cards" else schema_line(tool)
        example = shown.get(tool.name)
        lines.append(f"{text}  e.g. {example}" if example else text)
    return "\n".join([*lines, _legend(shared)] if shared else lines)


def schema_line(tool: Tool) -> str:
    """Return a tool as servers are given it: name, description, JSON Schema."""
    described = {
        "name": tool.name,
        "description": tool.description,
        "parameters": dict(tool.parameters),
    }
    return json.dumps(described, ensure_ascii=False)


def card(tool: Tool, known: Mapping[str, str] = _NOTHING) -> str:
    """Return a tool as its signature and what it does; `known` values are not said again."""
    about = _gist(tool.description)
    return f"{signature(tool, known)}  {about}" if about else signature(tool, known)


def signature(tool: Tool, known: Mapping[str, str] = _NOTHING) -> str:
    """Return the name with its arguments: `?` marks an optional one, `:` tells its values."""
    return f"{tool.name}({_arguments(tool.parameters, tool.parameters, known)})"


def _arguments(
    schema: Mapping[str, Any],
    root: Mapping[str, Any],
    known: Mapping[str, str] = _NOTHING,
    inside: Inside = _NOWHERE,
) -> str:
    required = schema.get("required", ())
    parts = []
    for name, source in schema.get("properties", {}).items():
        values = _values(_resolved(source, root), root, name, inside)
        values = "" if known.get(name) == values else values
        optional = "" if name in required else "?"
        parts.append(f"{name}{optional}: {values}" if values else f"{name}{optional}")
    return ", ".join(parts)


def _shared_values(tools: Sequence[Tool]) -> dict[str, str]:
    """Return what is said of arguments that have the same values in several tools."""
    found: dict[str, list[str]] = {}
    for tool in tools:
        for name, source in tool.parameters.get("properties", {}).items():
            values = _values(_resolved(source, tool.parameters), tool.parameters, name)
            found.setdefault(name, []).append(values)
    return {
        name: said[0]
        for name, said in found.items()
        if len(said) >= MIN_SHARED and len(set(said)) == 1 and len(said[0]) >= _MIN_CHARS
    }


def _legend(shared: Mapping[str, str]) -> str:
    """Return the line that says what shared arguments look like, equal ones together."""
    by_values: dict[str, list[str]] = {}
    for name, values in shared.items():
        by_values.setdefault(values, []).append(name)
    return "; ".join(f"{', '.join(names)}: {said}" for said, names in by_values.items())


def _values(schema: Any, root: Mapping[str, Any], name: str, inside: Inside = _NOWHERE) -> str:
    """Return what a value looks like, empty where the name and `text` say it all."""
    if not isinstance(schema, Mapping):
        return ""
    if "const" in schema or "enum" in schema:
        return _options(schema.get("enum", [schema.get("const")]))
    arms = schema.get("anyOf") or schema.get("oneOf")
    if arms:
        return _either([{**schema, **arm} for arm in _objects(arms, root)], root, name, inside)
    kind = schema.get("type")
    if isinstance(kind, list):
        return _either([{**schema, "type": one} for one in kind], root, name, inside)
    part = schema.get({"array": "items", "object": "properties"}.get(str(kind), ""))
    if part and id(part) in inside:
        return "…"
    inside |= {id(part)}
    if kind == "array":
        inner = _values(_resolved(part or {}, root), root, name, inside)
        return f"[{inner or 'text'}, …]"
    if kind == "object" and part:
        return f"{{{_arguments(schema, root, inside=inside)}}}"
    return _scalar(schema, kind, name)


def _either(
    arms: Sequence[Mapping[str, Any]], root: Mapping[str, Any], name: str, inside: Inside
) -> str:
    """Return what any of several shapes looks like; null, which means left out, is not named."""
    rest = [arm for arm in arms if arm.get("type") != "null"]
    bare = [{k: v for k, v in arm.items() if k not in ("anyOf", "oneOf")} for arm in rest]
    seen = dict.fromkeys(_values(arm, root, name, inside) for arm in bare)
    return next(iter(seen)) if len(seen) == 1 else "|".join(one or "text" for one in seen)


def _objects(arms: Sequence[Any], root: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = [_resolved(arm, root) for arm in arms]
    return [arm for arm in found if isinstance(arm, Mapping)]


def _scalar(schema: Mapping[str, Any], kind: Any, name: str) -> str:
    about = str(schema.get("description", ""))
    shape, unit = _PATTERN.search(about), _UNIT.search(about)
    if is_id_key(name):
        found = ""  # it is looked up, never made up
    elif shape:
        found = shape[0]
    elif picture := _picture(str(schema.get("pattern", ""))):
        found = picture
    elif "format" in schema and str(schema["format"]) not in name:
        found = str(schema["format"])
    elif unit and unit[1].lower() not in name.lower():
        found = unit[1].lower()
    else:
        found = _ALIKE.get(str(kind), "")
    return " ".join(part for part in (found, _bounds(schema)) if part)


def _picture(pattern: str) -> str:
    """Return the text that a simple pattern stands for, with 0 for any digit, else nothing."""
    text = _DIGITS.sub(lambda match: "0" * int(match[1] or 1), pattern.strip("^$"))
    return "" if set(text) & set("\\[](){}*+?|.^$") else text


def _bounds(schema: Mapping[str, Any]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f"{low}-{high}"
    if low is not None:
        return f">={low}"
    return f"<={high}" if high is not None else ""


def _options(values: Sequence[Any]) -> str:
    shown = [value if isinstance(value, str) else json.dumps(value) for value in values]
    more = f"|… {len(shown) - MAX_OPTIONS} more" if len(shown) > MAX_OPTIONS else ""
    return "|".join(shown[:MAX_OPTIONS]) + more


def _gist(description: str) -> str:
    """Return the first sentence without its lead-in and full stop."""
    first = _SENTENCE.split(_LEAD.sub("", " ".join(description.split())), maxsplit=1)[0]
    return first.rstrip(". ")


def _resolved(schema: Any, root: Mapping[str, Any]) -> Any:
    """Follow a reference into the tool's own schema; one that leads elsewhere stays."""
    reference = schema.get("$ref") if isinstance(schema, Mapping) else None
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return schema
    found: Any = root
    for step in reference[2:].split("/"):
        found = found.get(step, {}) if isinstance(found, Mapping) else {}
    return found
