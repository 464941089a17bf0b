"""What an agent has been shown: the ground on which ids may be used.

The request, the workplace's brief and the instruction count, and every result of a tool; not what
the model wrote, not what was remembered from earlier conversations, and not what a failed, empty
or wordy result merely repeats of its own question.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rung.agents.ids import ids_under_keys, leaves, occurs, shape_of
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

    def add(self, call: Call, result: Result, *, writes: bool) -> None:
        """Take a result; a failed or empty one shows nothing."""
        if not writes:
            self.last_look_up = LookUp(call=call, value=result.value, before=self._shown)
        if result.error or is_empty(result.value, call.arguments):
            return
        for name, one in ids_under_keys(result.value):
            self._shapes_under.setdefault(name, set()).add(shape_of(one))
            self.shapes |= {shape_of(one)} - {""}
        texts = [text.casefold() for text in _texts(result.value)]
        self.has_running_text |= any(len(text.split()) >= _MIN_WORDS for text in texts)
        if len(records_in(result.value)) < 2:
            self.settled |= set(texts)
        text = "\n".join(texts)
        if isinstance(result.value, str):
            for _, asked in leaves(call.arguments):
                text = text.replace(str(asked).casefold(), " ")
        self._shown = f"{self._shown}\n{text}"

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


def _texts(value: Any) -> Iterator[str]:
    """Yield every scalar and every name in a result as text."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key)
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
    elif value is not None:
        yield str(value)
