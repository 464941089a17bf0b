"""From a resolved subschema of one type to a slot: strings, numbers, lists of scalars.

A FormError here means that a regular expression cannot hold the subschema; the compiler then falls
back to a sub-grammar. Bounds that an expression cannot hold are checked when the slot is filled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rung.forms.form import Choice, Const, Node, Value
from rung.forms.literals import CHARACTER, FORMATS, quote
from rung.forms.normal import impossible, unable
from rung.forms.numerals import bounds_of, integer, number
from rung.forms.patterns import literal_of

DEFAULT_MAX_CHARS = 400
DEFAULT_MAX_ITEMS = 8
MAX_CHARS = 4000
_MAX_COUNTED = 4000
"""Items up to which an expression counts; more are counted when the list is checked."""
_MAX_LISTED_INTEGERS = 21
_DATES = ("date", "time", "date-time")
_GRAMMAR_FORMATS = ("duration", "hostname", "ipv4", "ipv6", "uri")
"""Formats that the sub-grammar can hold and a slot's expression cannot."""


def settings_of(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what `x-rung` says about a subschema."""
    found = schema.get("x-rung")
    return found if isinstance(found, Mapping) else {}


def listed_integers(schema: Mapping[str, Any]) -> list[int] | None:
    """Return the integers between close bounds, or None when there are too many to list."""
    low, high = bounds_of(schema).integers()
    if low is None or high is None or high - low >= _MAX_LISTED_INTEGERS:
        return None
    return list(range(low, high + 1))


def string(schema: Mapping[str, Any], path: str) -> Value:
    """Return the slot of a string."""
    low = int(schema.get("minLength", 0))
    given = int(schema["maxLength"]) if "maxLength" in schema else None
    high = min(given if given is not None else max(DEFAULT_MAX_CHARS, low), MAX_CHARS)
    if given is not None and low > given:
        raise impossible(path, "minLength", f"{low} is more than {given}")
    if low > high:
        raise unable(path, "minLength", f"{low} is more than {high}")
    form = schema.get("format")
    extractive = settings_of(schema).get("extractive") is True
    if form in FORMATS and not {"pattern", "minLength", "maxLength"} & schema.keys():
        regex, hint = FORMATS[form]
        kind: Any = "date" if form in _DATES else "text"
        return Value(
            path=path, kind=kind, regex=regex, max_chars=high, hint=hint, extractive=extractive
        )
    if form in _GRAMMAR_FORMATS or (form in FORMATS and "pattern" not in schema):
        raise unable(path, "format", f"{form!r} is left to a sub-grammar")
    if "pattern" in schema:
        return replace(_matching(schema["pattern"], high, path), extractive=extractive)
    is_limited = given is not None and given <= MAX_CHARS
    return Value(
        path=path,
        kind="text",
        regex=_text(low, high if is_limited else ""),
        drawn_regex=_text(low, high + 1) if is_limited and high else "",
        max_chars=high,
        extractive=extractive,
        hint=f"text, at most {high} characters",
    )


def _text(low: int, high: int | str) -> str:
    return f'"{CHARACTER}{{{low},{high}}}"'


def _matching(pattern: str, high: int, path: str) -> Value:
    try:
        regex = literal_of(pattern, high)
    except ValueError as error:
        raise unable(path, "pattern", f"{pattern!r}: {error}") from None
    return Value(
        path=path, kind="text", regex=regex, max_chars=high, hint=f"text matching {pattern}"
    )


def numeric(schema: Mapping[str, Any], path: str) -> Value:
    """Return the slot of a number or integer."""
    bounds = bounds_of(schema)
    whole = schema["type"] == "integer"
    step = schema.get("multipleOf")
    if not bounds.holds_multiple(step):
        keyword = "minimum" if step is None else "multipleOf"
        raise impossible(path, keyword, f"no number is {bounds.hint().strip()}")
    if step is not None and (step > 1 or str(step).strip("0.") != "1"):
        raise unable(path, "multipleOf", f"{step} is left to a sub-grammar")
    regex = integer(bounds) if whole else number(bounds, step)
    if not regex:
        raise impossible(path, "minimum", f"no number of few digits is {bounds.hint().strip()}")
    name = "whole number" if whole else "number"
    return Value(path=path, kind="number", regex=regex, hint=name + bounds.hint())


def list_of(schema: Mapping[str, Any], item: Node, path: str) -> Value:
    """Return the slot of a list whose items are scalars."""
    low, high, soft = item_limits(schema, path)
    regex, hint = _of_item(item)
    if isinstance(item, Choice) and schema.get("uniqueItems"):
        soft = min(soft, len(item.values))
    if low > _MAX_COUNTED:
        raise unable(path, "minItems", f"{low} is more than {_MAX_COUNTED}")
    most = "" if high is None or high > _MAX_COUNTED else max(high - 1, 0)
    more = f"(?:, {regex}){{{max(low - 1, 0)},{most}}}"
    body = f"{regex}{more}" if low else f"(?:{regex}{more})?"
    return Value(
        path=path,
        kind="list",
        regex=rf"\[{'' if high == 0 else body}\]",
        max_items=soft,
        hint=f"list of at most {soft}: {hint}",
        item=item,
    )


def item_limits(schema: Mapping[str, Any], path: str) -> tuple[int, int | None, int]:
    """Return the least and most items, and how many the code lets a model write."""
    low = int(schema.get("minItems", 0))
    high = int(schema["maxItems"]) if "maxItems" in schema else None
    if high is not None and low > high:
        raise impossible(path, "minItems", f"{low} is more than {high}")
    soft = max(DEFAULT_MAX_ITEMS, low)
    return low, high, soft if high is None else min(soft, high)


def _of_item(item: Node) -> tuple[str, str]:
    """Return the expression and the hint of one item."""
    if isinstance(item, Value):
        return item.regex, item.hint
    assert isinstance(item, Choice | Const)
    values = item.values if isinstance(item, Choice) else (item.value,)
    texts = [json.dumps(value, ensure_ascii=False) for value in values]
    return f"(?:{'|'.join(map(quote, texts))})", ", ".join(texts)
