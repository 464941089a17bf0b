"""The three drawings of the report: cost against score, latency, output tokens.

Each function takes the arms of one split and returns inline SVG with a title, a description that
carries the numbers for people who cannot see it, units on its axes, and shapes as well as colours
to tell kinds of arms apart. Returns "" when the arms leave nothing to draw. Boxes span the middle
half of the rows with the median inside and a tick at the 95th percentile; without rows, only the
median and the 95th percentile of the arm are drawn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rung.ladder.result import Arm
from rung.report import format as fmt
from rung.report.columns import is_backdrop
from rung.report.svg import (
    LABEL_SIZE,
    Box,
    Label,
    Scale,
    log_scale,
    picture,
    place_labels,
    tag,
    text_width,
    ticks,
)

WIDTH = 960.0
MAX_DOTS = 150
"""Rows drawn as dots per route; more are thinned to evenly spaced quantiles."""
NAME_CHARS = 26
"""Characters of a route name on one line of a row label."""
ROW = 38.0
"""Height of one route's row, in user units."""
ZERO_BAND = 120.0
"""Width of the strip for routes that cost nothing, left of the log axis."""


def cost_score(arms: Sequence[Arm], promoted: str | None) -> str:
    """Draw serving cost (log, zero apart) against score with its 95 % interval."""
    shown = [arm for arm in arms if fmt.is_number(arm.score) and fmt.is_number(arm.cost_usd)]
    if not shown:
        return ""
    top, bottom, left, right = 44.0, 380.0, 58.0, WIDTH - 20
    y = _score_scale(shown, bottom - 8, top + 8)
    axis, spot, walls = _cost_axis(shown, (left, top, right, bottom))
    parts = [
        _y_axis(y, left, right),
        axis,
        _axis_title("serving cost per 1,000 examples (US dollars, log scale)", bottom + 44),
        _vertical_title("score (0 to 1)", (top + bottom) / 2),
        *(_point(arm, spot[id(arm)], y, promoted) for arm in shown),
        *_point_labels(shown, spot, y, walls, (left + 4, top, right, bottom)),
        _legend(shown, promoted, left),
    ]
    return picture(
        "cost-score",
        *parts,
        width=WIDTH,
        height=bottom + 56,
        title="Serving cost against score",
        desc="; ".join(
            f"{_name(arm)}: {fmt.per_1000_usd(arm.cost_usd)} per 1,000, score "
            f"{fmt.score(arm.score)} {fmt.interval(arm.score_ci)}"
            for arm in shown
        ),
    )


def latency(arms: Sequence[Arm], promoted: str | None) -> str:
    """Draw the latency distribution of each route that takes any time, on a log axis."""
    shown = [arm for arm in arms if not is_backdrop(arm) and _takes_time(arm)]
    if not shown:
        return ""
    left, right, top = _row_left(shown), WIDTH - 150, 18.0
    bottom = top + ROW * len(shown)
    values = [value for arm in shown for value in _latencies(arm) if value > 0]
    x = log_scale(values, left, right)
    parts = [_x_tick(x(value), _time(value), top, bottom) for value in ticks(x, 7)]
    for number, arm in enumerate(shown):
        middle = top + ROW * (number + 0.5)
        parts += [_row_name(arm, left, middle, promoted), _distribution(arm, x, middle, promoted)]
        numbers = f"{fmt.latency(arm.latency_p50_ms)} / {fmt.latency(arm.latency_p95_ms)}"
        parts.append(tag("text", text=numbers, x=right + 12, y=middle + 4, class_="value"))
    parts.append(tag("text", text="p50 / p95", x=right + 12, y=12.0, class_="tick"))
    parts.append(_axis_title("latency of one example (log scale)", bottom + 42))
    return picture(
        "latency",
        *parts,
        width=WIDTH,
        height=bottom + 54,
        title="Latency of each route",
        desc="; ".join(
            f"{_name(arm)}: median {fmt.latency(arm.latency_p50_ms)}, 95th percentile "
            f"{fmt.latency(arm.latency_p95_ms)}"
            for arm in shown
        ),
    )


def output_tokens(arms: Sequence[Arm], promoted: str | None) -> str:
    """Draw generated and forced tokens per example of each route, stacked."""
    shown = [a for a in arms if not is_backdrop(a) and fmt.is_number(a.output_tokens)]
    most = max((arm.output_tokens + arm.forced_tokens for arm in shown), default=0)
    if most <= 0:
        return ""
    left, right, top = _row_left(shown), WIDTH - 190, 34.0
    bottom = top + ROW * len(shown)
    x = Scale(low=0, high=most * 1.02, start=left, end=right)
    parts = [_x_tick(x(value), fmt.tokens(value), top, bottom) for value in ticks(x, 7)]
    for number, arm in enumerate(shown):
        middle = top + ROW * (number + 0.5)
        forced_from, end = x(arm.output_tokens), x(arm.output_tokens + arm.forced_tokens)
        parts += [
            _row_name(arm, left, middle, promoted),
            _bar(left, forced_from, middle, _kind(arm, promoted)),
            _bar(forced_from, end, middle, "forced"),
            tag("text", text=_token_text(arm), x=end + 8, y=middle + 4, class_="value"),
        ]
    parts.append(_bar_legend(left))
    parts.append(_axis_title("tokens per example (mean)", bottom + 42))
    return picture(
        "output-tokens",
        *parts,
        width=WIDTH,
        height=bottom + 54,
        title="Tokens of the answer, generated and forced",
        desc="; ".join(f"{_name(arm)}: {_token_text(arm)}" for arm in shown),
    )


def _kind(arm: Arm, promoted: str | None) -> str:
    if arm.route == promoted:
        return "promoted"
    return "backdrop" if is_backdrop(arm) else arm.kind


def _name(arm: Arm) -> str:
    return fmt.plain(arm.route)


def _score_scale(arms: Sequence[Arm], start: float, end: float) -> Scale:
    seen = [v for arm in arms for v in (arm.score, *arm.score_ci) if fmt.is_number(v)]
    low, high = min(seen), max(seen)
    margin = max(0.02, (high - low) * 0.04)
    return Scale(low=low - margin, high=high + margin, start=start, end=end)


def _time(ms: float) -> str:
    return f"{ms:g} ms" if ms < 1000 else f"{ms / 1000:g} s"


def _y_axis(y: Scale, left: float, right: float) -> str:
    parts = []
    for value in ticks(y, 6):
        at = y(value)
        parts.append(tag("line", x1=left, x2=right, y1=at, y2=at, class_="grid"))
        text = f"{value:.2f}".removeprefix("0") if 0 < value < 1 else f"{value:.0f}"
        parts.append(tag("text", text=text, x=left - 8, y=at + 4, class_="tick end"))
    return "".join(parts)


def _x_tick(at: float, text: str, top: float, bottom: float) -> str:
    line = tag("line", x1=at, x2=at, y1=top, y2=bottom, class_="grid")
    return line + tag("text", text=text, x=at, y=bottom + 20, class_="tick mid")


def _axis_title(text: str, y: float) -> str:
    return tag("text", text=text, x=WIDTH / 2, y=y, class_="axis mid")


def _vertical_title(text: str, y: float) -> str:
    return tag("text", text=text, transform=f"translate(14 {y:g}) rotate(-90)", class_="axis mid")


def _cost_axis(arms: Sequence[Arm], area: Box) -> tuple[str, dict[int, float], list[Box]]:
    """Return the axis, each arm's place on it by `id`, and the line that sets zero cost apart."""
    left, top, right, bottom = area
    free = [arm for arm in arms if arm.cost_usd <= 0]
    paid = [arm for arm in arms if arm.cost_usd > 0]
    band = ZERO_BAND if free and paid else (right - left if free else 0.0)
    edge = left + band
    spot = {id(arm): left + band * (i + 1) / (len(free) + 1) for i, arm in enumerate(free)}
    parts, walls = [], []
    if free:
        parts.append(tag("text", text="$0", x=left + band / 2, y=bottom + 20, class_="tick mid"))
    if paid:
        x = log_scale([1000 * arm.cost_usd for arm in paid], edge + 14, right - 10)
        spot |= {id(arm): x(1000 * arm.cost_usd) for arm in paid}
        for value in ticks(x):
            parts.append(_x_tick(x(value), fmt.usd(value).removesuffix(".00"), top, bottom))
    if free and paid:
        parts.append(tag("line", x1=edge, x2=edge, y1=top, y2=bottom, class_="break"))
        walls.append((edge - 3, top, edge + 3, bottom))
    return "".join(parts), spot, walls


def _point(arm: Arm, x: float, y: Scale, promoted: str | None) -> str:
    low, high = (y(end) if fmt.is_number(end) else y(arm.score) for end in arm.score_ci)
    whisker = f"M{x:.1f} {low:.1f}V{high:.1f}M{x - 4:.1f} {low:.1f}h8M{x - 4:.1f} {high:.1f}h8"
    kind = _kind(arm, promoted)
    hover = tag("title", text=f"{_name(arm)}: {fmt.score(arm.score)} {fmt.interval(arm.score_ci)}")
    return tag(
        "g",
        hover,
        tag("path", d=whisker, class_="whisker"),
        _marker(kind, x, y(arm.score), hollow=bool(arm.stopped)),
        class_=kind,
    )


def _marker(kind: str, x: float, y: float, *, hollow: bool = False) -> str:
    shapes = {
        "promoted": "m0 -8l8 8l-8 8l-8 -8z",
        "reference": "m-5.5 -5.5h11v11h-11z",
        "backdrop": "m0 -6l6 10.5h-12z",
        "rung": "m-5.5 0a5.5 5.5 0 1 0 11 0a5.5 5.5 0 1 0 -11 0z",
    }
    style = "marker hollow" if hollow else "marker"
    return tag("path", d=f"M{x:.1f} {y:.1f}{shapes[kind]}", class_=style)


def _point_labels(
    arms: Sequence[Arm], spot: dict[int, float], y: Scale, walls: list[Box], area: Box
) -> list[str]:
    labels = [Label(text=_short(arm), x=spot[id(arm)], y=y(arm.score)) for arm in arms]
    obstacles = list(walls)
    for arm, label in zip(arms, labels, strict=True):
        low, high = (y(end) if fmt.is_number(end) else label.y for end in arm.score_ci)
        obstacles.append((label.x - 8, label.y - 8, label.x + 8, label.y + 8))
        obstacles.append((label.x - 4, high - 1, label.x + 4, low + 1))
    parts = []
    for placed in place_labels(labels, obstacles, area):
        left, top, right, bottom = placed.box
        if placed.far:
            near = min(max(placed.label.x, left), right), min(max(placed.label.y, top), bottom)
            parts.append(
                tag(
                    "line",
                    x1=placed.label.x,
                    y1=placed.label.y,
                    x2=near[0],
                    y2=near[1],
                    class_="lead",
                )
            )
        x, style = (left + right) / 2, "label mid"
        if left > placed.label.x:
            x, style = left, "label"
        elif right < placed.label.x:
            x, style = right, "label end"
        parts.append(tag("text", text=placed.label.text, x=x, y=bottom - 3.5, class_=style))
    return parts


def _short(arm: Arm) -> str:
    name = _name(arm)
    return name if len(name) <= NAME_CHARS else f"{name[: NAME_CHARS - 1]}…"


def _legend(arms: Sequence[Arm], promoted: str | None, left: float) -> str:
    words = {"promoted": "promoted", "rung": "rung", "reference": "reference"}
    words["backdrop"] = "floor or ceiling"
    present = {_kind(arm, promoted) for arm in arms}
    entries = [(kind, text, False) for kind, text in words.items() if kind in present]
    if any(arm.stopped for arm in arms):
        entries.append(("rung", "stopped early", True))
    parts, x = [], left + 8
    for kind, text, hollow in entries:
        parts.append(tag("g", _marker(kind, x, 16.0, hollow=hollow), class_=kind))
        parts.append(tag("text", text=text, x=x + 13, y=20.0, class_="tick"))
        x += 36 + text_width(text)
    parts.append(tag("text", text="bars: 95 % interval", x=x, y=20.0, class_="tick"))
    return "".join(parts)


def _row_left(arms: Sequence[Arm]) -> float:
    return 16 + max(text_width(line) for arm in arms for line in _name_lines(arm))


def _name_lines(arm: Arm) -> list[str]:
    """Return the route name on one or two lines, cut where it is longer than that."""
    lines = [line.strip() for line in fmt.fold(_name(arm), NAME_CHARS)]
    if len(lines) > 2:
        lines = [lines[0], f"{lines[1]}…"]
    most = NAME_CHARS + 4
    return [line if len(line) <= most else f"{line[: most - 1]}…" for line in lines]


def _row_name(arm: Arm, left: float, middle: float, promoted: str | None) -> str:
    shown = _name_lines(arm)
    style = f"label end {_kind(arm, promoted)}"
    first = middle + 4 - (len(shown) - 1) * LABEL_SIZE * 0.58
    return "".join(
        tag("text", text=line, x=left - 12, y=first + i * LABEL_SIZE * 1.16, class_=style)
        for i, line in enumerate(shown)
    )


def _takes_time(arm: Arm) -> bool:
    known = fmt.is_number(arm.latency_p50_ms) and fmt.is_number(arm.latency_p95_ms)
    return known and float(_latencies(arm).max(initial=0)) > 0


def _latencies(arm: Arm) -> NDArray[np.float64]:
    rows = [row.latency_ms for row in arm.rows]
    values = np.array(rows or [arm.latency_p50_ms, arm.latency_p95_ms], dtype=float)
    finite: NDArray[np.float64] = values[np.isfinite(values)]
    return finite


def _distribution(arm: Arm, x: Scale, middle: float, promoted: str | None) -> str:
    values = np.maximum(_latencies(arm), x.low)
    parts = []
    if arm.rows:
        shares = (np.arange(min(MAX_DOTS, len(values))) + 0.5) / min(MAX_DOTS, len(values))
        for i, value in enumerate(np.quantile(values, shares)):
            offset = (i * 0.618034 % 1 - 0.5) * ROW * 0.55
            parts.append(tag("circle", cx=x(float(value)), cy=middle + offset, r=1.8, class_="dot"))
        low, high = (x(float(value)) for value in np.quantile(values, [0.25, 0.75]))
        width, height = max(high - low, 1.0), ROW * 0.42
        box = tag("rect", x=low, y=middle - height / 2, width=width, height=height, class_="box")
        parts.append(box)
    median, late = x(max(arm.latency_p50_ms, x.low)), x(max(arm.latency_p95_ms, x.low))
    half = ROW * 0.3
    line = f"M{median:.1f} {middle:.1f}H{late:.1f}M{late:.1f} {middle - half / 2:.1f}v{half:.1f}"
    parts.append(tag("path", d=line, class_="whisker"))
    parts.append(
        tag("line", x1=median, x2=median, y1=middle - half, y2=middle + half, class_="median")
    )
    return tag("g", *parts, class_=_kind(arm, promoted))


def _bar(start: float, end: float, middle: float, kind: str) -> str:
    width = end - start
    if not math.isfinite(width) or width <= 0:
        return ""
    rect = tag("rect", x=start, y=middle - 10, width=max(width, 1.0), height=20.0, class_="bar")
    return tag("g", rect, class_=kind)


def _bar_legend(left: float) -> str:
    generated = _bar(left, left + 16, 14.0, "rung")
    forced = _bar(left + 110, left + 126, 14.0, "forced")
    return (
        generated
        + tag("text", text="generated", x=left + 22, y=18.0, class_="tick")
        + forced
        + tag("text", text="forced: written by the form", x=left + 132, y=18.0, class_="tick")
    )


def _token_text(arm: Arm) -> str:
    generated = f"{fmt.tokens(arm.output_tokens)} generated"
    forced = f" + {fmt.tokens(arm.forced_tokens)} forced" if arm.forced_tokens else ""
    return generated + forced
