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

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rung.agents.actions import Actions, actions_among
from rung.agents.ids import (
    EMAIL,
    id_arguments,
    ids_under_keys,
    mail_arguments,
    matches,
    shape_of,
    text_part,
)
from rung.agents.seen import Seen, texts_in
from rung.agents.words import FINDS, words_of
from rung.forms.validity import violations
from rung.worlds.world import Call, Tool

MAX_CHOICES = 64
"""Above this an argument stays free: every choice is scored."""
_COMPOSED = frozenset({"allOf", "anyOf", "oneOf", "not", "if", "$ref", "dependentRequired"})
"""Keywords by which arguments depend on each other; such tools are left as they are."""


class Shown:
    """What one conversation showed, spelled as it was, beside `seen`, which says what counts."""

    def __init__(self, seen: Seen, *texts: str) -> None:
        self._seen = seen
        self._text = "\n".join(texts)
        self._ids: dict[str, list[str]] = {}
        """Ids in order, by the names of arguments that they may be for."""
        self._of_named_kind: set[str] = set()
        self._blocked: set[str] = set()
        """Tools of writes that were blocked since the last call was made."""

    def add(self, call: Call, value: Any) -> None:
        """Take what a call that was made showed, None where that is nothing."""
        self._blocked.clear()
        for name, one in ids_under_keys(value):
            for key in _keys_of(name, call, value):
                self._ids.setdefault(key, []).append(one)
            if not _is_plain(name):
                self._of_named_kind.add(one)
        self._text = "\n".join([self._text, *texts_in(value)])

    def block(self, tool: str) -> None:
        """Take that a write with this tool was blocked."""
        self._blocked.add(tool)

    def offered(self, actions: Actions) -> Actions:
        """Return the actions of the next step."""
        narrowed = [_narrowed(one, self) for one in actions.tools if one.name not in self._blocked]
        tools = tuple(tool for tool in narrowed if tool is not None)
        return actions if tools == actions.tools else actions_among(tools)

    def mails(self) -> list[str]:
        """Return the mail addresses that were shown, in order."""
        return [one for one in dict.fromkeys(EMAIL.findall(self._text)) if self._seen.has(one)]

    def ids_of(self, name: str) -> list[str] | None:
        """Return every shown value that may be an id of this name; None where that cannot be told.

        It can where results showed ids under this name, or under plain `id` by a look-up of such
        records, and all of them have a look that tells ids from words. What looks the same counts
        wherever it stood, unless it was shown under another name that tells a kind.
        """
        mine = self._ids.get(_singular(name), [])
        shapes = set(map(shape_of, mine))
        if not mine or "" in shapes:
            return None
        others = self._of_named_kind - set(mine)
        alike = [one for shape in sorted(shapes) for one in matches(shape, self._text)]
        found = [*mine, *(one for one in alike if one not in others)]
        return [one for one in dict.fromkeys(found) if self._seen.has(one)]


def _narrowed(tool: Tool, shown: Shown) -> Tool | None:
    """Return a tool whose arguments of records are choices; None where it cannot be called yet."""
    properties = tool.parameters.get("properties", {})
    if tool.parameters.keys() & _COMPOSED:
        return tool
    required = tool.parameters.get("required", ())
    narrowed = dict(properties)
    mails = mail_arguments(tool.parameters)
    for name in mails:
        found = _fitting(shown.mails(), properties[name])
        if found:
            narrowed[name] = _choice(properties[name], found)
        elif name not in required:
            del narrowed[name]
        elif tool.writes:
            return None
    for name in id_arguments(tool.parameters) - mails:
        narrowed[name] = _of_id(properties[name], shown.ids_of(name))
    if narrowed == properties:
        return tool
    return replace(tool, parameters={**tool.parameters, "properties": narrowed})


def _of_id(schema: Any, found: Sequence[str] | None) -> Any:
    if not isinstance(schema, Mapping) or found is None:
        return schema
    if schema.get("type") == "array" and isinstance(schema.get("items"), Mapping):
        return {**schema, "items": _of_id(schema["items"], found)}
    return schema if text_part(schema) is None else _choice(schema, _fitting(found, schema))


def _choice(schema: Mapping[str, Any], found: Sequence[str]) -> Mapping[str, Any]:
    """Return the schema of a choice, null among it where that is allowed; the same schema where
    there is none, or too many."""
    part = text_part(schema)
    listed = part is None or "enum" in part or "const" in part
    if listed or not 1 <= len(found) <= MAX_CHOICES:
        return schema
    about = {"description": schema["description"]} if "description" in schema else {}
    return {"enum": [*found, *(() if part is schema else (None,))], **about}


def _fitting(found: Sequence[str], schema: Mapping[str, Any]) -> list[str]:
    return [one for one in found if not violations(one, schema)]


def _keys_of(name: str, call: Call, value: Any) -> list[str]:
    """Return the names of arguments that an id shown under this name may be for.

    A plain `id` is of the kind that its look-up or the list it stands in is called after.
    """
    if not _is_plain(name):
        return [_singular(name)]
    lists = [str(key) for key in value] if isinstance(value, Mapping) else []
    kinds = words_of(" ".join([call.tool, *lists])) - FINDS - {"id"}
    return ["id", *(f"{kind}_id" for kind in sorted(kinds))]


def _is_plain(name: str) -> bool:
    return words_of(name) == {"id"}


def _singular(name: str) -> str:
    """Return an id's name folded, as of one: `cardIds` is `card_id`."""
    return re.sub(r"(?<=[a-z])(?=I[dD]s?$)", "_", name).casefold().removesuffix("s")
