"""What an agent has been shown: the ground on which ids may be used.

The request, the workplace's brief and the instruction count, and every result of a tool; not what
the model wrote, not what was remembered from earlier conversations, nothing of a failed or empty
result, and not what a result merely repeats of its own question.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rung.agents.ids import ids_under_keys, is_id_key, leaves, occurs, shape_of, without
from rung.agents.observe import is_empty
from rung.worlds.world import Call, Result

_MIN_WORDS = 12
"""A value of so many words is running text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUp:
    """A look-up, its answer, and what had been shown before it."""

    call: Call
    value: Any
    before: str


class Seen:
    """Everything one conversation has shown its model; texts are folded."""

    def __init__(self, request: str, *others: str) -> None:
        self.request = request.casefold()
        self.prompt = "\n".join([request, *others]).casefold()
        self.shapes: set[str] = set()
        """Expressions of the ids met so far."""
        self._shapes_under: dict[str, set[str]] = {}
        self.last_look_up: LookUp | None = None
        self.settled: set[str] = set()
        """Values of records that a result showed alone: whoever asked for one found it."""
        self.has_running_text = False
        """Whether a result held sentences, which may say how to decide."""
        self._shown = self.prompt

    def add(self, call: Call, result: Result, *, writes: bool) -> Any:
        """Take a result and return what of it was shown; a failed or empty one shows nothing."""
        if not writes:
            self.last_look_up = LookUp(call=call, value=result.value, before=self._shown)
        if result.error or is_empty(result.value, call.arguments):
            return None
        value = _answer(result.value, call.arguments)
        for name, one in ids_under_keys(value):
            self._shapes_under.setdefault(name, set()).add(shape_of(one))
            self.shapes |= {shape_of(one)} - {""}
        texts = [text.casefold() for text in texts_in(value)]
        self.has_running_text |= any(len(text.split()) >= _MIN_WORDS for text in texts)
        if len(records_in(value)) < 2:
            self.settled |= set(texts)
        text = "\n".join(texts)
        if isinstance(value, str):
            for asked in filter(None, (str(leaf).strip() for _, leaf in leaves(call.arguments))):
                text = without(asked.casefold(), text)
        self._shown = f"{self._shown}\n{text}"
        return value

    def has(self, value: str) -> bool:
        """Return whether a value was shown."""
        return occurs(value.casefold(), self._shown)

    def misfits(self, name: str, value: str) -> bool:
        """Return whether a value is words where ids of this name are codes: an unresolved title.

        Nothing is said where the ids shown under this name, or as plain `id`, have no common look.
        """
        if any(sign.isdigit() for sign in value) and not any(map(str.isspace, value)):
            return False
        shapes = self._shapes_under.get(name) or self._shapes_under.get("id") or {""}
        return "" not in shapes and not any(
            re.fullmatch(shape, value, re.IGNORECASE) for shape in shapes
        )


def records_in(value: Any) -> list[Any]:
    """Return the records of a result: its list, or the one list in it."""
    if isinstance(value, Mapping):
        lists = [one for one in value.values() if isinstance(one, list | tuple)]
        return list(lists[0]) if len(lists) == 1 else []
    return list(value) if isinstance(value, list | tuple) else []


def _answer(value: Any, asked: Mapping[str, Any]) -> Any:
    """Return a result without what it repeats of its question beside what was found.

    An id stays where something was found under it, and so does all of a record that is no more than
    its own scalars: it was found by the value that it repeats.
    """
    if not isinstance(value, Mapping):
        return value
    own = {name: one for name, one in value.items() if name not in asked or asked[name] != one}
    if not any(own.values()):
        return own
    if not any(isinstance(one, Mapping | list | tuple) for one in own.values()):
        return value
    return {name: one for name, one in value.items() if name in own or is_id_key(str(name))}


def texts_in(value: Any) -> Iterator[str]:
    """Yield every scalar and every name in a result as text."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key)
            yield from texts_in(inner)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts_in(item)
    elif value is not None:
        yield str(value)
