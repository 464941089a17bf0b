"""The README's Python example: a pydantic model and a CSV become a task, a climb and answers."""

from __future__ import annotations

import csv
import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel

import rung
import tickets
from rung.core.errors import ConfigError
from rung.flow import session
from rung.flow.decide import gate
from rung.gate.receipt import verify_receipt
from rung.ladder.head import propose_head
from rung.registry import record_candidates

SHORT = rung.Options(models=("fake:weak",), limit=40, rungs=("blank", "head"))


class Ticket(BaseModel):
    label: Literal["billing", "shipping", "technical"]
    urgent: bool


@pytest.mark.slow
def test_a_pydantic_model_and_a_csv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "open_engine", tickets.open_weak)
    plain = tickets.write_csv(tmp_path / "plain.csv")
    draw = random.Random(3)
    with plain.open() as source, (tmp_path / "mail.csv").open("w") as target:
        rows = list(csv.DictReader(source))
        writer = csv.DictWriter(target, ["text", "label", "urgent"])
        writer.writeheader()
        for row in rows:
            urgent = draw.random() < 0.4
            text = f"urgent {row['text']}" if urgent else row["text"]
            writer.writerow({"text": text, "label": row["label"], "urgent": str(urgent).lower()})

    made = rung.init(
        "mail", tmp_path / "mail.csv", input="text", target=["label", "urgent"], schema=Ticket
    )
    assert made.task.schema["properties"]["urgent"]["type"] == "boolean"
    found = rung.climb("mail", rung.Options(models=("fake:weak",), limit=40))
    assert found.promoted == "head"
    with pytest.raises(ConfigError, match="the budget is"):  # the saved plan is no leave to spend
        rung.climb("mail", rung.Options(models=("fake:weak",), limit=40, budget_usd=0.0))
    answer = next(iter(rung.ask("mail", ["urgent my card was charged"])))
    assert answer.output == {"label": "billing", "urgent": True}
    assert set(answer.fields) == {"label", "urgent"}


def test_unknown_names_are_not_in_the_package() -> None:
    with pytest.raises(AttributeError, match="climbb"):
        rung.climbb  # noqa: B018


def test_a_route_is_not_used_on_a_changed_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "open_engine", tickets.open_weak)
    csv_file = tickets.write_csv(tmp_path / "mail.csv")
    task = rung.init("mail", csv_file, input="text", target="label").task
    assert rung.climb("mail", SHORT).promoted == "head"
    contract = task.path / "task.toml"
    text = contract.read_text("utf-8").replace(task.instruction, "Something else entirely.")
    contract.write_text(text, "utf-8")
    with pytest.raises(ConfigError, match="instruction of task 'mail' changed since route 'head'"):
        next(iter(rung.ask("mail", ["my card"])))


def test_a_task_made_again_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "open_engine", tickets.open_weak)
    csv_file = tickets.write_csv(tmp_path / "mail.csv")
    first = rung.init("mail", csv_file, input="text", target="label")
    assert not any("earlier task" in note for note in first.notes)
    assert rung.climb("mail", SHORT).promoted == "head"
    shutil.rmtree(first.task.path)
    again = rung.init("mail", csv_file, input="text", target="label", seed=1)
    assert any("earlier task of this name counts no longer" in note for note in again.notes)
    with pytest.raises(ConfigError, match="no route of task 'mail' is in service"):
        next(iter(rung.ask("mail", ["my card"])))
    with pytest.raises(ConfigError, match="none yet"):
        next(iter(rung.ask("mail", ["my card"], route="head")))
    climb = rung.climb("mail", SHORT)
    assert (climb.incumbent, climb.promoted) == ("blank", "head")


def test_a_newly_fitted_route_is_judged_against_the_one_of_its_name_in_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "open_engine", tickets.open_weak)
    rung.init("mail", tickets.write_csv(tmp_path / "mail.csv"), input="text", target="label")
    options = rung.Options(models=("fake:weak",), limit=40, rungs=("json", "head"))
    assert rung.climb("mail", options).promoted == "head"
    again = rung.climb("mail", replace(options, seed=1))
    assert again.incumbent == "head@service"
    holdout = [arm.route for arm in again.arms if arm.split == "holdout"]
    assert len(holdout) == len(set(holdout))
    assert again.verdict == "hold"


def test_two_routes_of_one_name_are_told_apart_at_the_gate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "open_engine", tickets.open_weak)
    csv_file = tickets.write_csv(tmp_path / "mail.csv")
    rung.init("mail", csv_file, input="text", target="label")
    with session.open_session("mail") as opened:
        small = session.situation(opened, "fake:weak", 0)
        good = propose_head(small)[0]
        bad = replace(good, output="constant", constant='{"label":"billing"}')
        record_candidates(opened.store, "mail", [good, bad])
    judged = gate("mail", good.hash[:12], reference=bad.hash[:12])
    incumbent, candidate = judged.arms
    assert (incumbent.route, candidate.route) == (f"head@{bad.hash[:8]}", "head")
    compared = judged.report.candidates[0].comparison
    assert (compared.mean_a, compared.mean_b) == (incumbent.score, candidate.score)
    assert incumbent.score < candidate.score
    assert verify_receipt(judged.receipt_path) == []
