"""What is left of what was found: said behind a write, live and in texts to train on alike."""

from __future__ import annotations

from typing import Any

from board import INSTRUCTION, TOOLS, Board, example, step
from rung.agents.remaining import MAX_SHOWN, Remaining
from rung.agents.rendering import render_steps
from rung.agents.run import run_agent
from rung.agents.spec import AgentSpec
from rung.engines.base import Capabilities
from rung.engines.fake import FakeEngine
from rung.worlds.world import Call, Result

SEARCH, MOVE = (
    next(t for t in TOOLS if t.name == "cards.search"),
    next(t for t in TOOLS if t.name == "cards.move"),
)


def moved(card: str) -> Call:
    return Call(tool="cards.move", arguments={"card_id": card, "list": "done"})


def rows(*ids: str) -> Result:
    return Result(value=[{"card_id": one, "title": "x"} for one in ids])


def note(remaining: Remaining, card: str, result: Result = Result(value="moved")) -> str:  # noqa: B008  (frozen)
    return remaining.note(moved(card), result, MOVE)


def found(*ids: str) -> Remaining:
    remaining = Remaining()
    assert remaining.note(Call(tool="cards.search", arguments={}), rows(*ids), SEARCH) == ""
    return remaining


def test_it_counts_down_to_the_last() -> None:
    remaining = found("a1", "a2", "a3")
    assert note(remaining, "a2") == " Found and left: a1, a3."
    assert note(remaining, "a1") == " Found and left: a3."
    assert note(remaining, "a3") == " All 3 found are done."


def test_a_failed_write_and_one_of_something_else_count_for_nothing() -> None:
    remaining = found("a1", "a2")
    assert note(remaining, "a1", Result(error="no", fault="input")) == ""
    assert note(remaining, "b7") == ""
    assert note(remaining, "a1") == " Found and left: a2."


def test_the_last_table_counts_and_a_single_record_lets_it_stand() -> None:
    remaining = found("a1", "a2")
    look_up = Call(tool="cards.search", arguments={})
    for shown in (rows("c1"), Result(value=[]), Result(value=["a", "b"]), Result(error="no")):
        remaining.note(look_up, shown, SEARCH)
    assert note(remaining, "a1") == " Found and left: a2."
    remaining.note(look_up, rows("c1", "c2"), SEARCH)
    assert note(remaining, "a2") == ""
    assert note(remaining, "c1") == " Found and left: c2."


def test_rows_without_an_id_are_not_counted() -> None:
    remaining = Remaining()
    people = Result(value=[{"name": "Bo", "email": "b@x.io"}, {"name": "Al", "email": "a@x.io"}])
    remaining.note(Call(tool="people.find", arguments={}), people, SEARCH)
    assert note(remaining, "b@x.io") == ""


def test_only_what_names_a_record_counts_and_only_what_tells_records_apart() -> None:
    stock = next(tool for tool in TOOLS if tool.name == "cards.move")
    numbers = Remaining()
    listed = Result(value=[{"card_id": 0}, {"card_id": 1}, {"card_id": 2}])
    numbers.note(Call(tool="cards.search", arguments={}), listed, SEARCH)
    move = Call(tool="cards.move", arguments={"card_id": "0", "list": "1"})
    assert numbers.note(move, Result(value="moved"), stock) == " Found and left: 1, 2."
    orders = Remaining()
    listed = Result(value=[{"board_id": 7, "card_id": "a1"}, {"board_id": 7, "card_id": "a2"}])
    orders.note(Call(tool="cards.search", arguments={}), listed, SEARCH)
    assert note(orders, "a1") == " Found and left: a2."


def test_many_are_counted_and_not_all_named() -> None:
    ids = [f"a{number}" for number in range(MAX_SHOWN + 3)]
    assert note(found(*ids), "a0") == f" Found and left: {', '.join(ids[1:-2])} and 2 more."


def test_what_a_model_is_told_live_is_what_it_was_trained_on() -> None:
    calls = [
        Call(tool="cards.search", arguments={"query": "summit"}),
        moved("card_901"),
        moved("card_903"),
    ]
    request = example("All cards of the summit are done.", *calls)
    spec = AgentSpec(remaining=True)
    how: Any = {"instruction": INSTRUCTION}
    steps = list(render_steps(spec, Board(), request, calls, **how))
    engine = FakeEngine(
        script=[said.content for _, said in steps], capabilities=Capabilities(schema=True)
    )
    episode = run_agent(spec, engine, Board(), request, INSTRUCTION)
    assert episode.status == "ok"
    assert [one.messages for one in engine.requests] == [shown for shown, _ in steps]
    told = [one.observation for one in episode.steps]
    assert "Found and left: card_903." in told[1]
    assert "All 2 found are done." in told[2]
    plain = run_agent(
        AgentSpec(),
        FakeEngine(
            script=[step(c.tool, **c.arguments) for c in calls] + [step("finish", answer="")],
            capabilities=Capabilities(schema=True),
        ),
        Board(),
        request,
        INSTRUCTION,
    )
    assert not any("found are done" in one.observation for one in plain.steps)
