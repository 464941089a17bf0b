"""`rung report NAME`: the tables of the last climb again, and the one-file HTML."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rung.cli.out import AsJson, console, print_json, say


def report(
    name: Annotated[str, typer.Argument(help="Task.")],
    html: Annotated[Path | None, typer.Option("--html", help="Write the report here.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print the last climb's tables, or write them with plots into one HTML file."""
    from rung.flow.report import last_climb, write_report
    from rung.report.export import climb_json
    from rung.report.table import render_climb

    climb = last_climb(name)
    if html is not None:
        write_report(climb, html)
        say(f"report: {html}")
    if as_json:
        print_json(climb_json(climb))
    elif html is None:
        render_climb(climb, console())
