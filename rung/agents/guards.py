"""Guards: what code checks before a write is made. No model is asked.

- Provenance: an id in a write must have been shown before, in the request or by a look-up. Guessed
  ids were 6 of 15 failures and none of 15 passes in the published study (methods 6.3).
- Ambiguity: a record picked among several that fit the request equally is not for a model to pick.

Steps and tokens are limited by the run, a write is read back by `read_back.py`. Nothing is changed
here: a call passes or is blocked with a reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rung.agents.ambiguity import rivals
from rung.agents.cards import signature
from rung.agents.ids import EMAIL, id_arguments, ids_in, is_id_key, leaves, mail_arguments
from rung.agents.seen import Seen
from rung.agents.words import FINDS, words_of
from rung.core.spelling import quote
from rung.worlds.world import Call, Tool

_FINDS_PEOPLE = frozenset({"email", "mail", "address", "directory", "contact", "people", "person"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Why a write is not made."""

    rule: Literal["unknown_id", "ambiguous"]
    text: str
    """What the model is told, or the person the request is handed to."""
    final: bool = False
    """Whether no further step can mend it."""


class Guard:
    """The checks of one tool set; keeps nothing of a conversation."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        self._tools = {tool.name: tool for tool in tools}
        self._look_ups = [tool for tool in tools if not tool.writes]
        self._id_arguments = {tool.name: id_arguments(tool.parameters) for tool in tools}
        self._mail_arguments = {tool.name: mail_arguments(tool.parameters) for tool in tools}
        self._listed = {tool.name: frozenset(_listed(tool.parameters)) for tool in tools}

    def check(self, call: Call, seen: Seen) -> Block | None:
        """Return why a call must not be made, None when it may be; look-ups always may."""
        tool = self._tools.get(call.tool)
        if tool is None or not tool.writes:
            return None
        for name in sorted(self._mail_arguments[call.tool] & call.arguments.keys()):
            value = str(call.arguments[name] or "")
            listed = not value.strip() or value in self._listed[call.tool]
            if not listed and not EMAIL.search(value):
                return self._no_address(name, value)
        used = list(self._ids(call, seen))
        for name, value in used:
            if not seen.has(value) or (is_id_key(name) and seen.misfits(name, value)):
                return self._unknown(name, value)
        return _ambiguous([value for _, value in used], seen)

    def _ids(self, call: Call, seen: Seen) -> Iterator[tuple[str, str]]:
        """Yield the ids in a call's arguments, each with its argument's name."""
        listed = self._listed[call.tool]
        for top, value in call.arguments.items():
            for name, leaf in leaves(value, top):
                text = str(leaf)
                if text in listed or not text.strip():
                    continue
                is_id = is_id_key(name) or (name == top and top in self._id_arguments[call.tool])
                for one in ids_in(text, is_id=is_id, shapes=seen.shapes):
                    yield name, one

    def _unknown(self, name: str, value: str) -> Block:
        wanted = _FINDS_PEOPLE if EMAIL.fullmatch(value) else words_of(name) - {"id", "ids"}
        return Block(
            rule="unknown_id",
            text=f"Not done: {name} {quote(value)} stands neither in the request nor in a result,"
            f" and ids are never guessed.{self._advice(name, wanted)}",
        )

    def _no_address(self, name: str, value: str) -> Block:
        return Block(
            rule="unknown_id",
            text=f"Not done: {name} {quote(value)} is no mail address."
            f"{self._advice(name, _FINDS_PEOPLE)}",
        )

    def _advice(self, name: str, wanted: frozenset[str]) -> str:
        tool = self._look_up_for(name, wanted)
        return f" Look it up first: {signature(tool)}." if tool else ""

    def _look_up_for(self, name: str, wanted: frozenset[str]) -> Tool | None:
        """Return the look-up that shares most words with these and does not need the id."""

        def worth(tool: Tool) -> tuple[int, int]:
            named, told = words_of(tool.name), words_of(tool.description)
            needs = name in tool.parameters.get("required", ())
            shared = 2 * len(wanted & named) + len(wanted & told)
            return shared - 4 * needs, len(named & FINDS)

        best = max(self._look_ups, key=worth, default=None)
        return best if best is not None and worth(best)[0] > 0 else None


def _ambiguous(ids: Sequence[str], seen: Seen) -> Block | None:
    found = rivals(ids, seen)
    if not found:
        return None
    shown = " / ".join(found[:3])
    return Block(
        rule="ambiguous",
        text=f"{len(found)} records fit the request equally: {shown}",
        final=True,
    )


def _listed(schema: Any) -> Iterator[str]:
    """Yield the values that a schema itself lists."""
    if isinstance(schema, Mapping):
        for value in [*schema.get("enum", ()), schema.get("const")]:
            if isinstance(value, str | int):
                yield str(value)
        for inner in schema.values():
            yield from _listed(inner)
    elif isinstance(schema, list | tuple):
        for inner in schema:
            yield from _listed(inner)
