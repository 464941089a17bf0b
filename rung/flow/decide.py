"""Gate routes on the holdout, and promote what the gate has passed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rung.core.errors import GateError, TaskError
from rung.core.files import write_atomic
from rung.core.records import OUTAGE
from rung.flow.recorded import is_recorded, recorded_arm, recorded_route, recorded_rows
from rung.flow.session import Session, Tell, open_session
from rung.gate.holdout import open_holdout
from rung.gate.receipt import judged_on, make_receipt, save_receipt, verify_receipt
from rung.gate.verdict import GateReport, judge
from rung.ladder.measure import to_arm
from rung.ladder.result import Arm
from rung.ladder.turns import rows_in_turns
from rung.registry import (
    demand_parity,
    demand_retention,
    find_route,
    in_service,
    passed,
    promote_route,
    promoted,
    record_verdict,
)
from rung.routes.route import Route
from rung.store import RunDir, file_name
from rung.tasks.generation import of_split
from rung.tasks.task import Example, Task
from rung.worlds.catalog import load, own_tasks


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What the gate said, with the holdout arms behind it."""

    report: GateReport
    arms: tuple[Arm, ...]
    receipt: dict[str, Any]
    receipt_path: Path
    route: Route | None
    """The route to promote."""


def judge_routes(
    session: Session,
    candidates: Sequence[Route],
    incumbent: Route,
    *,
    count: int,
    seed: int,
    folder: Path,
) -> Judged:
    """Open the holdout for these routes, measure them on it and write the receipt to `folder`.

    Raises GateError, before it is opened, for a route that could not be promoted.
    """
    task = session.task
    for route in candidates:
        demand_parity(session.store, route)
        demand_retention(session.store, session.runtime.artifacts, task.name, route)
    routes = [incumbent, *candidates]
    opening = open_holdout(task, routes, store=session.store, count=count, seed=seed)
    everything = (*opening.examples, *opening.rest)
    priced = task.error_cost is not None
    asked = [
        (route, opening.examples if route.model else everything)
        for route in routes
        if not is_recorded(route.name)
    ]
    kept_under = (task.split_hashes["holdout"], opening.number)
    measured = iter(rows_in_turns(session.climber, asked, kept_under))
    arms = [
        _recorded(task, route, opening.examples)
        if is_recorded(route.name)
        else to_arm(route, next(measured), "holdout", priced_errors=priced)
        for route in routes
    ]
    for arm in arms:
        _demand_answers(arm)
    targets = {example.id: example.target for example in everything}
    rows = {arm.route: arm.rows for arm in arms}
    report = judge(
        {route.name: rows[route.name] for route in candidates},
        rows[incumbent.name],
        incumbent_name=incumbent.name,
        rules=opening.rules,
        targets=targets,
        seed=seed,
        priced=not is_recorded(incumbent.name),
    )
    folder = folder / f"gate-{opening.number}"
    files = {arm.route: _write(folder, arm) for arm in arms}
    receipt = make_receipt(
        report,
        folder=folder,
        task=task.name,
        incumbent=files[incumbent.name],
        candidates={route.name: files[route.name] for route in candidates},
        rules=opening.rules,
        targets=targets,
        split_sha256=task.split_hashes["holdout"],
    )
    save_receipt(folder / "receipt.json", receipt)
    record_verdict(session.store, task.name, receipt, candidates)
    chosen = next((route for route in candidates if route.name == report.promoted), None)
    return Judged(
        report=report,
        arms=tuple(arms),
        receipt=receipt,
        receipt_path=folder / "receipt.json",
        route=chosen,
    )


def _demand_answers(arm: Arm) -> None:
    """Raise GateError where an outage left examples of an arm without an answer."""
    lost = [row for row in arm.rows if row.cause == OUTAGE]
    if lost:
        raise GateError(
            f"{len(lost)} of {len(arm.rows)} holdout answers of {arm.route!r} are missing:"
            f" {lost[0].error}",
            hint="the same command asks again, and is no further opening",
        )


def _recorded(task: Task, route: Route, examples: Sequence[Example]) -> Arm:
    return recorded_arm(task, route, recorded_rows(task, route, examples), "holdout")


def _write(folder: Path, arm: Arm) -> Path:
    path = folder / f"{file_name(arm.route)}.jsonl"
    write_atomic(path, "".join(json.dumps(row.to_json()) + "\n" for row in arm.rows))
    return path


def gate(
    task: str | Task,
    route: str,
    *,
    reference: str = "",
    limit: int = 0,
    seed: int = 0,
    tell: Tell | None = None,
) -> Judged:
    """Judge one measured route against a reference, a measured route or `recorded:NAME`; without
    one against the route in service, else against the raw model."""
    with open_session(task, tell) as session:
        name = session.task.name
        candidate = find_route(session.store, name, route)
        incumbent = _incumbent(session, reference)
        if incumbent.hash == candidate.hash:
            raise GateError(
                f"route {route!r} is already the incumbent of task {name!r}",
                hint=f"gate another route: rung show {name} lists them",
            )
        if incumbent.name == candidate.name:
            incumbent = replace(incumbent, name=f"{incumbent.name}@{incumbent.hash[:8]}")
        settings = {"candidate": candidate.hash, "incumbent": incumbent.hash}
        run = RunDir("gate", name, {**settings, "limit": limit, "seed": seed})
        return judge_routes(
            session, [candidate], incumbent, count=limit, seed=seed, folder=run.path
        )


def _incumbent(session: Session, reference: str) -> Route:
    store, task = session.store, session.task
    if is_recorded(reference):
        return recorded_route(task, reference)
    if reference:
        return find_route(store, task.name, reference)
    serving = promoted(store, task.name)
    return in_service(serving) if serving else find_route(store, task.name, "blank")


def verify(receipt: Path) -> tuple[list[str], str]:
    """Recompute a receipt; return what does not match, and what could not be compared, in words.

    Its split is compared with the holdouts that are, or were, locked here for the task of its name.
    """
    name, recorded = judged_on(receipt)
    if name not in own_tasks():
        return verify_receipt(receipt), f"no task {name!r} is here, so its holdout is not compared"
    try:
        locked = of_split(load(name), "holdout", recorded)
    except (TaskError, GateError) as error:  # a holdout that was edited, too
        return verify_receipt(receipt), f"task {name!r} cannot be read: {error.message}"
    return verify_receipt(receipt, split_sha256=locked.split_hashes["holdout"]), ""


def promote(task: str | Task, route: str) -> Route:
    """Put a route in service that the gate has passed; raises GateError for any other, and for one
    whose adapter would leave a task behind that shares the one it follows."""
    with open_session(task) as session:
        name = session.task.name
        wanted = find_route(session.store, name, route)
        if receipt := passed(session.store, name, wanted):
            demand_retention(session.store, session.runtime.artifacts, name, wanted)
            promote_route(session.store, name, wanted, receipt)
            return wanted
        raise GateError(
            f"the gate has not passed route {route!r} of task {name!r}",
            hint=f"rung gate {name} {route}",
        )
