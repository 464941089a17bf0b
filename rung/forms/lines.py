"""The `key: value` layout: plain text up to the end of the line, JSON assembled in code.

Labels and free text stand without quotes and escapes, as small models mostly see them; everything
else is JSON on its line. Only flat facts fit: fixed keys, scalars and lists of them.
"""

from __future__ import annotations

from typing import Any

from rung.forms.form import Choice, Const, Node, Object, Repeat, Union, Value
from rung.forms.layout import json_text
from rung.forms.normal import unable


def check_lines(node: Node) -> None:
    """Raise FormError unless the form can be written as lines."""
    if isinstance(node, Object) and not node.optional:
        for _, part in node.parts:
            check_lines(part)
    elif not isinstance(node, Choice | Const) and not (isinstance(node, Value) and node.regex):
        raise unable(
            node.path,
            _keyword_of(node),
            "it does not fit on one line",
            hint="use the style json or indented; lines hold fixed keys, scalars and lists of them",
        )


def _keyword_of(node: Node) -> str:
    """Return what makes a node too much for one line."""
    if isinstance(node, Object):
        return "required"
    return {Repeat: "items", Union: "anyOf"}.get(type(node), "type")


def is_raw(slot: Value) -> bool:
    """Return whether a value stands without quotes: free text whose quotes are its first signs."""
    return slot.kind == "text" and slot.opening == '"' and bool(slot.max_chars)


def raw_regex(slot: Value) -> str:
    """Return the expression to draw a raw text inside of, with room for one character too many.

    The rest of its schema is checked when it is filled.
    """
    return rf"[^\x00-\x1f\x7f]{{1,{slot.max_chars + 1}}}"


def line_text(slot: Node, value: Any) -> str:
    """Return a value as it stands on its line."""
    plain = isinstance(value, str) and value.isprintable() and value == value.strip() and value
    if plain and (isinstance(slot, Choice) or (isinstance(slot, Value) and is_raw(slot))):
        return plain if isinstance(slot, Value) or _is_distinct(slot, value) else json_text(value)
    return json_text(value)


def _is_distinct(slot: Choice, value: str) -> bool:
    """Return whether a bare label cannot be taken for the JSON of another option."""
    return all(one == value or json_text(one) != value for one in slot.options)
