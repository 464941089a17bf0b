"""Read a write back: does the world now hold what the write claimed?

Only where the world offers a look-up for the very record: one that needs nothing but an id and
arguments that the write itself has. Compared are values under equal names, in canonical form; what
the look-up does not show is not judged. The look-up costs no model tokens.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from rung.agents.ids import is_id_key, leaves
from rung.agents.words import words_of
from rung.core.spelling import quote
from rung.worlds.canonical import canonical
from rung.worlds.world import Call, Result, Tool

_CHANGED = (("field", "new_value"), ("field", "value"), ("column", "value"))
"""Pairs of arguments that name what is changed, and into what."""
_ID_WORDS = frozenset({"id", "ids"})
_REMOVES = frozenset({"delete", "remove", "cancel", "archive", "close"})
_COUNTS_ON = frozenset(
    {"add", "adjust", "increase", "decrease", "increment", "decrement", "receive", "restock"}
    | {"consume", "deposit", "withdraw", "credit", "debit", "transfer", "issue"}
)
"""What is done to amounts of a record that was there: it shows their sum."""
_PUTS_IN = frozenset(
    {"reply", "comment", "note", "message", "attach", "attachment", "log", "forward", "send"}
)
"""What is put into a record that was there, whose own text stays as it is."""
_AMOUNT = re.compile(r"[-+]?\d[\d.,]*")


def reader_of(call: Call, result: Result, tools: Sequence[Tool]) -> Call | None:
    """Return the look-up that shows the record a write has just written; None if there is none."""
    written = words_of(call.tool)
    if written & _REMOVES:
        return None
    given = {**_ids(result.value), **call.arguments}
    for tool in tools:
        required = tool.parameters.get("required", ())
        if not tool.writes and _shows(tool, written) and all(name in given for name in required):
            return Call(tool=tool.name, arguments={name: given[name] for name in required})
    return None


def _shows(tool: Tool, written: frozenset[str]) -> bool:
    """Return whether a look-up takes the id of the kind of record that was written."""
    ids = [name for name in tool.parameters.get("required", ()) if is_id_key(name)]
    shared = words_of(tool.name) & written
    if put_in := written & _PUTS_IN:
        shared &= put_in
    return any((words_of(name) - _ID_WORDS or shared) & shared for name in ids)


def contradiction(call: Call, read: Result) -> str:
    """Return what a look-up shows otherwise than the write claimed, empty when nothing."""
    if read.error:
        return ""
    shown = _by_name(read.value)
    for name, value in claims(call).items():
        if name in shown and canonical(value) not in shown[name]:
            return f"{name} is not {quote(value)} there but {quote(shown[name][0])}"
    return ""


def claims(call: Call) -> dict[str, Any]:
    """Return what a write says will hold: its scalar arguments, without ids and what is added."""
    arguments = dict(call.arguments)
    adds = bool(words_of(call.tool) & _COUNTS_ON) and any(map(is_id_key, arguments))
    for name, value in _CHANGED:
        if name in arguments and value in arguments:
            arguments[str(arguments.pop(name))] = arguments.pop(value)
    return {
        name: value
        for name, value in arguments.items()
        if not is_id_key(name)
        and isinstance(value, str | int | float)
        and value != ""
        and not (adds and _AMOUNT.fullmatch(str(value)))
    }


def _by_name(value: Any) -> dict[str, list[Any]]:
    """Return the canonical values that stand under each name."""
    found: dict[str, list[Any]] = {}
    for name, leaf in leaves(value):
        found.setdefault(name, []).append(canonical(leaf))
    return found


def _ids(value: Any) -> dict[str, Any]:
    """Return the ids that a write's result names."""
    if not isinstance(value, Mapping):
        return {}
    return {name: one for name, one in value.items() if is_id_key(name)}
