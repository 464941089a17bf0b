"""The warehouse: an exact optimiser, texts that hold all it knows, fair and repeatable shifts."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest

from rung.core.errors import TaskError
from rung.core.records import Split
from rung.tasks.answers import Answers
from rung.tasks.contract import format_contract, parse_contract
from rung.tasks.scorers import score_output
from rung.tasks.splits import check_leaks
from rung.tasks.task import Example, Task
from rung.worlds.warehouse import (
    SCHEMA,
    Snapshot,
    best_pick,
    first_pick,
    generate,
    play,
    read_snapshot,
    task_fields,
    write_snapshot,
)
from rung.worlds.warehouse.floor import Pick, Worker, costs, walks_s


@pytest.fixture(scope="module")
def splits() -> dict[Split, list[Example]]:
    return generate(num_train=25, num_dev=25, num_holdout=50)


def pick(aisle: int, bay: int, priority: int = 1, due_s: int = 9000) -> Pick:
    return Pick(aisle=aisle, bay=bay, priority=priority, due_s=due_s)


def worker(id: str, aisle: int, bay: int, free_in_s: int = 0) -> Worker:
    return Worker(id=id, aisle=aisle, bay=bay, free_in_s=free_in_s)


@pytest.mark.parametrize(
    ("to", "seconds"),
    [
        (pick(3, 10), 5),  # along the aisle: 5 bays of 1.2 m at 1.2 m/s
        (pick(5, 1), 11),  # by the near end: 5 + 1 bays, two aisles of 3 m
        (pick(4, 39), 40.5),  # by whichever end is nearer
    ],
)
def test_walking(to: Pick, seconds: float) -> None:
    assert walks_s([worker("W1", 3, 5)], [to])[0, 0] == pytest.approx(seconds, abs=0.5)


def test_a_near_pick_is_left_to_a_worker_who_has_nothing_else_near() -> None:
    """Own walks are 5 and 10 s, the other's 6 and 60: both together are least as 10 + 6."""
    near, far = pick(1, 6), pick(1, 11)
    snapshot = Snapshot(worker=worker("W1", 1, 1), others=(worker("W2", 2, 1),), picks=(near, far))
    alone = Snapshot(worker=snapshot.worker, others=(), picks=(near, far))
    assert best_pick(alone) == "A"
    table = costs([snapshot.worker, *snapshot.others], list(snapshot.picks))
    assert best_pick(snapshot) == (
        "A" if table[0, 0] + table[1, 1] <= table[0, 1] + table[1, 0] else "B"
    )


def test_the_optimiser_is_exact(splits: dict[Split, list[Example]]) -> None:
    """Against every assignment of four workers to the first five picks."""
    for example in splits["train"][:12]:
        full = read_snapshot(example.input)
        small = Snapshot(worker=full.worker, others=full.others[:3], picks=full.picks[:5])
        table = costs([small.worker, *small.others], list(small.picks))
        size = min(table.shape)
        if table.shape[0] > table.shape[1]:
            continue
        least = min(
            permutations(range(table.shape[1]), size),
            key=lambda columns: sum(table[row, column] for row, column in enumerate(columns)),
        )
        best = sum(table[row, column] for row, column in enumerate(least))
        mine = small.labels.index(best_pick(small))
        with_mine = min(
            sum(table[row, column] for row, column in enumerate(columns))
            for columns in permutations(range(table.shape[1]), size)
            if columns[0] == mine
        )
        assert with_mine == pytest.approx(best)


def test_texts_hold_all_that_the_optimiser_knows(splits: dict[Split, list[Example]]) -> None:
    for example in (*splits["dev"], *splits["holdout"]):
        snapshot = read_snapshot(example.input)
        assert write_snapshot(snapshot) == example.input
        assert best_pick(snapshot) == example.target["pick"]
        assert len(snapshot.others) == 9 and len(snapshot.picks) > 1
    with pytest.raises(TaskError, match="tells no free worker"):
        read_snapshot("good morning")


def test_decisions_of_a_shift_stay_together(splits: dict[Split, list[Example]]) -> None:
    check_leaks(splits, ties="group")
    assert generate(num_train=25, num_dev=25, num_holdout=50) == splits
    assert [len(splits[split]) for split in ("train", "dev", "holdout")] == [25, 25, 50]
    assert len({example.group for example in splits["holdout"]}) == 2


def test_the_optimiser_beats_the_greedy_rule_and_nobody_is_silent() -> None:
    shift = [play(decide, seed=4, num_decisions=150) for decide in (best_pick, first_pick)]
    assert shift[0].cost_s < 0.97 * shift[1].cost_s
    assert play(best_pick, seed=4, num_decisions=150) == shift[0]
    with pytest.raises(KeyError, match="said ''"):
        play(lambda snapshot: "", seed=4, num_decisions=3)


def test_the_contract_and_its_floors(tmp_path: Path, splits: dict[Split, list[Example]]) -> None:
    task = Task(name="warehouse", path=tmp_path, **task_fields())
    contract = parse_contract(format_contract(task), Answers(SCHEMA), "task.toml")
    assert contract.latency_budget_ms == task.latency_budget_ms == 30.0
    held = splits["holdout"]
    assert sum(score_output(task, e, {"pick": "A"}).strict for e in held) / len(held) <= 0.6
    assert not any(score_output(task, e, {}).score for e in held)
    assert all(score_output(task, e, e.target).strict for e in held)
