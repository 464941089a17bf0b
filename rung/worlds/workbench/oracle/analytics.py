"""Queries about the website: plots, some of them only if a figure rose, fell or passed a bound."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rung.worlds.workbench.analytics import SOURCES
from rung.worlds.workbench.oracle.episode import Episode
from rung.worlds.workbench.oracle.figures import (
    look_up,
    metric_named,
    plot,
    until_if_ahead,
    until_if_beyond,
    until_if_changed,
)


def chart_since(e: Episode) -> None:
    """Plot a metric since a day."""
    slots = e.slots()
    metric = metric_named(slots["natural_language_metric"])
    since = e.day(slots["natural_language_date"])
    figures = look_up(e, metric, since)
    plot(e, metric, since.isoformat(), figures.last_day, slots["plot_type"])


def distribution_on(e: Episode) -> None:
    """Plot the distribution of a metric on one day."""
    slots = e.slots()
    metric = metric_named(slots["natural_language_metric"])
    day = e.day(slots["natural_language_date"])
    look_up(e, metric, day, day)
    plot(e, metric, day.isoformat(), day.isoformat(), "histogram")


def distributions_between(e: Episode) -> None:
    """Plot the distributions of two metrics between two days."""
    slots = e.slots()
    since, until = e.day(slots["natural_language_date"]), e.day(slots["natural_language_date_max"])
    for words in _two_metrics(e):
        metric = metric_named(words)
        look_up(e, metric, since, until)
        plot(e, metric, since.isoformat(), until.isoformat(), "histogram")


def bars_since(e: Episode) -> None:
    """Plot two metrics as bars since a day."""
    since = e.day(e.slots()["date_min"])
    for words in _two_metrics(e):
        metric = metric_named(words)
        plot(e, metric, since.isoformat(), look_up(e, metric, since).last_day, "bar")


def line_if_beyond(e: Episode) -> None:
    """Plot a metric since a day, or some weeks ago, if it was ever more or less than a bound."""
    slots = e.slots()
    metric = metric_named(slots["natural_language_metric"])
    weeks = slots.get("past_n_weeks")
    since = e.day(f"{weeks} weeks", past=True) if weeks else e.day(slots["natural_language_date"])
    until = until_if_beyond(e, metric, since, slots["more_or_less"], slots["threshold"])
    if until:
        plot(e, metric, since.isoformat(), until, "line")


def line_if_changed(e: Episode) -> None:
    """Plot a metric since a day if it has changed by more than some percent."""
    slots = e.slots()
    metric = metric_named(slots["natural_language_metric"])
    words = slots.get("natural_language_date") or slots["day_of_week"]
    since = e.day(words, past="day_of_week" in slots)
    if until := until_if_changed(e, metric, since, None, *_change(slots)):
        plot(e, metric, since.isoformat(), until, "line")


def line_if_week_changed(e: Episode) -> None:
    """Plot a metric from a weekday to the next if it has changed by more than some percent."""
    slots = e.slots()
    metric = metric_named(slots["natural_language_metric"])
    until = e.day(slots["day_of_week"], past=True)
    since = until.fromordinal(until.toordinal() - 7)
    if until_if_changed(e, metric, since, until, *_change(slots)):
        plot(e, metric, since.isoformat(), until.isoformat(), "line")


def lines_if_faster(e: Episode) -> None:
    """Plot two metrics if the first grew by more than the second since a weekday."""
    since = e.day(e.slots()["day_of_week"], past=True)
    first, second = map(metric_named, _two_metrics(e))
    if until := until_if_ahead(e, (first, second), since, "growth"):
        for metric in (first, second):
            plot(e, metric, since.isoformat(), until, "line")


def line_of_top_source(e: Episode) -> None:
    """Plot the most popular traffic source since a day."""
    slots = e.slots()
    since = e.day(slots["natural_language_date"])
    if e.answers:
        best = e.ask("helper.top_source", time_min=since.isoformat())
        plot(e, best["metric"], since.isoformat(), best["last_day"], "line")
        return
    found = {_visits(source): look_up(e, _visits(source), since) for source in SOURCES}
    top = max(found, key=lambda metric: found[metric].sum)
    plot(e, top, since.isoformat(), found[top].last_day, "line")


def bars_if_more_traffic(e: Episode) -> None:
    """Plot two traffic sources if the first brought more visits in the last weeks."""
    slots = e.slots()
    since = e.day(f"{slots['n_weeks']} weeks", past=True)
    metrics = _visits(slots["traffic_source_1"]), _visits(slots["traffic_source_2"])
    if until := until_if_ahead(e, metrics, since, "sum"):
        for metric in metrics:
            plot(e, metric, since.isoformat(), until, "bar")


def _two_metrics(e: Episode) -> tuple[str, str]:
    slots = e.slots()
    return slots["natural_language_metric"], slots["natural_language_metric_2"]


def _change(slots: Mapping[str, str]) -> tuple[str, str]:
    percent = slots["natural_language_growth_threshold"].removesuffix("%")
    return slots["higher_or_lower"], percent


def _visits(source: str) -> str:
    return f"visits_{source.replace(' ', '_')}"


FAMILIES: dict[str, Callable[[Episode], Any]] = {
    "analytics-t00": chart_since,
    "analytics-t01": distribution_on,
    "analytics-t02": distributions_between,
    "analytics-t03": line_if_beyond,
    "analytics-t04": bars_since,
    "analytics-t05": line_if_beyond,
    "analytics-t06": line_if_changed,
    "analytics-t07": line_if_changed,
    "analytics-t08": line_if_week_changed,
    "analytics-t09": lines_if_faster,
    "analytics-t10": line_of_top_source,
    "analytics-t11": bars_if_more_traffic,
}
