"""A head as a whole route: choices that may be missing, constants, priced errors of booleans."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

import tickets
from rung.core.records import Row
from rung.engines.fake import FakeEngine
from rung.engines.prices import price_of
from rung.flow.session import open_session, situation
from rung.forms import Decision
from rung.ladder.head import propose_head, propose_mixed
from rung.ladder.rung import Situation
from rung.routes.escalation.answer_signals import loss_if_wrong
from rung.routes.evaluate import evaluate
from rung.routes.route import Route
from rung.routes.runtime import Answer
from rung.tasks.importer import init_task
from rung.tasks.task import ErrorCost, Task

Propose = Callable[[Situation], tuple[Route, ...]]


def make(folder: Path, targets: Sequence[dict[str, Any]], schema: dict[str, Any]) -> Task:
    texts = tickets.write_csv(folder / "mail.csv", rows=len(targets)).read_text("utf-8").split("\n")
    rows = [line.rsplit(",", 1) for line in texts[1:] if line]
    lines = [
        json.dumps({"text": f"{text} {' '.join(map(str, target.values()))}", "target": target})
        for (text, _), target in zip(rows, targets, strict=True)
    ]
    (folder / "mail.jsonl").write_text("\n".join(lines), "utf-8")
    return init_task("mail", folder / "mail.jsonl", schema=schema).task


def rows_of(task: Task, propose: Propose = propose_head) -> dict[str, list[Row]]:
    with open_session(task) as session:
        session.runtime._engines["fake:x"] = FakeEngine(
            "fake:x", script=lambda request: '"x"', capabilities=tickets.ABILITIES
        )
        routes = propose(situation(session, "fake:x", 0))
        price = price_of("local-2core")
        return {
            route.name: list(evaluate(route, session.runtime, task.dev, price=price))
            for route in routes
        }


COLOURS = {"colour": {"enum": ["red", "blue"]}}


@pytest.fixture
def sometimes(tmp_path: Path) -> Task:
    targets = [
        {"kind": "ab"[n % 2], **({"colour": ("red", "blue")[n % 4 < 2]} if n % 3 else {})}
        for n in range(150)
    ]
    fields = {"kind": {"enum": ["a", "b"]}, **COLOURS}
    return make(tmp_path, targets, {"type": "object", "properties": fields, "required": ["kind"]})


def test_a_choice_that_is_often_missing_is_left_out(sometimes: Task) -> None:
    rows = rows_of(sometimes)["head"]
    assert {row.status for row in rows} == {"ok"}
    assert any("colour" not in row.output for row in rows)
    assert any("colour" in row.output for row in rows)


def test_a_null_that_the_form_allows_is_said(tmp_path: Path) -> None:
    targets = [{"colour": ("red", "blue", None)[n % 3]} for n in range(150)]
    schema = {"type": "object", "properties": {"colour": {"enum": ["red", "blue", None]}}}
    rows = rows_of(make(tmp_path, targets, schema))["head"]
    assert {"colour": None} in [row.output for row in rows]
    assert {row.status for row in rows} == {"ok"}


def test_what_the_head_would_leave_out_the_model_decides(sometimes: Task) -> None:
    fields = {**sometimes.schema["properties"], "note": {"type": "string", "maxLength": 3}}
    task = replace(sometimes, schema={**sometimes.schema, "properties": fields})
    rows = rows_of(task, propose_mixed)["head+form"]
    assert {row.status for row in rows} <= {"ok", "repaired"}


def test_a_constant_field_is_filled(tmp_path: Path) -> None:
    targets = [{"source": "mail", "kind": "ab"[n % 2]} for n in range(120)]
    fields = {"source": {"const": "mail"}, "kind": {"enum": ["a", "b"]}}
    schema = {"type": "object", "properties": fields, "required": ["source", "kind"]}
    rows = rows_of(make(tmp_path, targets, schema))["head"]
    assert {row.output["source"] for row in rows} == {"mail"}


COST = ErrorCost(
    field="urgent",
    pairs=MappingProxyType({("true", "false"): 500.0, ("false", "true"): 1.0}),
)


def test_a_boolean_is_decided_by_what_its_errors_cost(tmp_path: Path) -> None:
    draw = iter("yynnyynyny" * 15)  # the words say nothing, so all that counts is the price
    targets = [{"urgent": next(draw) == "y"} for _ in range(150)]
    schema = {"type": "object", "properties": {"urgent": {"type": "boolean"}}}
    task = make(tmp_path, targets, schema)
    vague = [replace(one, input=f"ticket {one.id}") for one in (*task.train, *task.dev)]
    num = len(task.train)
    task = replace(task, error_cost=COST, train=tuple(vague[:num]), dev=tuple(vague[num:]))
    rows = rows_of(task)["head+cost"]
    assert all(row.output == {"urgent": True} for row in rows)


def test_a_wrong_boolean_costs_what_the_table_says() -> None:
    sure = Decision(p=0.9, margin=0.8, probabilities={"true": 0.1, "false": 0.9})
    said = Answer(output={"urgent": False}, status="ok", decisions={"urgent": sure})
    assert loss_if_wrong(said, COST) == 500.0
