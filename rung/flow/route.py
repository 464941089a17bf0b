"""Route: mine escalation rules, fit a cascade, show what is in force, simulate what it is worth.

Rows are the dev answers of measured routes, asked once and kept; the cascade is logged as a
measured route, so that `rung run`, `rung gate` and `rung promote` treat it like any other. The
holdout is not touched.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from rung.core import config
from rung.core.errors import ConfigError
from rung.core.hashing import content_hash
from rung.flow.route_rows import Asking, draw_examples, find_routes, gather
from rung.flow.session import Session, Tell, open_session
from rung.registry import record_candidates
from rung.routes.answer import answer_key
from rung.routes.escalation.fit import Fit, fit_policy
from rung.routes.escalation.mine import Mined, mine_stages
from rung.routes.escalation.operating import Goal, Trial
from rung.routes.escalation.outcomes import Stage
from rung.routes.escalation.policy import cold_start
from rung.routes.escalation.rules import Rules
from rung.routes.escalation.rules_file import FILE, read_rules, rules_to, write_rules
from rung.routes.escalation.worth import Worth, value_of
from rung.routes.route import Route
from rung.store import RunDir, file_name
from rung.tasks.task import Task
from rung.worlds.catalog import load

MIN_LABELLED = 40
"""Dev rows below which nothing is fitted: the five-factor prior escalates."""
RESULT = "fit.json"


def count_missing(task: str | Task, asking: Asking) -> int:
    """Return how many answers mining or fitting would have to ask for."""
    with open_session(task) as session:
        examples = draw_examples(session, asking)
        return sum(
            session.store.get_answer(answer_key(route, session.task, example)) is None
            for route in find_routes(session, asking)
            for example in examples
        )


def mine_rules(task: str | Task, asking: Asking, tell: Tell | None = None) -> tuple[Mined, Rules]:
    """Mine rules in the specialist's failures, or in those that the stronger route repairs.

    Rules that hold on held-out groups are written to the task's `rules.toml`, beside those that
    people wrote; rules of an earlier mining are replaced.
    """
    with open_session(task, tell) as session:
        found = gather(session, asking)
        path = session.task.path / FILE
        before = read_rules(path)
        logs = found.logs
        signals = logs.after[0] if logs.after else logs.before
        mined = mine_stages(signals, logs.stages, logs.groups, seed=asking.seed)
        own = tuple(rule for rule in before.rules if rule.evidence is None)
        taken = {rule.id for rule in own}
        kept = tuple(rule for rule in mined.kept if rule.id not in taken)
        return mined, write_rules(path, replace(before, rules=(*own, *kept)))


def fit(
    task: str | Task,
    asking: Asking,
    *,
    goal: Goal = "expected",
    max_risk: float = 0.0,
    max_loss_usd: float = 0.0,
    use_doubt: bool = True,
    use_rules: bool = True,
    tell: Tell | None = None,
) -> tuple[Fit | None, Route, Path]:
    """Fit a cascade on dev and log it as a measured route; return the fit, route and run folder.

    With fewer than 40 rows nothing is fitted: the fit is None and the route escalates by the
    five-factor prior. Raises ConfigError where nobody can be escalated to, both an error rate and a
    cost are to be promised, or either without doubt.
    """
    if max_risk > 0.0 and max_loss_usd > 0.0:
        raise ConfigError(
            f"one threshold cannot promise both --max-risk {max_risk:g} and --max-loss-usd"
            f" {max_loss_usd:g}",
            hint="name one of them",
        )
    if not use_doubt and (max_risk > 0.0 or max_loss_usd > 0.0):
        promised = "--max-risk" if max_risk > 0.0 else "--max-loss-usd"
        raise ConfigError(
            f"{promised} is kept by a threshold on doubt, which --no-doubt leaves out",
            hint="leave out one of them",
        )
    with open_session(task, tell) as session:
        _demand_next(session, asking)
        rules = read_rules(session.task.path / FILE) if use_rules else Rules()
        settings: dict[str, Any] = {"asking": asdict(asking), "goal": goal, "max_risk": max_risk}
        settings |= {
            "max_loss_usd": max_loss_usd,
            "doubt": use_doubt,
            "rules": content_hash(rules_to(rules)),
        }
        run = RunDir("route", session.task.name, settings)
        routes = find_routes(session, asking)
        if len(draw_examples(session, asking)) < MIN_LABELLED:
            route = _cascade(session, routes, (), cold_start(asking.person).to_bytes())
            record_candidates(session.store, session.task.name, [route])
            return None, route, run.path
        found = gather(session, asking)
        fitted = fit_policy(
            found.logs,
            rules=rules,
            goal=goal,
            max_risk=max_risk,
            max_loss_usd=max_loss_usd,
            dearest_usd=_dearest_usd(session.task, asking),
            use_doubt=use_doubt,
            seed=asking.seed,
        )
        route = _cascade(session, found.routes, found.witnesses, fitted.policy.to_bytes())
        record_candidates(session.store, session.task.name, [route])
        run.write_json(RESULT, {**fit_json(fitted, route), "kinds": list(found.kinds)})
        return fitted, route, run.path


def last_fit(task: str) -> tuple[dict[str, Any], Path]:
    """Return the newest fit of a task as JSON; raises ConfigError when there is none."""
    name = load(task).name
    # twelve digits of a hash: a task whose name begins with this one's has a longer rest
    paths = sorted(
        (config.home() / "runs").glob(f"route-{file_name(name)}-{'?' * 12}/{RESULT}"),
        key=lambda path: path.stat().st_mtime,
    )
    if not paths:
        raise ConfigError(f"task {name!r} has no fitted cascade", hint=f"rung route {name} fit")
    return json.loads(paths[-1].read_text("utf-8")), paths[-1]


def rules_of(task: str) -> Rules:
    """Return the rules in a task's folder."""
    return read_rules(load(task).path / FILE)


def simulate(
    task: str,
    *,
    volume_per_day: float = 0.0,
    training_usd: float = 0.0,
    training_serves: float = float("inf"),
    hosting_usd_per_day: float = 0.0,
) -> Worth:
    """Price the last fit at the user's volume: three tiers, price shocks, break-even, verdict.

    Raises ConfigError where nothing was fitted or the volume is 0.
    """
    loaded = load(task)
    volume = volume_per_day or loaded.volume_per_day
    if volume <= 0.0:
        raise ConfigError(
            f"task {loaded.name!r} has no requests a day to price",
            hint=f"rung route {loaded.name} simulate --volume 1000",
        )
    data, _ = last_fit(task)
    return value_of(
        trial_from(data["trial"]),
        data["chosen"]["thresholds"],
        data["kinds"],
        volume_per_day=volume,
        margin=loaded.gate.margin,
        training_usd=training_usd,
        training_serves=training_serves,
        hosting_usd_per_day=hosting_usd_per_day,
    )


def fit_json(fitted: Fit, route: Route) -> dict[str, Any]:
    """Return a fit as plain JSON, its rows included."""
    trial = fitted.trial
    return {
        "route": route.name,
        "route_hash": route.hash,
        "stages": [stage.name for stage in trial.stages],
        "chosen": asdict(fitted.chosen),
        "front": [asdict(point) for point in fitted.front],
        "summaries": [asdict(summary) for summary in fitted.summaries],
        "qualities": [asdict(quality) for quality in fitted.qualities],
        "notes": list(fitted.notes),
        "num_examples": len(trial.groups),
        "num_groups": len(set(trial.groups)),
        "trial": {
            "stages": [
                {name: _plain(value) for name, value in asdict(stage).items()}
                for stage in trial.stages
            ],
            "scores": [score.tolist() for score in trial.scores],
            "forced": trial.forced.tolist(),
            "skipped": trial.skipped.tolist(),
            "direct": trial.direct.tolist(),
            "groups": list(trial.groups),
        },
    }


def trial_from(data: dict[str, Any]) -> Trial:
    """Rebuild the trial that `fit_json` kept."""
    stages = tuple(
        Stage(name=stage["name"], **{n: np.array(v) for n, v in stage.items() if n != "name"})
        for stage in data["stages"]
    )
    return Trial(
        stages=stages,
        scores=tuple(np.array(score) for score in data["scores"]),
        forced=np.array(data["forced"], dtype=np.bool_),
        skipped=np.array(data["skipped"], dtype=np.bool_),
        direct=np.array(data.get("direct", [False] * len(data["skipped"])), dtype=np.bool_),
        groups=tuple(data["groups"]),
    )


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value


def _demand_next(session: Session, asking: Asking) -> None:
    if not asking.stronger and asking.person_minutes <= 0.0:
        raise ConfigError(
            "a cascade needs somebody to escalate to",
            hint=f"rung route {session.task.name} fit --stronger ROUTE, or --person-minutes 5",
        )


def _dearest_usd(task: Task, asking: Asking) -> float:
    """Return what no wrong answer costs more than."""
    table = task.error_cost
    return asking.error_usd if table is None else max(table.default_usd, *table.pairs.values(), 0.0)


def _cascade(
    session: Session, routes: Sequence[Route], witnesses: Sequence[Route], policy: bytes
) -> Route:
    """Return the cascade of these stages; it counts as a route of its strongest model."""
    first = routes[0]
    models = [route.model for route in routes if route.model]
    return Route(
        name="cascade",
        rung="cascade",
        output="cascade",
        model=models[-1] if models else "",
        form_hash=first.form_hash,
        instruction_hash=first.instruction_hash,
        stages=tuple(routes),
        witnesses=tuple(witnesses),
        policy=session.runtime.artifacts.put(policy),
        max_tokens=max(route.max_tokens for route in routes),
        seed=first.seed,
    )
