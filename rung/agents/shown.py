"""Which records a step may name: those that were shown. Narrows the action form turn by turn.

An id or a mail address in a call is copied, never made up, so it is no free text but a choice:

- an argument of an id, of the ids shown under its name, once results have shown what those look
  like;
- an argument of a mail address, of the addresses shown; where none was, a look-up goes without the
  argument, and a write that needs one is not offered yet;
- a write that the guards blocked is not offered again before a call was made.

Where this cannot be told an argument stays free text, and the guards check it as before. Nothing
here asks a model.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rung.agents.actions import Actions, actions_among
from rung.agents.ids import id_arguments, mail_arguments, text_part
from rung.agents.seen import Seen
from rung.forms.validity import violations
from rung.worlds.world import Tool

MAX_CHOICES = 64
"""Above this an argument stays free: every choice is scored."""
_COMPOSED = frozenset({"allOf", "anyOf", "oneOf", "not", "if", "$ref", "dependentRequired"})
"""Keywords by which arguments depend on each other; such tools are left as they are."""


def offered(actions: Actions, seen: Seen, blocked: Collection[str] = ()) -> Actions:
    """Return the actions of the next step; `blocked` names tools that are not to be offered."""
    narrowed = [_narrowed(tool, seen) for tool in actions.tools if tool.name not in blocked]
    tools = tuple(tool for tool in narrowed if tool is not None)
    return actions if tools == actions.tools else actions_among(tools)


def _narrowed(tool: Tool, seen: Seen) -> Tool | None:
    """Return a tool whose arguments of records are choices; None where it cannot be called yet."""
    properties = tool.parameters.get("properties", {})
    if tool.parameters.keys() & _COMPOSED:
        return tool
    required = tool.parameters.get("required", ())
    narrowed = dict(properties)
    mails = mail_arguments(tool.parameters)
    for name in mails:
        shown = _fitting(seen.mails(), properties[name])
        if shown:
            narrowed[name] = _choice(properties[name], shown)
        elif name not in required:
            del narrowed[name]
        elif tool.writes:
            return None
    for name in id_arguments(tool.parameters) - mails:
        narrowed[name] = _of_id(properties[name], seen.ids_of(name))
    if narrowed == properties:
        return tool
    return replace(tool, parameters={**tool.parameters, "properties": narrowed})


def _of_id(schema: Any, shown: Sequence[str] | None) -> Any:
    if not isinstance(schema, Mapping) or shown is None:
        return schema
    if schema.get("type") == "array" and isinstance(schema.get("items"), Mapping):
        return {**schema, "items": _of_id(schema["items"], shown)}
    return schema if text_part(schema) is None else _choice(schema, _fitting(shown, schema))


def _choice(schema: Mapping[str, Any], shown: Sequence[str]) -> Mapping[str, Any]:
    """Return the schema of a choice, null among it where that is allowed; the same schema where
    there is none, or too many."""
    part = text_part(schema)
    listed = part is None or "enum" in part or "const" in part
    if listed or not 1 <= len(shown) <= MAX_CHOICES:
        return schema
    about = {"description": schema["description"]} if "description" in schema else {}
    return {"enum": [*shown, *(() if part is schema else (None,))], **about}


def _fitting(shown: Sequence[str], schema: Mapping[str, Any]) -> list[str]:
    return [one for one in shown if not violations(one, schema)]
