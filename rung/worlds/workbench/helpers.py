"""Extra tools, off by default: arithmetic that a small model gets wrong and code gets right.

The published agents did not have them. Where `options.toml` turns them on, every arm has them and
a comparison with the recorded runs must say so. None of them changes anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from rung.core.spelling import quote
from rung.worlds.workbench import analytics, dates
from rung.worlds.workbench.clock import TODAY, parse_day, parse_moment, stamp
from rung.worlds.workbench.projects import BOARDS, LISTS
from rung.worlds.workbench.schemas import DAY, FROM_DAY, MOMENT, TO_DAY, choice, text
from rung.worlds.workbench.slots import first_free
from rung.worlds.workbench.state import State
from rung.worlds.workbench.toolbox import Refused, declare, one_of

_MINUTES = {"pattern": r"^[0-9]+$", "description": "minutes"}


def find_date(state: State, *, words: str, direction: str = "next") -> str:
    """Return the day that words name, e.g. `December 8`, `tomorrow`, `next Friday`, `3 weeks`."""
    one_of(direction, ("next", "last"), "direction")
    try:
        return dates.read_day(words, past=direction == "last").isoformat()
    except ValueError as error:
        raise Refused(str(error)) from None


def first_free_slot(state: State, *, day: str, duration: str) -> str:
    """Return the earliest start of a free slot in working hours on a day."""
    try:
        found = first_free(state.calendar, parse_day(day), int(duration))
    except ValueError as error:
        raise Refused(f"day {quote(day)}, duration {quote(duration)}: {error}") from None
    if found is None:
        raise Refused(f"no {duration} minutes are free on {day}")
    return stamp(found)


def shift_time(state: State, *, time: str, minutes: str) -> str:
    """Return a time some minutes later."""
    try:
        return stamp(parse_moment(time) + timedelta(minutes=int(minutes)))
    except ValueError as error:
        raise Refused(f"time {quote(time)}, minutes {quote(minutes)}: {error}") from None


def summarize_metric(
    state: State, *, metric: str, time_min: str, time_max: str = ""
) -> dict[str, Any]:
    """Return a metric's lowest, highest, first and last day, its sum, and its change in percent."""
    one_of(metric, analytics.PLOTTED, "metric")
    series = _series(state, metric, time_min=time_min, time_max=time_max)
    if not series:
        raise Refused(f"there are no visits from {time_min!r} to {time_max!r}")
    values, days = list(series.values()), list(series)
    growth = (values[-1] - values[0]) / values[0] if values[0] else None
    return {
        "first_day": days[0],
        "last_day": days[-1],
        "first": values[0],
        "last": values[-1],
        "lowest": min(values),
        "highest": max(values),
        "sum": sum(values),
        "change_percent": None if growth is None else 100 * growth,
    }


def count_tasks(state: State, *, list_name: str = "", board: str = "") -> list[dict[str, Any]]:
    """Return how many tasks each assignee has, fewest first, and how many of them are overdue."""
    chosen = [
        task
        for task in state.tasks
        if list_name in ("", task["list_name"]) and board in ("", task["board"])
    ]
    total = Counter(task["assigned_to_email"] for task in chosen)
    overdue = Counter(
        task["assigned_to_email"]
        for task in chosen
        if (task["due_date"] or "") < TODAY.isoformat() and task["list_name"] != "Completed"
    )
    return [
        {"assigned_to_email": email, "tasks": total[email], "overdue": overdue[email]}
        for email in sorted(total, key=lambda email: total[email])
    ]


def _series(state: State, metric: str, **bounds: str) -> Mapping[str, float]:
    if metric == "total_visits":
        return analytics.total_visits_count(state, **bounds)
    if metric == "session_duration_seconds":
        return analytics.get_average_session_duration(state, **bounds)
    if metric == "user_engaged":
        return analytics.engaged_users_count(state, **bounds)
    source = metric.removeprefix("visits_").replace("_", " ")
    return analytics.traffic_source_count(state, traffic_source=source, **bounds)


TOOLS = (
    declare(
        "helper.find_date",
        find_date,
        "Return the date that words name, e.g. 'December 8', 'tomorrow', 'Friday', '3 weeks'.",
        {
            "words": text("words of the query"),
            "direction": choice(("next", "last"), "after or before today; default next"),
        },
        required=("words",),
    ),
    declare(
        "helper.first_free_slot",
        first_free_slot,
        "Return the earliest start of a free slot in working hours on a day.",
        {"day": DAY, "duration": _MINUTES},
        required=("day", "duration"),
    ),
    declare(
        "helper.shift_time",
        shift_time,
        "Return a time some minutes later.",
        {"time": MOMENT, "minutes": _MINUTES},
        required=("time", "minutes"),
    ),
    declare(
        "helper.summarize_metric",
        summarize_metric,
        "Return a metric's extremes, sum, first and last day, and its change in percent.",
        {"metric": choice(analytics.PLOTTED), "time_min": FROM_DAY, "time_max": TO_DAY},
        required=("metric", "time_min"),
    ),
    declare(
        "helper.count_tasks",
        count_tasks,
        "Return how many tasks each person has, fewest first, and how many are overdue.",
        {"list_name": choice(LISTS), "board": choice(BOARDS)},
    ),
)
