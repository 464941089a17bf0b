"""Cost against accuracy of every way to escalate: the front, what was chosen, and the baselines.

Takes the JSON of a fit (`flow/route.py`); returns one SVG and one page. Costs are serving costs per
1,000 requests; what errors cost is in the table beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from rung.report import format as fmt
from rung.report.page import check_place, render_page, write_page
from rung.report.svg import LABEL_SIZE, Label, Scale, picture, place_labels, tag, ticks

WIDTH, HEIGHT = 960.0, 470.0
_LEFT, _TOP, _RIGHT, _BOTTOM = 62.0, 28.0, 940.0, 400.0
HEADERS = (
    "way",
    "escalated",
    "right",
    "acceptable",
    "serving $ per 1,000",
    "with errors $ per 1,000",
    "$ per 1,000 acceptable outcomes",
)


def cost_quality(fit: Mapping[str, Any]) -> str:
    """Draw the front of operating points as steps, and every summary as a labelled point."""
    points = [(p["cost_usd"], p["accuracy"]) for p in fit["front"]]
    marks = [(s["name"], s["cost_usd"], s["accuracy"]) for s in fit["summaries"]]
    xs = [x for x, _ in points] + [x for _, x, _ in marks]
    ys = [y for _, y in points] + [y for _, _, y in marks]
    x = _scale([1000 * value for value in xs], _LEFT + 8, _RIGHT - 8)
    y = _scale(ys, _BOTTOM - 8, _TOP + 8)
    spots = [(name, x(1000 * cost), y(accuracy)) for name, cost, accuracy in marks]
    return picture(
        "cost-quality",
        *_grid(x, y),
        tag("path", d=_steps(points, x, y), class_="whisker", fill="none"),
        *(_mark(name, at, up) for name, at, up in spots),
        *_labels(spots),
        width=WIDTH,
        height=HEIGHT,
        title="Serving cost against accuracy",
        desc="; ".join(
            f"{name}: {fmt.per_1000_usd(cost)} per 1,000, right {fmt.percent(accuracy)}"
            for name, cost, accuracy in marks
        ),
    )


def _scale(values: Sequence[float], start: float, end: float) -> Scale:
    low, high = min(values), max(values)
    margin = max((high - low) * 0.05, abs(high) * 0.01, 1e-9)
    return Scale(low=low - margin, high=high + margin, start=start, end=end)


def _grid(x: Scale, y: Scale) -> list[str]:
    parts = []
    for value in ticks(x, 8):
        at = x(value)
        parts.append(tag("line", x1=at, x2=at, y1=_TOP, y2=_BOTTOM, class_="grid"))
        text = fmt.usd(value).removesuffix(".00")
        parts.append(tag("text", text=text, x=at, y=_BOTTOM + 20, class_="tick mid"))
    for value in ticks(y, 6):
        at = y(value)
        parts.append(tag("line", x1=_LEFT, x2=_RIGHT, y1=at, y2=at, class_="grid"))
        text = f"{100 * value:.4g}%"
        parts.append(tag("text", text=text, x=_LEFT - 8, y=at + 4, class_="tick end"))
    title = "serving cost per 1,000 requests (US dollars)"
    parts.append(tag("text", text=title, x=WIDTH / 2, y=_BOTTOM + 46, class_="axis mid"))
    turn = f"translate(14 {(_TOP + _BOTTOM) / 2:g}) rotate(-90)"
    parts.append(tag("text", text="strictly right", transform=turn, class_="axis mid"))
    return parts


def _steps(points: Sequence[tuple[float, float]], x: Scale, y: Scale) -> str:
    places = [(x(1000 * cost), y(accuracy)) for cost, accuracy in points]
    first = f"M{places[0][0]:.1f} {places[0][1]:.1f}"
    return first + "".join(f"H{at:.1f}V{up:.1f}" for at, up in places[1:])


def _mark(name: str, x: float, y: float) -> str:
    kind = "promoted" if name.startswith("cascade") else "backdrop"
    if kind == "promoted":
        shape = "m0 -8l8 8l-8 8l-8 -8z"
    else:
        shape = "m-5.5 0a5.5 5.5 0 1 0 11 0a5.5 5.5 0 1 0 -11 0z"
    return tag("g", tag("path", d=f"M{x:.1f} {y:.1f}{shape}", class_="marker"), class_=kind)


def _labels(spots: Sequence[tuple[str, float, float]]) -> list[str]:
    labels = [Label(text=fmt.plain(name), x=at, y=up) for name, at, up in spots]
    around = [(at - 8, up - 8, at + 8, up + 8) for _, at, up in spots]
    area = (_LEFT + 4, _TOP, _RIGHT, _BOTTOM)
    parts = []
    for placed in place_labels(labels, around, area):
        left, top, right, bottom = placed.box
        if placed.far:
            near = min(max(placed.label.x, left), right), min(max(placed.label.y, top), bottom)
            line = f"M{placed.label.x:.1f} {placed.label.y:.1f}L{near[0]:.1f} {near[1]:.1f}"
            parts.append(tag("path", d=line, class_="lead"))
        at, up = (left + right) / 2, bottom - LABEL_SIZE * 0.3
        parts.append(tag("text", text=placed.label.text, x=at, y=up, class_="label mid"))
    return parts


def summary_cells(summary: Mapping[str, Any]) -> tuple[str, ...]:
    """Return one line of the table of ways to escalate; headers are `HEADERS`."""
    low, high = (fmt.per_1000_usd(end) for end in summary["cpao_ci"])
    return (
        fmt.plain(summary["name"]),
        fmt.percent(summary["share_escalated"]),
        f"{fmt.percent(summary['accuracy'])} {fmt.percent_interval(tuple(summary['accuracy_ci']))}",
        fmt.percent(summary["acceptable"]),
        fmt.per_1000_usd(summary["cost_usd"]),
        fmt.per_1000_usd(summary["total_usd"]),
        f"{fmt.per_1000_usd(summary['cpao_usd'])} [{low}, {high}]",
    )


def write_routing_html(task: str, fit: Mapping[str, Any], rules: Sequence[str], path: Path) -> Path:
    """Write the plot, the table, the rules and the notes into one page."""
    check_place(path)
    text = render_page(
        "routing.html.j2",
        task=task,
        fit=fit,
        svg=Markup(cost_quality(fit)),
        headers=HEADERS,
        lines=[summary_cells(summary) for summary in fit["summaries"]],
        rules=rules,
    )
    return write_page(path, text)
