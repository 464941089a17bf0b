"""`rung retain NAME ROUTE`: do the tasks that share an adapter keep their work with the new one?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rung.cli.options import AsJson, Limit, RouteName, Seed, TaskName
from rung.cli.out import EXIT, print_json, say
from rung.cli.progress import show_progress

if TYPE_CHECKING:
    from rung.flow.retain import Retained


def retain(
    name: TaskName,
    route: RouteName,
    limit: Limit = 0,
    seed: Seed = 0,
    apart: Annotated[
        bool,
        typer.Option(
            "--apart", help="Measure nothing; the other tasks keep the adapter they have."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Measure the tasks that share the adapter which this route's would follow; on their dev.

    Exit code 3 or 4 when a loss cannot be ruled out or is certain; promotion asks for 0.
    """
    from rung.flow.retain import retain as measure

    with show_progress(quiet=as_json) as tell:
        found = measure(name, route, limit=limit, seed=seed, apart=apart, tell=tell)
    worst = max((one.verdict for one in found), key=EXIT.__getitem__, default="promote")
    if as_json:
        print_json({"task": name, "route": route, "verdict": worst}
                   | {"sharers": [one.to_json() for one in found]})  # fmt: skip
    else:
        for one in found:
            print(f"{one.task}: {_said(one)}")
        if not found:
            say(f"no other task in service uses an adapter that {route!r} would follow")
        if worst == "promote":
            say(f"next: rung gate {name} {route}")
    raise typer.Exit(EXIT[worst])


def _said(one: Retained) -> str:
    kept = "keeps its work" if one.verdict == "promote" else one.verdict
    reason = str(one.report["reason"])
    return reason if one.is_apart else f"{kept}: {reason}"
