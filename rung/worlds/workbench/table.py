"""Tables that are compared like the data frames the benchmark was published with.

WorkBench (Styles et al. 2024) judges by `DataFrame.equals`: equal columns, values and row labels,
in equal order. A row that is deleted leaves a gap in the labels, so deleting a row and adding it
again is not the same state. A table is never changed: every change returns a new one that shares
its rows with the old, which makes a copy free and a comparison fast.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

EXACT_CASE = ("status", "list_name", "board")
"""Columns whose values differ when their case differs, even where case is folded elsewhere."""
ID_DIGITS = 8

Values = Mapping[str, str | None]
"""Values of a row by column; None is a missing value, as an empty cell of the data set is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A row and its label."""

    label: int
    values: Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows in order, found by the values of the column `key`."""

    key: str
    columns: tuple[str, ...]
    lines: tuple[Line, ...] = ()

    def __iter__(self) -> Iterator[Values]:
        return (line.values for line in self.lines)

    def find(self, id_: str) -> Values | None:
        """Return the first row of this id, None when there is none."""
        return next((row for row in self if row[self.key] == id_), None)

    def next_id(self) -> str:
        """Return the number after the largest id, in eight digits; raises ValueError if empty."""
        return str(int(max(row[self.key] or "" for row in self)) + 1).zfill(ID_DIGITS)

    def without(self, id_: str) -> Table:
        """Return the table without the rows of this id; the others keep their labels."""
        lines = tuple(line for line in self.lines if line.values[self.key] != id_)
        return replace(self, lines=lines)

    def updated(self, id_: str, field: str, value: str) -> Table:
        """Return the table with one field of the rows of this id changed; a new field is added."""
        columns = self.columns if field in self.columns else (*self.columns, field)
        lines = tuple(
            Line(label=line.label, values={**line.values, field: value})
            if line.values[self.key] == id_
            else line
            for line in self.lines
        )
        return replace(self, columns=columns, lines=lines)

    def appended(self, values: Values, *, label: int) -> Table:
        """Return the table with a row at its end; the label may be in use already."""
        return replace(self, lines=(*self.lines, Line(label=label, values=values)))

    def placed(self, values: Values, *, label: int) -> Table:
        """Return the table with `values` in place of the row labelled so, else at its end."""
        if all(line.label != label for line in self.lines):
            return self.appended(values, label=label)
        line = Line(label=label, values=values)
        return replace(self, lines=tuple(line if old.label == label else old for old in self.lines))

    def relabelled(self) -> Table:
        """Return the table with labels that count from 0 without gaps."""
        lines = tuple(
            line if line.label == label else Line(label=label, values=line.values)
            for label, line in enumerate(self.lines)
        )
        return replace(self, lines=lines)

    def equals(self, other: Table, *, fold: bool = False) -> bool:
        """Return whether both hold the same under the same labels in the same order.

        With `fold` the case of letters does not count, except in `EXACT_CASE`.
        """
        if self.columns != other.columns or len(self.lines) != len(other.lines):
            return False
        return all(
            mine is its or self._same(mine, its, fold)
            for mine, its in zip(self.lines, other.lines, strict=True)
        )

    def _same(self, mine: Line, its: Line, fold: bool) -> bool:
        return mine.label == its.label and all(
            _folded(name, mine.values.get(name), fold) == _folded(name, its.values.get(name), fold)
            for name in self.columns
        )


def make_table(key: str, columns: Sequence[str], rows: Sequence[Values] = ()) -> Table:
    """Return a table of these rows, labelled from 0."""
    lines = tuple(Line(label=label, values=values) for label, values in enumerate(rows))
    return Table(key=key, columns=tuple(columns), lines=lines)


def _folded(column: str, value: str | None, fold: bool) -> str | None:
    if value is None or not fold or column in EXACT_CASE:
        return value
    return value.lower()
