"""Score a recorded run: what a published model called, judged by the task's world.

No model is asked and nothing is stored but the results file. A recorded error (a context window
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

    The arm's intervals are clustered by template, the rows keep the examples' groups. What the run
    cost, and how long it took, nobody knows. Raises ConfigError for a run or split there is not.
    """
    task = load(task) if isinstance(task, str) else task
    if not recorded.names(task.path):
        raise ConfigError(
            f"task {task.name!r} has no recorded runs",
            hint="the bundled task workbench has some: rung run workbench --route recorded:gpt-4",
        )
    name = recorded.resolve(task.path, route.removeprefix(PREFIX))
    records = recorded.read(task.path, name)
    examples = _examples(task, split)
    chosen = draw(examples, limit or len(examples), seed=seed, name=split)
    world = open_world(task)
    rows = [_row(world, example, records[example.id]) for example in chosen]
    settings = {"route": PREFIX + name, "split": split, "limit": limit, "seed": seed}
    path = RunDir("run", task.name, settings).write_rows(
        "results.jsonl", (row.to_json() for row in rows)
    )
    return _arm(task, name, split, rows, chosen), path


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


def _arm(
    task: Task, name: str, split: str, rows: Sequence[Row], examples: Sequence[Example]
) -> Arm:
    answers = content_hash([[row.example, row.output, row.error] for row in rows])
    route = Route(
        name=PREFIX + name, rung="recorded", output="constant", model=name, constant=answers
    )
    clustered = [
        replace(row, group=str(example.setup.get("template", example.group)))
        for row, example in zip(rows, examples, strict=True)
    ]
    priced = task.error_cost is not None
    arm = to_arm(route, clustered, cast(Measured, split), priced_errors=priced)
    unknown: dict[str, Any] = dict.fromkeys(_UNKNOWN, math.nan)
    return replace(
        arm, rows=tuple(rows), cost_per_point=None, cpao_usd=None, cpao_ci=None, **unknown
    )


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
