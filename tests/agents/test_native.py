"""The server's own tool calls, over the real wire to a loopback server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from board import INSTRUCTION, MOVE, Board, rendered, step
from openai_server import OpenAIServer, Reply, chat
from rung.agents.episode import Episode
from rung.agents.rendering import render_steps
from rung.agents.run import MAX_CALLS, run_agent
from rung.agents.spec import AgentSpec
from rung.core.records import Message
from rung.engines.base import Capabilities
from rung.engines.endpoints import Endpoint
from rung.engines.fake import FakeEngine
from rung.engines.http import HttpEngine

SPEC = AgentSpec(loop="native")


@pytest.fixture(scope="module")
def server() -> Iterator[OpenAIServer]:
    running = OpenAIServer()
    yield running
    running.stop()


def calling(*calls: str, text: str = "") -> Reply:
    """Return an answer that calls tools, each given as a step."""
    listed = []
    for i, call in enumerate(calls):
        read = json.loads(call)
        function = {
            "name": read["tool"].replace(".", "__"),
            "arguments": json.dumps(read["arguments"]),
        }
        listed.append({"id": f"x{i}", "type": "function", "function": function})
    answer = chat(text)
    answer["choices"][0]["message"]["tool_calls"] = listed
    answer["choices"][0]["finish_reason"] = "tool_calls"
    return Reply(data=answer)


def play(server: OpenAIServer, *said: Reply, spec: AgentSpec = SPEC) -> tuple[Episode, list[Any]]:
    """Return the episode and the bodies of its requests."""
    server.reset()
    server.script = list(said)
    engine = HttpEngine(Endpoint(model="m", base_url=server.url, server="openai"))
    try:
        episode = run_agent(spec, engine, Board(), MOVE, INSTRUCTION)
    finally:
        engine.close()
    return episode, [request["json"] for request in server.posts]


FIND = step("cards.search", query="venue")
MOVING = step("cards.move", card_id="card_903", list="doing")
END = Reply(data=chat("The card is in doing."))


def test_tools_are_offered_and_their_calls_made(server: OpenAIServer) -> None:
    episode, bodies = play(server, calling(FIND), calling(MOVING), END)
    assert (episode.status, episode.answer) == ("ok", "The card is in doing.")
    assert Board().score(MOVE, episode.calls).strict
    offered = [tool["function"]["name"] for tool in bodies[0]["tools"]]
    assert offered == [
        "people__find", "cards__search", "cards__get", "cards__move", "mail__send", "abstain",
    ]  # fmt: skip
    assert bodies[0]["tools"][3]["function"]["parameters"]["required"] == ["card_id", "list"]
    asked, told = bodies[1]["messages"][-2:]
    assert asked == {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "call00000",
                "type": "function",
                "function": {"name": "cards__search", "arguments": '{"query": "venue"}'},
            }
        ],
    }
    assert (told["role"], told["tool_call_id"]) == ("tool", "call00000")
    assert told["content"].startswith("card_id: card_903")


def test_the_oracle_played_live_is_what_is_rendered(server: OpenAIServer) -> None:
    world = Board()
    how: Any = {"instruction": INSTRUCTION}
    steps = list(render_steps(SPEC, world, MOVE, world.oracle(MOVE), **how))
    said = [
        calling(step(message.tool_calls[0].name, **json.loads(message.tool_calls[0].arguments)))
        for _, message in steps[:-1]
    ]
    _, bodies = play(server, *said, Reply(data=chat(steps[-1][1].content)))
    contents = [[message.content for message in shown] for shown, _ in steps]
    assert [[m["content"] or "" for m in body["messages"]] for body in bodies] == contents
    last = rendered(SPEC, world, MOVE, world.oracle(MOVE), **how)[-1]
    assert last == Message(role="assistant", content="The card is in doing.")


def test_two_calls_of_one_turn_are_made_in_order_and_each_is_answered(
    server: OpenAIServer,
) -> None:
    both = calling(FIND, step("people.find", name="Bo"))
    episode, bodies = play(server, both, END)
    assert [call.tool for call in episode.actions] == ["cards.search", "people.find"]
    answers = bodies[1]["messages"][-2:]
    assert [message["tool_call_id"] for message in answers] == ["call00000", "call00001"]
    assert "bo.ray@kite.io" in answers[1]["content"]


def test_a_turn_makes_a_limited_number_of_calls(server: OpenAIServer) -> None:
    many = [step("cards.search", query=f"venue {number}") for number in range(MAX_CALLS + 8)]
    episode, bodies = play(server, calling(*many), END)
    assert (episode.status, len(episode.calls)) == ("ok", MAX_CALLS)
    told = [one for one in bodies[1]["messages"] if one["role"] == "tool"]
    assert len(told) == MAX_CALLS
    assert "The last 8 calls were not made: a turn holds 32 at most." in told[-1]["content"]


def test_arguments_that_are_no_json_are_shown_and_not_used(server: OpenAIServer) -> None:
    broken = calling(FIND)
    function = broken.data["choices"][0]["message"]["tool_calls"][0]["function"]
    function["arguments"] = "venue, please"
    episode, bodies = play(server, broken, calling(FIND), END)
    assert "cards.search was not run: " in bodies[1]["messages"][-1]["content"]
    assert [call.tool for call in episode.actions] == ["cards.search"]


def test_guards_and_recovery_work_as_in_the_other_loops(server: OpenAIServer) -> None:
    guess = step("cards.move", card_id="card_000", list="done")
    episode, bodies = play(server, calling(guess), calling(guess))
    assert episode.status == "abstained"
    assert "ids are never guessed" in bodies[1]["messages"][-1]["content"]
    episode, _ = play(server, calling(step("abstain", reason="unclear")))
    assert (episode.status, episode.reason) == ("abstained", "unclear")
    episode, bodies = play(server, Reply(data=chat("")), END)
    assert bodies[1]["messages"][-1]["role"] == "user"
    assert episode.answer == "The card is in doing."


def test_a_server_that_refuses_tools_is_not_asked_again(server: OpenAIServer) -> None:
    said = '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'
    refusal = Reply(status=400, data={"error": {"message": said}})
    episode, bodies = play(server, refusal)
    assert episode.status == "failed"
    assert "call tools" in episode.reason
    assert len(bodies) == 1
    episode, bodies = play(server)
    assert (episode.status, bodies) == ("failed", [])


def test_an_engine_without_tool_calls_fails_with_the_reason() -> None:
    engine = FakeEngine(capabilities=Capabilities(schema=True))
    episode = run_agent(SPEC, engine, Board(), MOVE, INSTRUCTION)
    assert episode.status == "failed"
    assert "cannot call tools" in episode.reason
