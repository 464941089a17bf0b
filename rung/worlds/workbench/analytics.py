"""The analytics sandbox: figures of the website by day, and plots of them.

A plot is a file name; nothing is drawn.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from rung.worlds.workbench.schemas import DAY, FROM_DAY, TO_DAY, choice
from rung.worlds.workbench.state import State
from rung.worlds.workbench.table import Values
from rung.worlds.workbench.toolbox import Refused, declare, one_of

SOURCES = ("direct", "referral", "search engine", "social media")
PLOTTED = (
    "total_visits", "session_duration_seconds", "user_engaged", "visits_direct", "visits_referral",
    "visits_search_engine", "visits_social_media",
)  # fmt: skip
PLOT_TYPES = ("bar", "line", "scatter", "histogram")
T = TypeVar("T")
_BOUNDS = {"time_min": FROM_DAY, "time_max": TO_DAY}


def get_visitor_information_by_id(state: State, *, visitor_id: str) -> list[Values]:
    """Return every visit of a visitor."""
    found = [visit for visit in state.visits if visit["visitor_id"] == visitor_id]
    if not found:
        raise Refused(f"there is no visitor {visitor_id!r}")
    return found


def create_plot(
    state: State, *, time_min: str, time_max: str, value_to_plot: str, plot_type: str
) -> str:
    """Make a plot; return the path of its file."""
    one_of(value_to_plot, PLOTTED, "value_to_plot")
    one_of(plot_type, PLOT_TYPES, "plot_type")
    path = f"plots/{time_min}_{time_max}_{value_to_plot}_{plot_type}.png"
    state.plots = state.plots.appended({"file_path": path}, label=len(state.plots.lines))
    return path


def total_visits_count(state: State, *, time_min: str = "", time_max: str = "") -> dict[str, int]:
    """Return the number of visits of each day that has any."""
    return _by_day(_visits(state, time_min, time_max), len)


def engaged_users_count(state: State, *, time_min: str = "", time_max: str = "") -> dict[str, int]:
    """Return the number of engaged visitors of each day that has visits."""
    return _by_day(
        _visits(state, time_min, time_max),
        lambda visits: sum(visit["user_engaged"] == "True" for visit in visits),
    )


def get_average_session_duration(
    state: State, *, time_min: str = "", time_max: str = ""
) -> dict[str, float]:
    """Return the mean session duration in seconds of each day that has visits."""
    return _by_day(
        _visits(state, time_min, time_max),
        lambda visits: sum(_seconds(visit) for visit in visits) / len(visits),
    )


def traffic_source_count(
    state: State, *, time_min: str = "", time_max: str = "", traffic_source: str = ""
) -> dict[str, int]:
    """Return the number of visits of each day, of one source where it is given."""
    if traffic_source:
        one_of(traffic_source, SOURCES, "traffic_source")
    visits = _visits(state, time_min, time_max)
    return _by_day(
        visits,
        lambda found: sum(
            not traffic_source or visit["traffic_source"] == traffic_source for visit in found
        ),
    )


def _visits(state: State, time_min: str, time_max: str) -> list[Values]:
    return [
        visit
        for visit in state.visits
        if (not time_min or _day(visit) >= time_min) and (not time_max or _day(visit) <= time_max)
    ]


def _by_day(visits: Iterable[Values], measure: Callable[[Sequence[Values]], T]) -> dict[str, T]:
    days: dict[str, list[Values]] = defaultdict(list)
    for visit in visits:
        days[_day(visit)].append(visit)
    return {day: measure(days[day]) for day in sorted(days)}


def _day(visit: Values) -> str:
    return visit["date_of_visit"] or ""


def _seconds(visit: Values) -> float:
    return float(visit["session_duration_seconds"] or 0)


TOOLS = (
    declare(
        "analytics.get_visitor_information_by_id",
        get_visitor_information_by_id,
        "Return the visits of a visitor to the website.",
        {"visitor_id": {"pattern": r"^[0-9]{4}$", "description": "4 digits"}},
        required=("visitor_id",),
    ),
    declare(
        "analytics.create_plot",
        create_plot,
        "Plot a figure of the website over a period; returns the path of the file.",
        {
            "time_min": {**DAY, "description": "first day, YYYY-MM-DD"},
            "time_max": {**DAY, "description": "last day, YYYY-MM-DD; data end yesterday"},
            "value_to_plot": choice(PLOTTED),
            "plot_type": choice(PLOT_TYPES),
        },
        required=("time_min", "time_max", "value_to_plot", "plot_type"),
        writes=True,
    ),
    declare(
        "analytics.total_visits_count",
        total_visits_count,
        "Return the number of visits by day.",
        _BOUNDS,
    ),
    declare(
        "analytics.engaged_users_count",
        engaged_users_count,
        "Return the number of engaged users by day.",
        _BOUNDS,
    ),
    declare(
        "analytics.traffic_source_count",
        traffic_source_count,
        "Return the number of visits by day that came from one source.",
        {**_BOUNDS, "traffic_source": choice(SOURCES)},
    ),
    declare(
        "analytics.get_average_session_duration",
        get_average_session_duration,
        "Return the average session duration in seconds by day.",
        _BOUNDS,
    ),
)
