"""Looking up the website's figures: a metric over a period, its extremes and its growth."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from rung.worlds.workbench.oracle.episode import Episode, Stuck

_PERCENT = 100
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


def until_if_beyond(
    e: Episode, metric: str, since: date, more_or_less: str, threshold: str
) -> str | None:
    """Return the last day with figures if any since a day was more, or less, than a threshold."""
    if e.answers:
        return _until(
            e.ask(
                "helper.was_ever",
                metric=metric,
                relation=more_or_less,
                number=threshold,
                time_min=since.isoformat(),
            )
        )
    figures, bound = look_up(e, metric, since), float(threshold)
    beyond = figures.highest > bound if more_or_less == "more" else figures.lowest < bound
    return figures.last_day if beyond else None


def until_if_changed(
    e: Episode, metric: str, since: date, until: date | None, higher_or_lower: str, percent: str
) -> str | None:
    """Return the last day with figures if it is some percent above, or below, the first one."""
    if e.answers:
        return _until(
            e.ask(
                "helper.has_changed",
                metric=metric,
                direction=higher_or_lower,
                percent=percent,
                time_min=since.isoformat(),
                time_max=until.isoformat() if until else "",
            )
        )
    figures, bound = look_up(e, metric, since, until), float(percent) / _PERCENT
    changed = figures.growth > bound if higher_or_lower == "higher" else figures.growth < -bound
    return figures.last_day if changed else None


def until_if_ahead(
    e: Episode, metrics: tuple[str, str], since: date, by: Literal["growth", "sum"]
) -> str | None:
    """Return the last day with figures if the first metric has the larger growth, or sum."""
    if e.answers:
        return _until(
            e.ask(
                "helper.was_ahead",
                metric=metrics[0],
                other=metrics[1],
                by=by,
                time_min=since.isoformat(),
            )
        )
    first, second = (look_up(e, metric, since) for metric in metrics)
    ahead = first.growth > second.growth if by == "growth" else first.sum > second.sum
    return first.last_day if ahead else None


def _until(found: Any) -> str | None:
    return str(found["last_day"]) if found["answer"] == "yes" else None


def plot(e: Episode, metric: str, since: str, until: str, kind: str) -> None:
    """Make a plot."""
    e.write(
        "analytics.create_plot",
        time_min=since,
        time_max=until,
        value_to_plot=metric,
        plot_type=kind,
    )
