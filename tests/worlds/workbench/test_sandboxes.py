"""Every tool: what it finds, what it changes, what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from offices import INES, MARA, TABLES, TOM, call, example
from rung.worlds.workbench.state import State, make_state
from rung.worlds.workbench.world import TOOLS, WorkBench
from rung.worlds.world import Result

CRM, PROJECTS = "customer_relationship_manager", "project_management"


def use(world: WorkBench, tool: str, **arguments: Any) -> Result:
    return world.start(example()).call(call(tool, **arguments))


def after(world: WorkBench, tool: str, **arguments: Any) -> State:
    session = world.start(example())
    assert session.call(call(tool, **arguments)).error == ""
    return session.state  # type: ignore[attr-defined, no-any-return]


def test_there_are_26_tools_and_the_directory() -> None:
    names = [tool.tool.name for tool in TOOLS]
    assert len(set(names)) == 27
    assert sum(tool.domain != "company_directory" for tool in TOOLS) == 26
    assert sum(tool.tool.writes for tool in TOOLS) == 14


def test_parameters_are_schemas_of_text() -> None:
    for tool in TOOLS:
        parameters = tool.tool.parameters
        assert all(schema["type"] == "string" for schema in parameters["properties"].values())
        assert set(parameters["required"]) <= set(parameters["properties"])


@pytest.mark.parametrize(
    "tool, arguments, found",
    [
        ("calendar.search_events", {"query": "BUDGET"}, ["00000004", "00000002", "00000003"]),
        ("calendar.search_events", {"query": "talk|kick"}, 4),  # a regular expression
        ("calendar.search_events", {"query": "vogel"}, ["00000001"]),  # participants, too
        ("calendar.search_events", {"time_min": "2023-12-01 10:00:00"}, ["00000002", "00000003"]),
        ("calendar.search_events", {"time_max": "2023-12-01"}, ["00000004"]),
        ("calendar.search_events", {"query": "nothing"}, []),
        ("email.search_emails", {"query": "sam paint"}, ["00000013", "00000011"]),  # newest first
        ("email.search_emails", {"query": "paint red"}, ["00000012"]),
        ("email.search_emails", {"date_min": "2023-11-28", "date_max": "2023-11-28"}, 2),
        (f"{PROJECTS}.search_tasks", {"list_name": "progress"}, ["00000021"]),
        (f"{PROJECTS}.search_tasks", {"assigned_to_email": TOM, "board": "DESIGN"}, ["00000021"]),
        (f"{CRM}.search_customers", {"status": "lead"}, ["00000030"]),
        (f"{CRM}.search_customers", {"last_contact_date_max": "2023-11-01"}, ["00000030"]),
        (f"{CRM}.search_customers", {"follow_up_by_min": "2023-12-21"}, ["00000031"]),
    ],
)
def test_searches(world: WorkBench, tool: str, arguments: dict[str, str], found: Any) -> None:
    rows = use(world, tool, **arguments).value
    ids = [next(value for key, value in row.items() if key.endswith("_id")) for row in rows]
    assert (len(ids) if isinstance(found, int) else ids) == found


def test_searches_show_five_at_most() -> None:
    events = [{**TABLES["calendar"][0], "event_id": f"{n:08d}"} for n in range(7)]
    many = WorkBench(make_state(calendar=events))
    assert len(use(many, "calendar.search_events").value) == 5


@pytest.mark.parametrize(
    "tool, arguments, value",
    [
        ("analytics.total_visits_count", {}, {"2023-11-27": 2, "2023-11-28": 1, "2023-11-29": 3}),
        ("analytics.engaged_users_count", {"time_min": "2023-11-28"},
         {"2023-11-28": 0, "2023-11-29": 3}),
        ("analytics.get_average_session_duration", {"time_max": "2023-11-27"}, {"2023-11-27": 15}),
        ("analytics.traffic_source_count", {"traffic_source": "referral"},
         {"2023-11-27": 1, "2023-11-28": 0, "2023-11-29": 0}),
        ("calendar.get_event_information_by_id", {"event_id": "00000001", "field": "duration"},
         {"duration": "60"}),
        ("company_directory.find_email_address", {"name": "Tom"}, [TOM]),
        ("company_directory.find_email_address", {"name": "acme"}, [MARA, TOM, INES]),
    ],
)  # fmt: skip
def test_look_ups(world: WorkBench, tool: str, arguments: dict[str, str], value: Any) -> None:
    assert use(world, tool, **arguments).value == value


def test_a_visitor_has_all_visits(world: WorkBench) -> None:
    found = use(world, "analytics.get_visitor_information_by_id", visitor_id="0001").value
    assert [visit["date_of_visit"] for visit in found] == ["2023-11-27", "2023-11-29"]


def test_a_new_event_is_labelled_0_and_its_address_lowered(world: WorkBench) -> None:
    state = after(
        world, "calendar.create_event",
        event_name="Talk", participant_email="Tom@X.y", event_start="2023-12-01", duration="30",
    )  # fmt: skip
    line = state.calendar.lines[-1]
    assert (line.label, line.values["event_id"]) == (0, "00000005")
    assert line.values["participant_email"] == "tom@x.y"


def test_an_event_takes_fields_that_no_event_has(world: WorkBench) -> None:
    state = after(
        world, "calendar.update_event", event_id="00000001", field="place", new_value="here"
    )
    assert state.calendar.columns[-1] == "place"


def test_forwarding_and_replying_send(world: WorkBench) -> None:
    forwarded = after(world, "email.forward_email", email_id="00000010", recipient=MARA)
    mail = forwarded.emails.lines[-1].values
    assert mail["subject"] == "FW: Ladder order"
    assert (mail["sender/recipient"], mail["inbox/outbox"]) == (MARA, "outbox")
    assert (mail["sent_datetime"], mail["email_id"]) == ("2023-11-30 00:00:00", "00000014")
    replied = after(world, "email.reply_email", email_id="00000010", body="Yes.")
    assert replied.emails.lines[-1].values["sender/recipient"] == TOM


def test_sending_after_a_deletion_overwrites_the_newest(world: WorkBench) -> None:
    session = world.start(example())
    session.call(call("email.delete_email", email_id="00000010"))
    session.call(call("email.send_email", recipient=TOM, subject="s", body="b"))
    emails = session.state.emails  # type: ignore[attr-defined]
    assert [row["email_id"] for row in emails] == ["00000011", "00000012", "00000014"]


def test_plots_are_file_names(world: WorkBench) -> None:
    state = after(
        world, "analytics.create_plot",
        time_min="2023-11-01", time_max="2023-11-29", value_to_plot="total_visits",
        plot_type="bar",
    )  # fmt: skip
    assert [row["file_path"] for row in state.plots] == [
        "plots/2023-11-01_2023-11-29_total_visits_bar.png"
    ]


def test_tasks_and_customers_count_rows_anew_when_one_is_added(world: WorkBench) -> None:
    session = world.start(example())
    session.call(call(f"{PROJECTS}.delete_task", task_id="00000020"))
    session.call(
        call(
            f"{PROJECTS}.create_task",
            task_name="t",
            assigned_to_email=MARA.upper(),
            list_name="Backlog",
            due_date="2023-12-01",
            board="Design",
        )  # fmt: skip
    )
    session.call(call(f"{CRM}.delete_customer", customer_id="00000030"))
    session.call(
        call(f"{CRM}.add_customer", customer_name="C", assigned_to_email="A@b.c", status="Lead")
    )
    state = session.state  # type: ignore[attr-defined]
    assert [line.label for line in state.tasks.lines] == [0, 1, 2]
    assert state.tasks.lines[-1].values["assigned_to_email"] == MARA
    customer = state.customers.lines[-1]
    assert (customer.label, customer.values["notes"]) == (1, "")
    assert (customer.values["customer_phone"], customer.values["customer_id"]) == (None, "00000032")


@pytest.mark.parametrize(
    "tool, arguments, words",
    [
        ("calendar.delete_evnt", {}, "there is no tool 'calendar.delete_evnt'"),
        ("calendar.delete_event", {}, "needs event_id"),
        ("calendar.delete_event", {"event_id": ""}, "needs event_id"),
        ("calendar.delete_event", {"id": "1"}, "has no argument 'id'"),
        ("calendar.delete_event", {"event_id": 1}, "event_id must be text, not 1"),
        ("calendar.delete_event", {"event_id": "99"}, "there is no event '99'"),
        ("calendar.search_events", {"query": "("}, "not a regular expression"),
        ("calendar.search_events", {"time_min": "noon"}, "'noon' is not a time"),
        ("email.search_emails", {"date_min": "May"}, "'May' is not a day"),
        ("email.get_email_information_by_id", {"email_id": "00000010", "field": "sender"},
         "there is no field 'sender'"),
        ("email.send_email", {"recipient": "tom", "subject": "s", "body": "b"}, "not a mail"),
        ("analytics.get_visitor_information_by_id", {"visitor_id": "9"}, "no visitor '9'"),
        ("analytics.create_plot", {"time_min": "a", "time_max": "b", "value_to_plot": "visits",
                                   "plot_type": "bar"}, "value_to_plot 'visits' is not valid"),
        ("analytics.traffic_source_count", {"traffic_source": "tv"}, "traffic_source 'tv'"),
        (f"{PROJECTS}.search_tasks", {}, "needs at least one argument"),
        (f"{PROJECTS}.update_task", {"task_id": "00000020", "field": "list_name",
                                     "new_value": "Done"}, "list_name 'Done' is not valid"),
        (f"{PROJECTS}.update_task", {"task_id": "00000020", "field": "assigned_to_email",
                                     "new_value": INES}, "is not in the team"),
        (f"{PROJECTS}.update_task", {"task_id": "00000020", "field": "owner", "new_value": "x"},
         "field 'owner' is not valid"),
        (f"{CRM}.search_customers", {}, "needs at least one argument"),
        (f"{CRM}.update_customer", {"customer_id": "00000030", "field": "status",
                                    "new_value": "lead"}, "status 'lead' is not valid"),
        ("company_directory.find_email_address", {"name": "Zoe"}, "nobody"),
    ],
)  # fmt: skip
def test_wrong_calls_are_errors_that_name_the_value(
    world: WorkBench, tool: str, arguments: dict[str, Any], words: str
) -> None:
    session = world.start(example())
    result = session.call(call(tool, **arguments))
    assert words in result.error
    assert (result.fault, result.value) == ("input", None)
    assert session.state.equals(world.start(example()).state)  # type: ignore[attr-defined]


def test_extra_tools(helped: WorkBench, world: WorkBench) -> None:
    assert "there is no tool" in use(world, "helper.find_date", words="Friday").error
    assert use(helped, "helper.find_date", words="Friday").value == "2023-12-01"
    assert use(helped, "helper.find_date", words="Friday", direction="last").value == "2023-11-24"
    free = use(helped, "helper.first_free_slot", day="2023-12-01", duration="30")
    assert free.value == "2023-12-01 11:30:00"
    shifted = use(helped, "helper.shift_time", time="2023-12-01 09:00:00", minutes="90")
    assert shifted.value == "2023-12-01 10:30:00"
    figures = use(helped, "helper.summarize_metric", metric="total_visits", time_min="2023-11-01")
    assert figures.value["change_percent"] == 50
    assert (figures.value["lowest"], figures.value["sum"]) == (1, 6)
    counted = use(helped, "helper.count_tasks").value
    assert counted[-1] == {"assigned_to_email": TOM, "tasks": 2, "overdue": 1}
    assert "names no day" in use(helped, "helper.find_date", words="soon").error
    assert (
        "no 600 minutes"
        in use(helped, "helper.first_free_slot", day="2023-12-01", duration="600").error
    )


def test_a_call_that_no_date_or_number_can_hold_is_an_error_and_not_the_end(
    helped: WorkBench,
) -> None:
    far = {"time": "9999-12-31", "minutes": "99999999999"}
    assert use(helped, "helper.shift_time", **far).fault == "input"
    day = {"day": "2023-11-30", "duration": "99999999999"}
    assert use(helped, "helper.first_free_slot", **day).fault == "input"
    event_id = TABLES["calendar"][0]["event_id"]
    rename = {"event_id": event_id, "field": "event_id", "new_value": "zzz"}
    event = {"event_name": "a", "participant_email": TOM, "event_start": "2023-12-01 09:00:00"}
    calls = [
        call("calendar.update_event", **rename),
        call("calendar.create_event", **event, duration="30"),
    ]
    assert not helped.score(example(), calls).strict
