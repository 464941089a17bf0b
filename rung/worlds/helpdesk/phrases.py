"""The phrase bank: reads the packaged TOML files once and fills `{slots}`.

`families/<category>.toml` holds the situations of one category, `chatter.toml` what people write
around them, `slots.toml` the names. This file chooses nothing about labels or splits.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any, Literal

from rung.worlds.helpdesk.categories import IDS
from rung.worlds.helpdesk.labels import Human, Kind, Priority

Scope = Literal["minor", "me", "shared", "site"]
_SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One situation of a category, told in several wordings."""

    id: str
    category: str
    say: tuple[str, ...]
    """Wordings of the problem; each tells the whole of it in words of its own."""
    subject: tuple[str, ...]
    summary: tuple[str, ...]
    kind: Kind = "break"
    scope: Scope = "me"
    """Whom it can stop: nobody (`minor`), the writer, several people, or a whole site."""
    human: Human = ""
    known: bool = False
    """The writer knows the cause: no guesses, no attempts."""
    alone: bool = False
    """What writers of the category add elsewhere does not fit this situation."""
    priority: Priority | Literal[""] = ""
    """Set where every wording itself decides the priority."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryPhrases:
    """The families of one category and what its writers tend to add."""

    kinds: tuple[Kind, ...]
    """Kinds of ticket that `request`, `topic` and `hint` go with; `tried` fits only the first."""
    subject: tuple[str, ...]
    """Subject lines that name the category and no more."""
    request: tuple[str, ...]
    """What the writer asks for, in words of the category."""
    topic: tuple[str, ...]
    """Remarks that fit any situation of the category."""
    hint: tuple[str, ...]
    """Guesses at the cause, usually wrong."""
    tried: tuple[str, ...]
    also: tuple[str, ...]
    """Side problems, as clauses, for tickets of other categories."""
    fine: tuple[str, ...]
    """Topics in `Bank.fine` that a writer may claim to be in order."""
    families: tuple[Family, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bank:
    """All phrases."""

    categories: dict[str, CategoryPhrases]
    chatter: dict[str, tuple[str, ...]]
    fine: dict[str, tuple[str, ...]]
    cue: dict[str, tuple[str, ...]]
    slots: dict[str, tuple[str, ...]]


@cache
def load() -> Bank:
    """Return the phrase bank of this package."""
    chatter = _read("chatter.toml")
    fine, cue = chatter.pop("fine"), chatter.pop("cue")
    return Bank(
        categories={name: _category(name) for name in IDS},
        chatter=_tuples(chatter),
        fine=_tuples(fine),
        cue=_tuples(cue),
        slots=_tuples(_read("slots.toml")),
    )


@dataclass(slots=True)
class Slots:
    """Values of one ticket: drawn when first used, then the same in text, subject and summary."""

    random: Random
    bank: Bank
    values: dict[str, str] = field(default_factory=dict)

    def fill(self, phrase: str) -> str:
        """Return the phrase with every `{slot}` replaced; an unknown slot raises KeyError."""
        return _SLOT.sub(self._value, phrase) if "{" in phrase else phrase

    def _value(self, match: re.Match[str]) -> str:
        name = match[1]
        if name not in self.values:
            self.values[name] = self._draw(name)
        return self.values[name]

    def _draw(self, name: str) -> str:
        made = _MADE.get(name)
        return made(self) if made else self.pick(name)

    def number(self, low: int, high: int) -> str:
        """Return a whole number from `low` to `high` in digits."""
        return str(low + int(self.random.random() * (high - low + 1)))

    def pick(self, name: str) -> str:
        """Return a fresh value of a listed slot, independent of the one used in the text."""
        return self.random.choice(self.bank.slots[name])

    def person(self) -> str:
        """Return a full name that differs from the ones the ticket has already."""
        while (person := f"{self.pick('first')} {self.pick('surname')}") in self.values.values():
            pass
        return person


def _own(name: str) -> Callable[[Slots], str]:
    return lambda slots: slots.pick(name)


def _first(slots: Slots) -> str:
    return slots.fill("{name}").split()[0]


def _printer(slots: Slots) -> str:
    return f"PRN-{slots.fill('{site}')[:3].upper()}-{slots.number(1, 38):0>2}"


def _time(slots: Slots) -> str:
    return f"{slots.number(7, 11)}:{slots.random.choice(('05', '10', '20', '30', '40', '45'))}"


def _system2(slots: Slots) -> str:
    first = slots.fill("{system}")
    return slots.random.choice([s for s in slots.bank.chatter["systems"] if s != first])


def _code(slots: Slots) -> str:
    return slots.random.choice(("ERR-", "E-", "ORA-0", "SQL-")) + slots.number(1004, 9890)


_MADE: dict[str, Callable[[Slots], str]] = {
    "name": Slots.person,
    "boss": Slots.person,
    "first": _first,
    "mydept": _own("dept"),
    "mysite": _own("site"),
    "printer": _printer,
    "time": _time,
    "system": lambda slots: slots.random.choice(slots.bank.chatter["systems"]),
    "system2": _system2,
    "code": _code,
    "asset": lambda slots: "LT-" + slots.number(20140, 58990),
    "inc": lambda slots: "INC-" + slots.number(104300, 982400),
    "ext": lambda slots: slots.number(2010, 7989),
    "num2": lambda slots: slots.number(11, 98),
    "num4": lambda slots: slots.number(1102, 9870),
    "many": lambda slots: slots.number(3, 36) + "0",
    "date": lambda slots: f"{slots.number(2, 28)} {slots.pick('month')}",
}


def _read(path: str) -> dict[str, Any]:
    text = (files(__package__) / path).read_text(encoding="utf-8")
    return tomllib.loads(text)


def _tuples(table: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(values) for name, values in table.items()}


def _category(name: str) -> CategoryPhrases:
    table = _read(f"families/{name}.toml")
    kinds: tuple[Kind, ...] = tuple(table.get("kinds", ("break",)))
    return CategoryPhrases(
        kinds=kinds,
        subject=tuple(table["subject"]),
        request=tuple(table["request"]),
        topic=tuple(table["topic"]),
        hint=tuple(table["hint"]),
        tried=tuple(table["tried"]),
        also=tuple(table["also"]),
        fine=tuple(table["fine"]),
        families=tuple(_family(name, kinds[0], row) for row in table["family"]),
    )


def _family(category: str, kind: Kind, row: dict[str, Any]) -> Family:
    lists = {key: tuple(row[key]) for key in ("say", "subject", "summary")}
    return Family(**{"kind": kind, **row, **lists, "category": category})
