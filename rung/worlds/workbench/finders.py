"""Extra tools that find just the records a query speaks of: the first, the overdue, all of them.

The published searches stop at five, show whole mails and leave it to the agent to tell which rows
are meant. With `extra_tools = "answers"` an agent hands over the query's words and gets those rows,
short and complete. The published agents had none of these, so a comparison with the recorded runs
must say so. None of them changes anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from rung.core.spelling import quote
from rung.worlds.workbench import calendar, dates
from rung.worlds.workbench.clock import NOW, TODAY, parse_day, stamp
from rung.worlds.workbench.customers import PRODUCTS, STATUSES
from rung.worlds.workbench.helpers import count_tasks
from rung.worlds.workbench.projects import BOARDS, LISTS
from rung.worlds.workbench.schemas import ADDRESS, DAY, FROM_DAY, TO_DAY, choice, text
from rung.worlds.workbench.state import State
from rung.worlds.workbench.table import Values
from rung.worlds.workbench.toolbox import Refused, declare, one_of

_COUNT = {"pattern": r"^[0-9]+$"}
_TO_DO = ("Backlog", "In Progress")


def find_event(state: State, *, which: str, day: str, participant: str = "") -> list[Values]:
    """Return the first or the last of the events that a search shows of a day."""
    one_of(which, ("first", "last"), "which")
    found = calendar.search_events(
        state, query=participant, time_min=f"{day} 00:00:00", time_max=f"{day} 23:59:59"
    )
    pick = min if which == "first" else max
    return [pick(found, key=lambda event: event["event_start"] or "")] if found else []


def events_of_day(
    state: State, *, day: str, before: str = "", after: str = ""
) -> list[dict[str, Any]]:
    """Return all events of a day that start before, or after, a time of it."""
    wanted = _day(day)
    low, high = (_at(wanted, words) if words else None for words in (after, before))
    return [
        _short(event, "event_id", "event_name", "event_start")
        for event in state.calendar
        if (event["event_start"] or "").startswith(day)
        and (low is None or (event["event_start"] or "") > low)
        and (high is None or (event["event_start"] or "") < high)
    ]


def coming_events(state: State, *, name: str = "", participant: str = "") -> list[dict[str, Any]]:
    """Return all events from now on, in the calendar's order, of a name or with a participant."""
    if not (name or participant):
        raise Refused("helper.coming_events needs a name or a participant")
    return [
        _short(event, "event_id", "event_name", "event_start")
        for event in state.calendar
        if (event["event_start"] or "") >= stamp(NOW)
        and name.lower() in ("", (event["event_name"] or "").lower())
        and participant.lower() in ("", (event["participant_email"] or "").lower())
    ]


def next_event(state: State, *, name: str = "", participant: str = "") -> list[dict[str, Any]]:
    """Return the next event of a name or with a participant."""
    found = coming_events(state, name=name, participant=participant)
    return sorted(found, key=lambda event: str(event["event_start"]))[:1]


def has_met(state: State, *, participant: str, days: str, direction: str) -> dict[str, str]:
    """Return whether there was, or will be, an event with somebody within some days."""
    one_of(direction, ("last", "next"), "direction")
    span = timedelta(days=_number(days, "days"))
    low, high = (NOW - span, NOW) if direction == "last" else (NOW, NOW + span)
    high = high.replace(hour=23, minute=59, second=59) if direction == "next" else high
    found = calendar.search_events(
        state, query=participant, time_min=stamp(low), time_max=stamp(high)
    )
    return {"answer": "yes" if found else "no"}


def last_email(state: State, *, sender: str = "", subject: str = "") -> list[dict[str, Any]]:
    """Return the newest received email from a sender, under a subject, or both."""
    if not (sender or subject):
        raise Refused("helper.last_email needs a sender or a subject")
    return _mails(state, sender, subject, "", "")[-1:]


def emails_from(
    state: State, *, sender: str = "", subject: str = "", date_min: str = "", date_max: str = ""
) -> list[dict[str, Any]]:
    """Return all received emails from a sender, or under a subject, in the bounds, oldest first."""
    if not (sender or subject):
        raise Refused("helper.emails_from needs a sender or a subject")
    return _mails(state, sender, subject, date_min, date_max)


def last_contact(state: State, *, customer_name: str, days: str) -> dict[str, Any]:
    """Return whether the last contact with a customer is over some days ago, and their keeper."""
    bound = (TODAY - timedelta(days=_number(days, "days"))).isoformat()
    for customer in state.customers:
        if (customer["customer_name"] or "").lower() == customer_name.lower():
            over = (customer["last_contact_date"] or "") < bound
            keeper = customer["assigned_to_email"]
            return {"answer": "yes" if over else "no", "assigned_to_email": keeper}
    raise Refused(f"no customer is called {quote(customer_name)}")


def list_customers(
    state: State, *, last_contact_date_max: str = "", **wanted: str
) -> list[dict[str, Any]]:
    """Return all customers that have every value given."""
    if not any(wanted.values()):
        raise Refused("helper.list_customers needs an assignee, a status or a product")
    return [
        _short(customer, "customer_id", "customer_name")
        for customer in state.customers
        if all(not value or customer[field] == value for field, value in wanted.items())
        and (not last_contact_date_max or _contact(customer) <= last_contact_date_max)
    ]


def overdue_tasks(
    state: State, *, assigned_to_email: str, list_name: str = ""
) -> list[dict[str, Any]]:
    """Return somebody's tasks that should be done by now and are not."""
    return [
        _short(task, "task_id", "task_name", "due_date")
        for task in state.tasks
        if task["assigned_to_email"] == assigned_to_email
        and list_name in ("", task["list_name"])
        and (task["due_date"] or "") < TODAY.isoformat()
        and task["list_name"] != "Completed"
    ]


def most_urgent_task(state: State, *, assigned_to_email: str) -> list[dict[str, Any]]:
    """Return the task that somebody still has to work on and that is due first."""
    left = [
        task
        for task in state.tasks
        if task["assigned_to_email"] == assigned_to_email and task["list_name"] in _TO_DO
    ]
    first = min(left, key=lambda task: task["due_date"] or "", default=None)
    return [_short(first, "task_id", "task_name", "due_date")] if first else []


def pick_person(
    state: State, *, order: str, count: str, list_name: str = "", board: str = ""
) -> dict[str, Any]:
    """Return who has the fewest, or the most, tasks or overdue ones, of those who have any."""
    one_of(order, ("fewest", "most"), "order")
    one_of(count, ("tasks", "overdue"), "count")
    people = [one for one in count_tasks(state, list_name=list_name, board=board) if one[count]]
    if not people:
        raise Refused(f"nobody has any {count} there")
    number = (min if order == "fewest" else max)(one[count] for one in people)
    alike = [one for one in people if one[count] == number]
    found = alike[0] if order == "fewest" else alike[-1]
    return {"assigned_to_email": found["assigned_to_email"], count: found[count]}


def _mails(
    state: State, sender: str, subject: str, date_min: str, date_max: str
) -> list[dict[str, Any]]:
    found = [
        mail
        for mail in state.emails
        if mail["inbox/outbox"] == "inbox"
        and sender.lower() in ("", (mail["sender/recipient"] or "").lower())
        and subject.lower() in ("", (mail["subject"] or "").lower())
        and (not date_min or (mail["sent_datetime"] or "") >= date_min)
        and (not date_max or (mail["sent_datetime"] or "")[: len("2023-11-30")] <= date_max)
    ]
    found.sort(key=lambda mail: mail["sent_datetime"] or "")
    return [_short(m, "email_id", "sender/recipient", "subject", "sent_datetime") for m in found]


def _short(row: Values, *fields: str) -> dict[str, Any]:
    return {field: row[field] for field in fields}


def _contact(customer: Mapping[str, str | None]) -> str:
    return customer["last_contact_date"] or ""


def _day(text: str) -> date:
    try:
        return parse_day(text)
    except ValueError as error:
        raise Refused(f"day {quote(text)}: {error}") from None


def _at(day: date, words: str) -> str:
    try:
        return stamp(datetime.combine(day, dates.read_time(words)))
    except ValueError as error:
        raise Refused(str(error)) from None


def _number(text: str, what: str) -> int:
    if not text.isdigit():
        raise Refused(f"{what} {quote(text)} is not a number")
    return int(text)


_CLOCK = text("time of day in the query's words, e.g. 9 or 3:30")
TOOLS = (
    declare(
        "helper.find_event",
        find_event,
        "Return the first or last event of a day.",
        {"which": choice(("first", "last")), "day": DAY, "participant": ADDRESS},
        required=("which", "day"),
    ),
    declare(
        "helper.events_of_day",
        events_of_day,
        "Return all events of a day that start before, or after, a time.",
        {"day": DAY, "before": _CLOCK, "after": _CLOCK},
        required=("day",),
    ),
    declare(
        "helper.coming_events",
        coming_events,
        "Return all events from now on of a name, or with a participant.",
        {"name": text("name of the event"), "participant": ADDRESS},
    ),
    declare(
        "helper.next_event",
        next_event,
        "Return the next event of a name, or with a participant.",
        {"name": text("name of the event"), "participant": ADDRESS},
    ),
    declare(
        "helper.has_met",
        has_met,
        "Tell whether there was, or will be, an event with somebody within some days.",
        {"participant": ADDRESS, "days": _COUNT, "direction": choice(("last", "next"))},
        required=("participant", "days", "direction"),
    ),
    declare(
        "helper.last_email",
        last_email,
        "Return the newest received email from a sender, under a subject, or both.",
        {"sender": ADDRESS, "subject": text("whole subject")},
    ),
    declare(
        "helper.emails_from",
        emails_from,
        "Return all received emails from a sender or under a subject in the bounds, oldest first.",
        {"sender": ADDRESS, "subject": text("whole subject"), "date_min": FROM_DAY,
         "date_max": TO_DAY},
    ),
    declare(
        "helper.last_contact",
        last_contact,
        "Tell whether the last contact with a customer is over some days ago, and who looks after"
        " them.",
        {"customer_name": text("whole name"), "days": _COUNT},
        required=("customer_name", "days"),
    ),
    declare(
        "helper.list_customers",
        list_customers,
        "Return all customers that have every value given.",
        {"assigned_to_email": ADDRESS, "status": choice(STATUSES),
         "product_interest": choice(PRODUCTS), "last_contact_date_max": TO_DAY},
    ),
    declare(
        "helper.overdue_tasks",
        overdue_tasks,
        "Return somebody's overdue tasks, of one list or of all.",
        {"assigned_to_email": ADDRESS, "list_name": choice(LISTS)},
        required=("assigned_to_email",),
    ),
    declare(
        "helper.most_urgent_task",
        most_urgent_task,
        "Return the task that somebody still has to work on and that is due first.",
        {"assigned_to_email": ADDRESS},
        required=("assigned_to_email",),
    ),
    declare(
        "helper.pick_person",
        pick_person,
        "Return who has the fewest, or the most, tasks or overdue ones.",
        {"order": choice(("fewest", "most")), "count": choice(("tasks", "overdue")),
         "list_name": choice(LISTS), "board": choice(BOARDS)},
        required=("order", "count"),
    ),
)  # fmt: skip
