"""Which adapters were trained for a task, and what that took: files in runs' folders, read without
torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from rung.agents.spec import AgentSpec
from rung.core import config
from rung.core.clock import now_utc
from rung.store.runs import RunDir
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
    """
    measured, estimated = [], []
    runs = config.home() / "runs"
    for path in runs.glob(f"train-*/{RECORD}"):
        done = Trained(**json.loads(path.read_text("utf-8")))
        if task in (done.task, *done.also) and model in ("", done.model):
            measured.append((done.made, done.minutes))
    for path in runs.glob(f"train-*/{PLAN}"):
        plan = json.loads(path.read_text("utf-8"))
        if task in plan["tasks"] and model in ("", plan["model"]):
            estimated.append((plan["made"], float(plan["minutes"])))
    found = max(measured or estimated, default=None)
    return None if found is None else (found[1], bool(measured))


def find_trained(task: str, model: str, method: str = "") -> Trained | None:
    """Return the adapter trained last for a task and model, by a method where one is named."""
    found = []
    for path in (config.home() / "runs").glob(f"train-*/{RECORD}"):
        trained = Trained(**json.loads(path.read_text("utf-8")))
        is_of_task = task in (trained.task, *trained.also)
        if is_of_task and trained.model == model and method in ("", trained.method):
            found.append(trained.as_of(task))
    return max(found, key=lambda trained: trained.made, default=None)
