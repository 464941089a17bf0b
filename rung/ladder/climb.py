"""Measure the ladder on dev, cheapest route first, and name the candidates for the gate.

A route that is shown to be worse than the leader by more than the margin is stopped by an
anytime-valid rule: a betting confidence sequence of the paired score difference
(`stats/sequential.py`), its error spread over all routes. Order, examples and stops depend on the
seed and on stored answers alone, so a resumed climb takes the same decisions. The holdout is not
touched here.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import dataclass

import numpy as np

from rung.core.errors import EngineError
from rung.core.records import OUTAGE, Row
from rung.core.seeds import derive_seed
from rung.engines.prices import Price
from rung.ladder.measure import cost_per_accepted, to_arm
from rung.ladder.plan import Estimate
from rung.ladder.result import Arm
from rung.routes.evaluate import answer_all, evaluate
from rung.routes.in_flight import num_in_flight
from rung.routes.route import Route
from rung.routes.runtime import Answer, Runtime
from rung.stats.sequential import bounded_mean_sequence
from rung.tasks.task import Example

NUM_PROBES = 2
STOP_ALPHA = 0.05
MAX_CANDIDATES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Progress: `done` of `total` examples of a route (or MB of a model that is being pulled);
    `cached` says the answer was known."""

    route: str
    split: str
    done: int
    total: int
    cached: bool = False
    unit: str = "examples"


Tell = Callable[[Step], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """A route on its way up, and how many examples it answers before it may be stopped."""

    route: Route
    min_before_stop: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Climber:
    """Everything a climb runs with."""

    runtime: Runtime
    price_of_model: Callable[[str], Price]
    tell: Tell

    def probe(
        self, proposed: Sequence[Proposed], examples: Sequence[Example], *, incumbent: Route
    ) -> list[Estimate]:
        """Time each route on the first dev examples; answers go to the cache and are not lost."""
        estimates = []
        for item in proposed:
            rows = self.rows(item.route, examples[:NUM_PROBES], "probe")
            estimates.append(
                Estimate(
                    route=item.route.name,
                    seconds=float(np.mean([row.latency_ms for row in rows]))
                    / 1000.0
                    / num_in_flight(item.route, self.runtime.task),
                    cost_usd=float(np.mean([row.cost_usd for row in rows])),
                    on_holdout=item.route == incumbent or item.route.rung in ("head", "mixed"),
                )
            )
        return estimates

    def rows(
        self,
        route: Route,
        examples: Sequence[Example],
        split: str,
        *,
        samples: int = 1,
    ) -> list[Row]:
        """Answer and score examples with one route."""
        return list(self._each_row(route, examples, split, samples=samples))

    def _each_row(
        self, route: Route, examples: Sequence[Example], split: str, *, samples: int = 1
    ) -> Generator[Row, None, None]:
        done, total = 0, len(examples) * samples

        def tell(row: Row, cached: bool) -> None:
            nonlocal done
            done += 1
            self.tell(Step(route=route.name, split=split, done=done, total=total, cached=cached))

        return evaluate(
            route,
            self.runtime,
            examples,
            price=self.price_of_model(route.model),
            samples=samples,
            on_row=tell,
        )

    def answers(
        self, route: Route, examples: Sequence[Example], split: str = "train"
    ) -> list[Answer]:
        """Have a route answer examples, for something that is fitted on its answers.

        Raises EngineError where an outage left some without: they would be fitted on as errors.
        """
        found = []
        for answered in answer_all(route, self.runtime, examples):
            found.append(answered.answer)
            self.tell(
                Step(
                    route=route.name,
                    split=split,
                    done=len(found),
                    total=len(examples),
                    cached=answered.cached,
                )
            )
        if lost := [answer for answer in found if answer.stop == OUTAGE]:
            raise EngineError(
                f"{len(lost)} of {len(found)} answers of {route.name!r} are missing:"
                f" {lost[0].reason}",
                hint="the same command asks for these alone",
            )
        return found

    def climb(
        self,
        floors: Sequence[Route],
        proposed: Sequence[Proposed],
        examples: Sequence[Example],
        count: int,
        *,
        keeps_limits: Callable[[Arm], bool],
    ) -> list[Arm]:
        """Return the dev arms: floors and ceiling first, then the routes in the order given.

        Routes with a model answer the first `count` examples, those without one all of them. A
        route is stopped where it is worse than the best that keeps the task's hard limits: beside
        one that breaks them, what scores less may be all that can be promoted.
        """
        priced = self.runtime.task.error_cost is not None
        seconds = {
            item.route.hash: self._seconds(item.route, examples[:NUM_PROBES]) for item in proposed
        }
        arms: dict[str, Arm] = {}
        for item in sorted(proposed, key=lambda item: (seconds[item.route.hash], item.route.name)):
            fit = (arm for arm in arms.values() if keeps_limits(arm))
            leader = max(fit, key=lambda arm: arm.score, default=None)
            drawn = examples[:count] if item.route.model else examples
            rows, stopped = self._run(item, drawn, leader, num_routes=len(proposed))
            arms[item.route.hash] = to_arm(
                item.route, rows, "dev", priced_errors=priced, stopped=stopped
            )
        return [
            to_arm(route, self.rows(route, examples, "dev"), "dev", priced_errors=priced)
            for route in floors
        ] + [arms[item.route.hash] for item in proposed]

    def _seconds(self, route: Route, examples: Sequence[Example]) -> float:
        return sum(row.latency_ms for row in self.rows(route, examples, "probe")) / 1000.0

    def _run(
        self, item: Proposed, examples: Sequence[Example], leader: Arm | None, *, num_routes: int
    ) -> tuple[list[Row], str]:
        if leader is None:
            return self.rows(item.route, examples, "dev"), ""
        margin = self.runtime.task.gate.margin
        best = {row.example: row.score for row in leader.rows}
        rows: list[Row] = []
        for row in self._each_row(item.route, examples, "dev"):
            rows.append(row)
            if len(rows) < item.min_before_stop or len(rows) == len(examples):
                continue
            _, high = bounded_mean_sequence(
                group_differences(rows, best), -1.0, 1.0, STOP_ALPHA / num_routes
            )
            if high < -margin:
                reason = f"after {len(rows)}: at best {high:+.2f} against {leader.route}"
                return rows, reason
        return rows, ""


def group_differences(rows: Sequence[Row], best: dict[str, float]) -> list[float]:
    """Return the score difference to the leader of each group's first example, in order.

    One value a group, never revised: what the confidence sequence needs to stay valid.
    """
    first: dict[str, float] = {}
    for row in rows:
        if row.example in best:
            first.setdefault(row.group, row.score - best[row.example])
    return list(first.values())


def draw(examples: Sequence[Example], count: int, *, seed: int, name: str) -> list[Example]:
    """Return `count` examples in a seeded order; the first n of a longer draw are the same."""
    order = list(examples)
    random.Random(derive_seed(seed, "draw", name)).shuffle(order)
    return order[:count]


def choose_candidates(
    arms: Sequence[Arm],
    *,
    margin: float,
    incumbent: str,
    floor: float,
    allowed: Collection[str] = (),
    priced_errors: bool = False,
) -> list[Arm]:
    """Return at most three dev arms worth opening the holdout for, cheapest first.

    In this order, while there is room: the best score, the cheapest within `margin` of it, the
    least cost per acceptable outcome. Only arms count that beat the floors, were not stopped, are
    not the incumbent (a route hash) and, where any does, keep the task's hard limits on dev
    (`allowed`). Scores and costs are compared on the examples that all of them answered.
    """
    fit = [
        arm
        for arm in arms
        if arm.kind == "rung"
        and not arm.stopped
        and arm.route_hash != incumbent
        and arm.score > floor
    ]
    fit = [arm for arm in fit if arm.route_hash in allowed] or fit
    if not fit:
        return []
    shared = set.intersection(*({row.example for row in arm.rows} for arm in fit))
    rows = {arm.route: [row for row in arm.rows if row.example in shared] for arm in fit}
    scores = {name: float(np.mean([row.score for row in found])) for name, found in rows.items()}
    best = max(fit, key=lambda arm: (scores[arm.route], -arm.cost_usd))
    close = [arm for arm in fit if scores[arm.route] >= scores[best.route] - margin]
    close.sort(key=lambda arm: arm.cost_usd)

    def spent(arm: Arm) -> float:
        cpao = cost_per_accepted(rows[arm.route], priced_errors=priced_errors)
        return math.inf if cpao is None else cpao

    thrifty = sorted(fit, key=spent)
    ranked = {arm.route: arm for arm in (best, *close, *thrifty)}
    chosen = list(ranked.values())[:MAX_CANDIDATES]
    return sorted(chosen, key=lambda arm: (arm.cost_usd, arm.route))
