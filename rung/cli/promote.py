"""`rung promote NAME ROUTE`: put a route in service that the gate has passed."""

from __future__ import annotations

from rung.cli.options import AsJson, RouteName, TaskName
from rung.cli.out import print_json, say


def promote(
    name: TaskName,
    route: RouteName,
    as_json: AsJson = False,
) -> None:
    """Put a route in service; refused unless the gate has passed it."""
    from rung import flow

    promoted = flow.promote(name, route)
    if as_json:
        print_json({"task": name, "route": promoted.name, "route_hash": promoted.hash})
    else:
        print(f"{promoted.name} ({promoted.hash[:12]}) now serves {name}")
        say(f'next: rung ask {name} "…"')
