"""`rung rollback NAME`: take the route in service back."""

from __future__ import annotations

from typing import Annotated

import typer

from rung.cli.options import AsJson, TaskName
from rung.cli.out import print_json


def rollback(
    name: TaskName,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the registry.")] = "",
    as_json: AsJson = False,
) -> None:
    """Take the route in service back; the one before it serves again."""
    from rung.flow.session import open_session
    from rung.registry import roll_back

    with open_session(name) as session:
        serving = roll_back(session.store, session.task.name, reason=reason)
    route = serving.route.name if serving else None
    if as_json:
        print_json({"task": name, "route": route})
    else:
        print(f"{route} serves {name} again" if route else f"nothing serves {name} now")
