"""`rung gate NAME ROUTE`: judge a measured route on the holdout, or recompute a receipt."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rung.cli.options import AsJson, Limit, RouteName, Seed, TaskName
from rung.cli.out import EXIT, print_json, say
from rung.cli.progress import show_progress
from rung.core.errors import ConfigError


def gate(
    name: TaskName = "",
    route: RouteName = "",
    reference: Annotated[
        str,
        typer.Option("--reference", help="Measured route to survive against, or recorded:NAME."),
    ] = "",
    verify: Annotated[
        Path | None,
        typer.Option(
            "--verify", metavar="RECEIPT", help="Recompute the verdict of this receipt, offline."
        ),
    ] = None,
    limit: Limit = 0,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Open the holdout for one route and judge it; or check a receipt with --verify."""
    if verify is not None:
        _verify(verify, as_json)
        return
    if not name or not route:
        raise ConfigError("rung gate needs a task and a route", hint="rung gate helpdesk form")
    from rung import flow

    with show_progress(quiet=as_json) as tell:
        judged = flow.gate(name, route, reference=reference, limit=limit, seed=seed, tell=tell)
    if as_json:
        print_json({**judged.report.to_json(), "receipt": str(judged.receipt_path)})
    else:
        print(f"{judged.report.verdict}: {judged.report.reason}")
        say(f"receipt: {judged.receipt_path}")
        if judged.report.verdict == "promote":
            say(f"next: rung promote {name} {route}")
    raise typer.Exit(EXIT[judged.report.verdict])


def _verify(path: Path, as_json: bool) -> None:
    from rung.flow.decide import verify

    differences, not_compared = verify(path)
    if not_compared:
        say(f"note: {not_compared}")
    if as_json:
        print_json({"receipt": str(path), "ok": not differences, "differences": differences})
    else:
        for line in differences:
            print(f"differs: {line}")
        if not differences:
            print("the verdict recomputes from its rows")
    raise typer.Exit(1 if differences else 0)
