"""What a form is: fixed structure the code writes, and slots the model fills.

A form is a tree. `Object` gives keys and their order; `Const` is written, `Choice` is decided among
listed values, `Value` is generated inside a regular expression. Records only: schemas are compiled
in `schema.py`, forms filled in `fill.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from rung.core.records import Status, Usage

ValueKind = Literal["text", "number", "date", "list"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Const:
    """A value the schema fixes; never asked."""

    path: str
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of a closed list of JSON values, decided by the model's probabilities."""

    path: str
    values: tuple[Any, ...]
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """Free JSON text inside `regex` (which describes the JSON literal, without leading space)."""

    path: str
    kind: ValueKind
    regex: str
    schema: Mapping[str, Any] = field(default_factory=dict)
    """The slot's part of the form's schema; a filled value is checked against it."""
    max_chars: int = 0
    """For text: the longest value the regex allows, in characters; 0 for the other kinds."""
    hint: str = ""
    """What the value looks like, in words for the prompt."""
    description: str = ""
    item: Const | Choice | Value | None = None
    """For lists: what each item is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Object:
    """Named parts in writing order."""

    path: str
    parts: tuple[tuple[str, Node], ...]


Node = Const | Choice | Value | Object


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A compiled schema: `root` to fill, `schema` to validate against, `hash` to cache by."""

    root: Object
    schema: dict[str, Any]
    hash: str

    def slots(self) -> Iterator[Choice | Value]:
        """Yield what the model decides, in writing order."""
        yield from _slots(self.root)

    def choices(self) -> tuple[Choice, ...]:
        """Return the choice slots."""
        return tuple(slot for slot in self.slots() if isinstance(slot, Choice))


def _slots(node: Node) -> Iterator[Choice | Value]:
    if isinstance(node, Object):
        for _, part in node.parts:
            yield from _slots(part)
    elif not isinstance(node, Const):
        yield node


def join_path(parent: str, name: str) -> str:
    """Return the path of a property: names joined by dots, distinct for distinct places.

    A name that is empty or holds a dot, bracket, quote or backslash stands as a JSON string.
    """
    plain = name and not set(name) & set('.[]"\\')
    segment = name if plain else json.dumps(name, ensure_ascii=False)
    return f"{parent}.{segment}" if parent else segment


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """How sure the model was of one choice slot."""

    p: float
    """Probability of the chosen value, softmax over the allowed values."""
    margin: float
    """Chosen minus runner-up probability."""
    runner_up: Any = None
    valid_mass: float = 0.0
    """Probability the unrestricted model gave to beginning any allowed value; low: off-script."""
    scores: tuple[float, ...] = ()
    """Natural-log probability of each allowed value as the engine gave it, in the slot's order."""
    probabilities: Mapping[str, float] = field(default_factory=dict)
    """Probability of every allowed value, keyed by its JSON text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """A filled form. `output` is valid against the schema exactly when status is not `failed`."""

    output: dict[str, Any] | None
    status: Status
    reason: str = ""
    text: str = ""
    """The answer as written, structure included."""
    decisions: Mapping[str, Decision] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)
    latency_ms: float = 0.0
    num_calls: int = 0
