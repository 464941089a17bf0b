"""When it is in WorkBench: the data set stands still on Thursday, 30 November 2023, at midnight.

Also how its dates and times are written, and read leniently, as agents write them.
"""

from __future__ import annotations

from datetime import date, datetime

NOW = datetime(2023, 11, 30)
TODAY = NOW.date()
OPENS, CLOSES = 9, 18
"""Hours between which meetings must lie."""
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
"""In the order of `date.weekday()`."""


def stamp(moment: datetime) -> str:
    """Return `YYYY-MM-DD HH:MM:SS`."""
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def parse_moment(text: str) -> datetime:
    """Read a date with or without a time; raises ValueError for anything else."""
    return datetime.fromisoformat(text.strip()).replace(tzinfo=None)


def parse_day(text: str) -> date:
    """Read the day of a date with or without a time; raises ValueError for anything else."""
    return parse_moment(text).date()
