"""The next batch: its proportions, its sources, and that nothing of dev or holdout is in it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import jobs
from rung.core.errors import GateError, RungError, TrainError
from rung.core.records import Row
from rung.flow.repair import Repair, manifest_of, reader_of, repair, write_batch
from rung.gate.touching import check_untouched, touching
from rung.repair.batch import NUM_PER_MISS, Batch, choose_batch
from rung.repair.mapping import Run, build_map
from rung.repair.read_form import FormReader
from rung.repair.records import RepairMap
from rung.tasks.answers import Answers
from rung.tasks.holdout import read_holdout
from rung.tasks.rows import read_rows
from rung.tasks.task import Example, Task
from rung.worlds.catalog import make_bundled
from rung.worlds.operations import Operations

WORDS = {"billing": "my card was charged", "shipping": "where is parcel", "technical": "it crashed"}


def desk(path: Path, num_train: int = 300) -> Task:
    def some(prefix: str, num: int) -> list[Example]:
        names = list(WORDS)
        return [
            jobs.example(
                f"{prefix}{n}",
                f"{WORDS[names[n % 3]]} {n}",
                queue=names[n % 3],
                group=f"{prefix}{n}",
            )
            for n in range(num)
        ]

    return jobs.task(path, train=some("t", num_train), dev=some("d", 60))


def mapped(task: Task, wrong: Sequence[int]) -> RepairMap:
    rows = [
        jobs.row(task, one, queue="shipping" if n in wrong else one.target["queue"])
        for n, one in enumerate(task.dev)
    ]
    return build_map(task, FormReader(task), Run(name="r", rows=tuple(rows)), split="dev")


def chosen(task: Task, found: RepairMap, strict: bool = True) -> Batch:
    met = {"queue = billing": 0.2, "queue = shipping": 1.0, "queue = technical": 0.9}
    pool, verify = task.train, lambda example: strict or example.id != "t0"
    return choose_batch(found, FormReader(task), pool, met=met, is_strict=verify)


def test_two_thirds_repair_and_one_third_keeps_what_works(tmp_path: Path) -> None:
    task = desk(tmp_path)
    batch = chosen(task, mapped(task, range(0, 18, 3)))  # six tickets of billing
    assert batch.count("miss") == 6 * NUM_PER_MISS
    assert 0.6 <= batch.count("miss") / len(batch.rows) <= 0.7
    assert len({row.example.id for row in batch.rows}) == len(batch.rows)
    assert {row.example.target["queue"] for row in batch.rows if row.kind == "miss"} == {"billing"}
    # What the route said wrongly is right there, so that it is not unlearned.
    negatives = {row.example.target["queue"] for row in batch.rows if row.kind == "negative"}
    assert negatives == {"shipping"}
    replay = Counter(row.example.target["queue"] for row in batch.rows if row.kind != "miss")
    assert set(replay) == {"shipping", "technical"}, "both are right more often than not"
    assert abs(replay["shipping"] - replay["technical"]) <= 1
    assert batch.count("works")
    assert batch == chosen(task, mapped(task, range(0, 18, 3)))
    assert batch.clusters() == {"wrong_argument: queue: billing -> shipping": 6 * NUM_PER_MISS}


def test_a_solution_that_is_not_strict_is_left_out(tmp_path: Path) -> None:
    task = desk(tmp_path)
    batch = chosen(task, mapped(task, [0, 3]), strict=False)
    assert "t0" not in {row.example.id for row in batch.rows}
    assert batch.num_unverified == 1


def test_a_batch_that_is_cut_short_repairs_every_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rung.repair.batch.MAX_MISS_ROWS", 6)
    task = desk(tmp_path)
    found = mapped(task, [*range(0, 48, 3), *range(2, 12, 3)])
    assert [len(cluster.misses) for cluster in found.clusters] == [16, 4]
    assert list(chosen(task, found).clusters().values()) == [3, 3]


def test_examples_without_the_value_that_was_left_out_are_negatives(tmp_path: Path) -> None:
    task = desk(tmp_path)
    train = [replace(one, target={**one.target, "urgent": None}) for one in task.train[:9]]
    task = replace(task, train=(*train, *task.train[9:]))
    rows = tuple(jobs.row(task, one, urgent=None if n < 6 else False)
                 for n, one in enumerate(task.dev))  # fmt: skip
    found = build_map(task, FormReader(task), Run(name="r", rows=rows), split="dev")
    (one,) = found.clusters
    found = replace(found, clusters=(replace(one, remedy=replace(one.remedy, rung="sft")),))
    batch = choose_batch(found, FormReader(task), task.train, met={}, is_strict=lambda _: True)
    negatives = {row.example.id for row in batch.rows if row.kind == "negative"}
    assert negatives == {one.id for one in train}


def test_there_may_be_nothing_to_train_on(tmp_path: Path) -> None:
    task = desk(tmp_path)
    found = mapped(task, [0, 3])
    doubted = [
        replace(one, remedy=replace(one.remedy, rung="gold is wrong")) for one in found.clusters
    ]
    with pytest.raises(TrainError, match="the remedies are gold is wrong"):
        chosen(task, replace(found, clusters=tuple(doubted)))
    with pytest.raises(TrainError, match="no example like the 2 misses"):
        chosen(replace(task, train=task.train[1::3]), found)  # shipping only


@pytest.fixture
def office() -> Task:
    return make_bundled("operations", "ops", num_train=30, num_dev=30, num_holdout=30)


def failing(task: Task, workflows: Sequence[str], path: Path) -> Path:
    """Write a results file in which some workflows get no call, the others their solution."""
    rows = []
    for one in task.dev:
        fails = one.setup["workflow"] in workflows
        calls = [] if fails else [call.to_json() for call in Operations().oracle(one)]
        row = Row(
            example=one.id, group=one.group, score=float(not fails), strict=not fails,
            output={"calls": calls, "answer": ""}, cause="missing_action" if fails else "",
        )  # fmt: skip
        rows.append(json.dumps(row.to_json()))
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


@pytest.mark.slow
def test_a_world_makes_variants_of_what_failed(office: Task, tmp_path: Path) -> None:
    flows = [one.setup["workflow"] for one in office.dev[:2]]
    found = repair(office, results=str(failing(office, flows, tmp_path / "r.jsonl")))
    assert {cluster.cause for cluster in found.map.clusters} == {"missing_action"}
    out = tmp_path / "batch.jsonl"
    manifest = write_batch(found, out)
    rows = read_rows(out, Answers(office.schema))
    examples = [example for example, _ in rows]
    assert {split for _, split in rows} == {"train"}
    assert {one.group.partition("/")[0] for one in examples} == {"train"}
    assert not touching(office, examples)
    kinds = {row["id"]: row["kind"] for row in manifest["rows"]}
    repaired = {one.setup["workflow"] for one in examples if kinds[one.id] == "miss"}
    assert repaired == set(flows)
    assert manifest["num_generated"] > 0
    assert 0.6 <= manifest["kinds"]["miss"] / manifest["num_rows"] <= 0.7
    assert manifest == json.loads(manifest_of(out).read_text("utf-8"))


def test_nothing_of_dev_or_holdout_gets_into_a_batch(office: Task, tmp_path: Path) -> None:
    sealed = read_holdout(office)[0]
    same_group = replace(office.train[0], id="x", group=sealed.group)
    same_text = replace(office.train[1], id="y", input=f"  {office.dev[0].input.upper()}")
    same_id = replace(office.train[2], id=office.dev[1].id)
    planted = [same_group, same_text, same_id, *office.train]
    assert touching(office, planted) == {"x": "holdout", "y": "dev", same_id.id: "dev"}
    with pytest.raises(GateError, match=r"training on 'x' would leak holdout") as caught:
        check_untouched(office, [office.train[3], same_group])
    assert sealed.input not in str(caught.value)
    leaky = replace(office, train=(same_text, *office.train))
    path = failing(office, [same_text.setup["workflow"]], tmp_path / "r.jsonl")
    found = repair(leaky, results=str(path))
    manifest = write_batch(found, tmp_path / "batch.jsonl")
    assert manifest["num_leaking"] == 1
    assert manifest["num_rows"] > 0 and "y" not in {row["id"] for row in manifest["rows"]}


def test_helpdesk_has_more_tickets_of_the_same_words(tmp_path: Path) -> None:
    task = make_bundled("helpdesk", "small", num_train=40, num_dev=24, num_holdout=24)
    rows = tuple(
        Row(
            example=one.id, group=one.group, score=0.5, strict=False,
            output={**one.target, "needs_human": not one.target["needs_human"]},
        )
        for one in task.dev
    )  # fmt: skip
    run, reader = Run(name="r", rows=rows), reader_of(task)
    found = build_map(task, reader, run, split="dev", generates=True)
    out = tmp_path / "b.jsonl"
    manifest = write_batch(Repair(task=task, reader=reader, run=run, map=found), out)
    assert manifest["num_generated"] > 50
    assert manifest["num_leaking"] == 0


def test_what_cannot_be_mapped_is_said(office: Task, tmp_path: Path) -> None:
    path = failing(office, [], tmp_path / "r.jsonl")
    with pytest.raises(RungError, match="no failures on 30 dev examples: nothing to repair"):
        repair(office, results=str(path))
    sealed = read_holdout(office)[0]
    path.write_text(json.dumps({"example": sealed.id, "score": 0.0}), encoding="utf-8")
    with pytest.raises(RungError, match="no row is of a dev or train example"):
        repair(office, results=str(path))
