"""The only way to a task's holdout. `rung.gate` alone may import this file; a test says so."""

from __future__ import annotations

from rung.tasks.answers import Answers
from rung.tasks.folder import EXAMPLES, check_holdout, group_by_split
from rung.tasks.rows import read_rows
from rung.tasks.task import Example, Task


def read_holdout(task: Task) -> tuple[Example, ...]:
    """Read the holdout from the task's folder, in the order of the file.

    Raises GateError when its content is not what the task was loaded with.
    """
    rows = read_rows(task.path / EXAMPLES, Answers(task.schema))
    holdout = group_by_split(rows)["holdout"]
    check_holdout(task.path, holdout, task.split_hashes["holdout"])
    return tuple(holdout)
