"""The desk: where a workflow draws its people, places and days and lays out its rows.

Everything comes from one random stream and from the pools of one split, so that a name or a number
that one split uses occurs in no other: names by the lists of `entities.toml`, ids by their last
digit. What a workflow means by its rows is not known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from random import Random
from typing import Any, TypeVar

from rung.core.records import Split
from rung.worlds.operations.apps import KINDS
from rung.worlds.operations.texts import Wordings, pools
from rung.worlds.tables import Row

T = TypeVar("T")

_FIRST_MONDAY, _NUM_WEEKS = date(2026, 1, 5), 44
_LAST_DIGITS: dict[Split, str] = {"train": "012345", "dev": "67", "holdout": "89"}
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_DAY_FORMS = (
    "{when.day} {month} {when.year}",
    "{weekday}, {when.day} {month} {when.year}",
    "{when}",
)
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Desk:
    """One example in the making."""

    def __init__(self, split: Split, wordings: Wordings, random: Random) -> None:
        self.random = random
        self.tables: dict[str, list[Row]] = {}
        self._split = split
        self._wordings = wordings
        self._pools = pools(split)
        self._taken: set[str] = set()
        week, weekday = random.randrange(_NUM_WEEKS), random.randrange(5)
        self.today = _FIRST_MONDAY + timedelta(weeks=week, days=weekday)
        self.firm = self.take("firm")
        self._day_form = self.choose(*_DAY_FORMS)

    # Choices

    def flip(self) -> bool:
        """Return true or false, equally often."""
        return self.random.random() < 0.5

    def choose(self, *options: T) -> T:
        """Return one of the options."""
        return self.random.choice(options)

    def number(self, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`."""
        return self.random.randint(low, high)

    def shuffled(self, options: Sequence[T]) -> list[T]:
        """Return the options in random order."""
        return self.random.sample(options, len(options))

    def take(self, pool: str) -> str:
        """Return an entry of a pool that was not taken at this desk before."""
        left = [entry for entry in self._pools[pool] if entry not in self._taken]
        chosen = self.random.choice(left)
        self._taken.add(chosen)
        return chosen

    def code(self, letters: str) -> str:
        """Return a number like `L-4018` that is no record's id: of a lease, a lot, an invoice."""
        while (code := f"{letters}-{self._serial()}") in self._taken:
            pass
        self._taken.add(code)
        return code

    def word(self, name: str) -> str:
        """Return one of the workflow's own words of this split."""
        return self.random.choice(self._wordings.of(name, self._split))

    # Days

    def day(self, low: int, high: int) -> str:
        """Return a working day, at least `low` and about at most `high` days from today."""
        return self._weekday(self.today + timedelta(days=self.number(low, high))).isoformat()

    def saturday(self, low: int) -> str:
        """Return the first Saturday at least `low` days from today."""
        day = self.today + timedelta(days=low)
        return (day + timedelta(days=(5 - day.weekday()) % 7)).isoformat()

    def say(self, day: str) -> str:
        """Return a day as the writer of this request writes days, always with the year."""
        when = date.fromisoformat(day)
        weekday, month = _WEEKDAYS[when.weekday()], _MONTHS[when.month - 1]
        return self._day_form.format(weekday=weekday, month=month, when=when)

    # Rows

    def add(self, table: str, **columns: Any) -> str:
        """Lay out a row and return its id."""
        id = self._id(table)
        self.tables.setdefault(table, []).append({"id": id, **columns})
        return id

    def person(self, *, first: str = "", **columns: Any) -> Row:
        """Lay out a colleague; with `first`, one who shares that first name."""
        first, last = first or self.take("first"), self.take("last")
        domain = self.firm.split()[0].lower()
        mail = f"{_plain(first)}.{_plain(last)}@{domain}.example"
        self.add("people", name=f"{first} {last}", email=mail, **columns)
        return dict(self.tables["people"][-1])

    def contact(self, company: str) -> str:
        """Return the mail address of somebody at a company."""
        name = f"{_plain(self.take('first'))}.{_plain(self.take('last'))}"
        return f"{name}@{_plain(company.split()[0])}.example"

    def namesake(self, person: Row, **columns: Any) -> Row:
        """Lay out a colleague with the first name of another."""
        return self.person(first=person["name"].split()[0], **columns)

    def room(self, site: str, *, seats: int, equipment: str = "none") -> Row:
        """Lay out a meeting room."""
        self.add("rooms", name=self.take("room"), site=site, seats=seats, equipment=equipment)
        return dict(self.tables["rooms"][-1])

    def page(self, **facts: object) -> str:
        """Lay out the wiki page with the workflow's rule and return its title.

        Another page, of no use here, lies beside it.
        """
        title, rule = self.word("page"), self.word("rule")
        self.add("pages", title=title, text=rule.format(**facts))
        other = self.take("page")
        self.add("pages", title=other, text=f"{other}: see the notice board of your site.")
        return title

    def _id(self, table: str) -> str:
        used = {row["id"] for row in self.tables.get(table, ())}
        while (id := f"{KINDS[table].prefix}-{self._serial()}") in used:
            pass
        return id

    def _serial(self) -> str:
        return f"{self.number(100, 899)}{self.random.choice(_LAST_DIGITS[self._split])}"

    def _weekday(self, day: date) -> date:
        return day + timedelta(days=max(0, 7 - day.weekday()) if day.weekday() >= 5 else 0)


def _plain(name: str) -> str:
    """Return a name as it stands in a mail address."""
    folded = name.lower().translate(str.maketrans("áéíóúäöüåøñç", "aeiouaouaonc"))
    return "".join(character for character in folded if character.isascii() and character.isalpha())
