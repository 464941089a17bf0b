"""Which tasks exist: the user's own folders under `RUNG_HOME/tasks`, and the bundled ones.

A bundled task is made by its generator the first time it is asked for, and from then on is a task
folder like any other. A task with a world carries what the world needs in its folder; one that is
made from a published data set needs that in a folder of the user's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any
from uuid import uuid4

from rung.core.errors import TaskError, reason_of
from rung.core.records import Split
from rung.core.spelling import closest
from rung.tasks.folder import CONTRACT, check_free, load_task, save_task, tasks_home
from rung.tasks.splits import Ties
from rung.tasks.task import Example, Task
from rung.worlds import helpdesk, operations, orders, returns, warehouse, workbench
from rung.worlds.helpdesk import replies

Splits = dict[Split, list[Example]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundled:
    """A task that comes with the package."""

    about: str
    generate: Callable[..., Splits]
    """Called with num_train, num_dev, num_holdout and seed, all optional."""
    contract: Callable[[], Mapping[str, Any]]
    """Task fields other than name, path and examples."""
    furnish: Callable[..., None] | None = None
    """Of a task with a world: writes what the world needs into the task's folder, its argument."""
    is_data_set: Callable[[Path], bool] | None = None
    """Of a task made from a data set, which `generate` and `furnish` take as `data`: whether a
    folder holds it."""
    ties: Ties = "near"
    """What may not straddle its splits."""


BUNDLED: dict[str, Bundled] = {
    "helpdesk": Bundled(
        about="IT tickets: category (23), priority, needs_human, summary",
        generate=helpdesk.generate,
        contract=helpdesk.task_fields,
    ),
    "helpdesk-reply": Bundled(
        about="IT tickets: which approved first response (6), an incident, or a person",
        generate=replies.generate,
        contract=replies.task_fields,
    ),
    "orders": Bundled(
        about="order messages: 9 fields, among them names, numbers, money and dates",
        generate=orders.generate,
        contract=orders.task_fields,
    ),
    "returns": Bundled(
        about="messages about returns: reason (12), order number, price; approved replies",
        generate=returns.generate,
        contract=returns.task_fields,
    ),
    "warehouse": Bundled(
        about="picking decisions of an exact optimiser, 30 ms each; shifts to play",
        generate=warehouse.generate,
        contract=warehouse.task_fields,
        ties="group",
    ),
    "operations": Bundled(
        about="office work of several steps: 30 workflows, 38 tools of 16 apps",
        generate=operations.generate,
        contract=operations.task_fields,
    ),
    "operations-ood": Bundled(
        about="the same, with 8 harder workflows in the holdout that train never has",
        generate=operations.generate_unseen,
        contract=operations.unseen_fields,
    ),
    "workbench": Bundled(
        about="690 office queries over five sandboxes (WorkBench); needs its data set",
        generate=workbench.generate,
        contract=workbench.task_fields,
        furnish=workbench.furnish,
        is_data_set=workbench.is_data_set,
        ties="group",
    ),
    "workbench-templates": Bundled(
        about="the same, with templates in the holdout that train never has",
        generate=workbench.generate_by_template,
        contract=workbench.task_fields,
        furnish=workbench.furnish,
        is_data_set=workbench.is_data_set,
        ties="group",
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
        return _own(name)
    if name in BUNDLED:
        return make_bundled(name, name)
    known = sorted({*own_tasks(), *BUNDLED})
    raise TaskError(
        f"there is no task {name!r} (there are: {', '.join(known)})",
        hint=closest(name, known)
        or "rung init NAME --from FILE --input COLUMN --target COLUMN makes one",
    )


def _own(name: str) -> Task:
    """Return a task of the user's, whose name in the registry must be the one asked for."""
    task = load_task(tasks_home() / name)
    if task.name != name:
        raise TaskError(
            f"reading {task.path / CONTRACT}: its name is {task.name!r}, not that of its folder",
            hint=f'write name = "{name}" in it',
        )
    return task


def bundled_from(folder: Path, name: str) -> str | None:
    """Return the bundled task whose data set a folder holds, None when it holds none.

    Where several are made from it, `name` chooses among them; the first is the default.
    """
    fitting = [
        bundled
        for bundled, source in BUNDLED.items()
        if source.is_data_set is not None and folder.is_dir() and source.is_data_set(folder)
    ]
    return name if name in fitting else next(iter(fitting), None)


def make_bundled(bundled: str, name: str, *, data: Path | None = None, **sizes: int) -> Task:
    """Generate a bundled task under a name of the user's choice; `sizes` go to its generator.

    `data` is the folder of the data set that it is made from, where it is made from one.
    """
    source = BUNDLED[bundled]
    given: dict[str, Any] = {"data": data} if source.is_data_set is not None else {}
    splits = source.generate(**sizes, **given)
    path = tasks_home() / name
    check_free(path, name)
    task = Task(name=name, path=path, **source.contract())
    # Built beside its place and renamed, so that a task without its world is never seen.
    scratch = path.with_name(f".{name}.{uuid4().hex}.tmp")
    try:
        save_task(task, splits, scratch, ties=source.ties, seed=sizes.get("seed", 0))
        if source.furnish is not None:
            source.furnish(scratch, **given)
        scratch.rename(path)
    except OSError as error:
        raise TaskError(f"writing {path}: {reason_of(error)}") from None
    finally:
        rmtree(scratch, ignore_errors=True)
    return load_task(path)
