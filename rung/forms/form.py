"""What a form is: fixed structure the code writes, and slots the model fills.

A form is a tree. `Object` gives keys and their order, `Repeat` items, `Union` one of several
shapes; `Const` is written, `Choice` is decided among listed values, `Value` is generated inside a
grammar. Records only: schemas are compiled in `schema.py`, forms written in `walk.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from rung.core.records import Effort, Status, Usage
from rung.forms.literals import CHARACTER

ValueKind = Literal["text", "number", "date", "list", "json"]
Style = Literal["json", "indented", "lines"]
NULL_OR = "(?:null|"
"""How the expression of a nullable literal starts."""
UNKNOWN = "unknown"
"""The option a choice slot offers for abstaining, where its schema allows that."""


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
    abstains: bool = False
    """Offers `unknown` besides the values; choosing it is no answer."""

    @property
    def options(self) -> tuple[Any, ...]:
        """What the model is offered."""
        return (*self.values, UNKNOWN) if self.abstains else self.values


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A JSON literal generated inside `regex`, or inside `json_schema` where that is set."""

    path: str
    kind: ValueKind
    regex: str = ""
    """Expression of the literal, without leading space; empty for kind `json`."""
    drawn_regex: str = ""
    """For text of limited length: `regex` with room for one character more, which tells a text that
    would go on from one that ends where it is full."""
    json_schema: str = ""
    """For kind `json`: a self-contained JSON Schema as text, for a sub-grammar."""
    schema: Any = True
    """The slot's own schema, self-contained; a filled value is checked against it."""
    max_chars: int = 0
    """For text: where the code closes it at the next word; 0 for the other kinds."""
    max_items: int = 0
    """For lists: how many items the code lets the model write."""
    extractive: bool = False
    """Text that must stand in the input, word for word."""
    hint: str = ""
    """What the value looks like, in words for the prompt."""
    description: str = ""
    item: Node | None = None
    """For lists: what each item is."""

    @property
    def nullable(self) -> bool:
        """Whether null is allowed besides the literal."""
        return self.regex.startswith(NULL_OR)

    @property
    def is_free(self) -> bool:
        """Whether it is text that only its length limits."""
        return self.regex.removeprefix(NULL_OR).startswith(f'"{CHARACTER}{{')

    @property
    def opening(self) -> str:
        """The text that every literal of this slot starts with."""
        return self.regex[0] if self.regex.startswith('"') else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Object:
    """Named parts in writing order; the model decides whether to write those in `optional`."""

    path: str
    parts: tuple[tuple[str, Node], ...]
    optional: frozenset[str] = frozenset()
    min_parts: int = 0
    max_parts: int | None = None
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Names that must be there when the key is (`dependentRequired`)."""
    any_of: tuple[frozenset[str], ...] = ()
    """Of these sets of names at least one must be there whole; empty when there is no such rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """An array of objects or arrays; after each item the model decides whether it goes on."""

    path: str
    item: Node
    low: int
    high: int | None
    soft_high: int
    """How many items the code lets the model write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Union:
    """One of several shapes, told apart by how they begin."""

    path: str
    arms: tuple[Node, ...]


Node = Const | Choice | Value | Object | Repeat | Union


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A keyword that the form itself does not hold: where, which, and what follows from it."""

    path: str
    keyword: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A compiled schema: `root` to fill, `schema` to validate against, `hash` to cache by."""

    root: Node
    schema: Any
    hash: str
    style: Style = "json"
    checked: tuple[Note, ...] = ()
    """Keywords that are checked when the form is filled, because no structure can hold them."""
    narrowed: tuple[Note, ...] = ()
    """Keywords that allow more than the form ever writes."""

    @property
    def fields(self) -> tuple[tuple[str, Node], ...]:
        """The top-level fields; none when the form is not an object."""
        return self.root.parts if isinstance(self.root, Object) else ()

    def slots(self) -> Iterator[Choice | Value]:
        """Yield what the model decides or generates, in writing order; of a repeat its one item."""
        yield from slots_of(self.root)

    def choices(self) -> tuple[Choice, ...]:
        """Return the choice slots."""
        return tuple(slot for slot in self.slots() if isinstance(slot, Choice))


def slots_of(node: Node) -> Iterator[Choice | Value]:
    """Yield the choice and value slots below a node."""
    if isinstance(node, Choice | Value):
        yield node
    for child in children_of(node):
        yield from slots_of(child)


def children_of(node: Node) -> tuple[Node, ...]:
    """Return the nodes directly below a node."""
    if isinstance(node, Object):
        return tuple(part for _, part in node.parts)
    if isinstance(node, Repeat):
        return (node.item,)
    return node.arms if isinstance(node, Union) else ()


def join_path(parent: str, name: str) -> str:
    """Return the path of a property: names joined by dots, distinct for distinct places.

    A name that is empty, does not print, or holds a dot, bracket, quote, backslash, question or
    number sign stands as a JSON string.
    """
    plain = name.isprintable() and name and not set(name) & set('.[]"\\?#')
    segment = name if plain else json.dumps(name, ensure_ascii=False)
    return f"{parent}.{segment}" if parent else segment


def is_within(path: str, place: str) -> bool:
    """Return whether a path is that of a place, or of one inside it."""
    return path == place or path.startswith((f"{place}.", f"{place}["))


def instance_path(path: Sequence[str | int]) -> str:
    """Return the path of a place in a value, as slots spell it: `lines[0].sku`."""
    text = ""
    for key in path:
        text = f"{text}[{key}]" if isinstance(key, int) else join_path(text, key)
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """How sure the model was of one choice slot."""

    p: float
    """Probability of the chosen value, softmax over the allowed values."""
    margin: float
    """Chosen minus runner-up probability; below 0 where the likeliest was not chosen."""
    runner_up: Any = None
    valid_mass: float = 0.0
    """Probability the unrestricted model gave to beginning any allowed value; low: off-script."""
    scores: tuple[float, ...] = ()
    """Natural-log probability of each allowed value as the engine gave it, in the slot's order."""
    probabilities: Mapping[str, float] = field(default_factory=dict)
    """Probability of every allowed value, keyed by its JSON text."""
    prediction_set: tuple[str, ...] | None = None
    """JSON texts of the values that, together, hold the right one as often as the calibration
    promises; None where none is known. A set that does not hold exactly one value is a doubt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """A filled form. `output` is valid against the schema exactly when status is ok or repaired."""

    output: Any
    status: Status
    reason: str = ""
    text: str = ""
    """The answer as written, structure included."""
    decisions: Mapping[str, Decision] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)
    effort: Effort = field(default_factory=Effort)
    latency_ms: float = 0.0
    num_calls: int = 0
    """Requests to the engine; for an in-process engine its forward passes."""
