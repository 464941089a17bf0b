"""May training go on from an adapter: what it learnt of the task, or one before it, is train now.

A task that was made again has other splits, and what was train then may be dev or holdout now; an
adapter that follows would carry that into the gate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rung.core.errors import GateError, StoreError
from rung.engines.adapters import read_adapter
from rung.store import Artifacts
from rung.tasks.generation import of_split
from rung.tasks.task import Task


def demand_same_train(task: Task, adapter: str) -> None:
    """Raise GateError for an adapter that learnt from another train split of the task."""
    for name, lineage in _lineages(adapter):
        data = lineage.get("data", {})
        own = lineage.get("task") == task.name
        learnt = data.get("train" if own else f"train of {task.name}")
        if learnt and not is_of_train(task, learnt):
            raise GateError(
                f"adapter {name[:12]} was trained on another train split of {task.name!r}, which"
                " may hold what is dev or holdout now",
                hint=f"begin anew: rung train {task.name} --method sft",
            )


def is_of_train(task: Task, digest: str) -> bool:
    """Return whether a train split is the task's, or that of a generation before it."""
    return of_split(task, "train", digest).split_hashes["train"] == digest


def _lineages(adapter: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield an adapter and those that it followed, as far as they are kept."""
    name = adapter
    while name:
        try:
            lineage = read_adapter(name, Artifacts()).lineage
        except StoreError:
            if name == adapter:
                raise
            return
        yield name, lineage
        name = str(lineage.get("start", ""))
