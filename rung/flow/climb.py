"""Climb: estimate, measure on dev, gate on the holdout, promote the survivor, save the run."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from rung.core.clock import monotonic_ms, now_utc
from rung.core.errors import ConfigError
from rung.core.records import Usage
from rung.engines.catalogue import DEFAULT_MODEL
from rung.engines.prices import cost_usd, price_of
from rung.flow.decide import Judged, judge_routes
from rung.flow.recorded import is_recorded, recorded_route
from rung.flow.session import Session, Tell, open_session, situation
from rung.gate.limits import check_limits
from rung.gate.rows import gather
from rung.ladder.baseline import raw_route, reference_route
from rung.ladder.climb import Proposed, choose_candidates, draw
from rung.ladder.floors import floor_routes
from rung.ladder.plan import Plan, check_budget, plan_climb, select_rungs
from rung.ladder.result import Arm, Climb, Saving, climb_to_json
from rung.ladder.rung import Need, Rung, Situation
from rung.registry import in_service, promote_route, promoted, record_candidates
from rung.report.questions import answer_questions
from rung.routes.route import Route
from rung.store import RunDir, file_name
from rung.tasks.task import Task

DAYS_PER_YEAR = 365


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to climb; the defaults suit a laptop of two cores."""

    models: tuple[str, ...] = (DEFAULT_MODEL,)
    reference: str = ""
    """A strong model whose answers the candidates must match, or `recorded:NAME`, a run of one that
    the task keeps; empty: the raw small model."""
    rungs: tuple[str, ...] = ()
    """Names of rungs; the whole ladder, without the optional ones, when empty."""
    limit: int = 0
    """Examples per split; 0 fits the climb into `minutes`."""
    minutes: float = 3.0
    seed: int = 0
    budget_usd: float = 5.0
    promote: bool = True
    """Whether a route that the gate passes is put in service; else `rung promote` does it."""


_Rungs = list[tuple[Rung, Situation]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ascent:
    floors: tuple[Route, ...]
    proposed: tuple[Proposed, ...]
    waiting: _Rungs
    """Rungs that propose once the train examples they need are answered, which the plan counts."""
    incumbent: Route
    plan: Plan
    run: RunDir


def plan(task: str | Task, options: Options = Options(), tell: Tell | None = None) -> Plan:
    """Return what a climb is expected to take, from a few probes of each route."""
    with open_session(task, tell) as session:
        return _prepare(session, options).plan


def climb(task: str | Task, options: Options = Options(), tell: Tell | None = None) -> Climb:
    """Climb the ladder; `tell` is called with each Step.

    Answers are stored as they come: the same call after an interruption goes on where it was.
    """
    start, began = monotonic_ms(), now_utc()
    with open_session(task, tell) as session:
        ascent = _prepare(session, options)
        result = _ascend(session, ascent, options)
    result = replace(result, started=began, duration_s=(monotonic_ms() - start) / 1000.0)
    for arm in result.arms:
        name = file_name(f"{arm.split}-{arm.route}")
        ascent.run.write_rows(f"{name}.jsonl", (row.to_json() for row in arm.rows))
    ascent.run.write_json("climb.json", climb_to_json(result))
    return result


def _prepare(session: Session, options: Options) -> _Ascent:
    task = session.task
    rungs = select_rungs(options.rungs, in_world=bool(task.world))
    given = options.reference
    replayed = recorded_route(task, given) if is_recorded(given) else None
    strong = _reference(session, options) if given and replayed is None else None
    situations = [
        replace(situation(session, model, options.seed), reference=strong)
        for model in options.models
    ]
    ready, waiting, needs = _sort(rungs, situations)
    proposed = _propose(ready, len(situations))
    if not proposed and not waiting:
        raise ConfigError(
            f"no rung of {', '.join(options.rungs) or 'the ladder'} fits task {task.name!r}",
            hint="leave out --rungs, choose a model that can do more, or name a --reference to ask",
        )
    run = RunDir("climb", task.name, _settings(task, options, proposed, needs))
    incumbent = replayed or _incumbent(session, situations[0], run)
    saved = run.path / "plan.json"
    if saved.exists():
        made = Plan(**json.loads(saved.read_text("utf-8")))
        check_budget(made, options.budget_usd)
    else:
        made = _plan(session, options, proposed, needs, incumbent)
        run.write_json("plan.json", made.to_json())
    return _Ascent(
        floors=floor_routes(situations[0]),
        proposed=tuple(proposed),
        waiting=waiting,
        incumbent=incumbent,
        plan=made,
        run=run,
    )


def _sort(
    rungs: Sequence[Rung], situations: Sequence[Situation]
) -> tuple[_Rungs, _Rungs, list[Need]]:
    """Tell rungs that can propose now from those that need answers first, and say which answers."""
    ready: _Rungs = []
    waiting: _Rungs = []
    needs: list[Need] = []
    for small in situations:
        for rung in rungs:
            found = rung.needs(small)
            needs += found
            (waiting if found else ready).append((rung, small))
    return ready, waiting, needs


def _propose(rungs: _Rungs, num_models: int) -> list[Proposed]:
    """Return the routes of all models, named apart where there are several models."""
    proposed: dict[str, Proposed] = {}
    for rung, small in rungs:
        for route in rung.propose(small):
            if num_models > 1 and route.model:
                route = replace(route, name=f"{route.name}@{route.model}")
            proposed.setdefault(
                route.hash, Proposed(route=route, min_before_stop=rung.min_before_stop)
            )
    return list(proposed.values())


def _incumbent(session: Session, small: Situation, run: RunDir) -> Route:
    """Return what the candidates must survive against: the reference if one is named, else the
    route in service, else the raw model on a blank page."""
    if small.reference is not None:
        return small.reference
    if serving := promoted(session.store, session.task.name, except_by=run.path.name):
        return in_service(serving)
    return raw_route(small)


def _reference(session: Session, options: Options) -> Route:
    return reference_route(situation(session, options.reference, options.seed))


def _settings(
    task: Task, options: Options, proposed: Sequence[Proposed], needs: Sequence[Need]
) -> dict[str, object]:
    return {
        "splits": dict(task.split_hashes),
        "models": list(options.models),
        "reference": options.reference,
        "rungs": list(options.rungs),
        "limit": options.limit,
        "minutes": options.minutes,
        "seed": options.seed,
        "routes": sorted(item.route.hash for item in proposed),
        "needs": sorted([need.route.hash, need.name, need.num_examples] for need in needs),
    }


def _plan(
    session: Session,
    options: Options,
    proposed: Sequence[Proposed],
    needs: Sequence[Need],
    incumbent: Route,
) -> Plan:
    dev = draw(session.task.dev, len(session.task.dev), seed=options.seed, name="dev")
    routes = {item.route.hash: item for item in proposed}
    if not is_recorded(incumbent.name):
        routes.setdefault(incumbent.hash, Proposed(route=incumbent, min_before_stop=0))
    estimates = session.climber.probe(list(routes.values()), dev, incumbent=incumbent)
    alike = [Proposed(route=need.route, min_before_stop=0) for need in needs]
    estimates += [
        replace(estimate, route=need.name, num_train=need.num_examples)
        for need, estimate in zip(
            needs, session.climber.probe(alike, dev, incumbent=incumbent), strict=True
        )
    ]
    most = sys.maxsize if options.limit else session.task.default_limit or sys.maxsize
    return plan_climb(
        estimates,
        num_dev=min(len(session.task.dev), most),
        num_holdout=min(session.task.num_holdout, most),
        limit=options.limit,
        minutes=options.minutes,
        budget_usd=options.budget_usd,
    )


def _ascend(session: Session, ascent: _Ascent, options: Options) -> Climb:
    task, incumbent = session.task, ascent.incumbent
    dev = draw(task.dev, len(task.dev), seed=options.seed, name="dev")
    proposed = [*ascent.proposed, *_propose(ascent.waiting, len(options.models))]
    keeps_limits = partial(_keeps_limits, task)
    arms = session.climber.climb(
        ascent.floors, proposed, dev, ascent.plan.num_dev, keeps_limits=keeps_limits
    )
    routes = {item.route.hash: item.route for item in proposed}
    record_candidates(session.store, task.name, routes.values())
    floor = max(arm.score for arm in arms if arm.kind == "floor")
    chosen = choose_candidates(
        arms,
        margin=task.gate.margin,
        incumbent=incumbent.hash,
        floor=floor,
        allowed={arm.route_hash for arm in arms if keeps_limits(arm)},
        priced_errors=task.error_cost is not None,
    )
    found = Climb(
        task=task.name,
        title=task.title,
        model=", ".join(options.models),
        seed=options.seed,
        run_dir=str(ascent.run.path),
        arms=tuple(arms),
        incumbent=incumbent.name,
        verdict="hold",
        promoted=None,
        reason=f"no other route than {incumbent.name} clears the floors on dev",
    )
    if not chosen:
        return replace(found, answered=answer_questions(found.arms))
    judged = judge_routes(
        session,
        [routes[arm.route_hash] for arm in chosen],
        incumbent,
        count=ascent.plan.num_holdout,
        seed=options.seed,
        folder=ascent.run.path,
    )
    if judged.route is not None and options.promote:
        promote_route(
            session.store, task.name, judged.route, judged.receipt, run=ascent.run.path.name
        )
    everything = (*arms, *judged.arms)
    return replace(
        found,
        arms=everything,
        verdict=judged.report.verdict,
        promoted=judged.report.promoted if options.promote else None,
        reason=judged.report.reason,
        answered=answer_questions(everything),
        saving=_saving(task, everything, judged),
        gate=judged.receipt,
    )


def _keeps_limits(task: Task, arm: Arm) -> bool:
    """Return whether a dev arm keeps the task's hard limits, judged by its rates."""
    targets = {example.id: example.target for example in task.dev}
    samples = list(gather(arm.rows, name=arm.route).values())
    checks = check_limits(samples, rules=task.gate, targets=targets)
    return all(check.verdict == "promote" for check in checks)


def _saving(task: Task, arms: Sequence[Arm], judged: Judged) -> Saving | None:
    """Compare the promoted route with the measured reference, else with today's price of the
    tokens of the JSON arm (a price comparison, not one of quality)."""
    ours = next((a for a in judged.arms if a.route == judged.report.promoted), None)
    if ours is None:
        return None
    measured = next((a for a in judged.arms if a.rung == "reference"), None)
    price = price_of(task.reference_price)
    if measured is not None:
        cost, reference = measured.cost_usd, f"{measured.model}, measured on the same holdout"
    else:
        plain = next((a for rung in ("json", "blank") for a in arms if a.rung == rung), None)
        if plain is None:
            return None
        usage = Usage(
            prompt_tokens=round(plain.prompt_tokens + plain.cached_tokens),
            output_tokens=round(plain.output_tokens),
        )
        cost = cost_usd(price, usage, 0.0)
        reference = f"price {price.name!r} on the tokens of {plain.route}; quality not compared"
    saved = cost - ours.cost_usd
    return Saving(
        reference=reference,
        reference_cost_usd=cost,
        route_cost_usd=ours.cost_usd,
        per_1000_usd=saved * 1000.0,
        per_year_usd=saved * task.volume_per_day * DAYS_PER_YEAR,
        volume_per_day=task.volume_per_day,
        priced_on=price.date,
    )
