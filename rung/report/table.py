"""Results in a terminal: the ladder table, one run, a comparison of two.

Fits the console it is given: columns go by rank when it is narrow, cells do not wrap (only a long
route name folds). Foreign text is printed literally, never as markup or escape codes. Marks carry
the meaning without colour: `>` the promoted route, `†` an arm that was stopped. Nothing is
computed here; a file or pipe gets the same text without ANSI codes.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rung.ladder.result import Answered, Arm, Climb
from rung.report import format as fmt
from rung.report.columns import COLUMNS, Column, by_split, is_backdrop
from rung.report.summary import (
    caution,
    circumstances,
    headline,
    next_command,
    notes,
    saving_sentences,
)

GAP = 2
"""Blank cells between two columns."""
MIN_ROUTE = 16
"""Cells a route name keeps before it folds to make room for a column."""
WIDE = 110
"""Console width from which questions stand in three columns."""
LEGEND = {
    "output": "tokens: mean per example",
    "$": "$: per 1,000",
    "CPAO": "CPAO: cost per acceptable outcome",
}
"""What a header, or a part of several, stands for."""
VERDICT_STYLE = {"promote": "bold green", "hold": "bold yellow", "reject": "bold red"}


def render_climb(climb: Climb, console: Console, *, then: str | None = None) -> None:
    """Print the whole outcome of a climb; `then` replaces the command to type next."""
    console.print(Text(f"{fmt.plain(climb.task)}: {fmt.plain(climb.title)}", style="bold"))
    console.print(Text(circumstances(climb), style="dim"))
    shown = _print_ladder(climb.arms, console, promoted=climb.promoted)
    console.print()
    for line in (_legend(climb, shown), *notes(climb.arms)):
        print_wrapped(line, console, style="dim", hang=2)
    if climb.answered:
        console.print()
        _print_answers(climb.answered, console)
    console.print()
    style = VERDICT_STYLE[climb.verdict]
    console.print(Text.assemble(("verdict  ", "bold"), (headline(climb), style)), soft_wrap=True)
    _print_fact("reason", fmt.plain(climb.reason), console)
    if told := caution(climb):
        _print_fact("caution", told, console)
    if climb.saving is not None:
        saved, prices = saving_sentences(climb.saving)
        _print_fact("saving", saved, console)
        _print_fact("", prices, console)
    if climb.run_dir:
        run_dir = fmt.plain(climb.run_dir)
        console.print(Text.assemble(("run      ", "bold"), run_dir), soft_wrap=True)
    console.print(
        Text.assemble(("next     ", "bold"), (then or next_command(climb), "bold cyan")),
        soft_wrap=True,
    )


def render_run(arm: Arm, console: Console) -> None:
    """Print one route on one split, a line per quantity."""
    console.print(Text(f"{fmt.plain(arm.route)} on {arm.split}", style="bold"))
    model = fmt.plain(arm.model) or "no model"
    console.print(Text(f"{model}, route {fmt.plain(arm.route_hash)}", style="dim"))
    console.print()
    mean = f"{fmt.score(arm.score)} ± {fmt.score(arm.score_sd)}"
    p50, p95 = fmt.latency(arm.latency_p50_ms), fmt.latency(arm.latency_p95_ms)
    answers = f", {len(arm.rows)} answers" if len(arm.rows) > arm.num_examples else ""
    facts = [
        ("score", f"{mean}  {fmt.interval(arm.score_ci)}"),
        ("strict", f"{fmt.percent(arm.strict)}  {fmt.percent_interval(arm.strict_ci)}"),
        ("latency", f"p50 {p50}, p95 {p95}"),
        ("tokens", _tokens_line(arm)),
        *([("effort", _effort_line(arm))] if arm.passes else []),
        ("cost", _cost_line(arm)),
        ("n", f"{arm.num_examples} examples in {arm.num_groups} groups{answers}"),
    ]
    for name, value in facts:
        _print_fact(name, value, console)
    for line in notes([arm]):
        print_wrapped(line, console, style="yellow", hang=2)


def render_comparison(
    comparison: Mapping[str, Any], names: tuple[str, str], console: Console
) -> None:
    """Print what `rung compare --json` holds; `names` are A (in service) and B (the candidate)."""
    first, second = (fmt.plain(name) for name in names)
    console.print(Text(f"{second} against {first}", style="bold"))
    console.print()
    only_first, only_second = comparison["discordant"]
    verdict = str(comparison["verdict"])
    ends = (float(comparison["ci"][0]), float(comparison["ci"][1]))
    facts = [
        ("difference", f"{fmt.difference(comparison['diff'])}  {fmt.difference_interval(ends)}"),
        ("margin", f"a loss of {fmt.score(comparison['margin'])} still counts as non-inferior"),
        ("p-value", fmt.p_value(comparison["p_value"])),
        ("strict", f"only {first} right: {only_first}, only {second} right: {only_second}"),
        ("", f"McNemar p {fmt.p_value(comparison['mcnemar_p'])}"),
        ("n", f"{comparison['n']} examples in {comparison['num_groups']} groups"),
    ]
    if comparison.get("num_needed") is not None:
        facts.append(("needed", f"about {comparison['num_needed']:,} examples to decide"))
    for name, value in facts:
        _print_fact(name, value, console, indent=12)
    line = Text.assemble(("verdict".ljust(12), "bold"), (verdict, VERDICT_STYLE.get(verdict, "")))
    console.print(line)


def _print_ladder(
    arms: Sequence[Arm], console: Console, *, promoted: str | None
) -> tuple[Column, ...]:
    """Print a table for each split; return the columns that there was room for."""
    widths = {column.header: _width(column, arms) for column in COLUMNS}
    longest = max((cell_len(_route_name(arm, promoted)) for arm in arms), default=MIN_ROUTE)
    chosen = _fit(widths, console.width - min(longest, MIN_ROUTE))
    left = console.width - _needed(chosen, widths)
    route_width = max(MIN_ROUTE, min(longest, left))
    for split, members in by_split(arms):
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
        table.add_column(split, width=route_width, overflow="fold")
        for column in chosen:
            table.add_column(
                column.header, justify="right", no_wrap=True, width=widths[column.header]
            )
        for arm in members:
            name = Text("\n".join(fmt.fold(_route_name(arm, promoted), route_width)))
            cells = [Text(column.cell(arm)) for column in chosen]
            table.add_row(name, *cells, style=_style(arm, promoted))
        console.print()
        console.print(table)
    return chosen


def _fit(widths: Mapping[str, int], room: int) -> tuple[Column, ...]:
    """Return the most important columns that fit side by side into `room` cells."""
    kept = sorted(COLUMNS, key=lambda column: column.rank)
    while len(kept) > 1 and _needed(kept, widths) > room:
        kept.pop()
    return tuple(column for column in COLUMNS if column in kept)


def _needed(columns: Sequence[Column], widths: Mapping[str, int]) -> int:
    return sum(widths[column.header] + GAP for column in columns)


def _width(column: Column, arms: Sequence[Arm]) -> int:
    return max(len(column.header), *(len(column.cell(arm)) for arm in arms), 1)


def _route_name(arm: Arm, promoted: str | None) -> str:
    mark = "> " if arm.route == promoted else "  "
    return f"{mark}{fmt.plain(arm.route)}{' †' if arm.stopped else ''}"


def _style(arm: Arm, promoted: str | None) -> str:
    if arm.route == promoted:
        return "bold green"
    return "dim" if is_backdrop(arm) else ""


def _legend(climb: Climb, shown: Sequence[Column]) -> str:
    parts = ["> promoted"] if climb.promoted else []
    if any(arm.stopped for arm in climb.arms):
        parts.append("† stopped early")
    parts.append(f"incumbent: {fmt.plain(climb.incumbent)}")
    backdrops = dict.fromkeys(fmt.plain(arm.route) for arm in climb.arms if is_backdrop(arm))
    if backdrops:
        parts.append(f"not candidates: {', '.join(backdrops)}")
    headers = " ".join(column.header for column in shown)
    parts += [text for header, text in LEGEND.items() if header in headers]
    return "; ".join(parts)


def _print_answers(answered: Sequence[Answered], console: Console) -> None:
    if console.width < WIDE:
        for line in answered:
            print_wrapped(fmt.plain(line.question), console, style="bold")
            print_wrapped(fmt.plain(line.result), console, indent=2)
            print_wrapped(fmt.plain(line.interpretation), console, indent=2, style="italic")
        return
    table = Table(
        box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), expand=True
    )
    for header, share in (("question", 3), ("result", 5), ("interpretation", 4)):
        table.add_column(header, ratio=share)
    for line in answered:
        cells = (line.question, line.result, line.interpretation)
        table.add_row(*(Text(fmt.plain(cell)) for cell in cells))
    console.print(table)


def _print_fact(name: str, value: str, console: Console, *, indent: int = 9) -> None:
    body = textwrap.fill(value, max(20, console.width - indent), break_on_hyphens=False)
    text = textwrap.indent(body, " " * indent)[indent:]
    console.print(Text.assemble((name.ljust(indent), "bold"), text))


def print_wrapped(
    line: str, console: Console, *, indent: int = 0, hang: int = 0, style: str = ""
) -> None:
    """Print a line folded to the console; `hang` indents what follows its first line."""
    text = textwrap.fill(
        line,
        console.width,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + hang),
        break_on_hyphens=False,
    )
    console.print(Text(text, style=style))


def _tokens_line(arm: Arm) -> str:
    return (
        f"{fmt.tokens(arm.prompt_tokens)} prompt, {fmt.tokens(arm.cached_tokens)} cached, "
        f"{fmt.tokens(arm.forced_tokens)} forced, {fmt.tokens(arm.output_tokens)} output"
    )


def _effort_line(arm: Arm) -> str:
    return (
        f"{fmt.tokens(arm.passes)} passes, {fmt.tokens(arm.drafted_tokens)} tokens drafted "
        f"({fmt.tokens(arm.accepted_tokens)} accepted), {fmt.tokens(arm.scored_tokens)} scored, "
        f"{fmt.tokens(arm.skipped_tokens)} skipped"
    )


def _cost_line(arm: Arm) -> str:
    return (
        f"{fmt.per_1000_usd(arm.cost_usd)} per 1,000 examples, "
        f"{fmt.per_1000_usd(arm.cost_per_point)} per 1,000 points, "
        f"{fmt.per_1000_usd(arm.cpao_usd)} per 1,000 acceptable outcomes"
    )
