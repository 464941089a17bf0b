"""The calendar sandbox: find, create, change and delete meetings."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from rung.core.spelling import quote
from rung.worlds.workbench.clock import parse_moment
from rung.worlds.workbench.schemas import ADDRESS, ID, MOMENT, choice, text
from rung.worlds.workbench.state import COLUMNS, State
from rung.worlds.workbench.table import Values
from rung.worlds.workbench.toolbox import Refused, declare, field_of, row_of

MAX_FOUND = 5
_FIELDS = COLUMNS["calendar"]


def get_event_information_by_id(state: State, *, event_id: str, field: str) -> Any:
    """Return one field of an event."""
    return field_of(row_of(state.calendar, event_id, "event"), field)


def search_events(
    state: State, *, query: str = "", time_min: str = "", time_max: str = ""
) -> list[Values]:
    """Return the first five events, in the calendar's order, that match and start in the bounds."""
    try:
        pattern = re.compile(query, re.IGNORECASE)
    except re.error as error:
        raise Refused(f"query {quote(query)} is not a regular expression: {error}") from None
    low, high = _moment(time_min, "time_min"), _moment(time_max, "time_max")
    found = []
    for event in state.calendar:
        names = (event["event_name"], event["participant_email"])
        if not any(pattern.search(name or "") for name in names):
            continue
        if (low or high) and not _within(event, low, high):
            continue
        found.append(event)
        if len(found) == MAX_FOUND:
            break
    return found


def create_event(
    state: State, *, event_name: str, participant_email: str, event_start: str, duration: str
) -> str:
    """Add an event at the end of the calendar; return its id."""
    event = {
        "event_id": state.calendar.next_id(),
        "event_name": event_name,
        "participant_email": participant_email.lower(),
        "event_start": event_start,
        "duration": duration,
    }
    # Published events are joined on as a frame of their own, so every new one is labelled 0.
    state.calendar = state.calendar.appended(event, label=0)
    return event["event_id"]


def delete_event(state: State, *, event_id: str) -> str:
    """Remove an event."""
    row_of(state.calendar, event_id, "event")
    state.calendar = state.calendar.without(event_id)
    return "Event deleted successfully."


def update_event(state: State, *, event_id: str, field: str, new_value: str) -> str:
    """Change one field; as published, a field that no event has is added rather than refused."""
    row_of(state.calendar, event_id, "event")
    if field == "participant_email":
        new_value = new_value.lower()
    state.calendar = state.calendar.updated(event_id, field, new_value)
    return "Event updated successfully."


def _moment(bound: str, name: str) -> datetime | None:
    try:
        return parse_moment(bound) if bound else None
    except ValueError:
        raise Refused(f"{name} {quote(bound)} is not a time: write YYYY-MM-DD HH:MM:SS") from None


def _within(event: Values, low: datetime | None, high: datetime | None) -> bool:
    try:
        start = parse_moment(event["event_start"] or "")
    except ValueError:
        return False
    return (low is None or start >= low) and (high is None or start <= high)


TOOLS = (
    declare(
        "calendar.get_event_information_by_id",
        get_event_information_by_id,
        "Return one field of a calendar event.",
        {"event_id": ID, "field": choice(_FIELDS)},
        required=("event_id", "field"),
    ),
    declare(
        "calendar.search_events",
        search_events,
        "Return at most 5 events whose name or participant matches the query and that start"
        " between the bounds.",
        {
            "query": text("regular expression, in event_name or participant_email; case is free"),
            "time_min": {**MOMENT, "description": "earliest start, inclusive"},
            "time_max": {**MOMENT, "description": "latest start, inclusive"},
        },
    ),
    declare(
        "calendar.create_event",
        create_event,
        "Create a calendar event; returns its id.",
        {
            "event_name": text("name of the event"),
            "participant_email": ADDRESS,
            "event_start": MOMENT,
            "duration": {"pattern": r"^[0-9]+$", "description": "minutes"},
        },
        required=("event_name", "participant_email", "event_start", "duration"),
        writes=True,
    ),
    declare(
        "calendar.delete_event",
        delete_event,
        "Delete a calendar event.",
        {"event_id": ID},
        required=("event_id",),
        writes=True,
    ),
    declare(
        "calendar.update_event",
        update_event,
        "Change one field of a calendar event.",
        {"event_id": ID, "field": choice(_FIELDS[1:]), "new_value": text("new value")},
        required=("event_id", "field", "new_value"),
        writes=True,
    ),
)
