"""One answer against its target: soft score, strict, error cost and forbidden outcomes.

An answer that could not be had (None) scores 0, is not strict, and costs the (true, *) entry of the
error-cost table, else the table's default.
Whether an answer is valid against the schema is for the route to say; a judge that calls a model is
not a scorer. Field comparisons are in `fields.py`, a task's own scorer in `user_scorer.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rung.tasks.fields import as_text, fold, score_field
from rung.tasks.task import Example, FieldScoring, Forbidden, Task
from rung.tasks.user_scorer import FILE, Scored, run_scorer

_ANY = "*"
_EXACT = FieldScoring()


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What one answer is worth."""

    score: float
    """Weighted mean of the field scores, 0 to 1."""
    strict: bool
    """Every field reached its `strict_at` and nothing forbidden happened."""
    fields: Mapping[str, float] = field(default_factory=dict)
    error_cost_usd: float = 0.0
    forbidden: tuple[str, ...] = ()
    """Names of the forbidden outcomes this answer caused."""
    cause: str = ""
    """Why it is not strict, where a world can tell."""


def score_output(task: Task, example: Example, output: dict[str, Any] | None) -> Score:
    """Score one answer; None means that there was no usable one.

    Raises TaskError when the task's own `scorer.py` fails: the caller records it in the row's
    `error` and goes on.
    """
    scored = [name for name, rule in task.scoring.items() if rule.scorer != "ignore"]
    score, strict, fields = 0.0, False, dict.fromkeys(scored, 0.0)
    if output is not None:
        own = task.path / FILE
        score, strict, fields = (
            run_scorer(own, example, output)
            if own.is_file()
            else _score_fields(task, example.target, output)
        )
    forbidden = tuple(
        rule.name for rule in task.gate.forbidden if _happened(rule, example.target, output)
    )
    return Score(
        score=score,
        strict=strict and not forbidden,
        fields=fields,
        error_cost_usd=_cost(task, example.target, output),
        forbidden=forbidden,
    )


def _score_fields(task: Task, target: Mapping[str, Any], output: Mapping[str, Any]) -> Scored:
    rules = {name: rule for name, rule in task.scoring.items() if rule.scorer != "ignore"}
    fields = {
        name: score_field(rule, target.get(name), output.get(name)) for name, rule in rules.items()
    }
    weight = sum(rule.weight for rule in rules.values())
    total = sum(rule.weight * fields[name] for name, rule in rules.items())
    strict = all(rule.is_met(fields[name]) for name, rule in rules.items())
    return min(total / weight, 1.0), strict, fields


def _cost(task: Task, target: Mapping[str, Any], output: Mapping[str, Any] | None) -> float:
    table = task.error_cost
    if table is None:
        return 0.0
    true = as_text(target.get(table.field))
    value = output.get(table.field) if output is not None else None
    rule = task.scoring.get(table.field, _EXACT)
    rule = _EXACT if rule.scorer == "ignore" else rule
    if output is not None and score_field(rule, target.get(table.field), value) == 1.0:
        return 0.0
    if value is None:
        return table.pairs.get((true, _ANY), table.default_usd)
    as_written = {fold(name): name for _, name in table.pairs}
    return table.cost_usd(true, as_written.get(fold(as_text(value)), as_text(value)))


def _happened(rule: Forbidden, target: Mapping[str, Any], output: Any) -> bool:
    """`*` in `predicted` is anything but the true value, no answer included."""
    true = fold(as_text(target.get(rule.field)))
    if rule.true != _ANY and fold(rule.true) != true:
        return False
    value = output.get(rule.field) if output is not None else None
    predicted = fold(as_text(value))
    if predicted == true:
        return output is None and _ANY in rule.predicted
    if _ANY in rule.predicted:
        return True
    return value is not None and predicted in {fold(name) for name in rule.predicted}
