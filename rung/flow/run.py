"""Evaluate one route on dev or train, or a recorded run on everything; write a results file."""

from __future__ import annotations

from pathlib import Path

from rung.core.errors import ConfigError, GateError
from rung.core.records import Split
from rung.engines.catalogue import DEFAULT_MODEL
from rung.flow.recorded import is_recorded, run_recorded
from rung.flow.session import Session, Tell, open_session, situation
from rung.ladder import trained
from rung.ladder.agent import AGENT_OPTIONAL
from rung.ladder.climb import draw
from rung.ladder.floors import floor_routes
from rung.ladder.measure import to_arm
from rung.ladder.plan import select_rungs
from rung.ladder.result import Arm
from rung.registry import find_route, record_candidates
from rung.routes.route import Route
from rung.store import RunDir
from rung.tasks.task import Task
from rung.train.plan import LEARNING_RATES

_FLOORS = ("empty", "majority", "oracle")


def run_route(
    task: str | Task,
    route: str,
    *,
    split: str = "",
    model: str = "",
    samples: int = 1,
    temperature: float = 0.0,
    limit: int = 0,
    seed: int = 0,
    tell: Tell | None = None,
) -> tuple[Arm, Path]:
    """Return the arm of one route (by name or hash) and the results file that was written.

    A route is the last one measured under its name, with `model` the last one that asks that model;
    one never measured is proposed for it, or for the default model.
    Several `samples` an example need a `temperature`, else a model here says the same each time.
    Without `split` a route runs on dev, and a recorded one (`recorded:gpt-4`) on all examples.
    """
    if is_recorded(route):
        return run_recorded(task, route, split=split or "all", limit=limit, seed=seed)
    split = split or "dev"
    if split == "holdout":
        raise GateError("a run may not read the holdout", hint=f"rung gate {task} {route}")
    if split not in ("train", "dev"):
        name = task if isinstance(task, str) else task.name
        raise ConfigError(
            f"unknown split {split!r}",
            hint=f"choose train or dev; rung gate {name} {route} opens the holdout",
        )
    if not 1 <= samples <= 100:
        raise ConfigError(f"--samples is {samples}, not from 1 to 100")
    with open_session(task, tell) as session:
        chosen = _find(session, route, model, seed)
        if temperature:
            chosen = chosen.at_temperature(temperature)
        if samples > 1 and not (chosen.draws or chosen.model.startswith("http:")):
            raise ConfigError(
                f"route {chosen.name!r} takes the likeliest answer, so {samples} samples are one",
                hint="add --temperature 0.7, or leave out --samples",
            )
        if chosen.rung not in _FLOORS:
            record_candidates(session.store, session.task.name, [chosen])
        pool = session.task.train if split == "train" else session.task.dev
        examples = draw(pool, limit or len(pool), seed=seed, name=split)
        if not examples:
            raise ConfigError(f"split {split!r} of task {session.task.name!r} is empty")
        rows = session.climber.rows(chosen, examples, split, samples=samples)
        settings = {"route": chosen.hash, "split": split, "samples": samples, "limit": limit}
        run = RunDir("run", session.task.name, {**settings, "seed": seed})
        path = run.write_rows("results.jsonl", (row.to_json() for row in rows))
        priced = session.task.error_cost is not None
        which: Split = "train" if split == "train" else "dev"
        return to_arm(chosen, rows, which, priced_errors=priced), path


def mean_fields(arm: Arm) -> dict[str, float]:
    """Return the mean of every field that all rows of an arm are scored by."""
    names = [name for name in arm.rows[0].fields if all(name in row.fields for row in arm.rows)]
    return {name: sum(row.fields[name] for row in arm.rows) / len(arm.rows) for name in names}


def _find(session: Session, name: str, model: str, seed: int) -> Route:
    """Return a route measured before, else one that the ladder or the floors propose.

    What training made is looked for first: the name goes with the adapter trained last, and so does
    the untrained agent that is told what that one is.
    """
    small = model or DEFAULT_MODEL
    method = "sft" if name == trained.LEFT else name.split("+")[0]
    if method in LEARNING_RATES:
        for route in trained.propose(situation(session, small, seed), method):
            if route.name == name:
                return route
    try:
        return find_route(session.store, session.task.name, name, model=model)
    except ConfigError as unknown:
        for route in _proposals(session, small, seed):
            if route.name == name:
                return route
        raise unknown


def _proposals(session: Session, model: str, seed: int) -> list[Route]:
    small = situation(session, model, seed)
    in_world = bool(session.task.world)
    rungs = [*select_rungs((), in_world=in_world), *(AGENT_OPTIONAL if in_world else ())]
    return [*floor_routes(small), *(route for rung in rungs for route in rung.propose(small))]
