"""Rotating a holdout: only with enough fresh groups, with a ledger of its own, telling counts."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

import rung
import tickets
import traffic
from rung.core.errors import GateError
from rung.gate.holdout import open_holdout
from rung.gate.rotate import holdout_groups_needed, plan_rotation, rotate_holdout
from rung.routes.route import Route
from rung.store import Store
from rung.tasks.task import Example, GateRules, Task
from rung.worlds.catalog import load

ROUTE = Route(name="form", rung="form", output="form", model="fake:weak")


def fresh(num: int) -> list[Example]:
    return [
        Example(id=f"f{n}", input=text, target={"label": label}, group=f"f{n}")
        for n, (text, label) in enumerate(traffic.inputs(num, seed=11))
    ]


@pytest.fixture
def task(tmp_path: Path) -> Task:
    rung.init("mail", tickets.write_csv(tmp_path / "mail.csv"), input="text", target="label")
    return load("mail")


def test_the_gate_says_how_many_groups_it_needs_to_promote_at_all() -> None:
    # (1 - .03)^G at alpha .05 · 6 / pi² / 3 candidates
    assert holdout_groups_needed(GateRules(margin=0.03, alpha=0.05)) == 151
    assert holdout_groups_needed(GateRules(margin=0.1, alpha=0.05)) == 44
    assert holdout_groups_needed(GateRules(margin=0.001, alpha=0.05)) == 300


def test_too_few_change_nothing_and_enough_begin_a_generation(task: Task) -> None:
    before = sorted((p.name, p.read_bytes()) for p in task.path.iterdir())
    few = rotate_holdout(task, fresh(60))
    assert not few.enough and few.num_groups_needed == 378
    planned = plan_rotation(task, fresh(60), min_groups=10)
    assert planned.enough and planned.num_new_groups == 60
    assert sorted((p.name, p.read_bytes()) for p in task.path.iterdir()) == before
    assert rotate_holdout(task, fresh(60), min_groups=10) == planned
    now = load("mail")
    assert (now.generation, now.num_holdout) == (2, planned.num_holdout)
    assert len(now.dev) == planned.num_dev >= len(task.dev) + task.num_holdout


def test_the_new_holdout_has_a_ledger_of_its_own_and_the_old_one_is_never_read_again(
    task: Task,
) -> None:
    with closing(Store()) as store:
        old = open_holdout(task, [ROUTE], store=store, count=0, seed=0)
        rotate_holdout(task, fresh(60), min_groups=10)
        now = load("mail")
        assert store.openings(now.split_hashes["holdout"]) == []
        opened = open_holdout(now, [ROUTE], store=store, count=0, seed=0)
        assert opened.number == 1
        seen = {example.id for example in (*now.train, *now.dev)}
        assert {example.id for example in old.examples} <= seen
        assert not {example.id for example in opened.examples} & seen
        assert all(example.id.startswith("f") for example in opened.examples)


def test_an_edited_holdout_is_refused_in_every_generation(task: Task) -> None:
    rotate_holdout(task, fresh(60), min_groups=10)
    now = load("mail")
    path = now.path / "examples-2.jsonl"
    lines = path.read_text("utf-8").splitlines(keepends=True)
    kept = [line for line in lines if '"split": "holdout"' not in line]
    path.write_text("".join([*kept, *[x for x in lines if x not in kept][1:]]), "utf-8")
    with pytest.raises(GateError, match="examples-2.jsonl was edited"):
        plan_rotation(now, fresh(60))
