"""Every guessed id is blocked, no legitimate one is; what cannot be told apart is handed over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from board import BRIEF, INSTRUCTION, STATE, TOOLS, Board, example
from rung.agents.act import Hands
from rung.agents.assignment import assignment_of
from rung.agents.guards import Guard
from rung.agents.ids import is_id_key, shape_of
from rung.agents.journal import Tape
from rung.agents.run import run_agent
from rung.agents.seen import Seen
from rung.agents.spec import AgentSpec
from rung.engines.base import Capabilities
from rung.engines.fake import FakeEngine
from rung.tasks.task import Example
from rung.worlds.catalog import BUNDLED, make_bundled
from rung.worlds.open import open_world
from rung.worlds.world import Call, Result, Tool, World

REQUEST = "Move the venue card, tell sam.ode@kite.io about INV-4411 and close ticket 00012345."
CARDS, PEOPLE = STATE["cards"], STATE["people"]


def tool(name: str, *, writes: bool = True, **arguments: Any) -> Tool:
    schema = {"type": "object", "properties": arguments, "required": list(arguments)}
    return Tool(name=name, description=f"{name} one", parameters=schema, writes=writes)


TEXT: dict[str, Any] = {"type": "string"}
WRITES = (
    *TOOLS,
    tool("tickets.close", ticket_id=TEXT, note=TEXT),
    tool("tickets.link", ticket={"type": "string", "description": "Identifier of the ticket"},
         others={"type": "array", "items": {"type": "object", "properties": {"cardIds": TEXT}}}),
    tool("meetings.invite", attendees=TEXT, room={"enum": ["A-101", "B-202"]}, title=TEXT),
    tool("sheets.write", cell=TEXT, value=TEXT),
    tool("tickets.find", writes=False, query=TEXT),
)  # fmt: skip
GUARD = Guard(WRITES)


def seen() -> Seen:
    """Return what look-ups have shown, and others that only repeat their question."""
    shown = Seen(REQUEST, BRIEF, INSTRUCTION)
    for made, value in (
        (call("cards.search", query="Summit"), CARDS[:2]),
        (call("tickets.find", query="x"), {"ticket_id": "00012399", "n": 1}),
        (call("tickets.get", ticket_id="00012377"), {"ticket_id": "00012377", "notes": ["late"]}),
        (call("people.get", email="cy.fox@kite.io"), {"email": "cy.fox@kite.io", "name": "Cy"}),
    ):
        shown.add(made, Result(value=value), writes=False)
    for arguments, result in (
        ({"card_id": "card_777"}, Result(error="no card 'card_777'", fault="input")),
        ({"query": "card_778"}, Result(value={"query": "card_778", "results": []})),
        ({"query": "card_779"}, Result(value="nothing is called card_779")),
        ({"card_id": "card_780"}, Result(value={"card_id": "card_780", "found": False})),
        ({"query": "bo.ray@kite.com"}, Result(value={"query": "bo.ray@kite.com", "n": [1]})),
    ):
        shown.add(Call(tool="cards.get", arguments=arguments), result, writes=False)
    shown.last_look_up = None
    return shown


def call(tool: str, **arguments: Any) -> Call:
    return Call(tool=tool, arguments=arguments)


def mail(to: str, body: str = "hello") -> Call:
    return call("mail.send", to=to, subject="news", body=body)


GUESSED = [
    call("cards.move", card_id="card_902", list="done"),
    call("cards.move", card_id="Summit venue", list="done"),
    call("cards.move", card_id="903", list="done"),
    call("cards.move", card_id="card_90", list="done"),
    call("cards.move", card_id="card_9033", list="done"),
    call("cards.move", card_id="card_777", list="done"),
    call("cards.move", card_id="card_778", list="done"),
    call("cards.move", card_id="card_779", list="done"),
    call("cards.move", card_id="card_780", list="done"),
    mail("bo.ray@kite.com"),
    mail("ray@kite.io"),
    mail("sam.ode@kite.io, max@kite.io"),
    mail("sam.ode@kite.io", "ask li@kite.io about it"),
    mail("sam.ode@kite.io", "see card_904 please"),
    call("tickets.close", ticket_id="00012346", note="done"),
    call("tickets.close", ticket_id="12345", note="done"),
    call("tickets.close", ticket_id="INV-4412", note="done"),
    call("tickets.close", ticket_id="00012345", note="00099999"),
    call("tickets.link", ticket="TCK-1", others=[]),
    call("tickets.link", ticket="00012345", others=[{"cardIds": "card_903, card_999"}]),
    call("meetings.invite", attendees="sam.ode@kite.io; eve@kite.io", room="A-101", title="x"),
    call("sheets.write", cell="A1", value="INV-4412"),
    call("sheets.write", cell="A1", value="card_000"),
]
LEGITIMATE = [
    call("cards.move", card_id="card_903", list="done"),
    call("cards.move", card_id="CARD_903", list="done"),
    mail("sam.ode@kite.io"),
    mail("cy.fox@kite.io"),
    mail("Bo.Ray@kite.io", "card_901 and INV-4411 are done, 42 of 2026-03-05."),
    call("tickets.close", ticket_id="00012345", note="Closed on 2026-03-05 at 10:30"),
    call("tickets.close", ticket_id="00012399", note="see 20260305"),
    call("tickets.close", ticket_id="INV-4411", note=""),
    call("tickets.close", ticket_id="00012377", note=""),
    call("tickets.link", ticket="00012345", others=[{"cardIds": "card_901, card_903"}]),
    call("meetings.invite", attendees="bo.ray@kite.io", room="B-202", title="Q3-2026 plan"),
    mail("sam.ode@kite.io", "'bo.ray@kite.io' was told, -sam.ode@kite.io too."),
    call("sheets.write", cell="B2", value="report_2026"),
    call("sheets.write", cell="B2", value="17"),
    call("cards.get", card_id="card_555"),
    call("no.such_tool", card_id="card_555"),
]


@pytest.mark.parametrize("guess", GUESSED, ids=lambda c: f"{c.tool}-{GUESSED.index(c)}")
def test_every_guessed_id_is_blocked(guess: Call) -> None:
    block = GUARD.check(guess, seen())
    assert block is not None
    assert block.rule == "unknown_id"
    assert not block.final


@pytest.mark.parametrize("good", LEGITIMATE, ids=lambda c: f"{c.tool}-{LEGITIMATE.index(c)}")
def test_no_id_that_was_shown_is_blocked(good: Call) -> None:
    assert GUARD.check(good, seen()) is None


@pytest.mark.parametrize("asked", ["card", "905", "", " "])
def test_a_wordy_answer_loses_of_its_question_only_what_stands_by_itself(asked: str) -> None:
    shown, found = Seen("Move the menu card", BRIEF), Result(value="card_905: Summit menu, todo")
    shown.add(call("cards.search", query=asked), found, writes=False)
    assert GUARD.check(call("cards.move", card_id="card_905", list="done"), shown) is None


@pytest.mark.parametrize(
    ("guess", "look_up"),
    [
        (GUESSED[0], "cards.search(query)"),
        (mail("nobody@kite.io"), "people.find(name)"),
        (call("tickets.close", ticket_id="00077777", note="x"), "tickets.find(query)"),
    ],
)
def test_a_block_says_which_look_up_to_make(guess: Call, look_up: str) -> None:
    block = GUARD.check(guess, seen())
    assert block is not None
    assert f"Look it up first: {look_up}." in block.text
    assert "ids are never guessed" in block.text


@pytest.mark.parametrize(
    ("value", "like", "unlike"),
    [
        ("card_903", ["card_1", "card_12345"], ["card", "cards_903", "903"]),
        ("00012345", ["99999999"], ["1234", "123456789"]),
        ("9f3ab01c", ["00000000", "abcdef12"], ["9f3ab01", "zzzzzzzz"]),
        ("usr-9x7", ["usr-11"], ["user-9"]),
    ],
)
def test_ids_are_known_by_the_look_of_those_seen(
    value: str, like: list[str], unlike: list[str]
) -> None:
    import re

    shape = shape_of(value)
    assert all(re.fullmatch(shape, one) for one in [value, *like])
    assert not any(re.fullmatch(shape, one) for one in unlike)


@pytest.mark.parametrize("value", ["todo", "Ana Li", "42", "2026", "sales-team"])
def test_common_values_teach_no_look(value: str) -> None:
    assert shape_of(value) == ""


def test_names_of_ids() -> None:
    assert all(map(is_id_key, ["id", "card_id", "cardId", "cardIds", "ids", "event-id", "ID"]))
    assert not any(map(is_id_key, ["paid", "grid", "identity", "video", "idea", "list"]))


def ambiguous(request: str, *picked: Call, rows: Any = None) -> list[str]:
    """Return the rules by which the picks are blocked after one look-up."""
    shown = Seen(request, BRIEF, INSTRUCTION)
    found = PEOPLE[2:] if rows is None else rows
    shown.add(call("people.find", name="Sam"), Result(value=found), writes=False)
    blocks = [GUARD.check(one, shown) for one in picked]
    return [block.rule for block in blocks if block is not None]


SAM, OTHER_SAM = mail("sam.ode@kite.io"), mail("sam.ode2@kite.io")


def test_a_pick_among_equals_is_handed_over() -> None:
    assert ambiguous("Tell Sam Ode that we moved", SAM) == ["ambiguous"]
    assert ambiguous("Tell Sam Ode that we agree", OTHER_SAM) == ["ambiguous"]
    addresses = ["sam.ode@kite.io", "sam.ode2@kite.io"]
    assert ambiguous("Tell Sam that we agree", SAM, rows=addresses) == ["ambiguous"]
    block = GUARD.check(call("cards.move", card_id="card_901", list="done"), _two_cards())
    assert block is not None
    assert block.final
    assert "card_901" in block.text
    assert "card_903" in block.text


def _two_cards(request: str = "Move the Summit card", found: Any = CARDS[:2]) -> Seen:
    shown = Seen(request, BRIEF)
    shown.add(call("cards.search", query="Summit"), Result(value=found), writes=False)
    return shown


@pytest.mark.parametrize(
    ("request_", "is_blocked"),
    [
        ("Archive the Summit cards", False),
        ("Archive the Summit folders", False),
        ("Archive the Summit card", True),
        ("Move the Summit card to the cards that we have done", True),
        ("Archive the Summit card and tell the owners", True),
    ],
)
def test_a_request_in_the_plural_for_what_was_found_is_for_all_of_it(
    request_: str, is_blocked: bool
) -> None:
    shown = _two_cards(request_, {"folders": CARDS[:2]})
    block = GUARD.check(call("cards.move", card_id="card_901", list="done"), shown)
    assert (block is not None) is is_blocked


@pytest.mark.parametrize(
    ("request_", "rows"),
    [
        ("Tell Sam Ode from legal", None),
        ("Tell both people called Sam", None),
        ("Tell every Sam", None),
        ("Tell sam.ode@kite.io", None),
        ("Tell the Sam who was hired first", None),
        ("Tell Sam", PEOPLE[2:3]),
        ("Tell Sam", {"people": PEOPLE[2:3]}),
        ("Tell the Sam who started in 2021",
         [{**PEOPLE[2], "since": "2021-01-02"}, {**PEOPLE[3], "since": "2020-05-06"}]),
        ("Tell the Sam who is remote",
         [{"email": "sam.ode@kite.io", "remote": True}, {"email": "b@kite.io", "remote": False}]),
    ],
)  # fmt: skip
def test_what_can_be_told_apart_or_needs_more_than_words_is_not_blocked(
    request_: str, rows: Any
) -> None:
    assert ambiguous(request_, SAM, rows=rows) == []


def play(*said: str, request: Example, spec: AgentSpec | None = None) -> Any:
    engine = FakeEngine(script=said, capabilities=Capabilities(schema=True))
    return run_agent(spec or AgentSpec(), engine, Board(), request, INSTRUCTION)


MOVE_902 = '{"tool": "cards.move", "arguments": {"card_id": "card_902", "list": "done"}}'


def test_a_blocked_write_is_told_once_and_then_handed_over() -> None:
    request = example("Close the venue card")
    episode = play(MOVE_902, MOVE_902, request=request)
    assert (episode.status, episode.stop) == ("abstained", "abstained")
    assert episode.calls == ()
    assert [step.blocked for step in episode.steps] == ["unknown_id", "unknown_id"]
    spec = AgentSpec(guards=False)
    end = '{"tool": "finish", "arguments": {"answer": "ok"}}'
    assert play(MOVE_902, end, request=request, spec=spec).steps[0].result.error


def test_ambiguity_ends_the_work_at_once() -> None:
    find = '{"tool": "people.find", "arguments": {"name": "Sam"}}'
    send = (
        '{"tool": "mail.send", "arguments": {"to": "sam.ode@kite.io", "subject": "a", "body": "b"}}'
    )
    episode = play(find, send, request=example("Tell Sam that we agree"))
    assert episode.status == "abstained"
    assert episode.reason.startswith("2 records fit the request equally: ")
    assert [one.tool for one in episode.calls] == ["people.find"]


WORKBENCH = Path("../shared/data/workbench")


def worlds() -> list[str]:
    """Return the bundled tasks with a world, without the second one of equal examples."""
    named = [name for name, source in BUNDLED.items() if source.contract().get("world")]
    return [name for name in named if not name.endswith("-templates")]


def bundled(name: str) -> tuple[World, list[Example]]:
    """Return a bundled world with the examples that its oracle solves from what can be seen.

    Skips where the data set is not here. Some published answers of WorkBench cannot be deduced.
    """
    needs_data = BUNDLED[name].is_data_set is not None
    if needs_data and not WORKBENCH.is_dir():
        pytest.skip(f"no data set in {WORKBENCH}")
    data: dict[str, Any] = {"data": WORKBENCH} if needs_data else {}
    world: Any = open_world(make_bundled(name, name, **data))
    examples = [one for split in BUNDLED[name].generate(**data).values() for one in split]
    if needs_data:
        from rung.worlds.workbench import oracle

        examples = [one for one in examples if oracle.solve(world, one).deduced]
    return world, examples


def test_what_is_no_mail_address_is_blocked_where_one_is_due() -> None:
    guard, seen = Guard(TOOLS), Seen("Tell Bo Ray that it is done.", BRIEF, INSTRUCTION)
    rest = {"subject": "s", "body": "b"}
    for value in ("Bo Ray", "bo.ray_email_of_the_person"):
        block = guard.check(Call(tool="mail.send", arguments={"to": value, **rest}), seen)
        assert block is not None
        assert block.text.startswith(f"Not done: to '{value}' is no mail address.")
        assert "people.find" in block.text
    for nothing in (" ", None):
        call = Call(tool="mail.send", arguments={"to": nothing, **rest})
        assert guard.check(call, seen) is None


@pytest.mark.slow
@pytest.mark.parametrize("name", worlds())
def test_nothing_is_blocked_along_the_oracles_of_bundled_worlds(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards only: whether calls fit their schemas is for the tests of the worlds."""
    monkeypatch.setattr("rung.agents.recovery.argument_problems", lambda *_: [])
    world, examples = bundled(name)
    assert examples
    blocked, num_writes = [], 0
    for one in examples:
        assignment = assignment_of(AgentSpec(), world, one, "")
        writes = {tool.name for tool in assignment.actions.tools if tool.writes}
        hands = Hands(assignment, Tape(None, world.start(one), one.id), 400)
        for made in world.oracle(one):
            step = hands.do(made)
            num_writes += made.tool in writes
            if step.blocked or step.unverified:
                blocked.append((one.id, made, step.blocked, step.observation))
    assert num_writes > len(examples) // 2
    assert not blocked, f"{len(blocked)} of {num_writes} writes: {blocked[:5]}"
