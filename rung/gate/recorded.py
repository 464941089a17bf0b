"""Every example of a task, for a run that was recorded before the task had splits.

Such a run cannot be changed, so nothing can be fitted to the holdout through it, and it can only be
measured, never promoted: reading the holdout for it asks no question of a candidate and spends no
alpha. The examples must not be given to anything that learns or chooses.
"""

from __future__ import annotations

from rung.tasks.holdout import read_holdout
from rung.tasks.task import Example, Task


def every_example(task: Task) -> tuple[Example, ...]:
    """Return train, dev and holdout, sorted by id; raises GateError when the holdout was edited."""
    examples = (*task.train, *task.dev, *read_holdout(task))
    return tuple(sorted(examples, key=lambda example: example.id))
