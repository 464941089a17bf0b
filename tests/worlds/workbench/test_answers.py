"""Extra tools that answer what a query asks: conditions decided, and just the rows it speaks of."""

from __future__ import annotations

from typing import Any

import pytest

from offices import INES, MARA, TOM, call, example
from rung.worlds.workbench.world import WorkBench
from rung.worlds.world import Result


def use(world: WorkBench, tool: str, **arguments: Any) -> Result:
    return world.start(example()).call(call(f"helper.{tool}", **arguments))


# Visits by day in `offices.py`: 2, 1, 3 (27 to 29 November); engaged 1, 0, 3; direct 1, 1, 2.
@pytest.mark.parametrize(
    ("tool", "arguments", "answer"),
    [
        ("was_ever", {"metric": "total_visits", "relation": "more", "number": "2"}, "yes"),
        ("was_ever", {"metric": "total_visits", "relation": "more", "number": "3"}, "no"),
        ("was_ever", {"metric": "total_visits", "relation": "less", "number": "1"}, "no"),
        ("was_ever", {"metric": "total_visits", "relation": "less", "number": "1.5"}, "yes"),
        ("has_changed", {"metric": "total_visits", "direction": "higher", "percent": "49"}, "yes"),
        ("has_changed", {"metric": "total_visits", "direction": "higher", "percent": "50"}, "no"),
        ("has_changed", {"metric": "total_visits", "direction": "lower", "percent": "5"}, "no"),
        ("was_ahead", {"metric": "user_engaged", "other": "total_visits", "by": "growth"}, "yes"),
        ("was_ahead", {"metric": "user_engaged", "other": "total_visits", "by": "sum"}, "no"),
        ("was_ahead", {"metric": "total_visits", "other": "total_visits", "by": "sum"}, "no"),
    ],
)
def test_conditions(
    answering: WorkBench, tool: str, arguments: dict[str, str], answer: str
) -> None:
    found = use(answering, tool, **arguments, time_min="2023-11-27")
    assert found.value == {"answer": answer, "last_day": "2023-11-29"}


def test_a_period_ends_where_it_is_said_to(answering: WorkBench) -> None:
    asked = {"metric": "total_visits", "direction": "lower", "percent": "49"}
    found = use(answering, "has_changed", **asked, time_min="2023-11-27", time_max="2023-11-28")
    assert found.value == {"answer": "yes", "last_day": "2023-11-28"}


def test_the_top_source(answering: WorkBench) -> None:
    found = use(answering, "top_source", time_min="2023-11-27")
    assert found.value == {"metric": "visits_direct", "last_day": "2023-11-29"}


@pytest.mark.parametrize(
    ("tool", "arguments", "ids"),
    [
        ("find_event", {"which": "first", "day": "2023-12-01"}, ["00000001"]),
        ("find_event", {"which": "last", "day": "2023-12-01"}, ["00000002"]),
        ("find_event", {"which": "first", "day": "2023-12-01", "participant": TOM}, ["00000002"]),
        ("find_event", {"which": "first", "day": "2023-12-02"}, []),
        ("events_of_day", {"day": "2023-12-01"}, ["00000001", "00000002"]),
        ("events_of_day", {"day": "2023-12-01", "after": "9"}, ["00000002"]),
        ("events_of_day", {"day": "2023-12-01", "before": "10"}, ["00000001"]),
        ("events_of_day", {"day": "2023-12-04", "after": "1"}, ["00000003"]),
        ("coming_events", {"name": "budget TALK"}, ["00000002", "00000003"]),
        ("coming_events", {"participant": INES}, ["00000003"]),
        ("coming_events", {"name": "Budget"}, []),
        ("next_event", {"name": "Budget talk"}, ["00000002"]),
        ("next_event", {"participant": "zoe@acme.test"}, []),
        ("last_email", {"sender": TOM}, ["00000011"]),
        ("last_email", {"subject": "paint"}, ["00000013"]),
        ("last_email", {"sender": TOM, "subject": "Ladder order"}, ["00000010"]),
        ("last_email", {"sender": INES}, []),
        ("emails_from", {"sender": TOM}, ["00000010", "00000011"]),
        ("emails_from", {"sender": TOM, "date_min": "2023-11-22"}, ["00000011"]),
        ("emails_from", {"subject": "Paint", "date_max": "2023-11-28"}, ["00000011"]),
        ("list_customers", {"status": "Lead"}, ["00000030"]),
        ("list_customers", {"assigned_to_email": MARA, "status": "Lead"}, []),
        ("list_customers", {"status": "Lead", "last_contact_date_max": "2023-10-31"}, []),
        ("overdue_tasks", {"assigned_to_email": TOM}, ["00000020"]),
        ("overdue_tasks", {"assigned_to_email": TOM, "list_name": "In Review"}, []),
        ("overdue_tasks", {"assigned_to_email": MARA}, []),
        ("most_urgent_task", {"assigned_to_email": TOM}, ["00000020"]),
        ("most_urgent_task", {"assigned_to_email": MARA}, []),
    ],
)
def test_just_the_rows_that_are_meant(
    answering: WorkBench, tool: str, arguments: dict[str, str], ids: list[str]
) -> None:
    found = use(answering, tool, **arguments)
    assert found.error == ""
    assert [next(iter(row.values())) for row in found.value] == ids


def test_whole_mails_are_not_shown(answering: WorkBench) -> None:
    (mail,) = use(answering, "last_email", sender=TOM).value
    assert "body" not in mail


@pytest.mark.parametrize(
    ("participant", "days", "direction", "answer"),
    [
        (TOM, "2", "last", "yes"),
        (TOM, "1", "last", "no"),
        (INES, "4", "next", "yes"),
        (INES, "3", "next", "no"),
        (MARA, "9", "last", "no"),
    ],
)
def test_meetings_within_days(
    answering: WorkBench, participant: str, days: str, direction: str, answer: str
) -> None:
    found = use(answering, "has_met", participant=participant, days=days, direction=direction)
    assert found.value == {"answer": answer}


def test_the_last_contact(answering: WorkBench) -> None:
    found = use(answering, "last_contact", customer_name="ada stone", days="14")
    assert found.value == {"answer": "yes", "assigned_to_email": TOM}
    found = use(answering, "last_contact", customer_name="Ada Stone", days="29")
    assert found.value["answer"] == "no"  # 1 November is 29 days ago, not over 29


def test_who_has_fewest_and_most(answering: WorkBench) -> None:
    found = use(answering, "pick_person", order="most", count="tasks")
    assert found.value == {"assigned_to_email": TOM, "tasks": 2}
    found = use(answering, "pick_person", order="fewest", count="overdue")
    assert found.value == {"assigned_to_email": TOM, "overdue": 1}
    found = use(answering, "pick_person", order="most", count="tasks", list_name="Completed")
    assert found.value == {"assigned_to_email": MARA, "tasks": 1}


@pytest.mark.parametrize(
    ("tool", "arguments", "says"),
    [
        ("was_ever", {"metric": "sales", "relation": "more", "number": "1"}, "metric 'sales'"),
        ("was_ever", {"metric": "total_visits", "relation": "over", "number": "1"}, "'over'"),
        ("was_ever", {"metric": "total_visits", "relation": "more", "number": "x"}, "'x'"),
        ("has_changed", {"metric": "visits_referral", "direction": "lower", "percent": "1",
                         "time_min": "2023-11-28"}, "was 0 on 2023-11-28"),
        ("top_source", {"time_min": "2024-01-01"}, "no visits"),
        ("find_event", {"which": "next", "day": "2023-12-01"}, "'next'"),
        ("find_event", {"which": "last", "day": "Friday"}, "Friday"),
        ("events_of_day", {"day": "Friday"}, "'Friday'"),
        ("events_of_day", {"day": "2023-12-01", "after": "noon"}, "'noon'"),
        ("coming_events", {}, "a name or a participant"),
        ("next_event", {}, "a name or a participant"),
        ("has_met", {"participant": TOM, "days": "few", "direction": "last"}, "'few'"),
        ("has_met", {"participant": TOM, "days": "1000000", "direction": "last"}, "'1000000'"),
        ("last_contact", {"customer_name": "Ada Stone", "days": "\u00b2"}, "0 to 99999"),
        ("last_email", {}, "a sender or a subject"),
        ("emails_from", {"date_min": "2023-11-01"}, "a sender or a subject"),
        ("last_contact", {"customer_name": "Cy", "days": "1"}, "'Cy'"),
        ("list_customers", {}, "an assignee"),
        ("pick_person", {"order": "most", "count": "tasks", "board": "Lunch"}, "nobody has any"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_says_why(
    answering: WorkBench, tool: str, arguments: dict[str, str], says: str
) -> None:
    if tool in ("was_ever",):
        arguments = {**arguments, "time_min": "2023-11-27"}
    found = use(answering, tool, **arguments)
    assert says in found.error
    assert (found.fault, found.value) == ("input", None)
