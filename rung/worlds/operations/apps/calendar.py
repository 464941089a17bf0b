"""Calendar: events with people and, if they need one, a room that nobody else has then."""

from __future__ import annotations

from typing import Any

from rung.worlds.operations.app import (
    App,
    Arguments,
    clock,
    day,
    emails,
    id_of,
    look,
    optional,
    text,
    write,
)
from rung.worlds.tables import Kind, Refused, Row, Tables


def _find(state: Tables, given: Arguments) -> list[Row]:
    rows = state.search("events", given["query"])
    return [row for row in rows if given.get("date", row["date"]) == row["date"]]


def _create(state: Tables, given: Arguments) -> Row:
    return state.add("events", _checked(state, dict(given)))


def _update(state: Tables, given: Arguments) -> Row:
    event = state.get("events", given["event_id"])
    changed = {name: value for name, value in given.items() if name != "event_id"}
    if not changed:
        raise Refused("calendar.update_event changes nothing; give date, start, end or room_id")
    return state.change("events", event["id"], _checked(state, event | changed))


def _cancel(state: Tables, given: Arguments) -> Row:
    return state.remove("events", given["event_id"])


def _checked(state: Tables, event: dict[str, Any]) -> dict[str, Any]:
    """Return the event with the name of its room; raises Refused when it cannot take place."""
    if event["end"] <= event["start"]:
        raise Refused(f"end {event['end']} is not after start {event['start']}")
    if not event.get("room_id"):
        return event
    room = state.get("rooms", event["room_id"])
    event |= {"room_id": room["id"], "room": room["name"]}
    for other in taken(state, room["id"], event["date"], event["start"], event["end"]):
        if other["id"] != event.get("id"):
            raise Refused(
                f"room {room['id']} is taken on {event['date']} from {other['start']} to"
                f" {other['end']} by {other['id']}; rooms.find_free lists free ones"
            )
    return event


def taken(state: Tables, room_id: str, date: str, start: str, end: str) -> list[Row]:
    """Return the events that use a room in this span."""
    return [
        event
        for event in state.where("events", room_id=room_id, date=date)
        if event["start"] < end and start < event["end"]
    ]


APP = App(
    name="calendar",
    tables={"events": Kind(noun="event", prefix="E")},
    tools=(
        look(
            "calendar.find_events",
            "Find events.",
            _find,
            query=text("title, room or person"),
            date=optional(day()),
        ),
        write(
            "calendar.create_event",
            "Create an event and invite people.",
            _create,
            title=text("title"),
            date=day(),
            start=clock(),
            end=clock(),
            attendees=emails(),
            room_id=optional(id_of("room", "R")),
        ),
        write(
            "calendar.update_event",
            "Move an event in time or to another room.",
            _update,
            event_id=id_of("event", "E"),
            date=optional(day()),
            start=optional(clock()),
            end=optional(clock()),
            room_id=optional(id_of("room", "R")),
        ),
        write(
            "calendar.cancel_event",
            "Cancel an event.",
            _cancel,
            event_id=id_of("event", "E"),
        ),
    ),
)
