"""The workplace: what its tools refuse, and what its scorer can and cannot be told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from office_agents import WORLD
from rung.tasks.task import Example
from rung.worlds.operations import Operations, generate
from rung.worlds.operations.apps import TOOLS
from rung.worlds.operations.generate import write_example
from rung.worlds.operations.workflows import KNOWN
from rung.worlds.operations.world import Workplace
from rung.worlds.world import Call, Outcome, Result

FLOWS = {workflow.name: workflow for workflow in KNOWN}
ROOMS = [
    {"id": "R-11", "name": "Alder", "site": "Marlow", "seats": 8, "equipment": "none"},
    {"id": "R-12", "name": "Birch", "site": "Marlow", "seats": 4, "equipment": "video"},
]
EVENT = {
    "id": "E-11", "title": "Round", "date": "2026-03-04", "start": "09:00", "end": "10:00",
    "room_id": "R-11", "room": "Alder",
}  # fmt: skip
TABLES: dict[str, list[dict[str, Any]]] = {
    "rooms": ROOMS,
    "events": [EVENT],
    "tickets": [{"id": "T-11", "title": "Leak", "status": "open", "comments": []}],
    "envelopes": [{"id": "EN-11", "status": "completed", "signer": "a@b.example"}],
    "templates": [{"id": "TP-11", "name": "NDA"}],
    "channels": [{"id": "CH-11", "name": "#ops", "purpose": "all"}],
    "sheet_rows": [{"id": "S-11", "sheet": "Register", "person": "Eva", "done": ""}],
    "files": [{"id": "F-11", "name": "Plan", "shared_with": []}],
    "folders": [{"id": "D-11", "name": "Archive"}],
}


@pytest.fixture
def office() -> Workplace:
    return Workplace(TABLES)


def use(office: Workplace, tool: str, **arguments: Any) -> Result:
    return office.call(Call(tool=tool, arguments=arguments))


def example_of(workflow: str, at: int = 0) -> Example:
    return write_example(FLOWS[workflow], "train", "x", at)


# Tools


NEW_EVENT = {"title": "x", "date": "2026-03-04", "attendees": ["a@b.example"]}


@pytest.mark.parametrize(
    ("tool", "arguments", "error"),
    [
        ("ticket.update", {}, "no tool 'ticket.update'; did you mean 'tickets.update'?"),
        (
            "tickets.update",
            {"ticket_id": "T-9", "status": "open"},
            "no ticket 'T-9'; ids look like",
        ),
        ("tickets.update", {"ticket_id": "T-11"}, "changes nothing; give status, priority"),
        (
            "tickets.update",
            {"ticket": "T-11"},
            "has no argument 'ticket'; did you mean 'ticket_id'",
        ),
        (
            "tickets.update",
            {"status": "open"},
            "tickets.update needs ticket_id; it takes ticket_id",
        ),
        (
            "tickets.update",
            {"ticket_id": "T-11", "status": "done"},
            "tickets.update: status is 'done'; it must be one of open, in_progress",
        ),
        ("tickets.create", {"title": " ", "priority": "low", "assignee": "a@b.c"}, "must be text"),
        ("tickets.create", {"title": "x", "priority": "low", "assignee": "Eva"}, "a mail address"),
        ("mail.send", {"to": "a@b.example", "text": "x" * 601}, "has 601 characters; at most 600"),
        ("mail.send", {"to": ["a@b.example"], "text": "x"}, "must be text"),
        ("stock.order", {"item_id": "I-1", "quantity": 0}, "a whole number from 1 to 10000"),
        ("stock.order", {"item_id": "I-1", "quantity": True}, "a whole number"),
        ("stock.order", {"item_id": "I-1", "quantity": 5}, "no item 'I-1'"),
        ("esign.void", {"envelope_id": "EN-11"}, "EN-11 is completed; only a sent envelope"),
        ("chat.post", {"channel": "#dev", "text": "x"}, "no channel '#dev'; chat.find_channels"),
        (
            "sheets.set_cell",
            {"row_id": "S-11", "column": "state", "value": "x"},
            "S-11 has no column 'state'; it has person, done",
        ),
        (
            "calendar.create_event",
            {**NEW_EVENT, "start": "10:00", "end": "9:30"},
            "end 09:30 is not after start 10:00",
        ),
        (
            "calendar.create_event",
            {**NEW_EVENT, "start": "09:30", "end": "10:30", "room_id": "R-11"},
            "room R-11 is taken on 2026-03-04 from 09:00 to 10:00 by E-11",
        ),
        (
            "calendar.create_event",
            {**NEW_EVENT, "attendees": [], "start": "10:00", "end": "11:00"},
            "attendees has 0 items; it must have 1 to 12",
        ),
        ("calendar.update_event", {"event_id": "E-11"}, "changes nothing"),
        ("calendar.update_event", {"event_id": "E-11", "date": "tomorrow"}, "like 2026-03-04"),
        ("calendar.update_event", {"event_id": "E-11", "date": "2026-02-30"}, "like 2026-03-04"),
        ("calendar.update_event", {"event_id": "E-11", "start": "25:00"}, "a time like 09:30"),
        ("drive.move", {"file_id": "F-11", "folder_id": "D-12"}, "no folder 'D-12'"),
        ("notes.update", {"note_id": "N-1", "status": "x"}, "no note 'N-1'"),
    ],
)
def test_a_refusal_names_the_value_and_the_rule(
    office: Workplace, tool: str, arguments: dict[str, Any], error: str
) -> None:
    before = office.tables.copy()
    result = use(office, tool, **arguments)
    assert error in result.error and result.fault == "input" and result.value is None
    assert not office.tables.changes(before)


def test_values_that_mean_the_same_are_taken(office: Workplace) -> None:
    made = use(
        office,
        "calendar.create_event",
        title="Visit",
        date="4 March 2026",
        start="10 am",
        end="11:00",
        attendees=["Eva@B.example"],
        room_id="r-11",
    ).value
    assert (made["date"], made["start"], made["room"]) == ("2026-03-04", "10:00", "Alder")
    assert made["attendees"] == ["eva@b.example"] and made["id"] == "E-12"
    assert (
        use(office, "tickets.update", ticket_id="T-11", status="Resolved", comment=None).value[
            "status"
        ]
        == "resolved"
    )


def test_free_rooms_are_large_enough_and_free(office: Workplace) -> None:
    span = {"site": "marlow", "date": "2026-03-04", "seats": 4}
    found = use(office, "rooms.find_free", start="09:30", end="10:30", **span).value
    assert [room["name"] for room in found] == ["Birch"]
    found = use(office, "rooms.find_free", start="10:00", end="10:30", **span).value
    assert [room["name"] for room in found] == ["Alder", "Birch"]


def test_an_event_may_move_within_its_own_room(office: Workplace) -> None:
    moved = use(office, "calendar.update_event", event_id="E-11", end="10:30").value
    assert moved["end"] == "10:30" and moved["room_id"] == "R-11"
    assert use(office, "calendar.cancel_event", event_id="E-11").value["id"] == "E-11"
    assert use(office, "calendar.find_events", query="Round", date="2026-03-04").value == []


def test_writes_of_each_kind_leave_their_mark(office: Workplace) -> None:
    use(office, "tickets.update", ticket_id="T-11", comment="seen")
    use(office, "drive.share", file_id="F-11", email="a@b.example", role="viewer")
    use(office, "drive.share", file_id="F-11", email="a@b.example", role="editor")
    use(office, "drive.move", file_id="F-11", folder_id="D-11")
    use(office, "esign.send", template_id="TP-11", signer="a@b.example", reference="X")
    use(office, "chat.post", channel="ops", text="hi")
    use(office, "sheets.set_cell", row_id="S-11", column="Done", value=1)
    tables = office.tables
    assert tables.get("tickets", "T-11")["comments"] == ["seen"]
    file = tables.get("files", "F-11")
    assert file["shared_with"] == [{"email": "a@b.example", "role": "editor"}]
    assert (file["folder_id"], file["folder"]) == ("D-11", "Archive")
    assert tables.get("envelopes", "EN-12")["document"] == "NDA"
    assert tables.rows("posts")[0]["channel"] == "#ops"
    assert tables.get("sheet_rows", "S-11")["done"] == "1"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)
PLAUSIBLE = st.sampled_from(
    [
        "R-11", "E-11", "T-11", "S-11", "F-11", "D-11", "EN-11", "TP-11", "#ops", "2026-03-04",
        "09:00", "10:00", "a@b.example", ["a@b.example"], "open", "urgent", "done", 5, "editor",
    ]
)  # fmt: skip
NAMES = sorted(
    {name for entry in TOOLS.values() for name in entry.tool.parameters["properties"]} | {"x"}
)


@st.composite
def calls(draw: st.DrawFn) -> Call:
    tool = draw(st.sampled_from([*TOOLS, "x.y", ""]))
    known = TOOLS[tool].tool.parameters["properties"] if tool in TOOLS else {}
    names = draw(st.sets(st.sampled_from(sorted(known) or NAMES)))
    names |= draw(st.sets(st.sampled_from(NAMES), max_size=1)) if draw(st.booleans()) else set()
    return Call(tool=tool, arguments={name: draw(PLAUSIBLE | JSON) for name in sorted(names)})


@settings(max_examples=300)
@given(st.lists(calls(), max_size=6))
def test_no_calls_ever_raise(made: list[Call]) -> None:
    office = Workplace(TABLES)
    for call in made:
        result = office.call(call)
        assert bool(result.error) == (result.fault == "input")
        assert result.error or result.value is not None
    outcome = WORLD.score(example_of("room_conflict"), made)
    assert 0.0 <= outcome.action_level <= 1.0 and not outcome.strict


# The world


def test_an_example_is_told_with_its_day_and_a_choice_of_tools() -> None:
    example = example_of("sensor_alert")
    assert WORLD.brief(example).startswith("Today is ")
    assert example.setup["today"] in WORLD.brief(example)
    names = [tool.name for tool in WORLD.tools(example)]
    assert names == [name for name in TOOLS if name in names] and len(names) < len(TOOLS)
    assert [tool.name for tool in Operations(all_tools=True).tools(example)] == list(TOOLS)


def test_sessions_start_afresh_and_do_not_touch_the_example() -> None:
    example = example_of("hazmat_shipment")
    same = example_of("hazmat_shipment")
    answers = [[WORLD.start(example).call(call) for call in WORLD.oracle(example)[:2]]]
    for _ in range(2):
        session = WORLD.start(example)
        answers.append([session.call(call) for call in WORLD.oracle(example)][:2])
    assert answers[0] == answers[1] == answers[2] and example == same
    first, again = (WORLD.score(example, WORLD.oracle(example)) for _ in range(2))
    assert first == again


# The scorer


@pytest.fixture(scope="module")
def holdout() -> list[Example]:
    return generate(num_train=0, num_dev=0)["holdout"]


def writes(example: Example) -> list[Call]:
    return [Call(**call) for call in example.target["calls"]]


def score(example: Example, made: list[Call]) -> Outcome:
    return WORLD.score(example, made)


def test_the_order_of_writes_does_not_count(holdout: list[Example]) -> None:
    for example in holdout:
        assert score(example, writes(example)[::-1]).strict, example.id


def test_other_words_that_say_the_same_are_right(holdout: list[Example]) -> None:
    for example in holdout:
        made = [
            Call(
                tool=call.tool,
                arguments={
                    **call.arguments,
                    **{name: f"Hello! {' - '.join(parts)}." for name, parts in texts.items()},
                },
            )
            for call, texts in zip(writes(example), example.setup["literals"], strict=True)
        ]
        outcome = score(example, made)
        assert outcome.strict and outcome.action_level == 1.0, example.id


def test_doing_only_the_first_part_earns_its_part(holdout: list[Example]) -> None:
    for example in holdout:
        made = writes(example)
        outcome = score(example, made[:-1])
        assert not outcome.strict and outcome.num_missing == 1
        assert outcome.action_level == pytest.approx((len(made) - 1) / len(made))
        assert outcome.details["state_score"] < 1.0


def test_doing_anything_twice_is_over_action(holdout: list[Example]) -> None:
    for example in holdout:
        made = writes(example)
        doubled = [call for call in made if call.tool in ("mail.send", "tickets.create")]
        outcome = score(example, made + doubled)
        assert outcome.strict is not bool(doubled)
        assert outcome.num_extra == len(doubled)
        assert outcome.cause == ("over_action" if doubled else "")


def test_setting_the_same_again_changes_nothing() -> None:
    example = example_of("access_review")
    made = writes(example)
    assert score(example, [made[0], *made]).strict


def test_one_more_write_is_not_strict_though_its_action_level_stays(holdout: list[Example]) -> None:
    extra = Call(tool="mail.send", arguments={"to": "boss@x.example", "text": "done"})
    for example in holdout:
        outcome = score(example, [*writes(example), extra])
        assert not outcome.strict and outcome.details["state_score"] == 0.0
        assert outcome.num_extra == 1 and outcome.action_level == 1.0
        assert outcome.cause == ("forbidden" if outcome.forbidden else "over_action")


def test_writing_and_taking_back_is_not_strict() -> None:
    example = example_of("access_review")
    row = example.target["calls"][0]["arguments"]
    detour = Call(tool="sheets.set_cell", arguments={**row, "value": "unsure"})
    outcome = score(example, [detour, *writes(example)])
    assert not outcome.strict and outcome.num_extra == 1 and not outcome.side_effects
    assert outcome.cause == "over_action"


@pytest.mark.parametrize(
    ("workflow", "changed", "cause"),
    [
        ("sensor_alert", {"alert_id": "other"}, "wrong_entity"),
        ("project_kickoff", {"date": "2027-01-04"}, "wrong_argument"),
        ("project_kickoff", {"attendees": ["nobody@x.example"]}, "wrong_entity"),
        ("project_kickoff", {"title": "Kick-off"}, "omitted_datum"),
        ("project_kickoff", {"room_id": None}, "omitted_datum"),
    ],
)
def test_a_wrong_value_is_named(workflow: str, changed: dict[str, Any], cause: str) -> None:
    example = example_of(workflow)
    made = writes(example)
    if changed.get("alert_id"):
        right = made[0].arguments["alert_id"]
        alerts = [row["id"] for row in example.setup["tables"]["alerts"]]
        changed = {"alert_id": next(id for id in alerts if id != right)}
    made[0] = Call(tool=made[0].tool, arguments={**made[0].arguments, **changed})
    outcome = score(example, made)
    assert not outcome.strict and outcome.cause == cause
    assert outcome.num_extra == outcome.num_missing == 0
    assert outcome.action_level < 1.0 and outcome.side_effects


def test_failed_calls_and_look_ups_cost_nothing(holdout: list[Example]) -> None:
    noise = [
        Call(tool="tickets.update", arguments={"ticket_id": "T-1", "status": "open"}),
        Call(tool="mail.send", arguments={"to": "nobody"}),
        Call(tool="nothing.at_all", arguments={}),
        Call(tool="mail.find", arguments={"query": "x"}),
    ]
    for example in holdout:
        assert score(example, [*noise, *writes(example)]).strict


def test_breaking_a_negative_assertion_is_forbidden() -> None:
    broken = 0
    for workflow in FLOWS:
        for at in range(6):
            example = example_of(workflow, at)
            for rule in example.setup["never"]:
                if call := offence(example, rule):
                    outcome = score(example, [*writes(example), call])
                    assert rule["name"] in outcome.forbidden, (workflow, rule, outcome)
                    assert not outcome.strict and outcome.cause == "forbidden"
                    assert outcome.details["state_score"] == 0.0
                    broken += 1
    assert broken >= 60


def offence(example: Example, rule: dict[str, Any]) -> Call | None:
    """Return a call that breaks the rule and that the workplace lets through, None if unsure."""
    given = dict(rule["arguments"])
    email = "someone@x.example"
    rest = {
        "mail.send": {"to": email, "text": "x"},
        "drive.share": {"email": email, "role": "viewer"},
        "sheets.set_cell": {"value": "broken"},
        "stock.set_status": {"status": "discarded"},
        "stock.order": {"quantity": 7},
        "assets.set_status": {"status": "retired"},
        "calendar.cancel_event": {},
    }.get(rule["tool"])
    if rest is None or ("asset_id" not in given and rule["tool"] == "assets.set_status"):
        return None
    if rule["tool"] == "sheets.set_cell":
        rows = {row["id"]: row for row in example.setup["tables"]["sheet_rows"]}
        given.setdefault("column", list(rows[given["row_id"]])[-1])
    return Call(tool=rule["tool"], arguments={**rest, **given})
