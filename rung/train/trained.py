"""Which adapters were trained for a task, and what that took: files in runs' folders, read without
torch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from rung.agents.spec import AgentSpec
from rung.core import config
from rung.core.clock import now_utc
from rung.core.errors import StoreError, reason_of
from rung.core.spelling import listing
from rung.store.runs import RunDir, file_name
from rung.train.plan import TrainPlan

RECORD, PLAN = "trained.json", "plan.json"
MAX_STEPS = 20
"""Turns of an agent that counts what is left: it knows when to stop."""


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
    """Of drawing answers to learn from, training and judging."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    made: str = ""
    """UTC time."""
    also: Mapping[str, str] = field(default_factory=dict)
    """Other tasks that it was trained for, each with the hash of its train split."""

    def as_of(self, task: str) -> Trained:
        """Return the record as one of the other tasks reads it."""
        return self if task == self.task else replace(self, task=task, train_hash=self.also[task])


def agent_of(style: Mapping[str, Any], seed: int) -> AgentSpec:
    """Return how an agent works that was trained on texts of a style."""
    if not style.get("remaining"):
        return AgentSpec(seed=seed)
    return AgentSpec(seed=seed, remaining=True, max_steps=MAX_STEPS)


def record(run: RunDir, trained: Trained) -> None:
    """Note in a run's folder what was trained."""
    run.write_json(RECORD, asdict(trained))


def record_plan(run: RunDir, plan: TrainPlan, tasks: Sequence[str], model: str) -> None:
    """Note in a run's folder what it is expected to take."""
    about = {"tasks": list(tasks), "model": model, "made": now_utc()}
    run.write_json(PLAN, about | plan.to_json())


def last_minutes(task: str, model: str = "") -> tuple[float, bool] | None:
    """Return what the last training for a task took, in minutes, else what a dry run estimated.

    True where it was measured; None where there was neither. Without `model` any of them counts.
    Raises StoreError for a record of the task that cannot be read.
    """
    measured = _last(_records(task, RECORD, Trained), model)
    if measured is not None:
        return measured, True
    estimated = _last(_records(task, PLAN, _Planned), model)
    return None if estimated is None else (estimated, False)


def _last(found: Sequence[Trained | _Planned], model: str) -> float | None:
    """Return the minutes of the newest record of a model, of any where none is named."""
    wanted = [one for one in found if model in ("", one.model)]
    return max(wanted, key=lambda one: one.made).minutes if wanted else None


def find_trained(task: str, model: str, method: str = "") -> Trained | None:
    """Return the adapter trained last for a task and model, by a method where one is named.

    Raises StoreError for a record of the task that cannot be read.
    """
    found = [
        trained.as_of(task)
        for trained in _records(task, RECORD, Trained)
        if trained.model == model and method in ("", trained.method)
    ]
    return max(found, key=lambda trained: trained.made, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planned:
    """What is read of a plan."""

    tasks: tuple[str, ...]
    model: str
    made: str
    minutes: float


_Kind = TypeVar("_Kind", Trained, _Planned)


def _records(task: str, name: str, kind: type[_Kind]) -> list[_Kind]:
    """Return what runs' folders record of a task; one of other tasks that cannot be read is passed
    over."""
    found = []
    for path in (config.home() / "runs").glob(f"train-*/{name}"):
        row = None
        try:
            row = json.loads(path.read_text("utf-8"))
            one = _read(row, kind)
        except (OSError, ValueError, RecursionError) as error:
            if task not in _tasks(row) and path.parent.name.rpartition("-")[0] != _folder(task):
                continue
            raise StoreError(
                f"reading {path}: {_reason(error)}",
                hint=f"move {path.parent} away, or use the version of rung that wrote it",
            ) from None
        if task in _tasks(row):
            found.append(one)
    return found


def _read(row: Any, kind: type[_Kind]) -> _Kind:
    if kind is Trained and isinstance(row, dict):
        known = {one.name for one in fields(Trained)}
        if unknown := sorted(row.keys() - known):
            raise ValueError(f"a newer version of rung wrote it ({listing(unknown)} is unknown)")
    return TypeAdapter(kind).validate_python(row)


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return ": ".join([*map(str, first["loc"]), first["msg"]])
    return reason_of(error)


def _tasks(row: Any) -> set[str]:
    """Return the tasks that a record or a plan names, as far as it can be read."""
    if not isinstance(row, dict):
        return set()
    named = [row.get("task"), *_strings(row.get("also")), *_strings(row.get("tasks"))]
    return {one for one in named if isinstance(one, str)}


def _strings(given: Any) -> Iterable[Any]:
    return given if isinstance(given, dict | list) else ()


def _folder(task: str) -> str:
    return f"train-{file_name(task)}"
