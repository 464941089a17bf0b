"""A cascade from rows to answers: what is handed on, what that costs, and the command for it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from typer.testing import CliRunner

import tickets
from rung.cli.app import app
from rung.core.errors import ConfigError
from rung.engines.prices import price_of
from rung.flow.route import fit, last_fit, mine_rules, simulate
from rung.flow.route_rows import Asking
from rung.flow.run import run_route
from rung.flow.session import Session, open_session, situation
from rung.ladder import cascade, head
from rung.ladder.plan import LADDER
from rung.registry import find_route, record_candidates
from rung.routes.answer import answer
from rung.routes.escalation.answer_signals import answer_signals
from rung.routes.escalation.complexity import complexity
from rung.routes.escalation.doubt import Doubt
from rung.routes.escalation.policy import Handover, Person, Policy, cold_start
from rung.routes.escalation.rules import Condition, Rule, Rules
from rung.routes.escalation.text_signals import text_signals
from rung.routes.evaluate import to_row
from rung.routes.route import Route
from rung.routes.runtime import Answer
from rung.routes.spent import PERSON
from rung.store import RunDir
from rung.tasks.importer import init_task
from rung.tasks.task import Example

SURE, UNSURE = Doubt(intercept=-9.0), Doubt(intercept=9.0)
ORACLE = Route(name="strong", rung="oracle", output="oracle")


@pytest.fixture
def session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Session]:
    monkeypatch.setattr("rung.flow.session.open_engine", tickets.open_weak)
    path = tickets.write_csv(tmp_path / "mail.csv", rows=getattr(request, "param", 150))
    task = init_task("mail", path, input_column="text", target_columns=["label"]).task
    with open_session(task) as opened:
        small = situation(opened, "fake:weak", 0)
        record_candidates(opened.store, "mail", [*head.propose_head(small), ORACLE])
        yield opened


def made(session: Session, policy: Policy) -> Route:
    return Route(
        name="cascade",
        rung="cascade",
        output="cascade",
        stages=(find_route(session.store, "mail", "head"), ORACLE),
        policy=session.runtime.artifacts.put(policy.to_bytes()),
    )


def handover(doubt: Doubt) -> Handover:
    return Handover(doubt=doubt, next_doubt=SURE, threshold=0.5)


def test_a_cascade_hands_on_what_its_policy_doubts_and_pays_every_stage(session: Session) -> None:
    example = session.task.dev[0]
    sure = answer(made(session, Policy(handovers=(handover(SURE),))), session.runtime, example)
    doubted = answer(made(session, Policy(handovers=(handover(UNSURE),))), session.runtime, example)
    assert (sure.status, len(sure.spent)) == ("ok", 1)
    assert (doubted.status, doubted.output) == ("escalated", example.target)
    assert doubted.reason == "doubt 1.00, above 0.50"
    assert len(doubted.spent) == 2
    assert doubted.latency_ms == sum(one.latency_ms for one in doubted.spent)
    assert Answer.from_json(json.loads(json.dumps(doubted.to_json()))) == doubted


def test_the_threshold_as_a_probability_known_answer() -> None:
    """A person at $5 for an error of $500 that people make in 2 %: above 3 % (Elkan 2001)."""
    people = Doubt(intercept=math.log(0.02 / 0.98))
    found = Handover(doubt=UNSURE, next_doubt=people, error_usd=500.0, threshold=5.0)
    assert found.p_allowed({}) == pytest.approx(0.03)
    assert found.p_allowed({"loss_if_wrong_usd": 0.0}) == 1.0


@given(
    st.floats(-6, 6),
    st.floats(-6, 6),
    st.floats(-50, 50),
    st.sampled_from([0.0, 0.5, 20.0]),
)
def test_what_is_above_the_allowed_doubt_goes_on(
    mine: float, theirs: float, threshold: float, loss_usd: float
) -> None:
    found = Handover(
        doubt=Doubt(intercept=mine),
        next_doubt=Doubt(intercept=theirs),
        error_usd=loss_usd,
        threshold=threshold,
    )
    assume(abs(found.score({}) - threshold) > 1e-9)
    assert (found.score({}) > threshold) == (found.doubt.p_error({}) > found.p_allowed({}))


def test_rules_come_before_doubt_and_may_lead_to_a_person(session: Session) -> None:
    rule = Rule(id="long", when=(Condition(signal="num_words", sign=">=", value=1),))
    example = session.task.dev[0]
    skips = made(session, Policy(rules=Rules(rules=(rule,)), handovers=(handover(SURE),)))
    found = answer(skips, session.runtime, example)
    assert (found.reason, len(found.spent)) == ("rule long", 1)
    human = replace(rule, to="human")
    policy = Policy(
        rules=Rules(rules=(human,)),
        handovers=(handover(SURE), handover(SURE)),
        person=Person(minutes=5),
    )
    assert Policy.from_bytes(policy.to_bytes()) == policy
    handed = answer(made(session, policy), session.runtime, example)
    assert (handed.status, handed.output) == ("escalated", None)
    assert handed.reason == "for a person: rule long"
    assert [one.model for one in handed.spent] == [PERSON]
    row = to_row(session.runtime, example, handed, price_of("local-2core"), 0)
    assert row.cost_usd == pytest.approx(36 * 5 / 60)
    assert row.strict


def test_a_person_takes_what_every_machine_doubts(session: Session) -> None:
    policy = Policy(handovers=(handover(UNSURE), handover(UNSURE)), person=Person(minutes=1))
    found = answer(made(session, policy), session.runtime, session.task.dev[0])
    assert found.reason == "for a person: doubt 1.00, above 0.50; doubt 1.00, above 0.50"
    assert len(found.spent) == 3


def test_without_labels_what_looks_complex_is_handed_on(session: Session) -> None:
    text = (
        "Prove that our server software and the contract law of the lease comply, calculate the"
        " tax and payment budget, search the database, email the customer, plot a chart and book a"
        " meeting; then summarise each patient trial? And the physics experiment? And the poem?"
    )
    assert complexity(text).score >= 7.0 > complexity("Where is my parcel?").score
    assert complexity("The capital of Peru").domains == 0.0  # whole words: no `api` in `capital`
    found = answer(
        made(session, cold_start()),
        session.runtime,
        Example(id="a", input=text, target={"label": "billing"}, group="a"),
    )
    assert found.reason == "rule complex"


def test_signals_of_a_message_and_of_an_answer() -> None:
    text = (
        "Customer: Return the lamp, but do not refund more than $1,250.50.\nAgent: Which lamp?\n"
        "Customer: No, I meant the chair, order #A991. And that is wrong: ship it by 2026-11-30."
    )
    found = text_signals(text)
    expected = {
        "num_turns": 3, "num_corrections": 3, "num_negations": 1, "max_amount": 1250.5,
        "num_ids": 1, "num_dates": 1, "num_questions": 1,
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected
    made_up = Answer(output={"order": "A992", "note": ""}, status="repaired")
    said = answer_signals(text, made_up, others=[{"order": "A992", "note": ""}, {"order": "A991"}])
    assert said["num_unbound"] == said["num_missing"] == said["repaired"] == 1
    assert said["disagreement"] == 0.5


@pytest.mark.parametrize("session", [420], indirect=True)
def test_mine_fit_simulate_and_the_command(session: Session, tmp_path: Path) -> None:
    asking = Asking(specialist="head", stronger=("strong",), error_usd=2.0)
    mined, rules = mine_rules("mail", asking)
    assert rules.version == 1
    assert mined.num_found_on + mined.num_held_out == len(session.task.dev)
    fitted, route, _ = fit("mail", asking, max_risk=0.3)
    assert fitted is not None
    names = [summary.name for summary in fitted.summaries]
    assert names[:2] == ["cascade, expected cost", "cascade, tuned cost"]
    assert {"never escalate", "always the last stage", "oracle"} <= set(names)
    assert "certified" in fitted.notes[0] or "no threshold" in fitted.notes[0]
    assert find_route(session.store, "mail", "cascade") == route
    bounded, _, _ = fit("mail", asking, max_loss_usd=0.2)
    assert bounded is not None and bounded.notes[0].startswith("bounded: errors that stay local")
    assert bounded.trial.at(bounded.chosen.thresholds).loss_usd.mean() <= 0.2
    both = ["route", "mail", "fit", "--specialist", "head", "--stronger", "strong"]
    both += ["--max-risk", "0.1", "--max-loss-usd", "0.2"]
    with pytest.raises(ConfigError, match="cannot promise both --max-risk 0.1 and --max-loss-usd"):
        CliRunner().invoke(app, both, catch_exceptions=False)
    with pytest.raises(ConfigError, match="--max-risk is kept by a threshold on doubt"):
        fit("mail", asking, max_risk=0.1, use_doubt=False)
    arm, _ = run_route("mail", "cascade", model="fake:weak")
    assert arm.strict >= fitted.trial.stages[0].right.mean()
    worth = simulate("mail", volume_per_day=10_000, training_usd=50)
    assert worth.volumes["specialist"].per_year_usd == pytest.approx(
        365 * worth.volumes["specialist"].per_day_usd
    )
    page = tmp_path / "route.html"
    shown = CliRunner().invoke(app, ["route", "mail", "show", "--html", str(page), "--json"])
    assert shown.exit_code == 0
    assert json.loads(shown.stdout)["route_hash"] == last_fit("mail")[0]["route_hash"]
    assert "<svg" in page.read_text("utf-8")
    with pytest.raises(ConfigError, match="somebody to escalate to"):
        fit("mail", Asking(specialist="head"))


def test_the_ladder_escalates_to_the_reference_and_to_nobody_without_one(session: Session) -> None:
    assert [one.name for one in LADDER[-2:]] == ["rules", "cascade"]
    alone = situation(session, "fake:weak", 0)
    assert not cascade.RUNG.needs(alone)
    assert not cascade.RUNG.propose(alone)
    reference = replace(ORACLE, name="reference")
    behind = replace(alone, reference=reference)
    assert [need.route.name for need in cascade.RUNG.needs(behind)] == ["reference", "head"]
    (route,) = cascade.RUNG.propose(behind)
    assert [stage.name for stage in route.stages] == ["head", "reference"]
    policy = Policy.from_bytes(session.runtime.artifacts.get(route.policy))
    assert "novelty" not in policy.handovers[0].doubt.names
    assert Route.from_json(json.loads(json.dumps(route.to_json()))) == route


def fitted_by_hand(digest: str) -> dict[str, Any]:
    """A fit of two machines, in which no hosted model takes part."""
    ones, groups = [1.0] * 40, [str(i) for i in range(40)]
    stage = {"loss_usd": [0.0] * 40, "accepted": ones, "right": ones, "latency_ms": ones}
    stages = [{"name": name, "cost_usd": ones, **stage} for name in ("small", "strong")]
    no = [False] * 40
    trial = {"stages": stages, "scores": [[0.0] * 40], "forced": no, "skipped": no}
    return {
        "route_hash": digest,
        "chosen": {"thresholds": [1.0]},
        "kinds": ["machine", "machine"],
        "trial": {**trial, "groups": groups},
    }


def test_a_fit_is_found_for_its_own_task_and_priced_at_a_volume(
    tmp_path: Path,
) -> None:
    csv_file = tickets.write_csv(tmp_path / "mail.csv")
    task = init_task("mail", csv_file, input_column="text", target_columns=["label"]).task
    for name in ("mail", "mail-reply"):  # the newer one is of the other task
        run = RunDir("route", name, {})
        run.write_json("fit.json", fitted_by_hand(name))
    assert last_fit("mail")[0]["route_hash"] == "mail"
    priced = CliRunner().invoke(app, ["route", "mail", "simulate", "--json"])
    assert json.loads(priced.stdout, parse_constant=pytest.fail)["break_even_factor"] is None
    contract = task.path / "task.toml"
    text = re.sub(r"volume_per_day = \S+", "volume_per_day = 0", contract.read_text("utf-8"))
    contract.write_text(text, "utf-8")
    with pytest.raises(ConfigError, match="no requests a day"):
        simulate("mail")
