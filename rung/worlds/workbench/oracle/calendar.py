"""Queries about the calendar: cancel, rename, move and create meetings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from rung.worlds.workbench import dates
from rung.worlds.workbench.calendar import MAX_FOUND
from rung.worlds.workbench.clock import NOW, stamp
from rung.worlds.workbench.oracle.episode import Episode, Stuck

Event = Mapping[str, str]
_ASKED = {"event_name": "name", "participant_email": "participant"}
"""By field, the argument of the tools that find the rows."""


def coming(e: Episode, field: str, value: str) -> list[Event]:
    """Look up the next events, at most five, whose field has a value, whatever its case."""
    found = e.act("calendar.search_events", query=value, time_min=stamp(NOW)) or []
    return [event for event in found if event[field].lower() == value.lower()]


def first(events: list[Event]) -> Event:
    """Return the earliest event; raises Stuck when there is none."""
    if not events:
        raise Stuck("no such event")
    return min(events, key=lambda event: event["event_start"])


def first_on(e: Episode, day: date, email: str = "") -> Event:
    """Look up the first event of a day, with somebody where one is named; raises Stuck if none."""
    if e.answers:
        return first(
            e.ask("helper.find_event", which="first", day=day.isoformat(), participant=email)
        )
    return first(e.events_on(day, email))


def next_event(e: Episode, field: str, value: str) -> Event | None:
    """Look up the next event whose field has a value."""
    if e.answers:
        found = e.ask("helper.next_event", **{_ASKED[field]: value})
        return found[0] if found else None
    events = coming(e, field, value)
    return first(events) if events else None


def met_within(e: Episode, email: str, days: str) -> bool:
    """Look up whether there was a meeting with somebody in the last days."""
    if e.answers:
        asked = {"participant": email, "days": days, "direction": "last"}
        return bool(e.ask("helper.has_met", **asked)["answer"] == "yes")
    since = NOW - timedelta(days=int(days))
    met = e.act("calendar.search_events", query=email, time_min=stamp(since), time_max=stamp(NOW))
    return bool(met)


def cancel_first(e: Episode) -> None:
    """Cancel the first meeting of a day."""
    _delete(e, first_on(e, e.day(e.slots()["natural_language_date"])))


def rename_last(e: Episode) -> None:
    """Rename the last event of a day, as far as a search shows the day."""
    slots = e.slots()
    day = e.day(slots["natural_language_date"])
    if e.answers:
        events = e.ask("helper.find_event", which="last", day=day.isoformat())
    else:
        events = e.events_on(day)
    if not events:
        raise Stuck("no event on that day")
    last = max(events, key=lambda event: event["event_start"])
    _update(e, last, "event_name", slots["event_name"])


def push_back(e: Episode) -> None:
    """Move the first meeting with somebody on a day."""
    slots = e.slots()
    day, email = e.day(slots["natural_language_date"]), e.address(slots["name"])
    event = first_on(e, day, email)
    start = e.later(event["event_start"], dates.read_minutes(slots["duration"]))
    _update(e, event, "event_start", start)


def cancel_next_named(e: Episode) -> None:
    """Cancel the next meeting of a name."""
    _delete(e, _known(next_event(e, "event_name", e.slots()["event_name"])))


def rename_next(e: Episode) -> None:
    """Rename the next meeting of a name."""
    slots = e.slots()
    event = _known(next_event(e, "event_name", slots["event_name"]))
    _update(e, event, "event_name", slots["new_event_name"])


def cancel_next_with(e: Episode) -> None:
    """Cancel the next meeting with somebody, if there is one."""
    event = next_event(e, "participant_email", e.address(e.slots()["name"]))
    if event:
        _delete(e, event)


def catch_up(e: Episode) -> None:
    """Book a meeting with somebody not met for days; one wording leaves out what it is called."""
    slots = e.slots()
    email = e.address(slots["name"])
    if not met_within(e, email, slots["duration"]):
        e.book_tomorrow((e.quoted() or ["catch-up"])[0], email)


def cancel_part_of_day(e: Episode) -> None:
    """Cancel the meetings of a weekday before or after a time."""
    slots = e.slots()
    day = e.day(slots["next_day"])
    if e.answers:
        asked = {slots["before_or_after"]: slots["natural_language_time"]}
        for event in e.ask("helper.events_of_day", day=day.isoformat(), **asked):
            _delete(e, event)
        return
    bound = stamp(datetime.combine(day, dates.read_time(slots["natural_language_time"])))
    before = slots["before_or_after"] == "before"
    for event in _whole_day(e, day):
        start = event["event_start"]
        if start < bound if before else start > bound:
            _delete(e, event)


def cancel_all_with(e: Episode) -> None:
    """Cancel all future meetings with somebody."""
    _cancel_coming(e, "participant_email", e.address(e.slots()["name"]))


def cancel_all_named(e: Episode) -> None:
    """Cancel all future meetings of a name."""
    _cancel_coming(e, "event_name", e.slots()["event_name"])


def create(e: Episode) -> None:
    """Create an event that the query spells out."""
    slots = e.slots()
    day = e.day(slots["natural_language_date"])
    start = datetime.combine(day, dates.read_time(slots["natural_language_time"]))
    e.write(
        "calendar.create_event",
        event_name=slots["event_name"],
        participant_email=e.address(slots["name"]),
        event_start=stamp(start),
        duration=str(dates.read_minutes(slots["duration"])),
    )


def _whole_day(e: Episode, day: Any) -> list[Event]:
    """Look up all events of a day; a search shows five, so it goes on behind the last."""
    events = e.events_on(day)
    while len(events) % MAX_FOUND == 0 and events:
        behind = datetime.fromisoformat(events[-1]["event_start"]) + timedelta(minutes=1)
        page = e.act("calendar.search_events", time_min=stamp(behind), time_max=f"{day} 23:59:59")
        if not page:
            break
        events = [*events, *page]
    return events


def _cancel_coming(e: Episode, field: str, value: str) -> None:
    """Cancel what a search shows until it shows nothing more."""
    if e.answers:
        for event in e.ask("helper.coming_events", **{_ASKED[field]: value}):
            _delete(e, event)
        return
    while events := coming(e, field, value):
        for event in events:
            _delete(e, event)
        if len(events) < MAX_FOUND:
            return


def _known(event: Event | None) -> Event:
    if event is None:
        raise Stuck("no such event")
    return event


def _delete(e: Episode, event: Event) -> None:
    e.write("calendar.delete_event", event_id=event["event_id"])


def _update(e: Episode, event: Event, field: str, value: str) -> None:
    e.write("calendar.update_event", event_id=event["event_id"], field=field, new_value=value)


FAMILIES: dict[str, Callable[[Episode], Any]] = {
    "calendar-t00": cancel_first,
    "calendar-t01": rename_last,
    "calendar-t02": push_back,
    "calendar-t03": cancel_next_named,
    "calendar-t04": rename_next,
    "calendar-t05": cancel_next_with,
    "calendar-t06": catch_up,
    "calendar-t07": cancel_part_of_day,
    "calendar-t08": cancel_all_with,
    "calendar-t09": cancel_all_named,
    "calendar-t10": create,
}
