"""Which tasks exist: the user's own folders under `RUNG_HOME/tasks`, and the bundled ones.

A bundled task is made by its generator the first time it is asked for, and from then on is a task
folder like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rung.core.errors import TaskError
from rung.core.records import Split
from rung.tasks.folder import load_task, save_task, tasks_home
from rung.tasks.task import Example, Task
from rung.worlds import helpdesk, orders

Splits = dict[Split, list[Example]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundled:
    """A task that comes with the package."""

    about: str
    generate: Callable[..., Splits]
    """Called with num_train, num_dev, num_holdout and seed, all optional."""
    contract: Callable[[], Mapping[str, Any]]
    """Task fields other than name, path and examples."""


BUNDLED: dict[str, Bundled] = {
    "helpdesk": Bundled(
        about="IT tickets: category (23), priority, needs_human, summary",
        generate=helpdesk.generate,
        contract=helpdesk.task_fields,
    ),
    "orders": Bundled(
        about="order messages: 9 fields, among them names, numbers, money and dates",
        generate=orders.generate,
        contract=orders.task_fields,
    ),
}


def own_tasks() -> list[str]:
    """Return the names of task folders that exist, sorted."""
    return sorted(path.parent.name for path in tasks_home().glob("[a-z]*/task.toml"))


def load(name: str) -> Task:
    """Return a task by name or by folder path, making a bundled one on first use.

    Raises TaskError listing what exists.
    """
    folder = Path(name).expanduser()
    if ("/" in name or name.startswith(".")) and (folder / "task.toml").exists():
        return load_task(folder)
    if name in own_tasks():
        return load_task(tasks_home() / name)
    if name in BUNDLED:
        return make_bundled(name, name)
    known = ", ".join(sorted({*own_tasks(), *BUNDLED}))
    raise TaskError(
        f"there is no task {name!r} (there are: {known})",
        hint="rung init NAME --from FILE --input COLUMN --target COLUMN makes one",
    )


def make_bundled(bundled: str, name: str, **sizes: int) -> Task:
    """Generate a bundled task under a name of the user's choice; `sizes` go to its generator."""
    source = BUNDLED[bundled]
    splits = source.generate(**sizes)
    path = tasks_home() / name
    task = Task(name=name, path=path, **source.contract())
    save_task(task, splits, path, ties="near", seed=sizes.get("seed", 0))
    return load_task(path)
