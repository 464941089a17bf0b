"""After a repetition the form goes on without that tool; nothing else is taken away."""

from __future__ import annotations

import pytest

from board import INSTRUCTION, MOVE, Board, step
from rung.agents.actions import ABSTAIN, FINISH
from rung.agents.episode import Episode
from rung.agents.run import run_agent
from rung.agents.spec import AgentSpec
from rung.engines.base import Capabilities
from rung.engines.fake import FakeEngine

SEARCH = step("cards.search", query="summit")
SAID = [SEARCH, SEARCH, step("cards.search", query="venue"), step(FINISH, answer="Done.")]


def offers(spec: AgentSpec, said: list[str]) -> tuple[list[list[str]], Episode]:
    engine = FakeEngine(script=said, capabilities=Capabilities(schema=True))
    episode = run_agent(spec, engine, Board(), MOVE, INSTRUCTION)
    schemas = [request.schema for request in engine.requests if request.schema is not None]
    return [schema["properties"]["tool"]["enum"] for schema in schemas], episode


def test_the_step_after_a_repetition_goes_without_that_tool() -> None:
    again = [SEARCH, SEARCH, step("people.find", name="Bo"), *SAID[2:]]
    offered, episode = offers(AgentSpec(barred=True), again)
    assert ["cards.search" in names for names in offered] == [True, True, False, True, True]
    every, without = set(offered[0]), set(offered[2])
    assert every - without == {"cards.search"}
    assert {FINISH, ABSTAIN} <= without
    assert [one.blocked for one in episode.steps] == ["", "repeated", "", "", ""]


def test_off_by_default_and_without_a_form() -> None:
    offered, episode = offers(AgentSpec(), SAID)
    assert all("cards.search" in names for names in offered)
    assert "venue" in str(episode.calls)
    engine = FakeEngine(script=SAID)
    run_agent(AgentSpec(loop="text", barred=True), engine, Board(), MOVE, INSTRUCTION)
    assert len(engine.requests) == 4


@pytest.mark.parametrize("other", ["guards", "recovery"])
def test_with_other_switches_off(other: str) -> None:
    offered, _ = offers(AgentSpec(barred=True, **{other: False}), SAID)
    assert ("cards.search" in offered[2]) is (other == "recovery")


def test_a_spec_of_before_keeps_its_hash() -> None:
    assert "barred" not in AgentSpec().to_json()
    assert AgentSpec.from_json(AgentSpec(barred=True).to_json()).barred
