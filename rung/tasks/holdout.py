"""The only way to a task's holdout. `rung.gate` alone may import this file; a test says so."""

from __future__ import annotations

from rung.tasks.answers import Answers
from rung.tasks.folder import check_holdout, group_by_split
from rung.tasks.generation import examples_file
from rung.tasks.rows import read_rows
from rung.tasks.task import Example, Task


def read_holdout(task: Task) -> tuple[Example, ...]:
    """Read the holdout from the task's folder, in the order of the file.

    Raises GateError when its content is not what the task was loaded with.
    """
    file = examples_file(task)
    holdout = group_by_split(read_rows(file, Answers(task.schema)))["holdout"]
    check_holdout(file, holdout, task.split_hashes["holdout"])
    return tuple(holdout)
