"""Slots that code can fill: what stands in the input and matches an expression.

`"x-rung": {"extractive": true, "find": "[A-Z]{2}-[0-9]{6}"}` says what a value looks like. The only
such text in the input is the value; none is null; of several, nobody can tell without reading, so
the slot stays open. A found value is never invented.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from rung.core.errors import FormError
from rung.forms.form import Node, Value
from rung.forms.values import settings_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the input offers for one slot."""

    candidates: tuple[str, ...]
    """The different texts that match, in the order of the input."""

    @property
    def value(self) -> str | None:
        """The only candidate, None where there is none or more than one."""
        return self.candidates[0] if len(self.candidates) == 1 else None

    @property
    def is_ambiguous(self) -> bool:
        """Whether several texts match."""
        return len(self.candidates) > 1


def is_findable(node: Node) -> bool:
    """Return whether code can look for the slot's value in the input."""
    return isinstance(node, Value) and node.extractive and bool(_expression(node))


def find(slot: Value, source: str) -> Found:
    """Return what the input offers for a findable slot.

    Raises FormError when the expression of its `find` is none.
    """
    pattern = _compiled(_expression(slot), slot.path)
    texts = (match[0] for match in pattern.finditer(source))
    return Found(candidates=tuple(dict.fromkeys(text for text in texts if text)))


def _expression(slot: Value) -> str:
    settings = settings_of(slot.schema) if isinstance(slot.schema, dict) else {}
    return str(settings.get("find", ""))


@lru_cache(maxsize=256)
def _compiled(expression: str, path: str) -> re.Pattern[str]:
    try:
        return re.compile(expression)
    except re.error as error:
        raise FormError(
            f'reading the form: "find" of {path!r} is {expression!r}: {error}',
            hint="write a Python regular expression",
        ) from None
