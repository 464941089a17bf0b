"""Free slots of a day in the calendar, within working hours."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta

from rung.worlds.workbench.clock import CLOSES, OPENS, parse_moment
from rung.worlds.workbench.table import Values


def first_free(events: Iterable[Values], day: date, minutes: int) -> datetime | None:
    """Return the earliest start at which `minutes` are free; None when there is no such start."""
    busy = sorted(span for span in map(_span, events) if span[0].date() == day)
    closing = datetime.combine(day, time(CLOSES))
    start = datetime.combine(day, time(OPENS))
    for begin, end in busy:
        if start + timedelta(minutes=minutes) <= begin:
            break
        start = max(start, end)
    return start if start + timedelta(minutes=minutes) <= closing else None


def _span(event: Values) -> tuple[datetime, datetime]:
    start = parse_moment(event["event_start"] or "")
    return start, start + timedelta(minutes=int(event["duration"] or 0))
