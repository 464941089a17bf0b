"""The evidence that the examples are sound: solvable, by what can be seen, and by nothing less."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator

import pytest

from office_agents import WORLD, choices, free_text, guess, replay, spam
from rung.core.errors import ConfigError
from rung.core.records import Split
from rung.tasks.splits import check_leaks
from rung.tasks.task import Example
from rung.worlds.canonical import contains
from rung.worlds.catalog import make_bundled
from rung.worlds.operations import generate, generate_unseen
from rung.worlds.operations.apps import APPS, TOOLS
from rung.worlds.operations.case import Workflow
from rung.worlds.operations.generate import write_example
from rung.worlds.operations.texts import chatter, pools
from rung.worlds.operations.workflows import KNOWN, UNSEEN, wordings_of
from rung.worlds.world import Call

Splits = dict[Split, list[Example]]
PUBLISHED = {"scheduling": 4, "compliance": 6, "facilities": 7, "legal": 4, "cross_system": 9}
"""Holdout tasks by category (mission, section 1)."""


@pytest.fixture(scope="module")
def splits() -> Splits:
    return generate(num_train=90)


@pytest.fixture(scope="module")
def unseen() -> list[Example]:
    return generate_unseen(num_train=0, num_dev=0, num_holdout=80)["holdout"]


@pytest.fixture(scope="module")
def examples(splits: Splits, unseen: list[Example]) -> list[Example]:
    return [*splits["train"], *splits["dev"], *splits["holdout"], *unseen]


# Solvable, and by what can be seen


def test_the_oracle_is_right_everywhere(examples: list[Example]) -> None:
    for example in examples:
        outcome = WORLD.score(example, WORLD.oracle(example))
        assert outcome.strict and outcome.action_level == 1.0, (example.id, outcome)
        assert outcome.details["state_score"] == 1.0
        assert (outcome.num_extra, outcome.num_missing, outcome.cause) == (0, 0, "")


def test_everything_the_oracle_says_was_seen_before(examples: list[Example]) -> None:
    for example in examples:
        for call, seen in replay(example):
            for value in told(call, example):
                assert contains(seen, value), (example.setup["workflow"], call, value)


def told(call: Call, example: Example) -> Iterator[str]:
    """What a call must take from somewhere: literals of free text, words of queries, all else."""
    if not TOOLS[call.tool].tool.writes:
        for value in call.arguments.values():
            yield from re.findall(r"[\w.#@-]*\w", value) if isinstance(value, str) else ()
        return
    literals = free_text(call, example)
    for name, value in call.arguments.items():
        if name in literals:
            yield from literals[name]
        elif name not in choices(call):
            yield from value if isinstance(value, list) else [str(value)]


def test_reference_texts_say_what_they_must(examples: list[Example]) -> None:
    for example in examples:
        for call, literals in zip(example.target["calls"], example.setup["literals"], strict=True):
            for name, parts in literals.items():
                assert parts, (example.id, name)
                assert all(contains(call["arguments"][name], part) for part in parts)


def test_no_example_is_solved_by_doing_nothing(examples: list[Example]) -> None:
    for example in examples:
        outcome = WORLD.score(example, [])
        assert (outcome.action_level, outcome.strict) == (0.0, False), example.id
        assert outcome.details["state_score"] == 0.0
        assert outcome.cause == "missing_action" and not outcome.side_effects


def test_writing_everything_is_worth_nothing(splits: Splits, unseen: list[Example]) -> None:
    examples = splits["holdout"] + unseen[:16]
    spammed = [WORLD.score(example, spam(example)) for example in examples]
    assert sum(outcome.action_level for outcome in spammed) / len(examples) <= 0.05
    assert not any(outcome.strict for outcome in spammed)
    assert sum(outcome.details["state_score"] for outcome in spammed) == 0.0
    assert min(outcome.num_extra for outcome in spammed) > 0


def test_one_blind_write_for_each_tool_is_worth_little(splits: Splits) -> None:
    guessed = [WORLD.score(example, guess(example)) for example in splits["dev"]]
    assert not any(outcome.strict for outcome in guessed)
    assert sum(outcome.action_level for outcome in guessed) / len(guessed) <= 0.15


# What decides


@pytest.mark.parametrize("workflow", [*KNOWN, *UNSEEN], ids=lambda workflow: str(workflow.name))
def test_no_habit_fits_a_workflow(workflow: Workflow) -> None:
    """Either the writes differ from case to case, or they must pick among records of one kind."""
    examples = [write_example(workflow, "holdout", "x", at) for at in range(40)]
    shapes = Counter(shape(example) for example in examples)
    assert len(shapes) >= 2 or all(rivals(example) for example in examples)
    assert len(shapes) < 2 or max(shapes.values()) <= 32, shapes


def shape(example: Example) -> str:
    """Which tools are used to write, and what they choose."""
    shown = []
    for call in (Call(**call) for call in example.target["calls"]):
        names = sorted(choices(call) | {"value", "status"} & set(call.arguments))
        shown.append([call.tool, *(call.arguments[name] for name in names)])
    return json.dumps(shown)


def rivals(example: Example) -> bool:
    """Whether some record that is written to, or with, has another of its kind beside it."""
    used = {str(value) for call in example.target["calls"] for value in call["arguments"].values()}
    tables = example.setup["tables"].values()
    return any(len(rows) > 1 and used & {row["id"] for row in rows} for rows in tables)


def test_the_tools_on_offer_tell_nothing_about_the_case() -> None:
    for workflow in (*KNOWN, *UNSEEN):
        made = [write_example(workflow, "holdout", "x", at) for at in range(30)]
        used = {call.tool.split(".")[0] for example in made for call in WORLD.oracle(example)}
        assert used == set(workflow.apps), workflow.name
        assert all(set(workflow.apps) < set(example.setup["apps"]) for example in made)


def test_every_tool_is_needed_somewhere(examples: list[Example]) -> None:
    used = {call.tool for example in examples for call in WORLD.oracle(example)}
    assert used == set(TOOLS)


def test_a_solution_takes_few_steps(examples: list[Example]) -> None:
    for example in examples:
        writes = len(example.target["calls"])
        looks = len(WORLD.oracle(example)) - writes
        hard = example.id.startswith("oo")
        assert 1 <= writes <= (5 if hard else 4) and 2 <= looks <= (6 if hard else 5), example.id


def test_every_negative_assertion_can_be_broken(examples: list[Example]) -> None:
    names = Counter(rule["name"] for example in examples for rule in example.setup["never"])
    assert len(names) >= 30
    for example in examples:
        for rule in example.setup["never"]:
            assert set(rule["arguments"]) <= set(TOOLS[rule["tool"]].tool.parameters["properties"])
            assert rule["tool"].split(".")[0] in example.setup["apps"]


# The splits


def test_the_holdout_has_the_published_categories(splits: Splits) -> None:
    holdout = splits["holdout"]
    assert Counter(example.setup["category"] for example in holdout) == PUBLISHED
    assert len({example.group for example in holdout}) == len(holdout) == 30
    trained = {example.setup["workflow"] for example in splits["train"]}
    assert {example.setup["workflow"] for example in holdout} == trained
    assert not trained & {workflow.name for workflow in UNSEEN}


def test_nothing_of_the_holdout_is_in_train(splits: Splits) -> None:
    check_leaks(splits)
    own = {entry for entries in pools("holdout").values() for entry in entries}
    own |= {phrase for phrases in chatter("holdout").values() for phrase in phrases}
    for split in ("train", "dev"):
        told = [(example.input, example.setup) for example in splits[split]]
        text = json.dumps(told, ensure_ascii=False)
        for entry in own:
            assert entry not in text or not contains(text, entry), (split, entry)
    ids = {split: set(ids_of(examples)) for split, examples in splits.items()}
    assert not ids["holdout"] & (ids["train"] | ids["dev"])


def ids_of(examples: list[Example]) -> Iterator[str]:
    for example in examples:
        for table in example.setup["tables"].values():
            yield from (row["id"] for row in table)


@pytest.mark.parametrize("workflow", KNOWN, ids=lambda workflow: str(workflow.name))
def test_wordings_are_of_one_split_only(workflow: Workflow) -> None:
    lists = wordings_of(workflow).lists
    assert {"ask"} <= set(lists) and all(
        set(by_split) == {"train", "dev", "holdout"} for by_split in lists.values()
    )
    for name, by_split in lists.items():
        phrases = [phrase for phrases in by_split.values() for phrase in phrases]
        assert len(set(phrases)) == len(phrases), name
    assert [len(lists["ask"][split]) for split in ("train", "dev", "holdout")] == [4, 2, 2]


def test_pools_are_disjoint() -> None:
    names = [
        entry
        for split in ("train", "dev", "holdout")
        for entries in pools(split).values()
        for entry in entries
    ]
    assert len(set(names)) == len(names)


def test_the_same_arguments_give_the_same_examples(splits: Splits) -> None:
    assert generate(num_train=90) == splits
    other = generate(num_train=0, num_dev=0, seed=1)["holdout"]
    assert not {example.input for example in other} & {e.input for e in splits["holdout"]}


@pytest.mark.parametrize("sizes", [(0, 0, 0), (31, 7, 65)])
def test_sizes_are_kept_and_ids_unique(sizes: tuple[int, int, int]) -> None:
    made = generate(num_train=sizes[0], num_dev=sizes[1], num_holdout=sizes[2])
    assert tuple(len(examples) for examples in made.values()) == sizes
    ids = [example.id for examples in made.values() for example in examples]
    assert len(set(ids)) == sum(sizes)
    with pytest.raises(ConfigError, match="num_dev is -1"):
        generate(num_dev=-1)


def test_requests_are_filled_and_rows_are_plain(examples: list[Example]) -> None:
    for example in examples:
        text = json.dumps(example.setup, ensure_ascii=False, allow_nan=False)
        assert not re.search(r"[{}]", example.input), example.input
        assert not re.search(r"\{[a-z_]+\}", text), example.id
        assert example.input[0].isupper() or example.input[0] in '"0123456789'
        assert len(text) < 8000


@pytest.mark.parametrize(("bundled", "holdout"), [("operations", 30), ("operations-ood", 24)])
def test_the_bundled_tasks_are_made_and_read_back(bundled: str, holdout: int) -> None:
    task = make_bundled(bundled, "ops", num_train=60, num_dev=30)
    assert (len(task.train), len(task.dev), task.num_holdout) == (60, 30, holdout)
    assert task.world == "operations"
    example = task.train[0]
    assert WORLD.score(example, WORLD.oracle(example)).strict


def test_the_tools_of_an_example_are_short(examples: list[Example]) -> None:
    for example in examples:
        tools = WORLD.tools(example)
        lines = [f"{tool.name}({', '.join(tool.parameters['properties'])})" for tool in tools]
        assert 6 <= len(tools) <= 24
        assert sum(len(line) for line in lines) <= 1500
    assert len(APPS) == 16 and len(TOOLS) == 38
