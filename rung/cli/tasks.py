"""`rung tasks`: the tasks there are."""

from __future__ import annotations

from rung.cli.options import AsJson
from rung.cli.out import print_json


def tasks(as_json: AsJson = False) -> None:
    """List your own and the bundled tasks."""
    from rung.tasks.folder import tasks_home
    from rung.worlds.catalog import BUNDLED, own_tasks

    own = own_tasks()
    rows = [{"task": name, "kind": "own", "about": str(tasks_home() / name)} for name in own]
    rows += [
        {"task": name, "kind": "bundled", "about": bundled.about}
        for name, bundled in BUNDLED.items()
        if name not in own
    ]
    for row in rows:
        if as_json:
            print_json(row)
        else:
            print(f"{row['task']:<20} {row['kind']:<8} {row['about']}")
