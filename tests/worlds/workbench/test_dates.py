"""Days, times and durations in the words of queries; now is Thursday, 30 November 2023."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from offices import TABLES
from rung.worlds.workbench.dates import read_day, read_minutes, read_time
from rung.worlds.workbench.slots import first_free


@pytest.mark.parametrize(
    "words, past, day",
    [
        ("December 8", False, "2023-12-08"),
        ("September 4", True, "2023-09-04"),
        ("2023-09-04", True, "2023-09-04"),
        ("tomorrow", False, "2023-12-01"),
        ("Friday", False, "2023-12-01"),
        ("Thursday", False, "2023-12-07"),  # today does not count
        ("Wednesday", False, "2023-12-06"),
        ("Wednesday", True, "2023-11-29"),
        ("thursday", True, "2023-11-23"),
        ("next Friday", False, "2023-12-08"),  # that of the week after
        ("3 weeks", True, "2023-11-09"),
        ("4 days", False, "2023-12-04"),
        ("the past 2 days", True, "2023-11-28"),
    ],
)
def test_days(words: str, past: bool, day: str) -> None:
    assert read_day(words, past=past) == date.fromisoformat(day)


@pytest.mark.parametrize("words", ["soon", "December 32", "32-12", ""])
def test_other_words_are_no_day(words: str) -> None:
    with pytest.raises(ValueError, match="names no day"):
        read_day(words)


def test_times_lie_in_working_hours() -> None:
    assert [f"{read_time(words):%H:%M}" for words in ("9", "9:30", "12", "1", "3:30")] == [
        "09:00", "09:30", "12:00", "13:00", "15:30",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="no time of day"):
        read_time("noon")


def test_durations() -> None:
    assert [read_minutes(w) for w in ("1.5 hour", "30 minute", "2 hours", "half hour")] == [
        90, 30, 120, 30,
    ]  # fmt: skip
    with pytest.raises(ValueError, match="no duration"):
        read_minutes("long")


@pytest.mark.parametrize(
    "day, minutes, start",
    [
        ("2023-12-01", 30, "2023-12-01 11:30:00"),  # behind two meetings on end
        ("2023-12-01", 390, "2023-12-01 11:30:00"),  # ends at 18:00
        ("2023-12-01", 391, None),
        ("2023-12-04", 270, "2023-12-04 09:00:00"),  # up to the first meeting
        ("2023-12-05", 30, "2023-12-05 09:00:00"),
    ],
)
def test_first_free_slot(day: str, minutes: int, start: str | None) -> None:
    found = first_free(TABLES["calendar"], date.fromisoformat(day), minutes)
    assert found == (datetime.fromisoformat(start) if start else None)
