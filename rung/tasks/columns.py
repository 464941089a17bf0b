"""Which columns of a table are input, target, group and split, and the rows they make.

Usual names are found without being asked for; a guess between two candidates is refused. Targets
stay as they were written: `infer.convert` turns text cells into what a schema asks for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rung.core.errors import TaskError
from rung.core.records import SPLITS, Split
from rung.core.spelling import did_you_mean, listing, quote
from rung.tasks.answers import Answers
from rung.tasks.fields import as_text
from rung.tasks.lines import parse_json
from rung.tasks.rows import check_input
from rung.tasks.sources import CHAT_TARGET, Table

_INPUTS = ("input", "text", "prompt", "message", "question", "query", "utterance")
_TARGETS = ("target", "label", "category", "intent", CHAT_TARGET, "output", "completion")
_SPLIT = "split"
_SPLIT_NAMES: Mapping[str, Split] = {
    "train": "train", "training": "train",
    "dev": "dev", "val": "dev", "valid": "dev", "validation": "dev",
    "holdout": "holdout", "test": "holdout",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One usable row."""

    line: int
    input: str
    target: dict[str, Any]
    group: str
    split: Split | None


class Columns:
    """Decides what the columns of a table mean and reads its usable rows."""

    def __init__(
        self,
        table: Table,
        input_column: str | None,
        target_columns: Sequence[str],
        group_column: str | None,
        resplit: bool,
    ) -> None:
        self._table = table
        self._input = self._column("input", input_column, _INPUTS)
        self._targets = tuple(self._column("target", name, ()) for name in target_columns) or (
            self._column("target", None, _TARGETS),
        )
        if self._input in self._targets:
            raise TaskError(
                f"reading {table.path}: {self._input!r} is the input, it cannot be the target too",
                hint=f"say --input COL or --target COL, one of: {listing(table.columns)}",
            )
        self._group = self._column("group", group_column, ()) if group_column else None
        used = {self._input, *self._targets, self._group}
        placing = [name for name in table.columns if name.casefold() == _SPLIT and name not in used]
        self._split = placing[0] if placing and not resplit else None
        self._objects = self._holds_objects()
        self.text_cells = table.text_cells and not self._objects
        """Whether the targets are text, whatever their type."""

    def records(self, answers: Answers | None) -> list[Record]:
        """Return the rows that have an input and a target."""
        records = []
        names = {} if self._objects else self._field_names(answers)
        for line, row in self._table.rows:
            where = f"reading {self._table.path}, line {line}"
            text = _text(row.get(self._input))
            target = self._object(row, where) if self._objects else self._fields(row, names)
            if not text or not target:
                continue
            check_input(text, where)
            group = _text(row.get(self._group)) if self._group else ""
            split = self._placed(row.get(self._split), where) if self._split else None
            records.append(Record(line=line, input=text, target=target, group=group, split=split))
        if not records:
            raise TaskError(
                f"reading {self._table.path}: no row has both {self._input!r} and "
                f"{' and '.join(map(repr, self._targets))}",
                hint=f"columns: {listing(self._table.columns)}",
            )
        return records

    def _column(self, role: str, name: str | None, usual: Sequence[str]) -> str:
        columns = self._table.columns
        if name is None:
            found = [column for column in columns if column.casefold() in usual]
            if len(found) == 1:
                return found[0]
            why = f"{listing(found)} could all be it" if found else "none has a usual name"
            raise TaskError(
                f"reading {self._table.path}: which column is the {role}? {why}",
                hint=f"say --{role} COL, one of: {listing(columns)}",
            )
        if name not in columns:
            close = did_you_mean(name, columns)
            known = "" if close.startswith("known") else f"; columns: {listing(columns)}"
            raise TaskError(
                f"reading {self._table.path}: no column {name!r} for the {role}", hint=close + known
            )
        return name

    def _holds_objects(self) -> bool:
        if len(self._targets) > 1:
            return False
        values = (row.get(self._targets[0]) for _, row in self._table.rows)
        first = next((value for value in values if value not in (None, "")), None)
        return isinstance(first, dict) or _text(first).startswith("{")

    def _object(self, row: Mapping[str, Any], where: str) -> dict[str, Any]:
        value = row.get(self._targets[0])
        if isinstance(value, str) and value.strip():
            value = parse_json(value, f"{where}, column {self._targets[0]!r}")
        if value is None or _text(value) == "":
            return {}
        if not isinstance(value, dict):
            raise TaskError(f"{where}: {quote(value)} is no JSON object, other targets are")
        return value

    def _fields(self, row: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
        cells = {field: row.get(column) for column, field in names.items()}
        cells = {field: v.strip() if isinstance(v, str) else v for field, v in cells.items()}
        return {field: value for field, value in cells.items() if value not in (None, "")}

    def _field_names(self, answers: Answers | None) -> dict[str, str]:
        """Return the field of each target column; one column fills a lone field of any name."""
        if answers is not None and len(self._targets) == len(answers.fields) == 1:
            return dict(zip(self._targets, answers.fields, strict=True))
        for name in self._targets:
            if answers is not None and name not in answers.fields:
                raise TaskError(
                    f"reading {self._table.path}: the schema has no field {name!r}",
                    hint=did_you_mean(name, answers.fields),
                )
        return {name: name for name in self._targets}

    def _placed(self, cell: Any, where: str) -> Split:
        value = _text(cell)
        if value.casefold() not in _SPLIT_NAMES:
            raise TaskError(
                f"{where}: unknown split {value!r}",
                hint=f"use {', '.join(SPLITS)}, or let rung split: --resplit",
            )
        return _SPLIT_NAMES[value.casefold()]


def _text(value: Any) -> str:
    """Return a cell as text: JSON values other than text in canonical form, null as ''."""
    return as_text(value).strip()
