"""Planted structure comes back as clusters, with its cost, its remedy and its change."""

from __future__ import annotations

import math
import random
import tracemalloc
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jobs
from rung.core.errors import GateError
from rung.core.records import Row
from rung.ladder.measure import cost_per_accepted
from rung.repair.clusters import MIN_MISSES, gather_cells
from rung.repair.mapping import Run, build_map
from rung.repair.meaning import MIN_PART, split_by_meaning
from rung.repair.read_form import FormReader
from rung.repair.records import CAUSES, OTHER, SUSPECT, UNANSWERED, Miss, RepairMap
from rung.tasks.task import Task


def miss(number: int, cause: str, place: str, detail: str, text: str = "the same") -> Miss:
    expected, _, got = detail.partition(" -> ")
    return Miss(
        example=f"e{number}", group=f"g{number % 5}", requirement="r", scope="s", cause=cause,
        place=place, detail=detail, text=text, expected=expected, got=got,
    )  # fmt: skip


CELLS = st.tuples(
    st.sampled_from(CAUSES), st.sampled_from("pqr"), st.sampled_from(["a -> b", "b -> a", ""])
)


@settings(max_examples=30)
@given(st.lists(st.tuples(CELLS, st.sampled_from(["vpn down", "paper jam", "no 1"])), min_size=1))
def test_every_miss_is_in_exactly_one_cell(drawn: list[tuple[tuple[str, str, str], str]]) -> None:
    misses = [miss(at, *cell, text) for at, (cell, text) in enumerate(drawn)]
    cells = gather_cells(misses)
    assert sorted(one.example for cell in cells for one in cell.misses) == sorted(
        one.example for one in misses
    )
    assert len({cell.name for cell in cells}) == len(cells)
    for cell in cells:
        assert all(cell.cause in (OTHER, one.cause) for one in cell.misses)
        assert all(
            cell.detail in ("", one.detail, f"any -> {one.got}", f"{one.expected} -> any")
            for one in cell.misses
        )
        assert len(cell.misses) >= MIN_MISSES or cell.cause in (OTHER, UNANSWERED)


def test_small_cells_join_their_place_then_their_detail_then_their_cause() -> None:
    planted = [
        *[("wrong_entity", flow, "mail.send.to") for flow in "abc"],
        *[("wrong_argument", "queue", "a -> b")] * 5,
        *[("wrong_argument", "queue", f"{true} -> x") for true in "cde"],
        *[("wrong_argument", "queue", f"f -> {given}") for given in "gh"],
        *[("wrong_argument", "queue", pair) for pair in ("i -> j", "k -> l")],
        *[("omitted_datum", place, f"{place} x") for place in ("order", "amount")],
        ("malformed", "answer", "x"),
    ]
    cells = gather_cells([miss(at, *path) for at, path in enumerate(planted)])
    assert [(cell.cause, cell.place, cell.detail, len(cell.misses)) for cell in cells] == [
        ("wrong_argument", "queue", "a -> b", 5),
        ("wrong_argument", "queue", "any -> x", 3),
        ("wrong_entity", "", "mail.send.to", 3),
        ("omitted_datum", "", "", 2),
        ("wrong_argument", "queue", "", 2),
        ("wrong_argument", "queue", "f -> any", 2),
        (OTHER, "", "", 1),
    ]


TOPICS = {
    "printer": "the printer on floor {} jams paper and eats toner in tray {}",
    "tunnel": "vpn tunnel gateway {} drops, certificate expired on client {}",
    "badge": "lost badge, door {} reader rejects card number {}",
}


def test_planted_topics_are_recovered_with_their_words() -> None:
    texts = [form.format(n, n + 7) for n in range(6) for form in TOPICS.values()]
    parts = split_by_meaning(texts)
    assert sorted(sorted(at % 3 for at in part.members) for part in parts) == [
        [0] * 6, [1] * 6, [2] * 6,
    ]  # fmt: skip
    for part in parts:
        said = " ".join(texts[part.members[0]].replace(",", "").split())
        assert part.terms and all(term in said for term in part.terms)


@pytest.mark.parametrize(
    "texts",
    [
        [],
        ["alone"],
        ["same words again"] * 20,
        ["1 2 3"] * 20,
        [TOPICS["printer"].format(n, n) for n in range(2 * MIN_PART - 1)],
    ],
)
def test_few_or_equal_texts_stay_one_part(texts: list[str]) -> None:
    (part,) = split_by_meaning(texts)
    assert (part.members, part.terms) == (tuple(range(len(texts))), ())


def test_many_long_texts_are_compared_by_the_words_that_they_have() -> None:
    draw = random.Random(0)
    words = ["".join(draw.choices("abcdefgh", k=8)) for _ in range(20_000)]
    texts = [" ".join(draw.choices(words, k=150)) for _ in range(300)]
    tracemalloc.start()
    assert len(split_by_meaning(texts)) == 1
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 25e6, "300 rows of some 13,000 numbers each would be 31 MB, and slow"


def desk(path: Path, num: int = 12) -> Task:
    dev = [
        jobs.example(f"d{n}", f"{n} {jobs.TEXT}", group=f"g{n % 6}", queue=queue)
        for n, queue in enumerate(["billing", "shipping"] * (num // 2))
    ]
    return jobs.task(path, dev=dev)


def rows_of(task: Task, wrong: Mapping[str, Mapping[str, Any]]) -> Run:
    rows = [jobs.row(task, one, **wrong.get(one.id, {})) for one in task.dev]
    return Run(name="route", rows=tuple(rows))


def mapped(task: Task, run: Run, **given: object) -> RepairMap:
    return build_map(task, FormReader(task), run, split="dev", **given)  # type: ignore[arg-type]


def test_shares_sum_to_one_and_costs_are_those_of_the_rows(tmp_path: Path) -> None:
    task = desk(tmp_path)
    wrong: dict[str, dict[str, Any]] = {f"d{n}": {"queue": "technical"} for n in (0, 2, 4)}
    wrong |= {f"d{n}": {"urgent": True} for n in (1, 3)} | {"d6": {"tags": ["late"]}}
    run = rows_of(task, wrong)
    found = mapped(task, run)
    assert math.fsum(cluster.share for cluster in found.clusters) == pytest.approx(1.0)
    assert (found.num_failed, found.num_misses, found.num_examples) == (6, 6, 12)
    queue = found.clusters[0]
    assert (queue.place, queue.detail) == ("queue", "billing -> technical")
    assert (len(queue.misses), queue.error_cost_usd) == (3, 12.0)
    assert queue.share_ci[0] < 0.5 < queue.share_ci[1]
    # 12 answers of $0.001 and three errors of $4 over 9 accepted; without them over 12.
    assert found.cpao_usd == pytest.approx(12.012 / 9)
    assert found.cpao_usd == cost_per_accepted(run.rows, priced_errors=True)
    assert queue.cpao_saving_usd == pytest.approx(12.012 / 9 - 0.012 / 12)
    assert found.clusters[1].cpao_saving_usd == 0.0


def test_the_reference_is_counted_where_it_answered(tmp_path: Path) -> None:
    task = desk(tmp_path)
    wrong = {f"d{n}": {"queue": "technical"} for n in (0, 2, 4, 6)}
    better = rows_of(task, {"d0": {"queue": "shipping"}})
    other = Run(name="strong", rows=tuple(r for r in better.rows if r.example != "d6"))
    (cluster,) = mapped(task, rows_of(task, wrong), reference=other).clusters
    assert (cluster.num_reference, cluster.num_reference_met) == (3, 2)


def test_a_label_that_three_voices_contradict_is_suspected(tmp_path: Path) -> None:
    train = [
        jobs.example(f"t{n}", f"where is parcel {n}, the courier is late", queue="shipping")
        for n in range(6)
    ]
    mislabelled = jobs.example("d0", "where is my parcel, the courier is late", queue="billing")
    honest = jobs.example("d1", "my card was charged twice for the invoice", queue="billing")
    task = jobs.task(tmp_path, train=train, dev=[mislabelled, honest])
    wrong = {"d0": {"queue": "shipping"}, "d1": {"queue": "technical"}}
    run = rows_of(task, wrong)
    with_reference = mapped(task, run, reference=rows_of(task, wrong))
    by_example = {m.example: m.cause for c in with_reference.clusters for m in c.misses}
    assert by_example == {"d0": SUSPECT, "d1": "wrong_argument"}
    assert SUSPECT not in {m.cause for c in mapped(task, run).clusters for m in c.misses}


def test_the_change_is_paired_and_regression_to_the_mean_stands_beside_it(tmp_path: Path) -> None:
    task = desk(tmp_path)
    before = rows_of(task, {f"d{n}": {"queue": "technical"} for n in (0, 2, 4)})
    after = rows_of(task, {f"d{n}": {"queue": "technical"} for n in (4, 6, 8)})
    found = mapped(task, before, after=after)
    (cluster,) = found.clusters
    assert cluster.change is not None and found.strict_change is not None
    assert cluster.change.num_fixed == 2
    scope = cluster.change.scope
    # Six examples are truly billing: two were fixed and two others broken, so nothing was gained.
    assert (scope.num, scope.num_fixed, scope.num_broken, scope.diff) == (6, 2, 2, 0.0)
    assert scope.ci[0] < 0 < scope.ci[1]
    assert (found.strict_change.num, found.strict_change.diff) == (12, 0.0)


def test_without_an_answer_no_requirement_is_met(tmp_path: Path) -> None:
    task = desk(tmp_path)
    before = rows_of(task, {"d0": {"queue": "technical"}, "d2": {"queue": "technical"}})
    failed = [
        Row(example=r.example, group=r.group, score=0, strict=False, status="failed", error="?")
        if r.example == "d0"
        else r
        for r in rows_of(task, {}).rows
    ]
    (cluster,) = mapped(task, before, after=Run(name="later", rows=tuple(failed))).clusters
    assert cluster.change is not None and cluster.change.num_fixed == 1


def test_what_nobody_answered_is_no_failure_of_the_model(tmp_path: Path) -> None:
    task = desk(tmp_path)
    run = rows_of(task, {f"d{at}": {"queue": "technical"} for at in (0, 2)})
    gone = [
        replace(row, output=None, score=0.0, strict=False, status="failed", cause="outage")
        for row in run.rows
    ]
    rows = [gone[0], *run.rows[1:]]
    reference = Run(name="strong", rows=(rows[0], gone[1], gone[2], *rows[3:]))
    first, *others = mapped(task, Run(name="r", rows=tuple(rows)), reference=reference).clusters
    found = {one.cause: one for one in (first, *others)}
    assert found["unanswered"].remedy.rung == "ask again"
    assert found["unanswered"].investment is None
    assert {miss.example for miss in found["unanswered"].misses} == {"d0"}
    assert sum(one.num_reference for one in others) == 0, "nor did the reference answer those"
    again = replace(run.rows[0], sample=1, output=rows_of(task, {}).rows[0].output, strict=True)
    tried = mapped(task, Run(name="r", rows=(*rows, again))).clusters
    assert {miss.example for one in tried for miss in one.misses} == {"d2"}


def test_after_must_have_the_same_examples(tmp_path: Path) -> None:
    task = desk(tmp_path)
    run = rows_of(task, {"d0": {"urgent": True}})
    with pytest.raises(GateError, match="lacks 1 examples"):
        mapped(task, run, after=Run(name="later", rows=run.rows[1:]))
