"""Answers to forms: one requirement a field that counts for strict, and why it was missed.

A missing value is an omitted datum, a value where none belongs is over-action, a value that stands
in the input but is not the one asked for is a wrong entity; everything else is a wrong argument.
An answer that could not be read misses one requirement, `answer`, whatever its fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rung.core.hashing import canonical_json
from rung.core.records import Row
from rung.gate.rows import Samples
from rung.repair.readers import cause_without_content, failing_row, shown
from rung.repair.records import ANSWER, PAIR, Miss
from rung.tasks.answers import Answers
from rung.tasks.fields import as_text, fold, score_field
from rung.tasks.task import Example, Task
from rung.worlds.canonical import contains

_FEW = ("label", "boolean")
"""Kinds of fields whose values are classes: they have confusion pairs."""


class FormReader:
    """Reads the answers of a task without a world."""

    def __init__(self, task: Task) -> None:
        answers = Answers(task.schema)
        self._task = task
        self._kinds = {field: answers.kind(field) for field in answers.fields}
        self._fields = {
            name: rule
            for name, rule in task.scoring.items()
            if rule.scorer != "ignore" and rule.strict_at > 0
        }
        self._category = next((f for f, kind in self._kinds.items() if kind == "label"), "")

    def requirements(self, example: Example) -> Mapping[str, str]:
        """Return the fields that count for strict, and `answer`."""
        return {name: self._scope(example, name) for name in (ANSWER, *self._fields)}

    def misses(self, example: Example, samples: Samples) -> list[Miss]:
        """Return the fields that were wrong, or that there was no answer."""
        row = failing_row(samples)
        if row is None:
            return []
        cost = samples.mean("error_cost_usd")
        cause = cause_without_content(row)
        if cause:
            got = shown(row.error or "nothing")
            return [self._miss(example, samples, ANSWER, cause, got, cost)]
        output = row.output if isinstance(row.output, dict) else {}
        wrong = self._wrong(example, row, output)
        if not wrong:
            cause = "forbidden" if row.forbidden else "wrong_argument"
            return [self._miss(example, samples, ANSWER, cause, shown(output), cost)]
        table = self._task.error_cost
        payer = table.field if table is not None and table.field in wrong else wrong[0]
        return [
            self._miss(
                example,
                samples,
                name,
                why(example.target.get(name), output.get(name), self._kinds.get(name), example),
                shown(output.get(name)),
                cost if name == payer else 0.0,
            )
            for name in wrong
        ]

    def _wrong(self, example: Example, row: Row, output: Mapping[str, Any]) -> list[str]:
        scores = row.fields or {
            name: score_field(rule, example.target.get(name), output.get(name))
            for name, rule in self._fields.items()
        }
        return [
            name
            for name, rule in self._fields.items()
            if name in scores and not rule.is_met(scores[name])
        ]

    def _miss(
        self, example: Example, samples: Samples, name: str, cause: str, got: str, cost: float
    ) -> Miss:
        expected = shown(example.target if name == ANSWER else example.target.get(name))
        classes = name != ANSWER and self._kinds.get(name) in _FEW
        return Miss(
            example=example.id,
            group=example.group,
            requirement=name,
            scope=self._scope(example, name),
            cause=cause,
            place=name,
            detail=f"{expected}{PAIR}{got}" if classes else self._category_of(example),
            text=example.input,
            expected=expected,
            got=got,
            error_cost_usd=cost,
            p_pass=samples.mean("strict"),
            num_samples=len(samples.rows),
        )

    def _scope(self, example: Example, name: str) -> str:
        if name != ANSWER and self._kinds.get(name) in _FEW:
            value = example.target.get(name)
            return f"{name} = {shown(value) if value is None else as_text(value)}"
        return name

    def _category_of(self, example: Example) -> str:
        return as_text(example.target.get(self._category)) if self._category else ""


def why(target: Any, got: Any, kind: str | None, example: Example) -> str:
    """Return the cause of a field's miss; `kind` is the field's kind in the schema."""
    if _is_empty(got) != _is_empty(target):
        return "omitted_datum" if _is_empty(got) else "over_action"
    if isinstance(target, list) and isinstance(got, list):
        return _by_parts(set(map(_part, target)), set(map(_part, got)))
    if isinstance(target, dict) and isinstance(got, dict):
        full = [{k for k, v in value.items() if not _is_empty(v)} for value in (target, got)]
        return _by_parts(*full) if full[0] != full[1] else "wrong_argument"
    if kind in _FEW:
        return "wrong_argument"
    said, wanted = as_text(got), as_text(target)
    if contains(wanted, said):
        return "omitted_datum"
    if contains(said, wanted):
        return "over_action"
    return "wrong_entity" if contains(example.input, said) else "wrong_argument"


def _by_parts(wanted: set[str], given: set[str]) -> str:
    if given < wanted:
        return "omitted_datum"
    return "over_action" if wanted < given else "wrong_argument"


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str | list | dict) and not value)


def _part(value: Any) -> str:
    return fold(value) if isinstance(value, str) else canonical_json(value)
