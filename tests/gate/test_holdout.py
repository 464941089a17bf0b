"""Opening a holdout: logged, counted once a question, and paid for in alpha."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import tickets
from rung.core.config import home
from rung.core.errors import GateError
from rung.gate import holdout
from rung.gate.holdout import open_holdout, spent_alpha
from rung.routes.route import Route
from rung.store import Store
from rung.tasks.importer import init_task
from rung.tasks.task import FieldScoring, Task
from rung.worlds.catalog import load

A = Route(name="a", rung="form", output="form")
B = Route(name="b", rung="json", output="json")
C = Route(name="c", rung="head", output="head")


@pytest.fixture
def task(tmp_path: Path) -> Task:
    csv = tickets.write_csv(tmp_path / "mail.csv", rows=120)
    return init_task("mail", csv, input_column="text", target_columns=["label"]).task


def test_the_alphas_of_all_openings_stay_below_alpha() -> None:
    assert sum(spent_alpha(0.05, k) for k in range(1, 10_000)) == pytest.approx(0.05, abs=1e-5)
    assert spent_alpha(0.05, 1) == pytest.approx(0.0304, abs=1e-4)


def test_the_same_question_is_one_opening(task: Task) -> None:
    store = Store()
    first = open_holdout(task, [A, B], store=store, count=20, seed=0)
    again = open_holdout(task, [B, A], store=store, count=20, seed=0)
    assert (first.number, again.number) == (1, 1)
    assert first.examples == again.examples
    assert len(first.examples) == 20
    another = open_holdout(task, [A], store=store, count=20, seed=0)
    assert another.number == 2
    assert another.rules.alpha < first.rules.alpha
    assert len(store.openings(task.split_hashes["holdout"])) == 2
    store.close()


def test_other_rules_or_scorers_ask_another_question(task: Task) -> None:
    store = Store()

    def number(task: Task, *routes: Route) -> int:
        return open_holdout(task, routes or (A, B), store=store, count=20, seed=0).number

    assert number(task) == 1
    strict = replace(task, gate=replace(task.gate, metric="strict"))
    wide = replace(task, gate=replace(task.gate, margin=0.2))
    free = replace(task, gate=replace(task.gate, alpha=0.2))
    lax = replace(task, scoring={"label": FieldScoring(strict_at=0.0)})
    assert [number(one) for one in (strict, wide, free, lax)] == [2, 3, 4, 5]
    (task.path / "scorer.py").write_text("def score(example, output):\n    return 1.0\n", "utf-8")
    assert number(task) == 6
    (task.path / "scorer.py").unlink()
    assert [number(one) for one in (task, strict)] == [1, 2]
    assert [number(task, A, B, C), number(task, A, C, B), number(task, B, A, C)] == [7, 7, 8]
    store.close()


def test_other_prices_or_another_library_ask_another_question(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store()

    def number(*routes: Route) -> int:
        return open_holdout(task, routes or (A, B), store=store, count=20, seed=0).number

    assert number() == 1
    path = home() / "prices.toml"
    row = "[prices.local-2core]\nusd_per_hour = {}\ndate = {}\nsource = {!r}\n"
    path.write_text(row.format(0.5, "2026-11-28", "mine"), "utf-8")
    assert number() == 2
    path.write_text(row.format(0.5, "2026-11-29", "the same, looked up again"), "utf-8")
    assert number() == 2
    path.unlink()
    assert number() == 1
    monkeypatch.setattr(holdout, "library_of", lambda model: "llama.cpp of another day")
    assert number() == 3
    store.close()


def test_an_edited_holdout_is_refused(task: Task) -> None:
    path = task.path / "examples.jsonl"
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    spoilt = next(r for r in rows if r["split"] == "holdout")
    spoilt["target"]["label"] = "billing" if spoilt["target"]["label"] != "billing" else "shipping"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    store = Store()
    with pytest.raises(GateError, match="hash"):
        open_holdout(task, [A], store=store, count=0, seed=0)
    with pytest.raises(GateError, match="hash"):
        load("mail")
    store.close()
