"""After a write code looks whether it took; a success that the world does not show is none."""

from __future__ import annotations

from typing import Any

import pytest

from board import INSTRUCTION, MOVE, TOOLS, Board, step, tool
from rung.agents.read_back import claims, contradiction, reader_of
from rung.agents.run import run_agent
from rung.agents.spec import AgentSpec
from rung.engines.base import Capabilities
from rung.engines.fake import FakeEngine
from rung.worlds.world import Call, Result

TEXT: dict[str, Any] = {"type": "string"}
OFFICE = (
    *TOOLS,
    tool("orders.list", "List a customer's orders.", customer_id=dict(TEXT)),
    tool("notes.get", "One note.", note_id=dict(TEXT)),
    tool("calendar.get_event", "One field.", event_id=dict(TEXT), field=dict(TEXT)),
)


def call(name: str, **arguments: Any) -> Call:
    return Call(tool=name, arguments=arguments)


@pytest.mark.parametrize(
    ("write", "result", "reader"),
    [
        (call("cards.move", card_id="card_9", list="x"), {}, call("cards.get", card_id="card_9")),
        (call("cards.add", title="x"), {"card_id": "card_8"}, call("cards.get", card_id="card_8")),
        (call("cards.add", title="x"), "added", None),
        (call("cards.delete", card_id="card_9"), {}, None),
        (call("mail.send", to="a@b.io", subject="x", body="y"), "sent", None),
        (call("cards.reply", card_id="card_9", body="x"), {}, None),
        (call("cards.add_comment", card_id="card_9", title="x"), {"comment_id": "c1"}, None),
        (call("notes.update", note_id="n1", body="x"), {}, call("notes.get", note_id="n1")),
        (call("customers.update", customer_id="c1", phone="1"), {}, None),
        (call("calendar.update_event", event_id="e1", field="room", new_value="A"), {},
         call("calendar.get_event", event_id="e1", field="room")),
        (call("calendar.add_event", title="x"), {"event_id": "e1"}, None),
    ],
)  # fmt: skip
def test_a_reader_is_a_look_up_for_the_very_record(
    write: Call, result: Any, reader: Call | None
) -> None:
    assert reader_of(write, Result(value=result), OFFICE) == reader


def test_what_a_write_claims() -> None:
    assert claims(call("x", card_id="c", list="done", note="", tags=["a"])) == {"list": "done"}
    assert claims(call("x", event_id="e", field="room", new_value="A")) == {"room": "A"}


@pytest.mark.parametrize(
    ("shown", "says"),
    [
        ({"list": "done"}, ""),
        ({"list": " DONE "}, ""),
        ({"title": "x"}, ""),
        ([{"list": "todo"}, {"list": "done"}], ""),
        ({"list": "todo"}, "list is not 'done' there but 'todo'"),
    ],
)
def test_only_another_value_under_the_same_name_contradicts(shown: Any, says: str) -> None:
    assert contradiction(call("cards.move", card_id="c", list="done"), Result(value=shown)) == says


def test_numbers_and_times_are_compared_by_meaning() -> None:
    write = call("x", minutes="30", start="2026-03-05 10:00:00")
    assert contradiction(write, Result(value={"minutes": 30, "start": "2026-03-05T10:00"})) == ""


@pytest.mark.parametrize("name", ["items.receive", "add_item_stock", "adjust_item"])
def test_an_amount_that_is_added_is_not_what_the_record_shows(name: str) -> None:
    write = call(name, item_id="i", amount=5, shelf="B")
    assert contradiction(write, Result(value={"item_id": "i", "amount": 15, "shelf": "B"})) == ""
    assert contradiction(write, Result(value={"amount": 15, "shelf": "A"})).startswith("shelf is")


def test_an_amount_that_is_set_or_of_a_new_record_is_what_it_shows() -> None:
    shown = Result(value={"amount": 15})
    for write in (call("items.update", item_id="i", amount=5), call("items.add", amount=5)):
        assert contradiction(write, shown) == "amount is not 5 there but '15'"


def ignoring(number: int, made: Call) -> Result | None:
    """A tool that says it moved the card and did not, the first time."""
    first = made.tool == "cards.move" and number == 2
    return Result(value={"card_id": "card_903", "list": "doing"}) if first else None


FIND, MOVED = step("cards.search", query="venue"), step("finish", answer="The card is in doing.")
MOVING = step("cards.move", card_id="card_903", list="doing")


def play(*said: str, **spec: Any) -> tuple[Any, FakeEngine]:
    engine = FakeEngine(script=said, capabilities=Capabilities(schema=True))
    world = Board(fail=ignoring)
    return run_agent(AgentSpec(**spec), engine, world, MOVE, INSTRUCTION), engine


def test_success_is_not_reported_for_a_write_that_did_not_take() -> None:
    episode, engine = play(FIND, MOVING, MOVED)
    assert (episode.status, episode.stop) == ("failed", "unverified")
    assert episode.answer == "The card is in doing."
    assert "reading it back: list is not 'doing' there but 'todo'" in (
        engine.requests[2].messages[-1].content
    )


def test_a_write_that_did_not_take_may_be_made_again() -> None:
    episode, _ = play(FIND, MOVING, MOVING, MOVED)
    assert episode.status == "ok"
    assert [made.tool for made in episode.calls].count("cards.move") == 2


def test_without_guards_nothing_is_read_back() -> None:
    episode, _ = play(FIND, MOVING, MOVED, guards=False)
    assert episode.status == "ok"
    assert [made.tool for made in episode.calls] == ["cards.search", "cards.move"]
