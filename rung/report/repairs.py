"""A repair map in a terminal and as one HTML page: the clusters, then each with its remedy.

Nothing is computed here. Both show the same cells; the terminal details the largest clusters only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rung.repair.records import Cluster, Difference, Miss, RepairMap
from rung.report import format as fmt
from rung.report.fold import fold_words
from rung.report.investments import training_line, worth
from rung.report.page import check_place, render_page, write_page
from rung.report.table import GAP, print_wrapped

NUM_DETAILED = 8
NUM_EXEMPLARS = 2
FOLDING = ("cause", "where", "next")
"""Columns of words, which fold."""
MIN_WHERE = 18
"""Cells that the place keeps; in a narrower console columns go, the first of `LEAVING` first."""
LEAVING = ("saves", "ref", "fixed", "all", "share")
MEANINGS = {
    "n": "misses",
    "share": "of all misses",
    "saves": "how much less 1,000 acceptable outcomes would cost without the cluster",
    "ref": "misses that the reference meets",
    "fixed": "misses that are met now (chosen for failing, so some are by luck)",
    "all": "change over every example with the same requirement",
}
"""Of the columns that a legend explains."""
MAX_CHARS = 120
"""Of an exemplar's input."""


def render_repair(repair: RepairMap, console: Console) -> None:
    """Print a map: how much fails, a table of clusters, what to do about the largest."""
    title = f"{fmt.plain(repair.task)}: what {fmt.plain(repair.route)} misses on {repair.split}"
    console.print(Text(title, style="bold"))
    for line in overview(repair):
        print_wrapped(line, console, style="dim", hang=2)
    console.print()
    columns = _columns(repair, console.width)
    console.print(_table(columns, console.width))
    console.print()
    print_wrapped(legend(columns), console, style="dim", hang=2)
    for number, cluster in enumerate(repair.clusters[:NUM_DETAILED], 1):
        console.print()
        print_wrapped(f"{number}  {heading(cluster)}", console, style="bold", hang=3)
        for line in details(cluster):
            print_wrapped(line, console, indent=3, hang=2)
        for line in exemplars(cluster.misses):
            print_wrapped(line, console, indent=3, hang=2, style="dim")
    if len(repair.clusters) > NUM_DETAILED:
        left = len(repair.clusters) - NUM_DETAILED
        console.print()
        print_wrapped(f"{left} more clusters in detail: --html FILE or --json", console)


def write_repair_html(repair: RepairMap, path: Path) -> Path:
    """Write the map as one HTML page; raises StoreError when it cannot be written."""
    check_place(path)
    page = render_page(
        "repair.html.j2",
        repair=repair,
        overview=overview(repair),
        legend=legend(headers(repair)),
        headers=headers(repair),
        clusters=[
            (
                cells(number, cluster, repair),
                heading(cluster),
                details(cluster),
                exemplars(cluster.misses),
            )
            for number, cluster in enumerate(repair.clusters, 1)
        ],
    )
    return write_page(path, page)


def overview(repair: RepairMap) -> list[str]:
    """Return what was looked at, and what all of it costs."""
    failed = f"{repair.num_failed} of {repair.num_examples} examples failed"
    lines = [f"{failed}, {repair.num_misses} requirements missed"]
    if repair.cpao_usd is not None:
        counted = "errors priced" if repair.priced else "serving only"
        lines[0] += f"; CPAO {fmt.per_1000_usd(repair.cpao_usd)} per 1,000 ({counted})"
    lines.append(f"reference: {fmt.plain(repair.reference) or 'none'}")
    if repair.num_left_out:
        lines.append(f"left out: {repair.num_left_out} examples that are not of {repair.split}")
    if repair.investment is not None:
        lines.append(training_line(repair))
    if repair.strict_change is not None:
        change = difference_text(repair.strict_change)
        lines.append(f"after {fmt.plain(repair.after)}: strict {change}")
    return lines


def legend(shown: Iterable[str]) -> str:
    """Return what the columns of these headers mean."""
    return "; ".join(f"{header}: {MEANINGS[header]}" for header in shown if header in MEANINGS)


def headers(repair: RepairMap) -> tuple[str, ...]:
    """Return the headers of the table."""
    reference = ("ref",) if repair.reference else ()
    after = ("fixed", "all") if repair.after else ()
    return ("#", "cause", "where", "n", "share", "saves", *reference, *after, "next")


def cells(number: int, cluster: Cluster, repair: RepairMap) -> tuple[str, ...]:
    """Return one row of the table."""
    num, change = len(cluster.misses), cluster.change
    known = (_met(cluster),) if repair.reference else ()
    after = (f"{change.num_fixed}/{num}", fmt.difference(change.scope.diff)) if change else ()
    saving = fmt.per_1000_usd(cluster.cpao_saving_usd)
    return (
        *(str(number), _words(cluster.cause), where(cluster), str(num)),
        *(fmt.percent(cluster.share), saving, *known, *after, cluster.remedy.rung),
    )


def where(cluster: Cluster) -> str:
    """Return place, detail and topic of a cluster; `mixed` where several are pooled."""
    parts = [cluster.place, cluster.detail or "mixed"]
    if cluster.about:
        parts.append(f"about {', '.join(cluster.about)}")
    return fmt.plain(": ".join(part for part in parts if part))


def heading(cluster: Cluster) -> str:
    """Return cause and place of a cluster."""
    return f"{_words(cluster.cause)}, {where(cluster)}"


def details(cluster: Cluster) -> list[str]:
    """Return the remedy with its reason, and what is known of cost, reference and change."""
    num = len(cluster.misses)
    share = f"{fmt.percent(cluster.share)} {fmt.percent_interval(cluster.share_ci)} of all"
    facts = [f"{num} misses in {cluster.num_examples} examples, {share}"]
    if cluster.error_cost_usd:
        facts.append(f"errors cost {fmt.usd(cluster.error_cost_usd)}")
    if cluster.num_reference:
        facts.append(f"the reference meets {_met(cluster)}")
    lines = [f"{cluster.remedy.rung}: {cluster.remedy.reason}"]
    lines += [*cluster.remedy.lacking, "; ".join(facts)]
    if cluster.investment is not None:
        lines.append(f"training for it alone {worth(cluster.investment)}")
    if cluster.change is not None:
        change = cluster.change
        fixed = f"{change.num_fixed} of {num} {fmt.percent_interval(change.fixed_ci)} met now"
        scope = f"over all with the same requirement {difference_text(change.scope)}"
        lines.append(f"after: {fixed}; {scope}")
    return lines


def exemplars(misses: Sequence[Miss]) -> list[str]:
    """Return a line for each of the first misses, of as many groups as there are."""
    leads = list({miss.group: miss for miss in reversed(misses)}.values())[::-1]
    first = {miss.example: miss for miss in (*leads, *misses)}
    return [
        f"{fmt.plain(miss.example)}: wanted {fmt.plain(miss.expected)}, got"
        f" {fmt.plain(miss.got)} | {_short(miss.text)}"
        for miss in list(first.values())[:NUM_EXEMPLARS]
    ]


def difference_text(change: Difference) -> str:
    """Return a paired difference with its interval and its discordant pairs."""
    ends = fmt.difference_interval(change.ci)
    pairs = f"{change.num_fixed} fixed, {change.num_broken} broken of {change.num}"
    return f"{fmt.difference(change.diff)} {ends}, {pairs}"


def _columns(repair: RepairMap, width: int) -> dict[str, list[str]]:
    """Return the columns that a console has room for, by header."""
    rows = [cells(number, cluster, repair) for number, cluster in enumerate(repair.clusters, 1)]
    columns = {header: [row[at] for row in rows] for at, header in enumerate(headers(repair))}
    for header in LEAVING:
        if _room(columns, width) < MIN_WHERE:
            columns.pop(header, None)
    return columns


def _table(columns: dict[str, list[str]], width: int) -> Table:
    """Return the table for a console; no word is broken that fits its column."""
    columns = dict(columns)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for header, column in columns.items():
        words = header in FOLDING
        room = _room(columns, width) if header == "where" else _needed(header, column)
        table.add_column(header, justify="left" if words else "right", width=room, no_wrap=True)
        columns[header] = ["\n".join(fold_words(cell, room)) if words else cell for cell in column]
    for row in zip(*columns.values(), strict=True):
        table.add_row(*(Text(cell) for cell in row))
    return table


def _room(columns: Mapping[str, Sequence[str]], width: int) -> int:
    """Return the cells that are left for the place, as many as it needs at most."""
    others = sum(_needed(*column) + GAP for column in columns.items() if column[0] != "where")
    return max(1, min(width - others - GAP, max(map(cell_len, ("where", *columns["where"])))))


def _needed(header: str, column: Sequence[str]) -> int:
    """Return the cells of a column's longest cell, or of its longest word where it folds."""
    cells = [word for cell in column for word in cell.split()] if header in FOLDING else column
    return max(map(cell_len, (header, *cells)))


def _met(cluster: Cluster) -> str:
    if not cluster.num_reference:
        return fmt.MISSING
    return f"{cluster.num_reference_met}/{cluster.num_reference}"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _short(text: str) -> str:
    line = fmt.plain(text)
    return line if len(line) <= MAX_CHARS else line[: MAX_CHARS - 1] + "…"
