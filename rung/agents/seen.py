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

from rung.agents.ids import (
    EMAIL,
    ids_under_keys,
    is_id_key,
    leaves,
    matches,
    occurs,
    shape_of,
    without,
)
from rung.agents.observe import is_empty
from rung.agents.words import FINDS, words_of
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
        self._ids_under: dict[str, list[str]] = {}
        """Ids as they were spelled, in order; those under plain `id` under their kinds' names."""
        self._of_named_kind: set[str] = set()
        self.last_look_up: LookUp | None = None
        self.settled: set[str] = set()
        """Values of records that a result showed alone: whoever asked for one found it."""
        self.has_running_text = False
        """Whether a result held sentences, which may say how to decide."""
        self._shown = self.prompt
        self._spelled = "\n".join([request, *others])
        """What was shown, not folded, and all of a result that is text."""

    def add(self, call: Call, result: Result, *, writes: bool) -> None:
        """Take a result; a failed or empty one shows nothing."""
        if not writes:
            self.last_look_up = LookUp(call=call, value=result.value, before=self._shown)
        if result.error or is_empty(result.value, call.arguments):
            return
        value = _answer(result.value, call.arguments)
        for name, one in ids_under_keys(value):
            self._shapes_under.setdefault(name, set()).add(shape_of(one))
            self.shapes |= {shape_of(one)} - {""}
            for key in _keys_of(name, call, value):
                self._ids_under.setdefault(key, []).append(one)
            if not _is_plain(name):
                self._of_named_kind.add(one)
        self._spelled = "\n".join([self._spelled, *_texts(value)])
        texts = [text.casefold() for text in _texts(value)]
        self.has_running_text |= any(len(text.split()) >= _MIN_WORDS for text in texts)
        if len(records_in(value)) < 2:
            self.settled |= set(texts)
        text = "\n".join(texts)
        if isinstance(value, str):
            for asked in filter(None, (str(leaf).strip() for _, leaf in leaves(call.arguments))):
                text = without(asked.casefold(), text)
        self._shown = f"{self._shown}\n{text}"

    def has(self, value: str) -> bool:
        """Return whether a value was shown."""
        return occurs(value.casefold(), self._shown)

    def mails(self) -> list[str]:
        """Return the mail addresses that were shown, in order."""
        found = dict.fromkeys(EMAIL.findall(self._spelled))
        return [one for one in found if self.has(one)]

    def ids_of(self, name: str) -> list[str] | None:
        """Return every shown value that may be an id of this name; None where that cannot be told.

        It can where results showed ids under this name, or under plain `id` by a look-up of such
        records, and all of them have a look that tells ids from words. What looks the same counts
        wherever it stood, unless it was shown under another name that tells a kind.
        """
        mine = self._ids_under.get(_singular(name), [])
        shapes = set(map(shape_of, mine))
        if not mine or "" in shapes:
            return None
        others = self._of_named_kind - set(mine)
        alike = [one for shape in sorted(shapes) for one in matches(shape, self._spelled)]
        found = [*mine, *(one for one in alike if one not in others)]
        return [one for one in dict.fromkeys(found) if self.has(one)]

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


def _keys_of(name: str, call: Call, value: Any) -> list[str]:
    """Return the names of arguments that an id shown under this name may be for.

    A plain `id` is of the kind that its look-up or the list it stands in is called after.
    """
    if not _is_plain(name):
        return [_singular(name)]
    lists = [str(key) for key, one in value.items()] if isinstance(value, Mapping) else []
    kinds = words_of(" ".join([call.tool, *lists])) - FINDS - {"id"}
    return ["id", *(f"{kind}_id" for kind in sorted(kinds))]


def _is_plain(name: str) -> bool:
    return words_of(name) == {"id"}


def _singular(name: str) -> str:
    """Return an id's name folded, as of one: `cardIds` is `card_id`."""
    return re.sub(r"(?<=[a-z])(?=I[dD]s?$)", "_", name).casefold().removesuffix("s")


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
