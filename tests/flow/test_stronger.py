"""An agent that asks the reference: climbed beside the agent alone, priced apart, kept local."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from flow.test_agents import Office

import rung
from rung.agents.spec import AgentSpec
from rung.core.config import home
from rung.core.errors import ConfigError, RungError
from rung.core.records import Row
from rung.engines.base import Capabilities, Request
from rung.engines.fake import FakeEngine
from rung.flow import session
from rung.flow.session import open_session, situation
from rung.gate.rows import read_rows
from rung.ladder import stronger
from rung.ladder.plan import select_rungs
from rung.ladder.rung import Situation
from rung.routes.answer import answer
from rung.routes.escalation.step_threshold import UNFITTED
from rung.routes.route import Route, models_of
from rung.routes.runtime import Answer
from rung.tasks.holdout import read_holdout
from rung.tasks.task import Example, Task
from rung.worlds.catalog import make_bundled
from rung.worlds.operations import Operations

STRONG = "http:strong"
ENDPOINT = """
[engines.strong]
base_url = "https://models.example/v1"
model = "m"
server = "openai"
price = "frontier"
"""
OUTLINE = json.dumps({"steps": [{"tool": "documents.find", "intent": "look first"}]})


class Clerk(Office):
    """Does as the oracle does, but has nothing to say at the first write of a request."""

    def __init__(self, examples: Iterable[Example]) -> None:
        super().__init__(examples)
        tools = (tool for one in self._examples for tool in Operations().tools(one))
        self._writes = {tool.name for tool in tools if tool.writes}

    def __call__(self, request: Request) -> str:
        said = super().__call__(request)
        before = [m.content for m in request.messages if m.role == "assistant"]
        writes = [text for text in (*before, said) if self._is_write(text)]
        return "I am not sure." if writes and writes[0] is said else said

    def _is_write(self, text: str) -> bool:
        return any(f'"tool": "{name}"' in text for name in self._writes) or "not sure" in text


class Manager(Office):
    """Does as the oracle does, and outlines when it is asked to."""

    def __call__(self, request: Request) -> str:
        if "outline it" in request.messages[0].content:
            return OUTLINE
        return super().__call__(request)


@pytest.fixture
def office(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the task, and the engines that were opened by name."""
    task = make_bundled("operations", "ops", num_train=14, num_dev=12, num_holdout=12)
    examples = (*task.train, *task.dev, *read_holdout(task))
    opened: dict[str, FakeEngine] = {}

    def open_fake(name: str, told: Any = None) -> FakeEngine:
        model = (Manager if name == STRONG else Clerk)(examples)
        opened[name] = FakeEngine(name, script=model, capabilities=Capabilities(schema=True))
        return opened[name]

    monkeypatch.setattr(session, "open_engine", open_fake)
    home().mkdir(parents=True, exist_ok=True)
    (home() / "engines.toml").write_text(ENDPOINT, "utf-8")
    return task, opened


def climbed(*rungs: str, reference: str = STRONG) -> rung.Climb:
    options = rung.Options(
        models=("fake:clerk",), reference=reference, rungs=rungs, limit=12, budget_usd=50.0
    )
    return rung.climb("ops", options)


def test_a_climb_measures_escalated_steps_beside_the_agent_alone(office: Any) -> None:
    task, _ = office
    writes = {one.id for one in task.dev if one.target["calls"]}
    climb = climbed("recovery", "escalation", "outline")
    dev = {arm.route: arm for arm in climb.arms if arm.split == "dev" and arm.kind == "rung"}
    assert list(dev) == ["agent", "agent+escalation", "agent+outline"]
    assert dev["agent"].strict == dev["agent+outline"].strict < 0.5
    assert dev["agent+escalation"].strict == 1.0
    rows = dev["agent+escalation"].rows
    assert {row.example for row in rows if row.status == "escalated"} == writes
    assert {row.example for row in rows if "not readable" in str(row.error)} == writes
    holdout = {arm.route: arm for arm in climb.arms if arm.split == "holdout"}
    ours, theirs = holdout["agent+escalation"], holdout["reference"]
    assert ours.strict == theirs.strict == 1.0
    assert ours.cost_usd < 0.6 * theirs.cost_usd
    assert climb.incumbent == "reference"
    lines = [line for line in climb.answered if "asking the reference" in line.question]
    assert [line.question for line in lines] == [
        "Did asking the reference for steps in doubt help?",
        "Did asking the reference for an outline help?",
    ]
    assert "the reference's, against" in lines[0].result
    _check_money(dev["agent+outline"].rows)
    _check_money(tuple(row for row in rows if row.example in writes))
    assert all(row.spent_usd == {} for row in rows if row.example not in writes)


def _check_money(rows: tuple[Row, ...]) -> None:
    for row in rows:
        assert set(row.spent_usd) == {"fake:clerk", STRONG}
        assert row.spent_usd[STRONG] > 0
        assert sum(row.spent_usd.values()) == pytest.approx(row.cost_usd)


def test_an_escalating_route_asks_the_stronger_model_once_a_request(office: Any) -> None:
    task, opened = office
    with open_session("ops") as opened_session:
        route = _route(opened_session)
        writes = [one for one in task.dev if one.target["calls"]]
        found = [answer(route, opened_session.runtime, one) for one in writes]
    assert len(opened[STRONG].requests) == len(writes)
    assert len(opened["fake:clerk"].requests) > 2 * len(writes)
    for one in found:
        own, theirs = one.spent
        assert (own.model, theirs.model) == ("fake:clerk", STRONG)
        assert own.usage + theirs.usage == one.usage
        assert own.latency_ms + theirs.latency_ms == pytest.approx(one.latency_ms)
        assert Answer.from_json(json.loads(json.dumps(one.to_json()))) == one
    assert list(models_of(route)) == ["fake:clerk", STRONG]


def test_what_each_model_cost_survives_a_results_file(office: Any) -> None:
    climb = climbed("escalation")
    (file,) = home().glob("runs/**/dev-agent+escalation.jsonl")
    (arm,) = (one for one in climb.arms if one.route == "agent+escalation" and one.split == "dev")
    assert {row.example: row.spent_usd for row in read_rows(file)} == {
        row.example: row.spent_usd for row in arm.rows
    }


def test_without_a_reference_nothing_is_escalated(office: Any) -> None:
    with pytest.raises(RungError, match="no rung of escalation fits") as refused:
        climbed("escalation", reference="")
    assert "--reference" in refused.value.hint
    with open_session("ops") as opened:
        small = situation(opened, "fake:clerk", 0)
        beside = replace(small, reference=small.route(name="r", rung="r", output="agent"))
        rungs = select_rungs(("escalation", "outline"), in_world=True)
        assert [one.propose(small) for one in rungs] == [(), ()]
        assert [one.propose(beside) for one in rungs] == [(), ()]  # the same model


@pytest.mark.parametrize("switches", [{"max_escalated": 3}, {"outline": True}])
def test_a_task_that_stays_here_asks_no_stronger_model_elsewhere(
    office: Any, switches: dict[str, Any]
) -> None:
    task, opened = office
    path = task.path / "task.toml"
    path.write_text("local_only = true\n" + path.read_text("utf-8"), "utf-8")
    with open_session("ops") as opened_session:
        route = _route(opened_session, **switches)
        with pytest.raises(ConfigError, match="local_only, and http:strong is not on this machine"):
            answer(route, opened_session.runtime, task.dev[0])
    assert "fake:clerk" not in opened or opened["fake:clerk"].requests == []
    with pytest.raises(ConfigError, match="local_only"):
        climbed("escalation")


def test_the_model_that_is_asked_is_part_of_the_route(office: Any) -> None:
    with open_session("ops") as opened:
        route = _route(opened)
    assert Route.from_json(json.loads(json.dumps(route.to_json()))) == route
    assert replace(route, stronger="http:other").hash != route.hash
    assert replace(route, agent=AgentSpec(max_escalated=2)).hash != route.hash


def test_routes_without_a_stronger_model_keep_the_hash_they_always_had(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rung.routes.route.AGENT_VERSION", 1)
    monkeypatch.setattr("rung.routes.route.ROUTE_VERSION", 4)
    agent = Route(name="x", rung="r", output="agent", model="m", agent=AgentSpec(num_shots=2),
                  train_hash="t")  # fmt: skip
    drawn = AgentSpec(loop="native", temperature=0.5)
    other = Route(name="y", rung="q", output="agent", model="n", agent=drawn)
    both = Route(name="x", rung="cascade", output="cascade", stages=(agent, other), policy="p")
    assert agent.hash == "08d7b95d88a6759842d29fd10b4130b558ad12bb2e87446c9c0aca78a183b69a"
    assert both.hash == "638510c6a45159904f2de305ccd0d39cceebb191893c2eb5d1f76db7961ceaff"


def _route(opened: session.Session, **switches: Any) -> Route:
    small = situation(opened, "fake:clerk", 0)
    agent = AgentSpec(**(switches or {"max_escalated": 3}))
    return small.route(name="x", rung="x", output="agent", agent=agent, stronger=STRONG)


# the fit


def _situation(task: Task, answers: Any) -> tuple[Situation, Route]:
    with open_session("ops") as opened:
        small = situation(opened, "fake:clerk", 0)
    scored = Capabilities(schema=True, choice_logprobs=True)
    small = replace(small, capabilities=scored, answers=answers)
    reference = small.route(name="reference", rung="reference", output="agent", model=STRONG)
    alone = small.route(name="agent", rung="recovery", output="agent", agent=AgentSpec())
    return replace(small, reference=reference), alone


def test_the_threshold_is_fitted_on_the_agents_own_train_answers(office: Any) -> None:
    task, _ = office
    asked: list[str] = []
    wrong = {one.id for one in task.train[:4]}

    def answers(route: Route, examples: list[Example]) -> list[Answer]:
        asked.append(route.name)
        assert {one.id for one in examples} <= {one.id for one in task.train}
        return [_answered(one, wrong) for one in examples]

    small, alone = _situation(task, answers)
    needs = stronger.needs(small, alone)
    assert [(need.route.name, need.num_examples) for need in needs] == [
        ("agent", 14), ("agent+escalation", 0),
    ]  # fmt: skip
    (route,) = stronger.escalated(small, alone)
    assert asked == ["agent"]
    assert route.agent is not None
    assert route.agent.min_p == pytest.approx(0.65)  # between .4 of the wrong and .9 of the right
    assert route.agent.max_escalated == stronger.MAX_ESCALATED
    few = replace(small, task=replace(task, train=task.train[:5]))
    assert stronger.needs(few, alone) == ()
    (unfitted,) = stronger.escalated(few, alone)
    assert unfitted.agent is not None and unfitted.agent.min_p == UNFITTED


def _answered(example: Example, wrong: set[str]) -> Answer:
    calls = [] if example.id in wrong else [c.to_json() for c in Operations().oracle(example)]
    low = 0.4 if example.id in wrong else 0.9
    return Answer(output={"calls": calls, "answer": ""}, status="ok", step_p=(0.95, low))
