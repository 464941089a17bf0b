"""Open a holdout: the only door to it, and every opening is written down first.

Asking the same question of the same holdout again (same routes, same examples, same rules of the
gate, scorers and prices) costs nothing: its answers are known. Every new question spends: the k-th
gets alpha · 6 / (π² k²), so that the probability of ever promoting an inferior route over all
openings of one holdout stays below alpha (a union bound over a convergent series; Foster and Stine
2008 call it alpha spending).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from rung.core.errors import GateError
from rung.core.hashing import file_sha256
from rung.engines.open import library_of, price_of_model
from rung.engines.prices import price_of
from rung.ladder.climb import draw
from rung.routes.route import Route, models_of
from rung.routes.spent import PERSON
from rung.store import Store
from rung.tasks.holdout import read_holdout
from rung.tasks.task import Example, GateRules, Task
from rung.tasks.user_scorer import FILE as SCORER
from rung.worlds.open import identify_world


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """An opened holdout: its examples and the rules with this opening's share of alpha."""

    examples: tuple[Example, ...]
    """The `count` examples that every route answers."""
    rest: tuple[Example, ...]
    """The others, which only routes without a model answer, for the hard limits."""
    number: int
    """1 for the first question ever asked of this holdout."""
    rules: GateRules


def open_holdout(
    task: Task, routes: Sequence[Route], *, store: Store, count: int, seed: int
) -> Opening:
    """Return the holdout for these routes, the incumbent first, `count` examples of it (0: all) for
    every route, after logging the opening.

    Raises GateError when the holdout was edited since it was locked, or is empty.
    """
    examples = read_holdout(task)
    if not examples:
        raise GateError(
            f"task {task.name!r} has no holdout examples", hint="make a task with more examples"
        )
    everything = draw(examples, len(examples), seed=seed, name="holdout")
    drawn = everything[: count or len(everything)]
    question: dict[str, Any] = {
        "routes": sorted(route.hash for route in routes),
        "count": len(drawn),
        "seed": seed,
        "instruction": task.instruction,
        **_judged_by(task),
        **_answered_with(routes),
    }
    if len(routes) > 2:  # of two routes one direction at most can promote an inferior one
        question["incumbent"] = routes[0].hash
    number = store.record_opening(
        task=task.name,
        split_hash=task.split_hashes["holdout"],
        question=question,
        detail={**question, "names": sorted(route.name for route in routes)},
    )
    alpha = spent_alpha(task.gate.alpha, number)
    return Opening(
        examples=tuple(drawn),
        rest=tuple(everything[len(drawn) :]),
        number=number,
        rules=replace(task.gate, alpha=alpha),
    )


def _judged_by(task: Task) -> dict[str, Any]:
    """Return what turns a holdout's answers into a verdict: another is another question."""
    scorer, cost = task.path / SCORER, task.error_cost
    return {
        "rules": asdict(task.gate),
        "scoring": {name: asdict(rule) for name, rule in task.scoring.items()},
        "scorer": file_sha256(scorer) if scorer.is_file() else "",
        "world": identify_world(task) if task.world else [],
        "error_cost": cost and [cost.field, cost.default_usd, sorted(cost.pairs.items())],
    }


def _answered_with(routes: Sequence[Route]) -> dict[str, Any]:
    """Return what the routes' hashes do not tell of their answers: prices, and what runs models."""
    models = {model for one in routes if one.rung != "recorded" for model in models_of(one)}
    prices = {model: price_of_model(model) for model in models}
    if any(route.stages for route in routes):
        prices[PERSON] = price_of(PERSON)
    return {
        "prices": {
            name: [
                price.input_usd_per_million,
                price.cached_usd_per_million,
                price.output_usd_per_million,
                price.usd_per_hour,
            ]
            for name, price in prices.items()
        },
        "libraries": sorted({library_of(model) for model in models}),
    }


def spent_alpha(alpha: float, number: int) -> float:
    """Return the alpha of the `number`-th opening; the series sums to `alpha` over all openings.

    The first opening gets 61 % of it, so a holdout that is opened once loses little.
    """
    return alpha * 6.0 / (math.pi**2 * number**2)
