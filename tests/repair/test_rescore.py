"""Stored answers are judged by today's labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import jobs
from rung.core.records import Row
from rung.repair.mapping import Run
from rung.repair.rescore import rescored
from rung.routes.acting import score_calls
from rung.tasks.task import FieldScoring, Task
from rung.worlds.operations import Operations
from rung.worlds.operations.generate import write_example
from rung.worlds.operations.workflows import KNOWN


def again(task: Task, *rows: Row) -> tuple[Row, ...]:
    return rescored(task, Run(name="old", rows=rows)).rows


def test_a_corrected_label_makes_the_old_answer_right(tmp_path: Path) -> None:
    wrong, right = jobs.example("a", queue="shipping"), jobs.example("a")
    old = jobs.task(tmp_path, dev=[wrong])
    row = replace(jobs.row(old, wrong, queue="billing"), cost_usd=0.02, latency_ms=7.0)
    assert (row.strict, row.error_cost_usd) == (False, 4.0)
    (found,) = again(replace(old, dev=(right,)), row)
    assert (found.strict, found.score, found.error_cost_usd) == (True, 1.0, 0.0)
    assert (found.cost_usd, found.latency_ms, found.output) == (0.02, 7.0, row.output)


def test_a_changed_scorer_counts_too(tmp_path: Path) -> None:
    one = jobs.example("a")
    task = jobs.task(tmp_path, dev=[one])
    row = jobs.row(task, one, urgent=True)
    lax = replace(task, scoring={**task.scoring, "urgent": FieldScoring(scorer="ignore")})
    assert not row.strict and again(lax, row)[0].strict


def test_what_cannot_be_scored_again_keeps_its_score(tmp_path: Path) -> None:
    wrong, right = jobs.example("a", queue="shipping"), jobs.example("a")
    old = jobs.task(tmp_path, dev=[wrong])
    task = replace(old, dev=(right,))
    row = jobs.row(old, wrong, queue="billing")
    unread = [
        replace(row, output=None),
        replace(row, sample=1, output={"verdict": "billing"}),
        replace(row, example="elsewhere"),
    ]
    assert again(task, *unread) == tuple(unread)
    failed = replace(row, status="failed", error="no valid answer")
    (found,) = again(task, failed)
    assert (found.strict, found.score, found.status) == (False, 1.0, "failed")


def test_what_a_person_was_left_to_answer_stays_right(tmp_path: Path) -> None:
    wrong, right = jobs.example("a", queue="shipping"), jobs.example("a")
    old = jobs.task(tmp_path, dev=[wrong])
    row = replace(jobs.row(old, wrong), spent_usd={"person": 0.5})
    (found,) = again(replace(old, dev=(right,)), row)
    assert found.strict and found.output == right.target


def test_calls_are_played_against_todays_target(tmp_path: Path) -> None:
    task = replace(jobs.task(tmp_path), world="operations")
    example = write_example(KNOWN[0], "dev", "e", 0)
    scored = score_calls(Operations(), task, example, {"calls": []})
    row = Row(
        example="e",
        group=example.group,
        score=scored.score,
        strict=scored.strict,
        output={"calls": [call.to_json() for call in Operations().oracle(example)]},
        fields=dict(scored.fields),
        cause="malformed",
    )
    (found,) = again(replace(task, dev=(example,)), row)
    assert (found.strict, found.cause) == (True, "")
    recorded = replace(row, fields={"action_level": 0.0})
    assert again(replace(task, dev=(example,)), recorded) == (recorded,)
    idle = replace(row, output={"calls": []})
    assert again(replace(task, dev=(example,)), idle)[0].cause == "malformed"
