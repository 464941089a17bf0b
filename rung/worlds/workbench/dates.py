"""Days, times and durations as the queries word them, read on the clock of WorkBench.

Times lie in working hours, so `3:30` is in the afternoon. A weekday is the next one after today, or
the last one before. `3 weeks` and `4 days` count from today.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta

from rung.core.spelling import quote
from rung.worlds.workbench.clock import DAYS, OPENS, TODAY

_COUNTED = re.compile(r"(?:the )?(?:past |last |next )?(\d+) (day|week)s?(?: ago)?", re.IGNORECASE)
_NAMED = {"today": 0, "tomorrow": 1, "yesterday": -1}
_LENGTH = re.compile(r"(\d+(?:\.\d+)?)[ -](minute|hour)s?", re.IGNORECASE)
_WEEK = 7


def read_day(words: str, *, past: bool = False) -> date:
    """Return the day that words name; raises ValueError for other words."""
    text = words.strip().lower()
    if text in _NAMED:
        return TODAY + timedelta(days=_NAMED[text])
    if match := _COUNTED.fullmatch(text):
        days = int(match[1]) * (_WEEK if match[2] == "week" else 1)
        return TODAY + timedelta(days=-days if past else days)
    plain = text.removeprefix("last ").removeprefix("next ")
    if plain in DAYS:
        return _weekday(plain, past=past, following=text.startswith("next "))
    for form in ("%Y-%m-%d", "%B %d %Y"):
        try:
            return datetime.strptime(text if "-" in text else f"{text} {TODAY.year}", form).date()
        except ValueError:
            continue
    raise ValueError(f"{quote(words)} names no day: try 'December 8', 'Friday' or '3 weeks'")


def read_time(words: str) -> time:
    """Return a time of day in working hours; raises ValueError for other words."""
    hour, _, minute = words.strip().partition(":")
    if not hour.isdigit() or not (minute or "0").isdigit():
        raise ValueError(f"{quote(words)} is no time of day: try '3:30'")
    shift = 12 if int(hour) < OPENS else 0
    return time(int(hour) + shift, int(minute or 0))


def read_minutes(words: str) -> int:
    """Return the minutes of a duration; raises ValueError for other words."""
    text = words.strip().lower().replace("half an hour", "30 minutes").replace("half", "0.5")
    if not (match := _LENGTH.fullmatch(text.replace("-", " "))):
        raise ValueError(f"{quote(words)} is no duration: try '1.5 hour'")
    return round(float(match[1]) * (60 if match[2].lower() == "hour" else 1))


def _weekday(name: str, *, past: bool, following: bool) -> date:
    """Return the nearest such day, today excluded; `next Friday` is that of the week after."""
    if past:
        return TODAY - timedelta(days=(TODAY.weekday() - DAYS.index(name) - 1) % _WEEK + 1)
    if following:
        monday = TODAY - timedelta(days=TODAY.weekday()) + timedelta(days=_WEEK)
        return monday + timedelta(days=DAYS.index(name))
    return TODAY + timedelta(days=(DAYS.index(name) - TODAY.weekday() - 1) % _WEEK + 1)
