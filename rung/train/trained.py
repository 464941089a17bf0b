"""Which adapters were trained for a task: a file in each run's folder, read without torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from rung.core import config
from rung.store.runs import RunDir

RECORD = "trained.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """An adapter that was trained for a task, as its run folder records it."""

    adapter: str
    """Its name among the artifacts."""
    task: str
    model: str
    method: str
    style: Mapping[str, Any]
    train_hash: str
    num_texts: int
    minutes: float
    metrics: Mapping[str, float] = field(default_factory=dict)
    made: str = ""
    """UTC time."""
    also: Mapping[str, str] = field(default_factory=dict)
    """Other tasks that it was trained for, each with the hash of its train split."""

    def as_of(self, task: str) -> Trained:
        """Return the record as one of the other tasks reads it."""
        return self if task == self.task else replace(self, task=task, train_hash=self.also[task])


def record(run: RunDir, trained: Trained) -> None:
    """Note in a run's folder what was trained."""
    run.write_json(RECORD, asdict(trained))


def find_trained(task: str, model: str, method: str = "") -> Trained | None:
    """Return the adapter trained last for a task and model, by a method where one is named."""
    found = []
    for path in (config.home() / "runs").glob(f"train-*/{RECORD}"):
        trained = Trained(**json.loads(path.read_text("utf-8")))
        is_of_task = task in (trained.task, *trained.also)
        if is_of_task and trained.model == model and method in ("", trained.method):
            found.append(trained.as_of(task))
    return max(found, key=lambda trained: trained.made, default=None)
