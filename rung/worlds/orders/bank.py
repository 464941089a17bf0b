"""The phrases of the task: reads the packaged TOML files once.

`families/<kind>.toml` holds the situations, `details.toml` how left-out facts are told,
`chatter.toml` what stands around, `goods.toml` and `names.toml` the things and people. Nothing is
drawn here.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

from rung.worlds.orders.numbers import Currency, Habit

Kind = Literal["new_order", "change", "cancellation", "question", "complaint"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Fact = Literal["order_id", "quantity", "total", "date"]
"""What a message may leave out."""
Buyer = Literal["any", "company", "private"]
Phrases = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One situation, told in several wordings."""

    id: str
    kind: Kind
    say: Phrases
    """Wordings; each names the product and tells what the kind depends on."""
    goods: Phrases = ()
    """Trades whose goods fit; all when empty."""
    buyer: Buyer = "any"
    existing: bool = True
    """The message is about an order that was placed before."""
    always: tuple[Fact, ...] = ()
    no: tuple[Fact, ...] = ()
    """Facts that would not fit and are never told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Good:
    """Something that is ordered, with its usual quantities and unit prices."""

    name: str
    unit: str
    low: int
    high: int
    low_price: float
    high_price: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Culture:
    """Where a customer comes from."""

    first: Phrases
    last: Phrases
    closing: Phrases
    city: Phrases
    dial: str
    legal: Phrases
    currency: tuple[Currency, ...]
    numbers: tuple[Habit, ...]
    us: bool = False
    """Dates have the month first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bank:
    """Everything in the data files."""

    families: Mapping[Kind, tuple[Family, ...]]
    subjects: Mapping[Kind, Phrases]
    details: Mapping[tuple[str, str], Phrases]
    """By table and list of `details.toml`, e.g. ("date", "new")."""
    chatter: Mapping[str, Phrases]
    goods: Mapping[str, tuple[Good, ...]]
    cultures: tuple[Culture, ...]
    names: Mapping[str, Phrases]


@cache
def load() -> Bank:
    """Return the bank of this package."""
    tables = {kind: _read(f"families/{kind}.toml") for kind in KINDS}
    names = _read("names.toml")
    cultures = names.pop("culture")
    return Bank(
        families={
            kind: tuple(_family(kind, row) for row in table["family"])
            for kind, table in tables.items()
        },
        subjects={kind: tuple(table["subject"]) for kind, table in tables.items()},
        details={
            (table, name): tuple(phrases)
            for table, lists in _read("details.toml").items()
            for name, phrases in lists.items()
        },
        chatter=_tuples(_read("chatter.toml")),
        goods={trade: tuple(map(_good, rows)) for trade, rows in _read("goods.toml").items()},
        cultures=tuple(Culture(**_tuples(row)) for row in cultures),
        names=_tuples(names),
    )


def _family(kind: Kind, row: dict[str, Any]) -> Family:
    existing = kind in ("change", "cancellation", "complaint")
    return Family(**{"existing": existing, **_tuples(row), "kind": kind})


def _good(row: list[Any]) -> Good:
    name, unit, low, high, low_price, high_price = row
    return Good(
        name=name, unit=unit, low=low, high=high, low_price=low_price, high_price=high_price
    )


def _read(path: str) -> dict[str, Any]:
    return tomllib.loads((files(__package__) / path).read_text(encoding="utf-8"))


def _tuples(table: dict[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in table.items()
    }
