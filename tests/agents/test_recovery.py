"""Failures are told apart, told with the value and the rule, and never cost hidden tokens."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from board import INSTRUCTION, MOVE, STATE, TOOLS, Board, Desk, step, text, tool
from rung.agents.episode import Episode
from rung.agents.run import run_agent
from rung.agents.spec import AgentSpec
from rung.engines.base import Capabilities
from rung.engines.fake import FakeEngine
from rung.tasks.task import Example
from rung.worlds.world import Call, Result

END = '{"tool": "finish", "arguments": {"answer": "ok"}}'
FIND = '{"tool": "cards.search", "arguments": {"query": "venue"}}'
PLAIN = AgentSpec(recovery=False)


def play(*said: str, spec: AgentSpec | None = None, **world: Any) -> tuple[Episode, list[str]]:
    """Return the episode and what the model was told before each of its later turns."""
    engine = FakeEngine(script=said, capabilities=Capabilities(schema=True))
    episode = run_agent(spec or AgentSpec(), engine, Board(**world), MOVE, INSTRUCTION)
    assert all(request.temperature == 0.0 for request in engine.requests)
    assert len(engine.requests) <= len(said)
    return episode, [request.messages[-1].content for request in engine.requests[1:]]


def down(*numbers: int) -> Any:
    """Return a failure of the tool itself at these calls."""
    outage = Result(error="timed out after 5 s", fault="tool")
    return lambda number, call: outage if number in numbers else None


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("I think so", ['That could not be read: ', 'Nothing was done.', '{"tool": …']),
        (step("cards.serach", query="x"), ["no tool 'cards.serach'", "mean 'cards.search'?"]),
        (step("cards.move", card_id="card_903", list="urgent"),
         ["cards.move was not run", "list: 'urgent' is not one of ['todo', 'doing', 'done']",
          "cards.move(card_id, list: todo|doing|done)"]),
        (step("cards.search"), ["'query' is a required property"]),
        (step("cards.get", card_id="card_000"), ["failed: there is no card 'card_000'"]),
        (step("cards.search", query="zebra"), ["Nothing found for query 'zebra'."]),
    ],
)  # fmt: skip
def test_each_failure_shows_the_value_and_the_rule(said: str, told: list[str]) -> None:
    episode, heard = play(said, END)
    assert episode.status == "ok"
    for part in told:
        assert part in heard[0]


@pytest.mark.parametrize("num_failures", [1, 2])
def test_a_tools_own_failure_is_retried_by_code(num_failures: int) -> None:
    episode, heard = play(FIND, END, fail=down(*range(1, num_failures + 1)))
    assert "card_903" in heard[0]
    assert episode.steps[0].num_tries == num_failures + 1
    assert len(episode.calls) == num_failures + 1
    assert len(episode.actions) == 1


def test_a_tool_that_stays_down_is_said_to_be_down_and_may_be_asked_again_later() -> None:
    episode, heard = play(FIND, FIND, END, fail=down(1, 2, 3))
    assert heard[0] == (
        "cards.search does not work now (3 tries): timed out after 5 s. Nothing was done."
    )
    assert "card_903" in heard[1]
    assert episode.steps[1].num_tries == 1


def test_an_input_failure_is_never_retried_by_code() -> None:
    episode, _ = play(step("cards.get", card_id="card_000"), END)
    assert episode.steps[0].num_tries == 1


def test_a_look_up_is_not_repeated_until_something_was_written() -> None:
    move = step("cards.move", card_id="card_903", list="done")
    episode, heard = play(FIND, FIND, move, FIND, END)
    assert "already asked in step 1, and nothing has changed since" in heard[1]
    assert "list: done" in heard[3]
    assert [call.tool for call in episode.actions].count("cards.search") == 2


def test_a_write_is_not_made_twice() -> None:
    mail = step("mail.send", to="bo.ray@kite.io", subject="a", body="b")
    find = step("people.find", name="Bo")
    episode, heard = play(find, mail, FIND, mail, END)
    assert "mail.send was already done with these arguments in step 2. Go on." in heard[3]
    assert [call.tool for call in episode.calls].count("mail.send") == 1


def test_a_state_may_be_set_again_once_the_record_was_written_to() -> None:
    doing, done = (step("cards.move", card_id="card_903", list=to) for to in ("doing", "done"))
    episode, heard = play(FIND, doing, doing, done, doing, END)
    assert "cards.move was already done with these arguments in step 2. Go on." in heard[2]
    assert [call.arguments["list"] for call in episode.actions[1:]] == ["doing", "done", "doing"]


def test_what_is_added_is_not_added_again_after_another_write_to_the_record() -> None:
    add = tool("cards.add_item", "Add to a card.", writes=True, card_id=text(), item=text())
    one, other = (step("cards.add_item", card_id="card_903", item=item) for item in "ab")
    episode, heard = play(
        FIND, one, other, one, END, tool_list=(*TOOLS, add),
        fail=lambda _, call: Result(value="added") if call.tool == add.name else None,
    )  # fmt: skip
    assert "cards.add_item was already done with these arguments in step 2" in heard[3]
    assert [call.tool for call in episode.actions].count("cards.add_item") == 2


def test_where_writing_is_assumed_a_name_that_finds_is_a_look_up() -> None:
    assumed = [replace(one, writes=True, is_assumed=True) for one in TOOLS]
    find, move = step("people.find", name="Bo"), step("cards.move", card_id="card_903", list="done")
    mail = step("mail.send", to="bo.ray@kite.io", subject="a", body="b")
    episode, heard = play(FIND, FIND, move, FIND, find, mail, find, mail, END, tool_list=assumed)
    assert "cards.search was already asked in step 1" in heard[1]
    assert "list: done" in heard[3]
    assert "mail.send was already done with these arguments in step 6" in heard[7]
    assert [call.tool for call in episode.calls].count("people.find") == 2


def test_turns_without_effect_end_the_work() -> None:
    episode, heard = play("one", "two", "three", "four")
    assert (episode.status, episode.stop, len(heard)) == ("failed", "malformed", 2)
    assert episode.calls == ()


def test_a_turn_with_effect_starts_the_count_anew() -> None:
    episode, _ = play("one", "two", FIND, "three", "four", END)
    assert episode.status == "ok"


def test_without_recovery_the_plain_error_is_told_and_nothing_is_retried() -> None:
    episode, heard = play(FIND, FIND, END, spec=PLAIN, fail=down(1))
    assert heard[0] == "Error: timed out after 5 s"
    assert "card_903" in heard[1]
    assert [s.num_tries for s in episode.steps[:2]] == [1, 1]
    _, heard = play(step("cards.get", card_id="card_000"), END, spec=PLAIN)
    assert heard[0] == "Error: there is no card 'card_000'"
    _, heard = play("what?", step("cards.serach", query="x"), END, spec=PLAIN)
    assert heard[0].startswith("Error: ")
    assert heard[1] == "Error: there is no tool 'cards.serach'"
    _, heard = play(step("cards.move", card_id="card_903", list="urgent"), END, spec=PLAIN)
    assert heard[0] == "Error: list: 'urgent' is not one of ['todo', 'doing', 'done']"
    mail = step("mail.send", to="bo.ray@kite.io", subject="a", body="b")
    episode, _ = play(step("people.find", name="Bo"), mail, mail, END, spec=PLAIN)
    assert [call.tool for call in episode.calls].count("mail.send") == 2


def test_a_world_gets_every_try_so_that_a_replay_is_the_same() -> None:
    world = Board(fail=down(2))
    engine = FakeEngine(
        script=[FIND, step("cards.move", card_id="card_903", list="doing"), END],
        capabilities=Capabilities(schema=True),
    )
    episode = run_agent(AgentSpec(), engine, world, MOVE, INSTRUCTION)
    session = world.start(MOVE)
    results = [session.call(call) for call in episode.calls]
    assert [bool(result.error) for result in results] == [False, True, False, False]
    assert session.state["cards"][1]["list"] == "doing"
    assert episode.calls[0] == Call(tool="cards.search", arguments={"query": "venue"})


class LastingDesk(Desk):
    def call_in_doubt(self, call: Call) -> Result:
        raise AssertionError("no run was killed")


class Lasting(Board):
    """An office that outlives the run."""

    def start(self, example: Example) -> LastingDesk:
        return LastingDesk(copy.deepcopy(STATE), self.fail)


def test_a_write_that_broke_off_may_be_looked_up_as_before_and_then_made_again() -> None:
    move = step("cards.move", card_id="card_903", list="doing")
    engine = FakeEngine(script=[FIND, move, move, FIND, move, END],
                        capabilities=Capabilities(schema=True))  # fmt: skip
    episode = run_agent(AgentSpec(), engine, Lasting(fail=down(2)), MOVE, INSTRUCTION)
    assert [one.blocked for one in episode.steps] == ["", "", "repeated", "", "", ""]
    assert "look it up before you go on" in episode.steps[1].observation
    assert "list: todo" in episode.steps[3].observation
    assert "list: doing" in episode.steps[4].observation
    assert episode.status == "ok"
