"""State as tables: the rows of a simulated workplace, by table and id.

Rows are JSON objects whose first column is `id`; ids are a prefix and a number (`T-1042`). What is
handed out is a copy, so nobody changes a row but through this file; a row that changes becomes
another one, so states may share theirs. Two states are compared by their `changes`: values in
canonical form, new rows without their ids, since the order in which things are made is no one's
business. Nothing here knows which tools exist.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rung.core.errors import TaskError
from rung.core.spelling import quote
from rung.worlds.canonical import canonical

Row = dict[str, Any]
Change = tuple[str, str, str, Any]
"""(table, id, column, new canonical value); id and column are empty for a whole new row, the column
alone for a removed one."""

_FIRST_NUMBER = 1001
_WORD = re.compile(r"[\w@#.+/-]*\w")
_EMPTY_WORDS = frozenset(
    ("a", "an", "and", "at", "by", "for", "from", "in", "is", "of", "on", "or", "the", "to", "with")
)


class Refused(Exception):
    """A call that breaks a rule of the workplace; the text names the value and the rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What one table holds."""

    noun: str
    """One of its rows, for messages: `ticket`."""
    prefix: str
    """What its ids start with: `T`."""
    body: str = ""
    """Its column of running text, searched only when nothing else fits."""

    def __post_init__(self) -> None:
        """Raise TaskError for a prefix that no look-up would find."""
        if self.prefix != self.prefix.upper():
            raise TaskError(
                f"the prefix of {self.noun!r} ids is {self.prefix!r}, not in capitals",
                hint=f"write {self.prefix.upper()!r}",
            )


def check_ids(rows: Mapping[str, Sequence[Mapping[str, Any]]], kinds: Mapping[str, Kind]) -> None:
    """Raise ValueError for an id that is no prefix with a number; KeyError when there is none."""
    for table, kind in kinds.items():
        for row in rows.get(table, ()):
            if not re.fullmatch(rf"{re.escape(kind.prefix)}-\d+", str(row["id"])):
                raise ValueError(
                    f"{table} has a row with the id {quote(row['id'])};"
                    f" ids look like {kind.prefix}-1042"
                )


class Tables:
    """The rows of one workplace."""

    def __init__(
        self, rows: Mapping[str, Sequence[Mapping[str, Any]]], kinds: Mapping[str, Kind]
    ) -> None:
        self._kinds = kinds
        self._rows: dict[str, dict[str, Row]] = {
            table: {str(row["id"]): _own(row) for row in rows.get(table, ())} for table in kinds
        }
        self._last = {
            table: max(map(_number, ids), default=_FIRST_NUMBER - 1)
            for table, ids in self._rows.items()
        }
        """The highest number of an id that each table ever had: none is given twice."""

    def copy(self) -> Tables:
        """Return a state of its own that is equal to this one."""
        same = Tables({}, self._kinds)
        same._rows = {table: dict(rows) for table, rows in self._rows.items()}
        same._last = dict(self._last)
        return same

    def rows(self, table: str) -> list[Row]:
        """Return all rows, in the order they were made."""
        return [_own(row) for row in self._rows[table].values()]

    def get(self, table: str, id: str) -> Row:
        """Return one row; raises Refused when there is none of this id."""
        row = self._rows[table].get(id.strip().upper())
        if row is None:
            kind = self._kinds[table]
            raise Refused(f"no {kind.noun} {quote(id)}; ids look like {kind.prefix}-1042")
        return _own(row)

    def where(self, table: str, /, **values: Any) -> list[Row]:
        """Return the rows that have all these values, in canonical form."""
        wanted = {column: canonical(value) for column, value in values.items()}
        return [
            _own(row)
            for row in self._rows[table].values()
            if all(canonical(row.get(column)) == value for column, value in wanted.items())
        ]

    def search(self, table: str, query: str) -> list[Row]:
        """Return the rows with most words of the query, all when it has none.

        A word fits whatever starts with it; its plural s does not count. Running text counts only
        where no other column fits.
        """
        words = {word.removesuffix("s") for word in _words(query)} - _EMPTY_WORDS
        rows = self.rows(table)
        if not words:
            return rows
        body = self._kinds[table].body
        heads = [{column: value for column, value in row.items() if column != body} for row in rows]
        return _best(rows, heads, words) or _best(rows, rows, words)

    def add(self, table: str, columns: Mapping[str, Any]) -> Row:
        """Make a row with the next free id and return it."""
        self._last[table] += 1
        id = f"{self._kinds[table].prefix}-{self._last[table]}"
        self._rows[table][id] = {"id": id, **_own(columns)}
        return self.get(table, id)

    def change(self, table: str, id: str, columns: Mapping[str, Any]) -> Row:
        """Set columns of a row and return it; raises Refused when there is none of this id."""
        row = self.get(table, id)
        self._rows[table][row["id"]] = {**row, **_own(columns)}
        return self.get(table, id)

    def remove(self, table: str, id: str) -> Row:
        """Drop a row and return it; raises Refused when there is none of this id."""
        row = self.get(table, id)
        del self._rows[table][row["id"]]
        return row

    def changes(self, before: Tables, first: Tables | None = None) -> Counter[Change]:
        """Return what is different from `before`; a row that `first` lacks has no id there."""
        found: Counter[Change] = Counter()
        for table, rows in self._rows.items():
            old = before._rows[table]
            known = old if first is None else first._rows[table]
            for id in old.keys() - rows.keys():
                found[table, id if id in known else "", "", ""] += 1
            for id, row in rows.items():
                if id in old:
                    found.update(_cells(table, id if id in known else "", old[id], row))
                else:
                    columns = {name: value for name, value in row.items() if name != "id"}
                    found[table, "", "", canonical(columns)] += 1
        return found


def changed_back(
    steps: Sequence[Counter[Change]], left: Counter[Change], asked: Sequence[Counter[Change]]
) -> list[int]:
    """Return the positions of steps that changed what all of them `left` as it was at first.

    What `asked` changes may be changed on the way. All are told by `changes` from one first state.
    """
    places = {change[:3] for changes in (left, *asked) for change in changes}
    gone = {(table, id) for table, id, column, _ in left if id and not column}

    def is_back(table: str, id: str, column: str, value: Any) -> bool:
        removed_again = not column and value == ""
        if not id:
            return removed_again and not any((table, id, column, value) in step for step in asked)
        return (table, id, column) not in places and (table, id) not in gone

    return [at for at, step in enumerate(steps) if any(is_back(*change) for change in step)]


def _own(row: Mapping[str, Any]) -> Row:
    """Return a copy of a row of JSON."""
    return {name: _copied(value) for name, value in row.items()}


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _own(value)
    return [_copied(item) for item in value] if isinstance(value, list) else value


def _number(id: str) -> int:
    return int(id.rsplit("-", 1)[1])


def _cells(table: str, id: str, old: Row, new: Row) -> list[Change]:
    if old is new or old == new:
        return []
    forms = {column: canonical(new.get(column)) for column in {**old, **new}}
    return [
        (table, id, column, form)
        for column, form in forms.items()
        if form != canonical(old.get(column))
    ]


def _words(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [word for item in value.values() for word in _words(item)]
    if isinstance(value, list | tuple):
        return [word for item in value for word in _words(item)]
    return _WORD.findall(str(canonical(value)))


def _best(rows: list[Row], texts: Sequence[Mapping[str, Any]], words: set[str]) -> list[Row]:
    """Return the rows whose text has most of the words, none when no text has any."""
    hits = [
        sum(any(word.startswith(part) for word in has) for part in words)
        for has in (set(_words(text)) for text in texts)
    ]
    most = max(hits, default=0)
    return [row for row, num in zip(rows, hits, strict=True) if most and num == most]
