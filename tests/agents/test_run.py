"""The loop: it ends, within its limits, whatever the model says; and it keeps nothing."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest

from board import INSTRUCTION, MAIL, MOVE, TOOLS, Board, example, rendered, step, text, tool
from rung.agents.actions import ABSTAIN, finish
from rung.agents.episode import Episode
from rung.agents.rendering import render_steps
from rung.agents.run import run_agent
from rung.agents.spec import AgentSpec
from rung.core.errors import EngineError, TaskError
from rung.engines.base import Capabilities, Request
from rung.engines.fake import FakeEngine
from rung.worlds.world import Call, Result

SCHEMA = Capabilities(schema=True)


def play(
    *said: Any,
    spec: AgentSpec | None = None,
    world: Board | None = None,
    request: Any = MOVE,
    **more: Any,
) -> tuple[Episode, FakeEngine]:
    engine = FakeEngine(script=said, capabilities=SCHEMA)
    world = world or Board()
    return run_agent(spec or AgentSpec(), engine, world, request, INSTRUCTION, **more), engine


@pytest.mark.parametrize("loop", ["form", "text"])
@pytest.mark.parametrize("request_", [MOVE, MAIL], ids=["move", "mail"])
@pytest.mark.parametrize("num_shots", [0, 1])
def test_the_oracle_played_live_is_rendered_byte_for_byte(
    loop: Any, request_: Any, num_shots: int
) -> None:
    world, spec = Board(), AgentSpec(loop=loop, num_shots=num_shots)
    shots = [MAIL, MOVE]
    how: Any = {"instruction": INSTRUCTION, "shots": shots}
    messages = rendered(spec, world, request_, world.oracle(request_), **how)
    steps = list(render_steps(spec, world, request_, world.oracle(request_), **how))
    episode, engine = play(
        *(said.content for _, said in steps), spec=spec, request=request_, shots=shots
    )
    assert episode.status == "ok"
    assert world.score(request_, episode.calls).strict
    assert episode.actions == tuple(world.oracle(request_))
    assert [request.messages for request in engine.requests] == [shown for shown, _ in steps]
    assert (*engine.requests[-1].messages, messages[-1]) == messages


def test_a_model_that_has_learnt_its_tools_is_told_the_brief_alone() -> None:
    spec = AgentSpec(tools="none")
    steps = list(render_steps(spec, Board(), MOVE, Board().oracle(MOVE), instruction=INSTRUCTION))
    episode, engine = play(*(said.content for _, said in steps), spec=spec)
    assert episode.status == "ok"
    assert engine.requests[0].messages[0].content == Board().brief(MOVE)
    assert [request.messages for request in engine.requests] == [shown for shown, _ in steps]


def test_shots_are_the_nearest_ones_as_earlier_turns_with_their_results() -> None:
    world, spec = Board(), AgentSpec(num_shots=1)
    messages = rendered(spec, world, MOVE, [], shots=[MOVE, MAIL])
    assert [m.role for m in messages] == ["system", "user", *["assistant", "user"] * 2,
                                          "assistant", "user", "assistant"]  # fmt: skip
    assert messages[1].content == MAIL.input
    assert messages[3].content == "name: Bo Ray; email: bo.ray@kite.io"
    alone = rendered(AgentSpec(), world, MAIL, world.oracle(MAIL))
    assert messages[1:7] == alone[1:]


def test_another_brief_of_a_shot_is_said_in_its_request() -> None:
    class Dated(Board):
        def brief(self, example: Any) -> str:
            return f"Today is day {len(example.input)}."

    spec = AgentSpec(num_shots=1)
    messages = rendered(spec, Dated(), MOVE, [], shots=[MAIL])
    assert messages[0].content.endswith(f"Today is day {len(MOVE.input)}.")
    assert messages[1].content == f"Today is day {len(MAIL.input)}.\n\n{MAIL.input}"
    assert messages[-2].content == MOVE.input


def test_the_choice_of_the_tool_is_kept_for_each_step() -> None:
    def script(request: Request) -> str:
        tools = [text for text in request.choices if '"finish"' in text]
        return tools[0] if tools else 'all done"'

    engine = FakeEngine(script=script)
    episode = run_agent(AgentSpec(), engine, Board(), MOVE, INSTRUCTION)
    (only,) = episode.steps
    assert only.choice is not None
    assert only.choice.p == pytest.approx(0.9)
    assert set(only.choice.probabilities) == {tool.name for tool in TOOLS} | {"finish", "abstain"}
    assert episode.answer == "all done"
    assert Episode.from_json(json.loads(json.dumps(episode.to_json()))) == episode


def test_an_agent_may_abstain_where_that_is_allowed() -> None:
    episode, _ = play(step("abstain", reason="two people are called Sam"))
    assert (episode.status, episode.reason) == ("abstained", "two people are called Sam")
    spec = AgentSpec(abstain=False)
    episode, engine = play(*[step("abstain", reason="no")] * 3, spec=spec)
    assert (episode.status, episode.stop) == ("failed", "malformed")
    assert ABSTAIN not in engine.requests[0].messages[0].content


def test_steps_are_limited() -> None:
    said = [step("cards.search", query=str(i)) for i in range(9)]
    episode, engine = play(*said, spec=AgentSpec(max_steps=4))
    assert (episode.status, episode.stop) == ("failed", "truncated")
    assert episode.reason == "no end after 4 steps"
    assert len(engine.requests) == len(episode.steps) == 4


def test_generated_tokens_are_limited() -> None:
    said = [step("cards.search", query=str(i)) for i in range(9)]
    episode, engine = play(*said, spec=AgentSpec(max_output_tokens=40))
    assert (episode.status, episode.stop) == ("failed", "truncated")
    assert len(engine.requests) < 9
    assert episode.usage.output_tokens >= 40


def test_a_turn_that_is_cut_is_asked_again_and_never_acted_upon() -> None:
    spec = AgentSpec(loop="text", max_tokens=12)
    long = "Final Answer: " + "word " * 30
    episode, engine = play(long, "Final Answer: short", spec=spec)
    assert episode.answer == "short"
    assert "cut at 12 tokens" in engine.requests[1].messages[-1].content


def test_a_whole_call_in_a_turn_that_is_cut_behind_it_is_made() -> None:
    spec = AgentSpec(loop="text", max_tokens=30)
    said = step("cards.search", query="venue") + "\nand then " * 30
    episode, _ = play(said, "Final Answer: ok", spec=spec)
    assert [call.tool for call in episode.actions] == ["cards.search"]


def test_prose_before_anything_was_done_is_asked_again_once() -> None:
    spec = AgentSpec(loop="text")
    episode, engine = play("I will look it up.", "I have moved it.", spec=spec)
    assert (episode.status, episode.answer) == ("ok", "I have moved it.")
    assert "calls no tool" in engine.requests[1].messages[-1].content
    raw = AgentSpec(loop="text", recovery=False)
    episode, _ = play("I will look it up.", spec=raw)
    assert episode.answer == "I will look it up."


@pytest.mark.parametrize("loop", ["form", "text"])
def test_long_results_are_shortened_live_as_they_are_rendered(loop: Any) -> None:
    """The history outgrows its budget, and a tool fails once, in both in the same way."""
    many = [{"card_id": f"card_{i:03}", "title": f"Summit talk {i}"} for i in range(60)]

    def long(number: int, call: Call) -> Result | None:
        if number == 3:
            return Result(error="timed out", fault="tool")
        return Result(value=many) if call.tool == "cards.search" else None

    calls = [Call(tool="cards.search", arguments={"query": str(i)}) for i in range(6)]
    request, spec = example("Count the talks.", *calls), AgentSpec(loop=loop, history_tokens=300)
    world = Board(fail=long)
    steps = list(render_steps(spec, world, request, calls, instruction=INSTRUCTION))
    said = [message.content for _, message in steps]
    _, engine = play(*said, spec=spec, world=world, request=request)
    assert [request.messages for request in engine.requests] == [shown for shown, _ in steps]
    assert any("characters more)" in m.content for m in engine.requests[-1].messages)
    assert any("more not shown)" in m.content for m in engine.requests[-1].messages)


@pytest.mark.parametrize("loop", ["form", "text"])
def test_what_was_not_found_is_told_in_the_order_of_the_form(loop: Any) -> None:
    look = tool("cards.filter", "Find cards.", title=text(), owner=text(), list=text())
    calls = [Call(tool=look.name, arguments={"list": "done", "owner": "Bo", "title": "x"})]
    spec, request = AgentSpec(loop=loop), example("Is it done?", *calls)
    world = Board(tool_list=(look,), fail=lambda number, call: Result(value=[]))
    steps = list(render_steps(spec, world, request, calls, instruction=INSTRUCTION))
    said = [message.content for _, message in steps]
    _, engine = play(*said, spec=spec, world=world, request=request)
    assert [request.messages for request in engine.requests] == [shown for shown, _ in steps]
    told = engine.requests[1].messages[-1].content
    assert "Nothing found for title 'x', owner 'Bo', list 'done'." in told


def test_the_end_in_a_turn_counts_only_when_all_before_it_went_well() -> None:
    good = step("cards.search", query="venue") + step("finish", answer="seen")
    episode, _ = play(good, spec=AgentSpec(loop="text"))
    assert (episode.status, episode.answer) == ("ok", "seen")
    bad = step("cards.get", card_id="card_000") + step("finish", answer="seen")
    episode, engine = play(bad, "Final Answer: no such card", spec=AgentSpec(loop="text"))
    assert episode.answer == "no such card"
    assert len(engine.requests) == 2


def test_a_request_that_does_not_fit_fails_and_an_outage_is_raised() -> None:
    error = EngineError("the request needs 9000 tokens", of_input=True)
    episode, _ = play(error)
    assert (episode.status, episode.stop) == ("failed", "truncated")
    assert "9000 tokens" in episode.reason
    with pytest.raises(EngineError, match="gone"):
        play(EngineError("gone", retryable=True))


RUBBISH = [
    "",
    "{",
    "null",
    "[]",
    "\x00",
    "{" * 500,
    '{"tool": 3}',
    '{"tool": "cards.move"}',
    '{"tool": "mail.send", "arguments": {"to": ["a"], "subject": {}, "body": 1e999}}',
    '{"tool": "cards.get", "arguments": "card_901"}',
    "Action:",
    "Final Answer:",
]


@pytest.mark.parametrize("loop", ["form", "text"])
@pytest.mark.parametrize("said", RUBBISH)
def test_a_wrong_output_is_never_an_exception(loop: Any, said: str) -> None:
    engine = FakeEngine(script=lambda request: said, capabilities=SCHEMA)
    spec = AgentSpec(loop=loop, max_steps=5)
    episode = run_agent(spec, engine, Board(), MOVE, INSTRUCTION)
    assert episode.status in ("ok", "failed", "abstained")
    assert len(engine.requests) <= 5


def test_random_bytes_fill_valid_steps_and_end_within_the_limits() -> None:
    pytest.importorskip("llguidance", reason="pip install 'rung[local]'")
    from rung.engines.bytes import ByteEngine, random_speech

    for seed in range(8):
        engine = ByteEngine(random_speech(seed))
        spec = AgentSpec(max_steps=6, max_tokens=40)
        episode = run_agent(spec, engine, Board(), MOVE, INSTRUCTION)
        assert len(episode.steps) <= 6
        assert all(step.call is not None or step.blocked for step in episode.steps)
        assert engine.open_branches == []


def test_two_conversations_at_once_share_nothing() -> None:
    """Each is told its own ids, and each writes only its own card."""
    gate = threading.Barrier(2, timeout=20)

    def script(request: Request) -> str:
        asked = next(m.content for m in request.messages if m.role == "user")
        turn = sum(m.role == "assistant" for m in request.messages)
        if turn < 2:
            gate.wait()
        name = asked.split()[-1]
        if turn == 0:
            return step("cards.search", query=name)
        if turn == 1:
            card = {"venue": "card_903", "Price": "card_917"}[name]
            assert card in request.messages[-1].content
            return step("cards.move", card_id=card, list="done")
        return step("finish", answer=name)

    engine, world, spec = FakeEngine(script=script, capabilities=SCHEMA), Board(), AgentSpec()

    def work(name: str) -> Episode:
        return run_agent(spec, engine, world, example(f"Close {name}", id=name), INSTRUCTION)

    with ThreadPoolExecutor(2) as pool:
        one, two = pool.map(work, ["venue", "Price"])
    assert (one.answer, two.answer) == ("venue", "Price")
    assert {call.arguments["card_id"] for call in one.calls if "card_id" in call.arguments} == {
        "card_903"
    }
    assert world.start(MOVE).state["cards"][1]["list"] == "todo"


def test_a_failing_call_and_a_made_one_in_a_turn_are_told_apart() -> None:
    said = step("cards.get", card_id="card_000") + step("people.find", name="Bo")
    _, engine = play(said, "Final Answer: ok", spec=AgentSpec(loop="text"))
    told = engine.requests[1].messages[-1].content
    assert "cards.get: cards.get failed: there is no card 'card_000'." in told
    assert "people.find: name: Bo Ray" in told


def test_the_output_is_the_tasks_answer() -> None:
    episode, _ = play(step("people.find", name="Bo"), step("finish", answer="Bo Ray"))
    assert episode.output == {
        "calls": [{"tool": "people.find", "arguments": {"name": "Bo"}}],
        "answer": "Bo Ray",
    }
    assert finish("Bo Ray").to_json() == {"tool": "finish", "arguments": {"answer": "Bo Ray"}}


def test_result_and_call_records_round_trip_in_a_failed_episode() -> None:
    world = Board(fail=lambda number, call: Result(error="down", fault="tool"))
    episode, _ = play(*[step("people.find", name=str(i)) for i in range(3)],
                      spec=AgentSpec(max_steps=3), world=world)  # fmt: skip
    assert Episode.from_json(json.loads(json.dumps(episode.to_json()))) == episode
    assert episode.calls[0] == Call(tool="people.find", arguments={"name": "0"})


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Result(value={"due": date(2026, 3, 4)}), "cards.search with what is no JSON: .* date"),
        (Result(value={"cards": {"a", "b"}}), "Object of type set"),
        ("a card", "the world answered cards.search with 'a card'"),
    ],
)
def test_a_world_that_answers_with_no_json_is_named(answer: Any, message: str) -> None:
    world = Board(fail=lambda number, call: answer)
    with pytest.raises(TaskError, match=message):
        play(step("cards.search", query="venue"), step("finish", answer="ok"), world=world)


def raising(error: BaseException) -> Board:
    def fail(number: int, call: Call) -> Result:
        raise error

    return Board(fail=fail)


@pytest.mark.parametrize("error", [ValueError("no such shelf"), SystemExit(3)])
def test_a_world_that_raises_is_named_with_the_line(error: BaseException) -> None:
    message = rf"line \d+: the tool cards.search raised {type(error).__name__}: {error}"
    with pytest.raises(TaskError, match=message):
        play(step("cards.search", query="venue"), world=raising(error))


def test_a_connection_that_a_world_loses_is_an_outage() -> None:
    steps = [step("cards.search", query="venue"), step("finish", answer="ok")]
    outage = Result(error="cards.search: the line is dead", fault="tool")
    told, engine = play(*steps, world=Board(fail=lambda number, call: outage))
    raised, other = play(*steps, world=raising(ConnectionError("the line is dead")))
    assert raised.steps[0].result == told.steps[0].result == outage
    assert raised.steps[0].num_tries == told.steps[0].num_tries == 3
    assert [one.messages for one in other.requests] == [one.messages for one in engine.requests]
