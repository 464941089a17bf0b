"""Score a recorded run: what a published model called, judged by the task's world.

No model is asked and nothing is stored but the results file. As the reference of a climb such a run
is an incumbent whose cost nobody knows (`flow/climb.py`). A recorded error (a context window
that was too short, a time-out) is a failure, whatever state the calls before it left.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from rung.core.errors import ConfigError, GateError
from rung.core.hashing import content_hash
from rung.core.records import Row
from rung.gate.recorded import every_example
from rung.ladder.climb import draw
from rung.ladder.measure import to_arm
from rung.ladder.result import Arm, Measured
from rung.routes.route import Route
from rung.store import RunDir
from rung.tasks.task import Example, Task
from rung.worlds.catalog import load
from rung.worlds.open import open_world
from rung.worlds.scoring import Cause
from rung.worlds.workbench import recorded
from rung.worlds.world import World

PREFIX = "recorded:"
_SPLITS = ("all", "train", "dev")
_UNKNOWN = (
    "latency_p50_ms",
    "latency_p95_ms",
    "prompt_tokens",
    "cached_tokens",
    "forced_tokens",
    "output_tokens",
    "cost_usd",
)


def is_recorded(route: str) -> bool:
    """Return whether a name is that of a recorded run."""
    return route.startswith(PREFIX)


def run_recorded(
    task: str | Task, route: str, *, split: str = "all", limit: int = 0, seed: int = 0
) -> tuple[Arm, Path]:
    """Return the arm of a recorded run and the results file; `all` is train, dev and holdout.

    The arm's intervals are clustered by template, the rows keep the examples' groups. Raises
    ConfigError for a run or split there is not.
    """
    task = load(task) if isinstance(task, str) else task
    found = recorded_route(task, route)
    examples = _examples(task, split)
    chosen = draw(examples, limit or len(examples), seed=seed, name=split)
    rows = recorded_rows(task, found, chosen)
    settings = {"route": found.name, "split": split, "limit": limit, "seed": seed}
    path = RunDir("run", task.name, settings).write_rows(
        "results.jsonl", (row.to_json() for row in rows)
    )
    clustered = [
        replace(row, group=str(example.setup.get("template", example.group)))
        for row, example in zip(rows, chosen, strict=True)
    ]
    arm = recorded_arm(task, found, clustered, cast(Measured, split))
    return replace(arm, rows=tuple(rows)), path


def recorded_route(task: Task, name: str) -> Route:
    """Return the route that stands for a recorded run; raises ConfigError where there is none."""
    if not recorded.names(task.path):
        raise ConfigError(
            f"task {task.name!r} has no recorded runs",
            hint="the bundled task workbench has some: rung run workbench --route recorded:gpt-4",
        )
    model = recorded.resolve(task.path, name.removeprefix(PREFIX))
    records = recorded.read(task.path, model)
    answers = content_hash([record.to_json() for _, record in sorted(records.items())])
    return Route(
        name=PREFIX + model, rung="recorded", output="constant", model=model, constant=answers
    )


def recorded_rows(task: Task, route: Route, examples: Sequence[Example]) -> list[Row]:
    """Return the scored rows of a recorded run on these examples."""
    records = recorded.read(task.path, route.model)
    world = open_world(task)
    return [_row(world, example, records[example.id]) for example in examples]


def recorded_arm(task: Task, route: Route, rows: Sequence[Row], split: Measured) -> Arm:
    """Summarise a recorded run; what it cost, and how long it took, nobody knows."""
    arm = to_arm(route, rows, split, priced_errors=task.error_cost is not None)
    unknown: dict[str, Any] = dict.fromkeys(_UNKNOWN, math.nan)
    return replace(arm, cost_per_point=None, cpao_usd=None, cpao_ci=None, **unknown)


def _examples(task: Task, split: str) -> Sequence[Example]:
    if split == "holdout":
        raise GateError(
            "a run may not read the holdout alone", hint="leave out --split: recorded runs use all"
        )
    if split not in _SPLITS:
        raise ConfigError(f"unknown split {split!r}", hint=f"choose {', '.join(_SPLITS)}")
    if split == "all":
        return every_example(task)
    return task.train if split == "train" else task.dev


def _row(world: World, example: Example, record: recorded.Recorded) -> Row:
    outcome = world.score(example, record.calls)
    correct = outcome.strict and not record.error
    return Row(
        example=example.id,
        group=example.group,
        score=float(correct),
        strict=correct,
        output={"calls": [call.to_json() for call in record.calls]},
        status="failed" if record.error else "ok",
        error=record.error or None,
        cause=outcome.cause or _cause_of(record.error),
        fields={
            "action_level": outcome.action_level,
            "exact": float(outcome.details["exact"] and not record.error and not record.unread),
            "side_effects": float(outcome.side_effects),
        },
    )


def _cause_of(error: str) -> Cause:
    """Return the cause of a failure whose calls were right, or were none and should be none."""
    if not error:
        return ""
    return "malformed" if "parsing error" in error else "truncated"
