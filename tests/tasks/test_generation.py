"""The next generation of splits: the holdout is all fresh, nothing leaks, a kill is whole."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import rmtree

import pytest

import traffic
from rung.core.errors import StoreError
from rung.tasks import folder, generation
from rung.tasks.folder import load_task, save_task
from rung.tasks.generation import (
    begin_generation,
    deal_next,
    former_generations,
    is_current,
    of_split,
    only_added,
)
from rung.tasks.splits import Splits, check_leaks, split_examples
from rung.tasks.task import Example, FieldScoring, Task

SCHEMA = {
    "type": "object",
    "properties": {"label": {"enum": ["billing", "shipping", "technical"]}},
    "required": ["label"],
}


def examples(num: int, *, seed: int, name: str) -> list[Example]:
    return [
        Example(id=f"{name}{n}", input=text, target={"label": label}, group=f"{name}{n}")
        for n, (text, label) in enumerate(traffic.inputs(num, seed=seed))
    ]


def ids(splits: Splits, split: str) -> set[str]:
    return {example.id for example in splits[split]}  # type: ignore[index]


@pytest.fixture
def old() -> Splits:
    return split_examples(examples(90, seed=1, name="old"))


def test_examples_move_one_way_and_the_holdout_is_all_fresh(old: Splits) -> None:
    fresh = examples(60, seed=2, name="new")
    dealt = deal_next(old, fresh, ties="near")
    assert ids(old, "train") <= ids(dealt.splits, "train")
    assert ids(old, "dev") | ids(old, "holdout") <= ids(dealt.splits, "dev")
    assert dealt.splits["holdout"] and ids(dealt.splits, "holdout") <= {one.id for one in fresh}
    check_leaks(dealt.splits, "near")
    assert sum(len(dealt.splits[split]) for split in dealt.splits) == 150  # type: ignore[index]
    assert dealt.num_new_groups == 60 and not dealt.num_tied


def test_what_is_tied_to_old_examples_follows_them_and_never_gets_into_the_holdout(
    old: Splits,
) -> None:
    train, dev, holdout = old["train"][0], old["dev"][0], old["holdout"][0]

    def fresh(name: str, text: str, group: str) -> Example:
        return Example(id=name, input=text, target=train.target, group=group)

    given = [
        fresh("again", train.input, "a"),
        fresh("near-train", f"{train.input}!", "b"),
        fresh("near-holdout", f"{holdout.input}!", "c"),
        fresh("with-near-holdout", "a wholly different thing was said here", "c"),
        fresh("bridge", f"{dev.input}?", old["train"][1].group),
        *examples(40, seed=3, name="new"),
    ]
    dealt = deal_next(old, given, ties="near")
    assert dealt.num_known == 1 and dealt.num_tied == 3 and dealt.num_bridging == 1
    assert "near-train" in ids(dealt.splits, "train")
    assert {"near-holdout", "with-near-holdout"} <= ids(dealt.splits, "dev")
    everywhere = set().union(*(ids(dealt.splits, split) for split in dealt.splits))
    assert not {"again", "bridge"} & everywhere
    check_leaks(dealt.splits, "near")


def test_what_was_said_beside_a_known_input_follows_it(old: Splits) -> None:
    known = old["train"][0]

    def fresh(name: str, text: str) -> Example:
        return Example(id=name, input=text, target=known.target, group="conversation")

    beside = fresh("beside", "a wholly different thing was said here")
    given = [fresh("again", known.input), beside, *examples(40, seed=3, name="new")]
    dealt = deal_next(old, given, ties="near")
    assert "beside" in ids(dealt.splits, "train") and dealt.num_tied == 1
    assert "again" not in set().union(*(ids(dealt.splits, split) for split in dealt.splits))
    assert dealt.num_new_groups == 40


def test_too_few_make_no_holdout(old: Splits) -> None:
    dealt = deal_next(old, examples(2, seed=4, name="new"), ties="near")
    assert dealt.splits["holdout"] == () and dealt.num_new_groups == 2


@pytest.fixture
def task(tmp_path: Path, old: Splits) -> Task:
    path = tmp_path / "mail"
    made = Task(
        name="mail", title="Mail", instruction="Sort.", schema=SCHEMA,
        scoring={"label": FieldScoring()}, path=path,
    )  # fmt: skip
    save_task(made, old, path, ties="near", seed=7)
    return load_task(path)


def test_a_generation_begins_with_its_lock_and_the_former_one_can_be_looked_up(task: Task) -> None:
    assert task.generation == 1 and is_current(task)
    dealt = deal_next(_splits(task), examples(60, seed=2, name="new"), ties="near")
    lock = begin_generation(task, dealt.splits, ties="near", seed=7)
    now = load_task(task.path)
    assert (now.generation, lock.generation) == (2, 2) and not is_current(task)
    assert now.num_holdout == len(dealt.splits["holdout"])
    assert now.split_hashes["holdout"] != task.split_hashes["holdout"]
    (before,) = former_generations(now)
    assert before.train == task.train and before.split_hashes == task.split_hashes
    assert of_split(now, "train", task.split_hashes["train"]).train == task.train
    assert of_split(now, "train", "unknown") is now
    added = only_added(now)
    assert {one.id for one in (*added.train, *added.dev)} == {
        one.id for one in (*now.train, *now.dev) if one.id.startswith("new")
    }
    assert added.train and added.dev and only_added(task) == task


def test_train_may_still_be_edited_in_a_later_generation(task: Task) -> None:
    dealt = deal_next(_splits(task), examples(60, seed=2, name="new"), ties="near")
    begin_generation(task, dealt.splits, ties="near", seed=7)
    path = task.path / "examples-2.jsonl"
    row = {"id": "mine", "input": "one of my own", "target": {"label": "billing"}}
    path.write_text(path.read_text("utf-8") + json.dumps(row | {"split": "train"}) + "\n", "utf-8")
    again = load_task(task.path)
    assert again.generation == 2 and "mine" in {example.id for example in again.train}


@pytest.mark.parametrize("at", range(3))
def test_a_kill_while_it_is_written_leaves_the_former_generation(
    task: Task, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    written = 0

    def write(path: Path, content: str | bytes) -> None:
        nonlocal written
        if written == at:
            raise StoreError("killed")
        written += 1
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    dealt = deal_next(_splits(task), examples(60, seed=2, name="new"), ties="near")
    with monkeypatch.context() as patch, pytest.raises(StoreError):
        patch.setattr(generation, "write_atomic", write)
        begin_generation(task, dealt.splits, ties="near", seed=7)
    assert load_task(task.path) == task
    begin_generation(task, dealt.splits, ties="near", seed=7)
    assert load_task(task.path).generation == 2


def _splits(task: Task) -> Splits:
    rows = folder.read_rows(task.path / "examples.jsonl", folder.Answers(task.schema))
    return folder.group_by_split(rows)


def test_a_task_that_is_gone_or_was_made_anew_is_not_the_one_that_was_loaded(task: Task) -> None:
    rmtree(task.path)
    assert not is_current(task)
    other = split_examples(examples(60, seed=9, name="other"), seed=7, ties="near")
    save_task(task, other, task.path, ties="near", seed=7)
    assert load_task(task.path).generation == 1 and not is_current(task)
