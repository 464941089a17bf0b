"""First responses: rules of the labels, programs that stand in the text, prices, and `helpdesk` as
it was."""

from __future__ import annotations

import hashlib
from pathlib import Path

import jsonschema
import pytest

from rung.core.records import SPLITS, Split
from rung.forms import Value, compile_form, find
from rung.tasks.answers import Answers
from rung.tasks.contract import format_contract, parse_contract
from rung.tasks.replies import compose, slots_of
from rung.tasks.rows import format_rows
from rung.tasks.scorers import score_output
from rung.tasks.splits import check_leaks
from rung.tasks.task import Example, Task
from rung.worlds import helpdesk
from rung.worlds.helpdesk.phrases import load
from rung.worlds.helpdesk.replies import INCIDENT, PERSON, _table, generate, task_fields

HELPDESK_AS_PUBLISHED = "a6ef82c77a94a9743e0536746587ca98c7ed7b6de80653b53340963d561dbfa5"
"""Of two sizes and seeds; the README's figures rest on these tickets."""


@pytest.fixture(scope="module")
def splits() -> dict[Split, list[Example]]:
    return generate(num_train=150, num_dev=50, num_holdout=250)


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return Task(name="helpdesk-reply", path=tmp_path, **task_fields())


def test_the_tickets_of_helpdesk_are_as_they_were() -> None:
    made = [
        helpdesk.generate(),
        helpdesk.generate(num_train=100, num_dev=40, num_holdout=30, seed=5),
    ]
    rows = [(one, split) for splits in made for split in SPLITS for one in splits[split]]
    text = "".join(format_rows(rows))
    assert hashlib.sha256(text.encode()).hexdigest() == HELPDESK_AS_PUBLISHED


def test_families_with_a_reply_exist() -> None:
    known = {
        category: {family.id for family in phrases.families}
        for category, phrases in load().categories.items()
    }
    for category, kinds in _table()["families"].items():
        listed = [family for families in kinds.values() for family in families]
        assert set(listed) <= known[category] and len(set(listed)) == len(listed)


def test_targets_are_valid_and_programs_stand_in_the_ticket(
    task: Task, splits: dict[Split, list[Example]]
) -> None:
    validator = jsonschema.Draft202012Validator(task.schema)
    slot = dict(compile_form(task.schema).fields)["program"]
    assert isinstance(slot, Value)
    examples = [example for part in splits.values() for example in part]
    for example in examples:
        validator.validate(example.target)
        found = find(slot, example.input)
        wanted = example.target["program"]
        assert wanted in found.candidates if wanted else not found.candidates, example.input
        if example.target["reply"] == "install_portal":
            assert wanted
    replies = [example.target["reply"] for example in examples]
    assert set(replies) == set(task.schema["properties"]["reply"]["enum"])
    assert max(replies.count(reply) for reply in set(replies)) / len(replies) < 0.5


def test_doubtful_tickets_go_to_people(splits: dict[Split, list[Example]]) -> None:
    examples = [example for part in splits.values() for example in part]
    doubtful = [e for e in examples if "INC-" in e.input]  # reported before, closed unsolved
    assert len(doubtful) > 5
    assert {example.target["reply"] for example in doubtful} <= {PERSON, INCIDENT}
    incidents = [e for e in splits["train"] if e.group.startswith("security_incident.")]
    assert {example.target["reply"] for example in incidents} == {INCIDENT}


def test_same_seed_same_tickets_and_no_leak(splits: dict[Split, list[Example]]) -> None:
    assert generate(num_train=150, num_dev=50, num_holdout=250) == splits
    check_leaks(splits, ties="near")


@pytest.mark.parametrize(
    ("true", "said", "usd"),
    [
        ("reset_self_service", "reset_identity", 2.0),
        (INCIDENT, "reset_self_service", 500.0),
        (INCIDENT, PERSON, 0.0),
        (PERSON, "install_portal", 15.0),
        ("install_portal", PERSON, 6.0),
        ("approval_missing", "approved_start", 60.0),
        ("approved_start", "approval_missing", 2.0),
    ],
)
def test_error_costs(task: Task, true: str, said: str, usd: float) -> None:
    assert task.error_cost is not None and task.error_cost.cost_usd(true, said) == usd


def test_replies_are_filled_by_code_or_not_sent(task: Task) -> None:
    assert task.replies is not None
    assert set(slots_of(task.replies.texts["install_portal"])) == {"program"}
    reply = compose(task.replies, {"reply": "install_portal", "program": "QGIS"})
    assert reply is not None and "QGIS is in the software centre" in reply
    assert compose(task.replies, {"reply": "install_portal", "program": None}) is None
    assert compose(task.replies, {"reply": "which_program", "program": None})
    assert compose(task.replies, {"reply": INCIDENT, "program": "QGIS"}) is None


def test_the_contract_survives_its_file(task: Task) -> None:
    contract = parse_contract(format_contract(task), Answers(task.schema), "task.toml")
    assert (contract.error_cost, contract.replies) == (task.error_cost, task.replies)
    assert contract.gate == task.gate and len(task.instruction.split()) <= 130


def test_floors_are_low_and_the_oracle_is_right(
    task: Task, splits: dict[Split, list[Example]]
) -> None:
    constant = {"reply": PERSON, "program": None}
    scores = [score_output(task, example, constant) for example in splits["holdout"]]
    assert sum(score.score for score in scores) / len(scores) <= 0.6
    assert sum(score_output(task, e, {}).score for e in splits["holdout"]) / 250 <= 0.2
    for example in splits["holdout"]:
        oracle = score_output(task, example, example.target)
        assert oracle.score == 1.0 and oracle.strict and oracle.error_cost_usd == 0.0
