"""The phrases of the task: reads the packaged TOML files once. Nothing is drawn here."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from rung.worlds.returns.reasons import IDS

Phrases = tuple[str, ...]
NEW_FAILURE = "new_failure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One situation, told in several wordings."""

    id: str
    reason: str
    say: Phrases
    goods: Phrases = ("wear", "home", "tech", "shoes")
    """Trades whose goods fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bank:
    """Everything in the data files."""

    families: Mapping[str, tuple[Family, ...]]
    subjects: Mapping[str, Phrases]
    says: Mapping[str, Phrases]
    """By reason, lines that sum it up in the usual words."""
    asks: Mapping[str, Phrases]
    """By reason, what its writers ask for."""
    goods: Mapping[str, Phrases]
    chatter: Mapping[str, Phrases]
    order: Mapping[str, Phrases]
    """How the order number is told: `told`, `unknown`, `other`."""
    price: Phrases
    denies: Mapping[str, Phrases]
    """By reason, lines that rule it out."""


@cache
def load() -> Bank:
    """Return the bank of this package; families by reason, and those of a new failure mode."""
    tables = {name: _read(f"families/{name}.toml") for name in (*IDS, NEW_FAILURE)}
    chatter = _read("chatter.toml")
    order, price, denies = chatter.pop("order"), chatter.pop("price"), chatter.pop("denies")
    return Bank(
        families={
            name: tuple(_family(name, row) for row in table["family"])
            for name, table in tables.items()
        },
        subjects={name: tuple(table["subject"]) for name, table in tables.items()},
        says={name: tuple(table["says"]) for name, table in tables.items()},
        asks={name: tuple(table["asks"]) for name, table in tables.items()},
        goods=_tuples(_read("goods.toml")),
        chatter=_tuples(chatter),
        order=_tuples(order),
        price=tuple(price["told"]),
        denies=_tuples(denies),
    )


def _family(name: str, row: dict[str, Any]) -> Family:
    reason = "defective" if name == NEW_FAILURE else name
    return Family(**{**row, "reason": reason, **_tuples({k: row[k] for k in row if k != "id"})})


def _read(path: str) -> dict[str, Any]:
    return tomllib.loads((files(__package__) / path).read_text(encoding="utf-8"))


def _tuples(table: Mapping[str, Any]) -> dict[str, Phrases]:
    return {name: tuple(values) for name, values in table.items()}
