"""The part of a round that changes something: the next generation of splits, rules, a map, a climb.

Each step returns what the journal keeps of it. Steps that only inform (rules, map) note why they
found nothing instead of ending the round; a climb that fails ends it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median
from typing import Any

from rung.core.errors import ConfigError, RungError
from rung.engines.catalogue import DEFAULT_MODEL
from rung.flow.climb import Options, climb, plan
from rung.flow.repair import repair, write_batch
from rung.flow.report import last_climb
from rung.flow.route import mine_rules
from rung.flow.route_rows import Asking
from rung.flow.session import Tell, open_session
from rung.gate.rotate import rotate_holdout
from rung.gateway.schedule import Schedule
from rung.ladder.climb import draw
from rung.ladder.result import Climb
from rung.registry import promoted
from rung.store import RunDir
from rung.tasks.fresh import Fresh
from rung.tasks.task import Task
from rung.traces.heard import Heard

_LOOKING_SHARE = 0.3
"""Of a round's minutes and dollars, for answers that rules and map are made from."""
_MIN_LOOKED_AT = 10
_NUM_CLUSTERS = 3
"""Of the repair map, in the journal."""


def rotate(task: Task, fresh: Fresh, schedule: Schedule) -> dict[str, Any]:
    """Make the fresh examples part of the task, if there are enough for a new holdout."""
    found = rotate_holdout(task, fresh.examples, min_groups=schedule.min_groups)
    left_out = {"num_unfit": fresh.num_unfit, "num_conflicting": fresh.num_conflicting}
    return asdict(found) | left_out | {"num_labelled": fresh.num_labelled}


def num_to_look_at(task: Task, heard: Sequence[Heard], minutes: float, usd: float) -> int:
    """Return how many dev examples the route in service may answer, by what its calls took."""
    own = [one for one in heard if one.arm == "specialist"]
    most = [len(task.dev)]
    if own and (usual_ms := median(one.latency_ms for one in own)) > 0:
        most.append(int(_LOOKING_SHARE * minutes * 60_000 / usual_ms))
    if own and (usual_usd := median(one.cost_usd for one in own)) > 0:
        most.append(int(_LOOKING_SHARE * usd / usual_usd))
    return max(min(most), min(_MIN_LOOKED_AT, len(task.dev)))


def mine(task: Task, limit: int, tell: Tell | None) -> dict[str, Any]:
    """Mine escalation rules in what the route in service gets wrong now."""
    try:
        mined, written = mine_rules(task, Asking(limit=limit), tell)
    except RungError as error:
        return {"rules": [], "why": str(error)}
    return {"rules": [rule.id for rule in mined.kept], "num_in_file": len(written.rules)}


def map_failures(task: Task, limit: int, tell: Tell | None) -> dict[str, Any]:
    """Map what the route in service misses on dev, and write the batch that would repair it."""
    with open_session(task, tell) as session:
        serving = promoted(session.store, task.name)
        if serving is None:
            return {"clusters": [], "why": "no route is in service"}
        examples = draw(task.dev, limit, seed=0, name="dev")
        rows = session.climber.rows(serving.route, examples, "dev")
        run = RunDir("run", task.name, {"route": serving.route.hash, "generation": task.generation})
        path = run.write_rows("results.jsonl", (row.to_json() for row in rows))
    try:
        found = repair(task, results=str(path))
    except RungError as error:
        return {"clusters": [], "why": str(error)}
    clusters = [
        {"name": one.name, "share": one.share, "remedy": one.remedy.rung}
        for one in found.map.clusters[:_NUM_CLUSTERS]
    ]
    batch = path.with_name("batch.jsonl")
    try:
        write_batch(found, batch)
    except RungError as error:
        return {"clusters": clusters, "results": str(path), "why": str(error)}
    return {"clusters": clusters, "results": str(path), "batch": str(batch)}


def options_of(task: Task, schedule: Schedule, minutes: float) -> Options:
    """Return how a round climbs: with the models of the last climb unless some are named."""
    return Options(
        models=schedule.models or _last_models(task),
        rungs=schedule.rungs,
        minutes=minutes,
        promote=schedule.policy == "promote",
    )


def estimate_usd(task: Task, options: Options, tell: Tell | None) -> float:
    """Return what the climb is expected to cost."""
    return plan(task, _unlimited(options), tell).cost_usd


def climb_once(task: Task, options: Options, tell: Tell | None) -> dict[str, Any]:
    """Climb, and return the verdict with the route that passed."""
    found = climb(task, _unlimited(options), tell)
    name = found.gate["report"]["promoted"] if found.gate else None
    return {
        "verdict": found.verdict,
        "reason": found.reason,
        "route": name or "",
        "route_hash": next((arm.route_hash for arm in found.arms if arm.route == name), ""),
        "cost_usd": sum(arm.cost_usd * arm.num_examples for arm in found.arms),
        "run": Path(found.run_dir).name,
    }


def _unlimited(options: Options) -> Options:
    """Return options that refuse nothing: the round compares the estimate with its own budget."""
    return replace(options, budget_usd=float("inf"))


def _last_models(task: Task) -> tuple[str, ...]:
    try:
        last: Climb = last_climb(str(task.path))
    except ConfigError:
        return (DEFAULT_MODEL,)
    return tuple(last.model.split(", "))
