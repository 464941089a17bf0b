"""The ladder, and what climbing it will take before anything is spent.

`LADDER` is what a climb measures unless told otherwise, in the order in which it is shown;
`OPTIONAL` rungs are climbed only when they are named. `plan_climb` turns a task and a budget of
minutes into numbers of examples; `Plan` is saved with the run, so a resumed climb keeps its numbers
whatever the machine does that day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rung.core.errors import ConfigError
from rung.core.spelling import did_you_mean
from rung.ladder import (
    blank,
    calibrated,
    cascade,
    examples,
    form,
    head,
    json_mode,
    parallel,
    ranker,
    rules,
    thinking,
    trained,
)
from rung.ladder.agent import AGENT_LADDER, AGENT_OPTIONAL
from rung.ladder.rung import Rung

LADDER: tuple[Rung, ...] = (
    blank.RUNG,
    json_mode.RUNG,
    form.RUNG,
    parallel.RUNG,
    thinking.RUNG,
    examples.RUNG,
    head.HEAD,
    ranker.RUNG,
    head.MIXED,
    rules.RUNG,
    cascade.RUNG,
)
OPTIONAL: tuple[Rung, ...] = (calibrated.RUNG, *trained.RUNGS)
MIN_EXAMPLES = 10
_HOLDOUT_SHARE = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Measured cost of one example of one route, from a few probes on dev."""

    route: str
    seconds: float
    cost_usd: float
    on_holdout: bool
    """Whether the route is likely to run on the holdout too (the incumbent or a candidate)."""
    num_train: int = 0
    """Train examples that must be answered before the route can be proposed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How many examples each split gets, and what that is expected to take."""

    num_dev: int
    num_holdout: int
    num_calls: int
    minutes: float
    cost_usd: float
    num_train: int = 0
    """Answers that rungs fit on."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON."""
        return asdict(self)


def select_rungs(names: Sequence[str], *, in_world: bool = False) -> tuple[Rung, ...]:
    """Return the rungs of these names, in order; the whole ladder when no name is given.

    `in_world` says that the task is played in a world, which has a ladder of its own. Raises
    ConfigError for a name that is no rung's.
    """
    ladder = AGENT_LADDER if in_world else LADDER
    if not names:
        return ladder
    in_worlds = (*AGENT_LADDER, *AGENT_OPTIONAL, *trained.RUNGS)
    elsewhere = (*LADDER, *OPTIONAL)
    rungs, others = (in_worlds, elsewhere) if in_world else (elsewhere, in_worlds)
    known = [rung.name for rung in rungs]
    if unknown := [name for name in names if name not in known]:
        name, kind = unknown[0], "without" if in_world else "with"
        raise ConfigError(
            f"rung {name!r} is for tasks {kind} a world"
            if name in {rung.name for rung in others}
            else f"unknown rung {name!r} ({did_you_mean(name, known)})",
            hint=f"choose from {', '.join(known)}",
        )
    return tuple(rung for rung in rungs if rung.name in names)


def plan_climb(
    estimates: Sequence[Estimate],
    *,
    num_dev: int,
    num_holdout: int,
    limit: int,
    minutes: float,
    budget_usd: float,
) -> Plan:
    """Fit the climb into `minutes` and `budget_usd`; an explicit `limit` (> 0) wins over minutes.

    `num_dev` and `num_holdout` are what the splits have. Raises ConfigError when even the smallest
    climb costs more than the budget.
    """
    if limit > 0:
        dev, holdout = min(limit, num_dev), min(limit, num_holdout)
    else:
        seconds = minutes * 60.0 - sum(e.num_train * e.seconds for e in estimates)
        per_dev = sum(e.seconds for e in estimates)
        per_holdout = sum(e.seconds for e in estimates if e.on_holdout)
        dev = _fit(seconds * (1 - _HOLDOUT_SHARE), per_dev, num_dev)
        holdout = _fit(seconds * _HOLDOUT_SHARE, per_holdout, num_holdout)
    plan = _price(estimates, dev, holdout)
    check_budget(plan, budget_usd)
    return plan


def check_budget(plan: Plan, budget_usd: float) -> None:
    """Raise ConfigError for a plan that costs more than the budget."""
    if not plan.cost_usd <= budget_usd:
        raise ConfigError(
            f"this climb is estimated at ${plan.cost_usd:.4g}, the budget is ${budget_usd:.4g}",
            hint="raise --budget-usd, or lower --limit",
        )


def _fit(seconds: float, per_example: float, available: int) -> int:
    wanted = available if per_example <= 0 else int(seconds / per_example)
    return min(available, max(MIN_EXAMPLES, wanted))


def _price(estimates: Sequence[Estimate], dev: int, holdout: int) -> Plan:
    times = [e.num_train + dev + (holdout if e.on_holdout else 0) for e in estimates]
    return Plan(
        num_dev=dev,
        num_holdout=holdout,
        num_calls=sum(times),
        minutes=sum(n * e.seconds for n, e in zip(times, estimates, strict=True)) / 60.0,
        cost_usd=sum(n * e.cost_usd for n, e in zip(times, estimates, strict=True)),
        num_train=sum(e.num_train for e in estimates),
    )
