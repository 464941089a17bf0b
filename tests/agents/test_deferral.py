"""A step in doubt hands the request to a person before it is done; what was done stays."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pytest

from board import INSTRUCTION, MOVE, Board, step
from rung.agents.episode import Episode
from rung.agents.run import run_agent
from rung.agents.speak import Reply
from rung.agents.spec import AgentSpec
from rung.agents.step_doubt import improbable
from rung.engines.base import Capabilities, Request
from rung.engines.fake import FakeEngine
from rung.worlds.world import Call

FIND = step("cards.search", query="venue")
MOVED = step("cards.move", card_id="card_903", list="doing")
END = step("finish", answer="ok")
TOOLS = ("cards.search", "cards.move", "finish")


def said(request: Request) -> str:
    turn = sum(message.role == "assistant" for message in request.messages)
    if len(request.choices) > 3:
        return next(text for text in request.choices if f'"{TOOLS[turn]}"' in text)
    if request.choices:
        return next((one for one in request.choices if "doing" in one), request.choices[0])
    return {0: 'venue"', 1: 'card_903"', 2: 'ok"'}[turn]


def sure(shares: Sequence[float]) -> Callable[[Request], list[float]]:
    """Give the wanted tool of the n-th turn the n-th share, and every other choice nearly all."""

    def scores(request: Request) -> list[float]:
        turn = sum(message.role == "assistant" for message in request.messages)
        wanted = request.choices.index(said(request))
        share = shares[turn] if len(request.choices) > 3 else 0.99
        each = (1 - share) / max(len(request.choices) - 1, 1)
        return [math.log(share if i == wanted else each) for i in range(len(request.choices))]

    return scores


def play(spec: AgentSpec, *shares: float) -> Episode:
    engine = FakeEngine(script=said, choice_scores=sure(shares))
    return run_agent(spec, engine, Board(), MOVE, INSTRUCTION)


def test_a_write_in_doubt_is_not_made() -> None:
    episode = play(AgentSpec(min_p=0.5), 0.9, 0.4, 0.9)
    assert (episode.status, episode.stop) == ("abstained", "abstained")
    assert episode.reason == "in doubt: cards.move at p 0.40"
    assert [call.tool for call in episode.calls] == ["cards.search"]
    assert not Board().score(MOVE, episode.calls).side_effects
    last = episode.steps[-1]
    assert (last.result, last.blocked, last.p) == (None, episode.reason, pytest.approx(0.4))
    assert episode.usage == sum((one.usage for one in episode.steps[1:]), episode.steps[0].usage)


@pytest.mark.parametrize(("shares", "num_calls"), [((0.4, 0.9, 0.9), 0), ((0.9, 0.9, 0.4), 2)])
def test_any_step_counts_a_look_up_and_the_end_too(
    shares: tuple[float, ...], num_calls: int
) -> None:
    episode = play(AgentSpec(min_p=0.5), *shares)
    assert episode.status == "abstained"
    assert len(episode.actions) == num_calls


@pytest.mark.parametrize(
    "spec",
    [AgentSpec(), AgentSpec(min_p=0.4), AgentSpec(min_p=0.5, max_escalated=0, loop="text")],
    ids=["off", "at the threshold", "blank page"],
)
def test_else_the_work_is_done(spec: AgentSpec) -> None:
    if spec.loop == "text":  # no probabilities there, so nothing is in doubt
        engine = FakeEngine(script=[FIND, MOVED, END], capabilities=Capabilities())
        episode = run_agent(spec, engine, Board(), MOVE, INSTRUCTION)
    else:
        episode = play(spec, 0.9, 0.41, 0.9)
    assert episode.status == "ok"
    assert Board().score(MOVE, episode.calls).strict


def test_its_own_wish_to_hand_over_keeps_its_reason() -> None:
    reason = "two cards fit"

    def hand_over(request: Request) -> str:
        found = [text for text in request.choices if '"abstain"' in text]
        return found[0] if found else f'{reason}"'

    def unsure(request: Request) -> list[float]:
        return [math.log(0.4 if '"abstain"' in text else 0.1) for text in request.choices]

    engine = FakeEngine(script=hand_over, choice_scores=unsure)
    episode = run_agent(AgentSpec(min_p=0.5), engine, Board(), MOVE, INSTRUCTION)
    assert episode.status == "abstained"
    assert episode.reason == reason


def test_one_half_is_no_doubt_and_neither_is_what_is_not_known() -> None:
    calls = (Call(tool="cards.move", arguments={}),)
    spec = AgentSpec(min_p=0.5)
    assert improbable(Reply(said="", calls=calls, p=0.5), spec) == ""
    assert improbable(Reply(said="", calls=calls), spec) == ""
    assert improbable(Reply(said="", calls=calls, p=0.49), spec) == "cards.move at p 0.49"
