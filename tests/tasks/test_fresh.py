"""Labelled traffic as examples: the better label wins, conversations stay together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jobs
from rung.tasks.fresh import fresh_examples
from rung.traces.heard import Heard

GOOD = {"queue": "billing"}
OTHER = {"queue": "shipping"}


def one(number: int, text: str = "", label: Any = None, source: Any = "accepted", **f: Any) -> Any:
    return Heard(
        id=f"call{number}",
        created="2026-11-26T00:00:00Z",
        tenant="t",
        text=text or f"text {number}",
        served_by="form",
        arm="specialist",
        label=label,
        source=source,
        **({"conversation": f"c{number}", "output": label} | f),
    )


def test_only_labels_that_fit_the_form_count(tmp_path: Path) -> None:
    task = jobs.task(tmp_path)
    fresh = fresh_examples(
        task,
        [
            one(1, label=GOOD),
            one(2, label=None, source=""),
            one(3, label={"queue": "none of them"}),
            one(4, label=["no object"]),
            one(5, text="x" * 70_000, label=GOOD),
        ],
    )
    assert [example.target for example in fresh.examples] == [GOOD]
    assert (fresh.num_labelled, fresh.num_unfit, fresh.num_conflicting) == (4, 3, 0)


def test_a_correction_may_name_the_wrong_fields_alone(tmp_path: Path) -> None:
    said = {"queue": "billing", "urgent": True}
    fix = one(1, label={"urgent": False}, source="correction", output=said)
    (example,) = fresh_examples(jobs.task(tmp_path), [fix]).examples
    assert example.target == {"queue": "billing", "urgent": False}


def test_the_better_label_of_an_input_wins_and_equal_ones_that_differ_leave_it_out(
    tmp_path: Path,
) -> None:
    fresh = fresh_examples(
        jobs.task(tmp_path),
        [
            one(1, "same", GOOD, "frontier"),
            one(2, "same", OTHER, "correction"),
            one(3, "torn", GOOD),
            one(4, "torn", OTHER),
            one(5, "agreed", GOOD),
            one(6, "agreed", GOOD),
            one(7, "caf\u00e9", GOOD),
            one(8, "cafe\u0301", OTHER, "correction"),  # spelt in two characters
        ],
    )
    assert {e.input: e.target for e in fresh.examples} == {
        "same": OTHER,
        "agreed": GOOD,
        "caf\u00e9": OTHER,
    }
    assert fresh.num_conflicting == 1


def test_inputs_of_a_conversation_share_a_group_and_so_do_those_that_say_the_same(
    tmp_path: Path,
) -> None:
    fresh = fresh_examples(
        jobs.task(tmp_path),
        [
            one(1, "first", GOOD, conversation="a"),
            one(2, "second", GOOD, conversation="a"),
            one(3, "second", GOOD, conversation="b"),
            one(4, "third", GOOD, conversation="b"),
            one(5, "apart", GOOD, conversation="c"),
        ],
    )
    groups = {example.input: example.group for example in fresh.examples}
    assert groups["first"] == groups["second"] == groups["third"] != groups["apart"]
