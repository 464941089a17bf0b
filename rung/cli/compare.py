"""`rung compare A B`: paired, clustered comparison of two results files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from rung.cli.options import AsJson, number
from rung.cli.out import EXIT, console, print_json
from rung.core.errors import GateError


def compare(
    reference: Annotated[Path, typer.Argument(metavar="A", help="Results file of the reference.")],
    candidate: Annotated[Path, typer.Argument(metavar="B", help="Results file of the candidate.")],
    margin: Annotated[float, number("--margin", 0, 1, "Largest loss allowed, 0 to 1.")] = 0.03,
    metric: Annotated[
        str, typer.Option("--metric", help="What to compare: score or strict.")
    ] = "score",
    group: Annotated[
        str, typer.Option("--group", help="Cluster by `group` (default) or `example`.")
    ] = "group",
    as_json: AsJson = False,
) -> None:
    """Say whether B may replace A: promote, hold or reject, with interval and sample size."""
    from rung.gate.compare import compare as compare_rows
    from rung.gate.rows import read_rows
    from rung.report.table import render_comparison

    if metric not in ("score", "strict"):
        raise GateError(f"unknown metric {metric!r}", hint="--metric score or --metric strict")
    if group not in ("group", "example"):
        raise GateError(f"cannot cluster by {group!r}", hint="--group group or --group example")
    before, after = read_rows(reference), read_rows(candidate)
    if group == "example":
        before = [replace(row, group=row.example) for row in before]
        after = [replace(row, group=row.example) for row in after]
    found = compare_rows(
        before,
        after,
        margin=margin,
        metric="strict" if metric == "strict" else "score",
        name_a=str(reference),
        name_b=str(candidate),
    )
    if as_json:
        print_json(found.to_json())
    else:
        render_comparison(found.to_json(), _names(reference, candidate), console())
    raise typer.Exit(EXIT[found.verdict])


def _names(reference: Path, candidate: Path) -> tuple[str, str]:
    """Return the last parts of two paths that tell them apart: runs all write `results.jsonl`."""
    first, second = (path.resolve().with_suffix("").parts[::-1] for path in (reference, candidate))
    differing = (pair for pair in zip(first, second, strict=False) if pair[0] != pair[1])
    return next(differing, (reference.stem, candidate.stem))
