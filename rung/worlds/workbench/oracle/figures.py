"""Looking up the website's figures: a metric over a period, its extremes and its growth."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

from rung.worlds.workbench.oracle.episode import Episode, Stuck

METRICS = {
    "total visits": "total_visits",
    "average session duration": "session_duration_seconds",
    "engaged users": "user_engaged",
}
"""What queries call a metric, and what plots call it."""
_TOOLS = {
    "total_visits": "analytics.total_visits_count",
    "session_duration_seconds": "analytics.get_average_session_duration",
    "user_engaged": "analytics.engaged_users_count",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """A metric over the days of a period."""

    first_day: str
    last_day: str
    first: float
    last: float
    lowest: float
    highest: float
    sum: float

    @property
    def growth(self) -> float:
        """Relative change from the first day to the last."""
        if self.first:
            return (self.last - self.first) / self.first
        return math.inf if self.last else math.nan

    def beyond(self, more_or_less: str, threshold: str) -> bool:
        """Return whether any day was more, or less, than the threshold."""
        bound = float(threshold)
        return self.highest > bound if more_or_less == "more" else self.lowest < bound


def metric_named(words: str) -> str:
    """Return the metric that words name; raises Stuck for other words."""
    if words not in METRICS:
        raise Stuck(f"{words!r} is no metric")
    return METRICS[words]


def look_up(e: Episode, metric: str, since: date, until: date | None = None) -> Figures:
    """Look up a metric from a day on; raises Stuck when there are no figures.

    `visits_…` metrics count the visits from one source.
    """
    bounds = {"time_min": since.isoformat()}
    if until:
        bounds["time_max"] = until.isoformat()
    if e.extra:
        found = e.act("helper.summarize_metric", metric=metric, **bounds)
        if found is None:
            raise Stuck("no figures")
        return Figures(**{name: found[name] for name in Figures.__slots__})
    if metric in _TOOLS:
        series = e.act(_TOOLS[metric], **bounds)
    else:
        source = metric.removeprefix("visits_").replace("_", " ")
        series = e.act("analytics.traffic_source_count", **bounds, traffic_source=source)
    if not series:
        raise Stuck("no figures")
    days, values = sorted(series), [series[day] for day in sorted(series)]
    return Figures(
        first_day=days[0],
        last_day=days[-1],
        first=values[0],
        last=values[-1],
        lowest=min(values),
        highest=max(values),
        sum=sum(values),
    )


def plot(e: Episode, metric: str, since: str, until: str, kind: str) -> None:
    """Make a plot."""
    e.write(
        "analytics.create_plot",
        time_min=since,
        time_max=until,
        value_to_plot=metric,
        plot_type=kind,
    )
