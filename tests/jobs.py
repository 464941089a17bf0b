"""A small task with every kind of field, and rows of answers to it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rung.core.records import Row
from rung.tasks.scorers import score_output
from rung.tasks.task import ErrorCost, Example, FieldScoring, Task

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "queue": {"enum": ["billing", "shipping", "technical"]},
        "urgent": {"type": "boolean"},
        "order": {"type": ["string", "null"], "pattern": "^[A-Z]-[0-9]+$"},
        "amount": {"type": ["number", "null"]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "note": {"type": "string"},
    },
    "required": ["queue"],
}
TARGET = {
    "queue": "billing",
    "urgent": False,
    "order": "A-17",
    "amount": 30.0,
    "tags": ["late", "angry"],
    "note": "send a new invoice",
}
TEXT = "Order A-17 (not B-42) cost 30, you took 55. Please send a new invoice."


def task(path: Path, *, train: Sequence[Example] = (), dev: Sequence[Example] = ()) -> Task:
    return Task(
        name="jobs",
        title="Jobs",
        instruction="Sort the message.",
        schema=SCHEMA,
        scoring={
            "queue": FieldScoring(),
            "urgent": FieldScoring(),
            "order": FieldScoring(),
            "amount": FieldScoring(scorer="number"),
            "tags": FieldScoring(scorer="set"),
            "note": FieldScoring(scorer="similarity", strict_at=0.9),
        },
        error_cost=ErrorCost(field="queue", default_usd=4.0),
        path=path,
        train=tuple(train),
        dev=tuple(dev),
    )


def example(id_: str, text: str = TEXT, *, group: str = "", **target: Any) -> Example:
    return Example(id=id_, input=text, target={**TARGET, **target}, group=group or id_)


def row(task: Task, one: Example, **given: Any) -> Row:
    """Return the scored row of an answer that is the target but for what is given."""
    output = given.pop("output", {**one.target, **given})
    scored = score_output(task, one, output)
    return Row(
        example=one.id,
        group=one.group,
        score=scored.score,
        strict=scored.strict,
        output=output,
        cost_usd=0.001,
        error_cost_usd=scored.error_cost_usd,
        fields=dict(scored.fields),
    )
