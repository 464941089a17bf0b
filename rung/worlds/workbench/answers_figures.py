"""Extra tools that decide what a query asks of the website's figures: yes or no, or which one.

A query says what to compare with what; a small model copies words well and compares numbers badly.
With `extra_tools = "answers"` it hands the words over. The published agents had none of these, so a
comparison with the recorded runs must say so. None of them changes anything.
"""

from __future__ import annotations

from typing import Any

from rung.core.spelling import quote
from rung.worlds.workbench import analytics
from rung.worlds.workbench.helpers import summarize_metric
from rung.worlds.workbench.schemas import FROM_DAY, TO_DAY, choice
from rung.worlds.workbench.state import State
from rung.worlds.workbench.toolbox import Refused, declare, one_of

Answer = dict[str, Any]
_METRIC = choice(analytics.PLOTTED)
_NUMBER = {"pattern": r"^-?[0-9]+(\.[0-9]+)?$"}


def was_ever(
    state: State, *, metric: str, relation: str, number: str, time_min: str, time_max: str = ""
) -> Answer:
    """Return whether a metric was more, or less, than a number on any day of a period."""
    one_of(relation, ("more", "less"), "relation")
    figures, bound = _figures(state, metric, time_min, time_max), _number(number)
    beyond = figures["highest"] > bound if relation == "more" else figures["lowest"] < bound
    return _answer(beyond, figures)


def has_changed(
    state: State, *, metric: str, direction: str, percent: str, time_min: str, time_max: str = ""
) -> Answer:
    """Return whether a metric's last day is more than some percent above, or below, its first."""
    one_of(direction, ("higher", "lower"), "direction")
    figures, bound = _figures(state, metric, time_min, time_max), _number(percent)
    change = figures["change_percent"]
    if change is None:
        raise Refused(f"{metric} was 0 on {figures['first_day']}, so no change can be told")
    return _answer(change > bound if direction == "higher" else change < -bound, figures)


def was_ahead(
    state: State, *, metric: str, other: str, by: str, time_min: str, time_max: str = ""
) -> Answer:
    """Return whether a metric has a larger growth, or sum, than another one over a period."""
    one_of(by, ("growth", "sum"), "by")
    mine, its = (_figures(state, name, time_min, time_max) for name in (metric, other))
    key = "change_percent" if by == "growth" else "sum"
    if mine[key] is None or its[key] is None:
        raise Refused(f"a metric was 0 on {mine['first_day']}, so no growth can be told")
    return _answer(mine[key] > its[key], mine)


def top_source(state: State, *, time_min: str, time_max: str = "") -> Answer:
    """Return the metric of the traffic source with most visits in a period, and its last day."""
    metrics = [name for name in analytics.PLOTTED if name.startswith("visits_")]
    found = {name: _figures(state, name, time_min, time_max) for name in metrics}
    top = max(metrics, key=lambda name: found[name]["sum"])
    return {"metric": top, "last_day": found[top]["last_day"]}


def _figures(state: State, metric: str, time_min: str, time_max: str) -> dict[str, Any]:
    return summarize_metric(state, metric=metric, time_min=time_min, time_max=time_max)


def _answer(holds: bool, figures: dict[str, Any]) -> Answer:
    return {"answer": "yes" if holds else "no", "last_day": figures["last_day"]}


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise Refused(f"{quote(text)} is not a number") from None


TOOLS = (
    declare(
        "helper.was_ever",
        was_ever,
        "Tell whether a metric was more, or less, than a number on any day of a period.",
        {
            "metric": _METRIC,
            "relation": choice(("more", "less")),
            "number": _NUMBER,
            "time_min": FROM_DAY,
            "time_max": TO_DAY,
        },
        required=("metric", "relation", "number", "time_min"),
    ),
    declare(
        "helper.has_changed",
        has_changed,
        "Tell whether a metric is more than some percent higher, or lower, on the last day of a"
        " period than on the first.",
        {
            "metric": _METRIC,
            "direction": choice(("higher", "lower")),
            "percent": _NUMBER,
            "time_min": FROM_DAY,
            "time_max": TO_DAY,
        },
        required=("metric", "direction", "percent", "time_min"),
    ),
    declare(
        "helper.was_ahead",
        was_ahead,
        "Tell whether a metric has a larger growth, or sum, than another one over a period.",
        {
            "metric": _METRIC,
            "other": _METRIC,
            "by": choice(("growth", "sum")),
            "time_min": FROM_DAY,
            "time_max": TO_DAY,
        },
        required=("metric", "other", "by", "time_min"),
    ),
    declare(
        "helper.top_source",
        top_source,
        "Return the metric of the traffic source with most visits in a period.",
        {"time_min": FROM_DAY, "time_max": TO_DAY},
        required=("time_min",),
    ),
)
