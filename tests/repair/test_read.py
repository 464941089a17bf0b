"""Planted failures of every cause are read as what they are."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import jobs
import offices
from rung.core.records import Row, Status
from rung.gate.rows import gather, read_rows
from rung.repair.read_form import FormReader
from rung.repair.read_world import WorldReader
from rung.repair.readers import Reader
from rung.repair.records import Miss
from rung.tasks.task import SIDE_EFFECTS, Example
from rung.worlds.operations import Operations
from rung.worlds.operations.generate import write_example
from rung.worlds.operations.workflows import KNOWN
from rung.worlds.world import Call, Tool


def misses(reader: Reader, example: Example, *rows: Row) -> list[Miss]:
    (samples,) = gather(rows, name="test").values()
    return reader.misses(example, samples)


@pytest.mark.parametrize(
    ("said", "cause", "detail"),
    [
        ({"queue": "shipping"}, "wrong_argument", "billing -> shipping"),
        ({"urgent": True}, "wrong_argument", "false -> true"),
        ({"order": "B-42"}, "wrong_entity", "billing"),  # in the text, but another order
        ({"order": "C-99"}, "wrong_argument", "billing"),  # nowhere in the text
        ({"order": None}, "omitted_datum", "billing"),
        ({"amount": 55}, "wrong_entity", "billing"),
        ({"amount": 31}, "wrong_argument", "billing"),
        ({"tags": ["late"]}, "omitted_datum", "billing"),
        ({"tags": ["late", "angry", "rich"]}, "over_action", "billing"),
        ({"tags": ["late", "rich"]}, "wrong_argument", "billing"),
        ({"note": "new invoice"}, "omitted_datum", "billing"),
        ({"note": "send a new invoice and a ladder as well"}, "over_action", "billing"),
    ],
)
def test_a_wrong_field_has_a_cause(
    tmp_path: Path, said: dict[str, Any], cause: str, detail: str
) -> None:
    example, task = jobs.example("e"), jobs.task(tmp_path)
    (miss,) = misses(FormReader(task), example, jobs.row(task, example, **said))
    assert (miss.cause, miss.place, miss.detail) == (cause, next(iter(said)), detail)


def test_a_value_where_none_belongs_is_over_action(tmp_path: Path) -> None:
    example, task = jobs.example("e", order=None), jobs.task(tmp_path)
    (miss,) = misses(FormReader(task), example, jobs.row(task, example, order="A-17"))
    assert miss.cause == "over_action"


@pytest.mark.parametrize(
    ("status", "error", "cause"),
    [
        ("failed", "no fields in the answer", "malformed"),
        ("failed", "cut at 256 tokens; no fields in the answer", "truncated"),
        ("failed", "the prompt does not fit the context of 2048 tokens", "truncated"),
        ("abstained", None, "abstained"),
    ],
)
def test_without_an_answer_one_requirement_is_missed(
    tmp_path: Path, status: Status, error: str | None, cause: str
) -> None:
    example, task = jobs.example("e"), jobs.task(tmp_path)
    failed = replace(jobs.row(task, example, queue="shipping"), status=status, error=error)
    (miss,) = misses(FormReader(task), example, failed)
    assert (miss.requirement, miss.cause, miss.error_cost_usd) == ("answer", cause, 4.0)


def test_the_field_that_errors_are_priced_by_pays_for_all(tmp_path: Path) -> None:
    example, task = jobs.example("e"), jobs.task(tmp_path)
    row = jobs.row(task, example, urgent=True, queue="technical")
    found = {miss.place: miss.error_cost_usd for miss in misses(FormReader(task), example, row)}
    assert found == {"queue": 4.0, "urgent": 0.0}


def test_an_example_fails_when_most_of_its_samples_do(tmp_path: Path) -> None:
    example, task = jobs.example("e"), jobs.task(tmp_path)
    good, bad = jobs.row(task, example), jobs.row(task, example, urgent=True)
    mixed = [good, replace(bad, sample=1), replace(good, sample=2), replace(bad, sample=3)]
    (miss,) = misses(FormReader(task), example, *mixed)
    assert (miss.p_pass, miss.num_samples) == (0.5, 4)
    assert not misses(FormReader(task), example, *mixed, replace(good, sample=4))


def test_what_an_outage_left_without_an_answer_is_told_apart(tmp_path: Path) -> None:
    example, task = jobs.example("e"), jobs.task(tmp_path)
    gone = replace(
        jobs.row(task, example, queue="shipping"),
        output=None, status="failed", error="connection refused", cause="outage",
    )  # fmt: skip
    (miss,) = misses(FormReader(task), example, gone)
    assert (miss.requirement, miss.cause, miss.got) == ("answer", "unanswered", gone.error)
    (miss,) = misses(FormReader(task), example, replace(gone, cause=""))
    assert miss.cause == "malformed"
    idle = Example(id="e", input="Nothing to do.", target={"calls": []}, group="e")
    (miss,) = misses(WorldReader(Desk()), idle, replace(gone, cause="refused"))  # type: ignore[arg-type]
    assert (miss.requirement, miss.cause) == ("answer", "unanswered")


WRITES = (
    offices.call("mail.send", to="mara@acme.test", subject="Ladders", body="Two of them, 42.50."),
    offices.call("tasks.move", task_id="T-0012", column="Done"),
)


class Desk:
    """A world of three tools; nothing is played in these tests."""

    def tools(self, example: Example) -> list[Tool]:
        names = {"mail.send": True, "tasks.move": True, "mail.read": False, "tasks.drop": True}
        return [
            Tool(name=name, description="", parameters={}, writes=writes)
            for name, writes in names.items()
        ]


def of_world(*made: Call, **given: Any) -> list[tuple[str, str]]:
    example = Example(
        id="e",
        input="Send it, then move the task.",
        target={"calls": [call.to_json() for call in WRITES]},
        group="g",
        setup={"workflow": "orders", "literals": [{"body": ["42.50"]}, {}]},
    )
    row = Row(
        example="e",
        group="g",
        score=0.0,
        strict=False,
        output={"calls": [call.to_json() for call in made]},
        **given,
    )
    found = misses(WorldReader(Desk()), example, row)  # type: ignore[arg-type]
    assert {miss.place for miss in found} == {"orders"}
    assert {miss.requirement for miss in found} <= {*WorldReader(Desk()).requirements(example)}  # type: ignore[arg-type]
    return [(miss.cause, miss.detail) for miss in found]


def changed(call: Call, **arguments: Any) -> Call:
    return Call(tool=call.tool, arguments={**call.arguments, **arguments})


SEND, MOVE = WRITES
LOOK, DROP = offices.call("mail.read", mail_id="M-1"), offices.call("tasks.drop", task_id="T-9")


@pytest.mark.parametrize(
    ("made", "given", "expected"),
    [
        ([LOOK, SEND], {}, [("missing_action", "tasks.move")]),
        ([], {}, [("missing_action", "mail.send"), ("missing_action", "tasks.move")]),
        ([SEND, changed(MOVE, task_id="Gate")], {}, [("wrong_entity", "tasks.move.task_id")]),
        ([SEND, changed(MOVE, column="Open")], {}, [("wrong_argument", "tasks.move.column")]),
        ([changed(SEND, body="Two of them."), MOVE], {}, [("omitted_datum", "mail.send.body")]),
        ([SEND, MOVE, DROP], {"fields": {"extra_writes": 1.0}}, [("over_action", "tasks.drop")]),
        ([SEND], {"cause": "truncated"}, [("truncated", "tasks.move")]),
        ([SEND], {"cause": "abstained"}, [("abstained", "tasks.move")]),
        ([], {"cause": "malformed"}, [("malformed", "mail.send"), ("malformed", "tasks.move")]),
        ([SEND, MOVE], {"cause": "over_action"}, [("over_action", "state")]),
    ],
)
def test_a_world_is_read_by_requirement(
    made: list[Call], given: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert of_world(*made, **given) == expected


def test_a_broken_negative_assertion_is_a_miss_of_its_own() -> None:
    flow = next(flow for flow in KNOWN if write_example(flow, "dev", "e", 0).setup["never"])
    example = write_example(flow, "dev", "e", 0)
    name = example.setup["never"][0]["name"]
    row = Row(
        example="e", group=example.group, score=0.0, strict=False,
        forbidden=(name, SIDE_EFFECTS), output={"calls": example.target["calls"]},
    )  # fmt: skip
    (miss,) = misses(WorldReader(Operations()), example, row)
    assert (miss.cause, miss.requirement) == ("forbidden", f"never:{name}")
    assert miss.requirement in WorldReader(Operations()).requirements(example)


def test_a_results_file_keeps_what_a_map_needs(tmp_path: Path) -> None:
    row = Row(
        example="e", group="g", score=0.0, strict=False, cause="over_action",
        output={"calls": [None, {"tool": "tasks.drop"}]}, fields={"extra_writes": 3.0},
    )  # fmt: skip
    path = tmp_path / "r.jsonl"
    path.write_text(json.dumps(row.to_json()), encoding="utf-8")
    assert read_rows(path) == [row]
    example = Example(id="e", input="Nothing to do.", target={"calls": []}, group="g")
    (miss,) = misses(WorldReader(Desk()), example, *read_rows(path))  # type: ignore[arg-type]
    assert (miss.cause, miss.detail, miss.got) == ("over_action", "tasks.drop", "tasks.drop()")
