"""`rung repair NAME`: where a route fails, what to do about it, and the next training batch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rung.cli.options import AsJson, Html, TaskName
from rung.cli.out import console, print_json, say


def repair(
    name: TaskName,
    results: Annotated[
        str,
        typer.Option(
            "--results",
            help="Results file or route of the last climb; by default the route in service.",
        ),
    ] = "",
    reference: Annotated[
        str,
        typer.Option(
            "--reference", help="The same, of a stronger route, to see where it does better."
        ),
    ] = "",
    after: Annotated[
        str, typer.Option("--after", help="The same, after a repair, to see what changed.")
    ] = "",
    batch: Annotated[
        Path | None,
        typer.Option("--batch", metavar="OUT.jsonl", help="Write the next training batch here."),
    ] = None,
    machine: Annotated[
        str, typer.Option("--machine", metavar="ROW", help="Price row of the machine that trains.")
    ] = "local-2core",
    html: Html = None,
    as_json: AsJson = False,
) -> None:
    """Print the repair map: failures by cause and place, with cost, remedy and measured change."""
    from rung.flow.repair import manifest_of, write_batch
    from rung.flow.repair import repair as find
    from rung.report.repairs import render_repair, write_repair_html

    found = find(name, results=results, reference=reference, after=after, machine=machine)
    manifest = write_batch(found, batch) if batch is not None else None
    if html is not None:
        write_repair_html(found.map, html)
    if as_json:
        print_json(found.map.to_json() | ({"batch": manifest} if manifest else {}))
    else:
        render_repair(found.map, console())
    if html is not None:
        say(f"repair map: {html}")
    if manifest is not None and batch is not None:
        kinds = ", ".join(f"{num} {kind}" for kind, num in manifest["kinds"].items() if num)
        say(f"batch: {batch}, {manifest['num_rows']} train examples ({kinds})")
        say(f"manifest: {manifest_of(batch)}")
