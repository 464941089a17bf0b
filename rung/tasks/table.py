"""One table of `task.toml`, read key by key: what is wrong is told by the name of its key.

What the keys mean is not known here (`contract.py`), but what they may name is: fields of the
schema and their values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rung.core.errors import TaskError
from rung.core.spelling import did_you_mean, quote
from rung.tasks.answers import Answers
from rung.tasks.fields import as_text

_HUGE = 1e12


def check_field(field: str, answers: Answers, where: str) -> None:
    """Raise TaskError unless the schema has a field of this name."""
    if field not in answers.fields:
        raise TaskError(
            f"{where}: form.json has no field {field!r}", hint=did_you_mean(field, answers.fields)
        )


class Table:
    """One TOML table, read key by key; `done` refuses the keys nobody asked for."""

    def __init__(self, data: Mapping[str, Any], where: str, name: str) -> None:
        self.data = data
        self.where = where
        self.name = name
        self._asked: list[str] = []

    def text(self, key: str, default: str | None = None) -> str:
        """Return a non-blank string."""
        value = self._get(key, default)
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(key, "text", value)
        return value

    def choice(self, key: str, known: Sequence[Any], default: str) -> Any:
        """Return one of the known words."""
        value = self._get(key, default)
        if value not in known:
            raise TaskError(
                f"{self.where}: {self._dotted(key)} is {quote(value)}",
                hint=did_you_mean(value, known),
            )
        return value

    def number(
        self,
        key: str,
        default: float | None = None,
        *,
        low: float = 0.0,
        high: float = _HUGE,
        whole: bool = False,
    ) -> float:
        """Return a number from `low` to `high`."""
        value = self._get(key, default)
        kinds = int if whole else int | float
        if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
            kind = "a whole number" if whole else "a number"
            bound = f" up to {high:g}" if high < _HUGE else ""
            raise self.wrong(key, f"{kind} from {low:g}{bound}", value)
        return float(value)

    def flag(self, key: str) -> bool:
        """Return true or false; false when missing."""
        value = self._get(key, False)
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false", value)
        return value

    def table(self, key: str) -> Table:
        """Return a sub-table, empty when missing."""
        return self._table(self._get(key, {}), self._dotted(key))

    def tables(self, key: str) -> list[Table]:
        """Return a list of tables, empty when missing."""
        value = self._get(key, [])
        if not isinstance(value, list):
            raise self.wrong(key, "a list of tables", value)
        return [
            self._table(item, f"{self._dotted(key)}[{index}]") for index, item in enumerate(value)
        ]

    def field(self, key: str, answers: Answers) -> str:
        """Return the name of a field of the schema."""
        field = self.text(key)
        check_field(field, answers, f"{self.where}: {self._dotted(key)}")
        return field

    def label(self, key: str, field: str, answers: Answers) -> str:
        """Return a value of `field` as text, or `*`."""
        return self.check_label(self.text(key), key, field, answers)

    def labels(self, key: str, field: str, answers: Answers) -> tuple[str, ...]:
        """Return one or more values of `field` as text; a lone value need not be in a list."""
        value = self._get(key, None)
        values = value if isinstance(value, list) else [value]
        if not values or not all(isinstance(label, str) and label for label in values):
            raise self.wrong(key, "a list of texts", value)
        return tuple(self.check_label(label, key, field, answers) for label in values)

    def done(self) -> None:
        """Raise TaskError for the first key that was never asked for."""
        for key in self.data:
            if key not in self._asked:
                raise TaskError(
                    f"{self.where}: unknown key {self._dotted(key)}",
                    hint=did_you_mean(key, self._asked),
                )

    def check_label(self, label: str, key: str, field: str, answers: Answers) -> str:
        """Return the label; raises TaskError when it is not a value of `field`."""
        known = [as_text(value) for value in answers.values(field)]
        if known and label != "*" and label not in known:
            raise TaskError(
                f"{self.where}: {self._dotted(key)} is {quote(label)}, not a value of {field!r}",
                hint=did_you_mean(label, known),
            )
        return label

    def _get(self, key: str, default: Any) -> Any:
        self._asked.append(key)
        value = self.data.get(key, default)
        if value is None:
            raise TaskError(f"{self.where}: {self._dotted(key)} is missing")
        return value

    def _table(self, value: Any, name: str) -> Table:
        if not isinstance(value, dict):
            raise TaskError(f"{self.where}: {name} must be a table, not {quote(value)}")
        return Table(value, self.where, name)

    def _dotted(self, key: str) -> str:
        return f"{self.name}.{key}" if self.name else key

    def wrong(self, key: str, wanted: str, value: Any) -> TaskError:
        """Return the error of a value that is not what was wanted."""
        return TaskError(f"{self.where}: {self._dotted(key)} must be {wanted}, not {quote(value)}")
