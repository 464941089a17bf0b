"""Draw reliability: how often choices of a stated probability are right, one panel a slot.

Points are bins of equally many choices, placed at their mean stated probability; bars are clustered
95 % intervals. The drawing stands alone: its style sheet is inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rung.report.svg import Scale, picture, tag, text_width
from rung.stats.intervals import mean_interval

NUM_BINS = 6
SIDE, GAP, TOP, BOTTOM, LEFT = 250.0, 62.0, 74.0, 52.0, 52.0
SHAPES = (
    "m-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z",
    "m-4.5 -4.5h9v9h-9z",
    "m0 -6l6 6l-6 6l-6 -6z",
    "m0 -6l5.5 10h-11z",
)
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #333 }
.title { font-size: 13px; font-weight: 600 } .mid { text-anchor: middle } .end { text-anchor: end }
.grid { stroke: #ddd } .frame { fill: none; stroke: #999 } .ideal { stroke: #999 }
.ideal { stroke-dasharray: 4 4 } .curve { fill: none; stroke-width: 1.5 } .bar { stroke-width: 1 }
.s0 { stroke: #b3452c; fill: #b3452c } .s1 { stroke: #b98a00; fill: #b98a00 }
.s2 { stroke: #2b6cb0; fill: #2b6cb0 } .s3 { stroke: #2f855a; fill: #2f855a }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Choices of one slot under one way of stating probabilities."""

    panel: str
    name: str
    p: Sequence[float]
    right: Sequence[bool]
    groups: Sequence[str]


def write_svg(path: Path, curves: Sequence[Curve], title: str) -> None:
    """Draw one panel for each slot and one line for each way."""
    panels = list(dict.fromkeys(curve.panel for curve in curves))
    names = list(dict.fromkeys(curve.name for curve in curves))
    parts = [tag("style", text=STYLE), _legend(names)]
    for number, panel in enumerate(panels):
        left = LEFT + number * (SIDE + GAP)
        x = Scale(low=0.0, high=1.0, start=left, end=left + SIDE)
        y = Scale(low=0.0, high=1.0, start=TOP + SIDE, end=TOP)
        parts.append(_frame(panel, x, y, first=number == 0))
        shown = [curve for curve in curves if curve.panel == panel]
        parts += [_line(curve, names.index(curve.name), x, y) for curve in shown]
    drawing = picture(
        "reliability",
        *parts,
        width=LEFT + len(panels) * (SIDE + GAP),
        height=TOP + SIDE + BOTTOM,
        title=title,
        desc="stated probability against share right; on the dashed line the two agree",
    )
    path.write_text(drawing.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1), "utf-8")


def _frame(panel: str, x: Scale, y: Scale, *, first: bool) -> str:
    parts = [tag("text", text=panel, x=(x.start + x.end) / 2, y=TOP - 10, class_="title mid")]
    for value in (0.0, 0.25, 0.5, 0.75, 1.0):
        mark = f"{value:g}"
        parts.append(tag("line", x1=x(value), x2=x(value), y1=y.start, y2=y.end, class_="grid"))
        parts.append(tag("line", x1=x.start, x2=x.end, y1=y(value), y2=y(value), class_="grid"))
        parts.append(tag("text", text=mark, x=x(value), y=y.start + 18, class_="mid"))
        parts.append(tag("text", text=mark, x=x.start - 8, y=y(value) + 4, class_="end"))
    parts.append(tag("rect", x=x.start, y=TOP, width=SIDE, height=SIDE, class_="frame"))
    parts.append(tag("line", x1=x(0), x2=x(1), y1=y(0), y2=y(1), class_="ideal"))
    below = (x.start + x.end) / 2
    parts.append(tag("text", text="stated probability", x=below, y=y.start + 38, class_="mid"))
    if first:
        turned = f"translate(14 {TOP + SIDE / 2:g}) rotate(-90)"
        parts.append(tag("text", text="share right", transform=turned, class_="mid"))
    return "".join(parts)


def _line(curve: Curve, number: int, x: Scale, y: Scale) -> str:
    p, right = np.asarray(curve.p), np.asarray(curve.right, dtype=float)
    points, parts = [], []
    for rows in np.array_split(np.argsort(p, kind="stable"), NUM_BINS):
        share = float(right[rows].mean())
        low, high = mean_interval(right[rows], [curve.groups[i] for i in rows], low=0.0, high=1.0)
        at = x(float(p[rows].mean()))
        points.append(f"{at:.1f} {y(share):.1f}")
        bar = {"x1": at, "x2": at, "y1": y(low), "y2": y(high)}
        parts.append(tag("line", **bar, class_=f"bar s{number}", opacity=0.45))
        parts.append(
            tag("path", d=f"M{at:.1f} {y(share):.1f}{SHAPES[number]}", class_=f"s{number}")
        )
    line = tag("path", d="M" + "L".join(points), class_=f"curve s{number}", style="fill:none")
    return line + "".join(parts)


def _legend(names: Sequence[str]) -> str:
    parts, at = [], LEFT + 8
    for number, name in enumerate(names):
        parts.append(tag("path", d=f"M{at:.1f} 22{SHAPES[number]}", class_=f"s{number}"))
        parts.append(tag("text", text=name, x=at + 12, y=26.0))
        at += 34 + text_width(name)
    return "".join(parts)
