"""Records are chosen from what was shown: nothing legitimate is lost, nothing can be made up."""

from __future__ import annotations

import json
from typing import Any

import pytest

from board import BRIEF, INSTRUCTION, MAIL, MOVE, STATE, TOOLS, Board, step, text, tool
from rung.agents.actions import ABSTAIN, FINISH, Actions, actions_of, arguments_schema
from rung.agents.ids import mail_arguments
from rung.agents.run import run_agent
from rung.agents.seen import Seen
from rung.agents.shown import MAX_CHOICES, Shown
from rung.agents.spec import AgentSpec
from rung.engines.base import Capabilities
from rung.engines.fake import FakeEngine
from rung.forms.validity import violations
from rung.worlds.catalog import BUNDLED, make_bundled
from rung.worlds.open import open_world
from rung.worlds.world import Call, Result, Tool

ACTIONS = actions_of(TOOLS, abstain=True)
CARDS, PEOPLE = STATE["cards"], STATE["people"]
SEARCH = Call(tool="cards.search", arguments={"query": "summit"})
FIND = Call(tool="people.find", arguments={"name": "Bo"})


def seen(*results: Any, request: str = "Move the venue card.", call: Call = SEARCH) -> Shown:
    texts = (request, BRIEF, INSTRUCTION)
    made = Seen(*texts)
    shown = Shown(made, *texts)
    for value in results:
        shown.add(call, made.add(call, Result(value=value), writes=False))
    return shown


def argument(actions: Actions, name: str, key: str) -> Any:
    found = actions.find(name)
    return None if found is None else found.parameters["properties"].get(key)


def test_an_id_is_one_of_those_that_were_shown() -> None:
    narrowed = seen(CARDS).offered(ACTIONS)
    for name in ("cards.move", "cards.get"):
        assert argument(narrowed, name, "card_id") == {
            "enum": ["card_901", "card_903", "card_917"],
            "description": "id of the card",
        }
    assert argument(narrowed, "cards.move", "list") == argument(ACTIONS, "cards.move", "list")
    assert argument(narrowed, "cards.search", "query") == argument(ACTIONS, "cards.search", "query")


def test_an_id_stays_free_until_its_look_is_known() -> None:
    for shown in (seen(), seen(PEOPLE, call=FIND), seen([{"card_id": "Venue"}])):
        assert argument(shown.offered(ACTIONS), "cards.move", "card_id") == text("id of the card")


def test_an_id_of_the_request_counts_beside_those_of_results() -> None:
    shown = seen([CARDS[0]], request="Do with card_955 as with the budget.")
    assert argument(shown.offered(ACTIONS), "cards.move", "card_id")["enum"] == [
        "card_901",
        "card_955",
    ]


def test_the_look_alone_does_not_make_an_id_of_another_kind_one_of_this() -> None:
    rows = [{"card_id": "00000012", "mail_id": "00000077", "note": "see 00000013"}]
    chosen = argument(seen(rows).offered(ACTIONS), "cards.move", "card_id")["enum"]
    assert chosen == ["00000012", "00000013"]


def test_a_plain_id_is_of_the_kind_its_look_up_is_called_after() -> None:
    rows = [{"id": "card_901"}, {"id": "card_903"}]
    assert argument(seen(rows).offered(ACTIONS), "cards.move", "card_id")["enum"] == [
        "card_901",
        "card_903",
    ]
    other = seen([{"id": "P-100200"}], call=FIND)
    assert argument(other.offered(ACTIONS), "cards.move", "card_id") == text("id of the card")


@pytest.mark.parametrize(
    ("schema", "is_one"),
    [
        ({"type": "string", "format": "email"}, True),
        ({"type": "string", "description": "The email address of the sender."}, True),
        ({"type": "string", "description": "e-mail address"}, True),
        ({"type": "string", "description": "words in subject or mail address"}, False),
        ({"type": "string", "description": "mail address or name"}, False),
        ({"type": "string", "description": "the whole mail"}, False),
        ({"type": "array", "items": {"type": "string", "format": "email"}}, False),
    ],
)
def test_mail_arguments_are_told_by_their_schemas(schema: dict[str, Any], is_one: bool) -> None:
    assert (mail_arguments({"properties": {"to": schema}}) == {"to"}) is is_one


@pytest.mark.parametrize("name", ["email", "assigned_to_email", "assigneeEmail", "email_address"])
def test_mail_arguments_without_a_description_are_told_by_name(name: str) -> None:
    bare = {"type": "string"}
    others = dict.fromkeys(("email_id", "mail", "mails", "email_text"), bare)
    assert mail_arguments({"properties": {name: bare, **others}}) == {name}


def test_a_mail_is_not_sent_before_an_address_was_shown() -> None:
    assert "mail.send" not in seen().offered(ACTIONS).names
    narrowed = seen([PEOPLE[1]], call=FIND).offered(ACTIONS)
    assert argument(narrowed, "mail.send", "to")["enum"] == ["bo.ray@kite.io"]
    asked = seen(request="Tell Sam.Ode@kite.io, not ana.li@kite.io.")
    assert argument(asked.offered(ACTIONS), "mail.send", "to")["enum"] == [
        "Sam.Ode@kite.io",
        "ana.li@kite.io",
    ]


def test_an_address_that_a_result_merely_repeats_was_not_shown() -> None:
    asked = Call(tool="people.find", arguments={"name": "made.up@kite.io"})
    assert seen("Nobody has made.up@kite.io here.", call=asked).mails() == []


def test_a_look_up_goes_without_an_address_or_keeps_it_free() -> None:
    address = {"type": "string", "format": "email"}
    may = tool("tasks.list", "List.", owner={**address, "optional": True}, board=text())
    must = tool("tasks.of", "List.", owner=dict(address))
    actions = actions_of([may, must], abstain=True)
    narrowed = seen().offered(actions)
    assert argument(narrowed, "tasks.list", "owner") is None
    assert argument(narrowed, "tasks.of", "owner") == address


def test_what_cannot_be_narrowed_stays_as_it_is() -> None:
    many = [{"card_id": f"card_{i:03d}"} for i in range(MAX_CHOICES + 1)]
    assert seen(many).offered(ACTIONS).find("cards.move") is ACTIONS.find("cards.move")
    schema = {
        "type": "object",
        "properties": {"card_id": {"type": "string"}, "title": {"type": "string"}},
        "anyOf": [{"required": ["card_id"]}, {"required": ["title"]}],
    }
    either = Tool(name="cards.drop", description="Drop.", parameters=schema, writes=True)
    actions = actions_of([], abstain=True)
    whole = Actions(tools=(either, *actions.tools), form=actions.form)
    assert seen(CARDS).offered(whole) is whole


def test_a_list_of_ids_and_a_narrower_schema_are_kept_to() -> None:
    ids: dict[str, Any] = {"type": "array", "items": {"type": "string", "pattern": "^card_90"}}
    actions = actions_of([tool("cards.drop", "Drop.", writes=True, card_ids=ids)], abstain=True)
    narrowed = argument(seen(CARDS).offered(actions), "cards.drop", "card_ids")
    assert narrowed == {
        "type": "array",
        "items": {"enum": ["card_901", "card_903"]},
    }


@pytest.mark.parametrize(
    "schema",
    [
        {"anyOf": [{"type": "string", "format": "email"}, {"type": "null"}]},
        {"type": ["string", "null"], "format": "email"},
    ],
)
def test_an_address_that_may_be_null_is_a_choice_with_null(schema: dict[str, Any]) -> None:
    must = tool("tasks.of", "List.", writes=True, owner=schema)
    narrowed = seen(request="Those of a@b.io?").offered(actions_of([must], abstain=True))
    assert argument(narrowed, "tasks.of", "owner") == {"enum": ["a@b.io", None]}


def test_a_blocked_tool_is_not_offered_and_the_endings_always_are() -> None:
    shown = seen(CARDS)
    shown.block("cards.move")
    names = shown.offered(ACTIONS).names
    assert "cards.move" not in names
    assert names[-2:] == [FINISH, ABSTAIN]


def test_a_model_is_held_to_it_and_the_switch_turns_it_off() -> None:
    def last_schema(spec: AgentSpec) -> str:
        said = [step("cards.search", query="summit"), step(FINISH, answer="Done.")]
        engine = FakeEngine(script=said, capabilities=Capabilities(schema=True))
        assert run_agent(spec, engine, Board(), MOVE, INSTRUCTION).status == "ok"
        return json.dumps(engine.requests[-1].schema)

    chosen = '"enum": ["card_901", "card_903"]'
    assert chosen in last_schema(AgentSpec(shown=True))
    assert chosen not in last_schema(AgentSpec())


def test_a_server_is_offered_its_own_tools_as_they_are() -> None:
    """Only a form can be held to what was shown."""
    engine = FakeEngine(script=["Done."], capabilities=Capabilities(tool_calls=True))
    run_agent(AgentSpec(loop="native", shown=True), engine, Board(), MOVE, INSTRUCTION)
    assert "mail.send" in [tool.name for tool in engine.requests[0].tools]


def test_after_a_block_the_same_write_waits_for_a_call() -> None:
    said = [
        step("cards.move", card_id="card_555", list="done"),
        step("cards.search", query="venue"),
        step("cards.move", card_id="card_903", list="doing"),
        step(FINISH, answer="Done."),
    ]
    engine = FakeEngine(script=said, capabilities=Capabilities(schema=True))
    episode = run_agent(AgentSpec(shown=True), engine, Board(), MOVE, INSTRUCTION)
    offers = [
        request.schema["properties"]["tool"]["enum"]
        for request in engine.requests
        if request.schema is not None
    ]
    assert ["cards.move" in names for names in offers] == [True, False, True, True]
    assert episode.status == "ok"


def test_a_spec_of_before_keeps_its_hash() -> None:
    assert "shown" not in AgentSpec().to_json()
    assert AgentSpec.from_json(AgentSpec(shown=True).to_json()).shown


@pytest.mark.parametrize("request_", [MOVE, MAIL], ids=["move", "mail"])
def test_the_oracles_steps_are_always_offered(request_: Any) -> None:
    _walk(Board(), request_, INSTRUCTION)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [n for n, one in BUNDLED.items() if one.contract().get("world") and one.is_data_set is None],
)
def test_the_oracles_steps_of_bundled_worlds_are_always_offered(name: str) -> None:
    task = make_bundled(name, name)
    world = open_world(task)
    for one in [*task.train[:40], *task.dev]:
        _walk(world, one, task.instruction)


def _walk(world: Any, one: Any, instruction: str) -> None:
    actions = actions_of(world.tools(one), abstain=True)
    session = world.start(one)
    texts = (one.input, world.brief(one), instruction)
    counted = Seen(*texts)
    shown = Shown(counted, *texts)
    for call in world.oracle(one):
        now = shown.offered(actions).find(call.tool)
        assert now is not None, (one.id, call)
        assert not violations(dict(call.arguments), arguments_schema(now)), (one.id, call)
        made = actions.find(call.tool)
        assert made is not None
        shown.add(call, counted.add(call, session.call(call), writes=made.writes))
