"""`rung report NAME`: the tables of the last climb again, and the one-file HTML."""

from __future__ import annotations

from rung.cli.options import AsJson, Html, TaskName
from rung.cli.out import console, print_json, say


def report(
    name: TaskName,
    html: Html = None,
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
