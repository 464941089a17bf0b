"""Extra tools that find just the events and mails a query speaks of: the first, the newest, all.

The published searches stop at five, show whole mails and leave it to the agent to tell which rows
are meant. With `extra_tools = "answers"` an agent hands over the query's words and gets those rows,
short and complete. The published agents had none of these, so a comparison with the recorded runs
must say so. None of them changes anything.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from rung.core.spelling import quote
from rung.worlds.workbench import calendar, dates
from rung.worlds.workbench.clock import NOW, parse_day, stamp
from rung.worlds.workbench.schemas import ADDRESS, DAY, FROM_DAY, TO_DAY, choice, text
from rung.worlds.workbench.state import State
from rung.worlds.workbench.table import Values
from rung.worlds.workbench.toolbox import COUNT, Refused, declare, number_of, one_of, part_of


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
        part_of(event, "event_id", "event_name", "event_start")
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
        part_of(event, "event_id", "event_name", "event_start")
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
    span = timedelta(days=number_of(days, "days"))
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
    return [part_of(m, "email_id", "sender/recipient", "subject", "sent_datetime") for m in found]


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


_CLOCK = text("time of day in the query's words, e.g. 9 or 3:30")
TOOLS = (
    declare(
        "helper.find_event",
        find_event,
        "Return the first or last of the 5 events that a search shows of a day.",
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
        {"participant": ADDRESS, "days": COUNT, "direction": choice(("last", "next"))},
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
)  # fmt: skip
