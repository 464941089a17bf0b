"""Ways in which agent frameworks corrupt what a model said, each of which must not happen here.

Each test is one row of a survey of a peer (its own words and values), named by the row's letter.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from board import INSTRUCTION, MAIL, MOVE, TOOLS, Board, example, rendered
from rung.agents.episode import Episode
from rung.agents.memory import Memory
from rung.agents.memory_records import Turn
from rung.agents.run import run_agent
from rung.agents.spec import AgentSpec
from rung.engines.base import Capabilities
from rung.engines.fake import FakeEngine
from rung.store import Store

TEXT = AgentSpec(loop="text", max_tokens=400)
ONE_SCHEMA = Capabilities(schema=True)


def on_paper(*said: str, tools: Any = TOOLS, request: Any = MOVE) -> tuple[Episode, FakeEngine]:
    """Run the text loop on scripted turns."""
    engine = FakeEngine(script=said, capabilities=Capabilities())
    world = Board(tool_list=tools)
    return run_agent(TEXT, engine, world, request, INSTRUCTION), engine


@pytest.mark.parametrize(
    "answer",
    [
        '{"name": "Alien. Or is it?", "length": 117}',  # P1: JSON with punctuation inside
        "Dear Lou, your chair left today. Shall we refund or replace it? Yours, Max",  # P2
        "Quiz\n1. Which sea borders Oman?\n2. What is 7 x 8?\n3. Who painted Guernica?",  # P3
        "See:\nAction: unplug the router\nThought: it blinks",  # P4
        'the payload {"b": [2]} went out as it is',  # P5
        "Press [CALC] → 12 and (OK)",  # P6
        "Answer: 4\nAnswer: 5",
    ],
)
def test_p_what_follows_the_marker_is_the_answer_byte_for_byte(answer: str) -> None:
    said = f"Thought: I know this.\nFinal Answer: {answer}"
    episode, _ = on_paper(said)
    assert (episode.status, episode.answer) == ("ok", answer)


@pytest.mark.parametrize(
    "text",
    [
        "To reset:\nAction: hold the button\nThought: count to ten",  # P4
        'data {"a": [1, 2]} is what we posted',  # P5
        "Type [SUM] → 9",  # P6
        '{"tool": "calc", "arguments": {}}',
        "  spaces and\nlines \n",
    ],
)
def test_p_without_tools_every_text_is_the_answer(text: str) -> None:
    episode, engine = on_paper(text, tools=())
    assert (episode.status, episode.answer) == ("ok", text)
    assert len(engine.requests) == 1


def test_t1_two_calls_of_one_turn_are_both_made_in_order() -> None:
    said = (
        '<tool_call>{"name": "cards.search", "arguments": {"query": "venue"}}</tool_call>'
        '<tool_call>{"name": "people.find", "arguments": {"name": "Bo"}}</tool_call>'
    )
    episode, engine = on_paper(said, "Final Answer: both")
    assert [call.tool for call in episode.actions] == ["cards.search", "people.find"]
    told = engine.requests[1].messages[-1].content
    assert told.index("card_903") < told.index("bo.ray@kite.io")


@pytest.mark.parametrize(
    "said",
    [
        '```json\n{"tool": "cards.search", "args": {"query": "venue"}}\n```',
        'cards.search(query="venue")',
        "{'name': 'cards.search', 'arguments': {'query': 'venue'}}",
    ],
)
def test_t2_calls_in_other_spellings_are_made_and_never_taken_for_the_answer(said: str) -> None:
    episode, _ = on_paper(said, "Final Answer: seen")
    assert [call.tool for call in episode.actions] == ["cards.search"]
    assert episode.answer == "seen"


def test_t2_a_name_that_is_nearly_right_is_asked_again_with_the_right_one() -> None:
    said = '{"tool": "cards.serach", "arguments": {"query": "venue"}}'
    episode, engine = on_paper(said, "Final Answer: gone")
    assert not episode.calls
    assert "did you mean 'cards.search'?" in engine.requests[1].messages[-1].content


def test_s1_a_schema_server_gets_one_request_a_step_and_each_has_the_schema() -> None:
    said = ['{"tool": "people.find", "arguments": {"name": "Bo"}}',
            '{"tool": "finish", "arguments": {"answer": "ok"}}']  # fmt: skip
    engine = FakeEngine(script=said, capabilities=ONE_SCHEMA)
    episode = run_agent(AgentSpec(), engine, Board(), MAIL, INSTRUCTION)
    assert (episode.status, len(engine.requests)) == ("ok", 2)
    for request in engine.requests:
        assert request.schema is not None
        assert request.schema["type"] == "object"
        assert request.schema["properties"]["tool"]["enum"][0] == "people.find"


def test_s2_a_value_outside_the_schema_is_asked_again_with_the_value_and_the_rule() -> None:
    wrong = {"tool": "cards.move", "arguments": {"card_id": "card_903", "list": "urgent"}}
    right = {**wrong, "arguments": {**wrong["arguments"], "list": "done"}}
    script = [
        '{"tool": "cards.search", "arguments": {"query": "venue"}}',
        json.dumps(wrong),
        json.dumps(right),
        '{"tool": "finish", "arguments": {"answer": "ok"}}',
    ]
    engine = FakeEngine(script=script, capabilities=ONE_SCHEMA)
    episode = run_agent(AgentSpec(), engine, Board(), MOVE, INSTRUCTION)
    shown, told = engine.requests[2].messages[-2:]
    assert shown.content == json.dumps(wrong)
    assert "'urgent' is not one of ['todo', 'doing', 'done']" in told.content
    assert (episode.status, len(engine.requests)) == ("ok", 4)


@pytest.mark.parametrize(
    "request_text",
    [
        "Extract street and town and code from: 5 Elm Lane, Ely, CB7",  # R1
        "Sort this mail: 'it broke. And nobody answers! Why?' Is it repair or sales?",  # R2
    ],
)
def test_r_a_request_goes_to_the_model_whole_and_once(request_text: str) -> None:
    episode, engine = on_paper("done", tools=(), request=example(request_text))
    assert len(engine.requests) == 1
    assert engine.requests[0].messages[-1].content == request_text
    assert episode.answer == "done"


def test_d1_the_temperature_stays_zero_however_often_a_turn_is_empty() -> None:
    episode, engine = on_paper("", "", "Final Answer: here")
    assert (episode.status, episode.answer) == ("ok", "here")
    assert [request.temperature for request in engine.requests] == [0.0, 0.0, 0.0]
    assert len({request.seed for request in engine.requests}) == 1


def test_m1_what_one_conversation_stated_another_recalls() -> None:
    store = Store()
    first = Memory(store, task="board", owner="kim", conversation="a")
    first.observe(Turn(number=0, role="user", text="My favourite room is Baltic."))
    second = Memory(store, task="board", owner="kim", conversation="b")
    engine = FakeEngine(script=["Final Answer: Baltic"], capabilities=Capabilities())
    request = example("Which room is my favourite?")
    spec = AgentSpec(loop="text", memory=True)
    run_agent(spec, engine, Board(), request, INSTRUCTION, memory=second)
    assert "Baltic" in engine.requests[0].messages[-1].content
    store.close()


def test_c1_indentation_in_a_request_is_kept() -> None:
    code = "Explain:\n\ndef area(r):\n    if r:\n\t\treturn 3.14 * r\n    return 0"
    _, engine = on_paper("it multiplies", tools=(), request=example(code))
    assert engine.requests[0].messages[-1].content == code


def test_g1_the_models_own_chat_template_is_used() -> None:
    _, engine = on_paper("Final Answer: x")
    assert engine.requests[0].prompt == ""
    assert [message.role for message in engine.requests[0].messages] == ["system", "user"]


def test_n1_there_are_no_hidden_requests() -> None:
    engine = FakeEngine(script=[], capabilities=ONE_SCHEMA)
    world = Board()
    rendered(AgentSpec(), world, MOVE, world.oracle(MOVE))
    assert engine.requests == []
    episode, asked = on_paper("Final Answer: x")
    assert len(asked.requests) == len(episode.steps) == 1
