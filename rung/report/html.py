"""One self-contained HTML file per climb: verdict, tables, plots, categories, receipt.

The file asks the network for nothing: no script, font or image (`page.py`). Light and dark follow
the reader's system. Plots are drawn in `plots.py`, sentences written in `summary.py`; this file
only arranges them.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from rung.ladder.result import Arm, Climb
from rung.report import format as fmt
from rung.report.columns import COLUMNS, by_split, is_backdrop
from rung.report.export import climb_json
from rung.report.page import check_place, render_page, write_page
from rung.report.plots import cost_score, latency, output_tokens
from rung.report.summary import (
    caution,
    circumstances,
    headline,
    next_command,
    notes,
    saving_sentences,
)

OTHER = "(no category)"
MAX_CATEGORIES = 40
"""Rows of the category table; the smaller categories beyond it are left out and counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One number that stands out at the top."""

    name: str
    value: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A drawing with its heading and caption."""

    heading: str
    svg: Markup
    caption: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Mean score of one route on one category; `level` 0 to 9 picks the shade."""

    text: str
    level: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryLine:
    """One category and its cells, in the order of the routes."""

    category: str
    num: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat:
    """The table of scores by category."""

    split: str
    routes: tuple[str, ...]
    lines: tuple[CategoryLine, ...]
    left_out: str
    """What the table does not show, in words; empty where it shows all."""


def write_html(
    climb: Climb,
    path: Path,
    *,
    categories: Mapping[str, str] | None = None,
    then: str | None = None,
) -> Path:
    """Write the report to `path`, all of it or nothing, and return the path.

    `categories` maps example ids to a category for the category table. `then` replaces the
    command to type next. Raises StoreError when the folder is missing or cannot be written.
    """
    path = Path(path)
    check_place(path)
    return write_page(path, html(climb, categories=categories, then=then))


def html(
    climb: Climb, *, categories: Mapping[str, str] | None = None, then: str | None = None
) -> str:
    """Return the report as one HTML page."""
    return render_page(
        "report.html.j2",
        climb=climb,
        headline=headline(climb),
        circumstances=circumstances(climb),
        caution=caution(climb),
        then=then or next_command(climb),
        tiles=_tiles(climb),
        prices=saving_sentences(climb.saving)[1] if climb.saving else "",
        splits=by_split(climb.arms),
        columns=COLUMNS,
        notes=notes(climb.arms),
        figures=_figures(climb),
        heat=_heat(climb.arms, categories) if categories else None,
        gate=json.dumps(climb_json(climb)["gate"], indent=2, default=str) if climb.gate else "",
    )


def _tiles(climb: Climb) -> list[Tile]:
    """Return score, answer size, latency of the promoted route, and what it saves."""
    tiles = []
    arm = _best_view(climb)
    if arm is not None:
        n = f"n={arm.num_examples} in {arm.num_groups} groups"
        tiles = [
            Tile(
                name=f"score on {arm.split}",
                value=fmt.score(arm.score),
                note=f"{fmt.interval(arm.score_ci)}, {n}",
            ),
            Tile(
                name=f"strict on {arm.split}",
                value=fmt.percent(arm.strict),
                note=f"{fmt.percent_interval(arm.strict_ci)}, {n}",
            ),
            Tile(
                name="latency p50",
                value=fmt.latency(arm.latency_p50_ms),
                note=f"p95 {fmt.latency(arm.latency_p95_ms)}",
            ),
            Tile(
                name="generated tokens",
                value=fmt.tokens(arm.output_tokens),
                note=f"and {fmt.tokens(arm.forced_tokens)} forced, per example",
            ),
        ]
    if climb.saving is not None:
        saving = climb.saving
        name = "costs more" if saving.per_1000_usd < 0 else "saves"
        tiles.append(
            Tile(
                name=f"{name}, per year",
                value=fmt.usd(abs(saving.per_year_usd)),
                note=f"{fmt.usd(abs(saving.per_1000_usd))} per 1,000, "
                f"{saving.volume_per_day:,.0f} a day",
            )
        )
    return tiles


def _best_view(climb: Climb) -> Arm | None:
    """Return the promoted route's arm, on the holdout where there is one."""
    found = {arm.split: arm for arm in climb.arms if arm.route == climb.promoted}
    return found.get("holdout") or found.get("dev")


def _figures(climb: Climb) -> list[Figure]:
    splits = by_split(climb.arms)
    if not splits:
        return []
    split, arms = splits[0]
    sizes = sorted({arm.num_examples for arm in arms})
    n = str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    drawn = (
        (
            "Cost against score",
            cost_score(arms, climb.promoted),
            f"Measured on {split}, n={n}; up and left is better. Bars are 95 % intervals "
            "clustered by group; overlapping bars are no test of a difference.",
        ),
        (
            "Latency",
            latency(arms, climb.promoted),
            f"Measured on {split}, n={n}. A dot is an example; the box holds the middle half, the "
            "thick line is the median, the line ends at the 95th percentile.",
        ),
        (
            "Size of the answer",
            output_tokens(arms, climb.promoted),
            f"Measured on {split}, n={n}. Only generated tokens take decoding time.",
        ),
    )
    return [
        Figure(heading=heading, svg=Markup(svg), caption=caption)
        for heading, svg, caption in drawn
        if svg
    ]


def _heat(arms: Sequence[Arm], categories: Mapping[str, str]) -> Heat | None:
    splits = by_split([arm for arm in arms if arm.rows and not is_backdrop(arm)])
    if not splits:
        return None
    split, members = splits[0]
    by_category: dict[str, list[dict[str, list[float]]]] = defaultdict(
        lambda: [defaultdict(list) for _ in members]
    )
    for number, arm in enumerate(members):
        for row in arm.rows:
            category = categories.get(row.example, OTHER)
            by_category[category][number][row.example].append(row.score)
    sizes = {name: len({e for arm in found for e in arm}) for name, found in by_category.items()}
    names = sorted(sizes, key=lambda name: (-sizes[name], name))
    lines = [
        CategoryLine(
            category=fmt.plain(name),
            num=sizes[name],
            cells=tuple(_cell(scores) for scores in by_category[name]),
        )
        for name in names[:MAX_CATEGORIES]
    ]
    return Heat(
        split=split,
        routes=tuple(arm.route for arm in members),
        lines=tuple(lines),
        left_out=_left_out([sizes[name] for name in names[MAX_CATEGORIES:]]),
    )


def _left_out(sizes: Sequence[int]) -> str:
    if not sizes:
        return ""
    many = f"{len(sizes)} smaller categories are" if len(sizes) > 1 else "1 smaller category is"
    return f"{many} left out, with {sum(sizes)} examples."


def _cell(scores: Mapping[str, Sequence[float]]) -> Cell:
    if not scores:
        return Cell(text=fmt.MISSING, level=None)
    mean = sum(sum(s) / len(s) for s in scores.values()) / len(scores)
    return Cell(text=fmt.score(mean), level=min(9, max(0, int(mean * 10))))
