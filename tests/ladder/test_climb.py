"""Stopping, choosing and planning, on made-up rows and arms."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import tickets
from climbs import realistic
from rung.core.errors import ConfigError
from rung.core.records import Row
from rung.flow.session import open_session
from rung.ladder.climb import (
    STOP_ALPHA,
    Proposed,
    choose_candidates,
    draw,
    group_differences,
)
from rung.ladder.measure import to_arm
from rung.ladder.plan import MIN_EXAMPLES, Estimate, plan_climb, select_rungs
from rung.ladder.result import climb_from_json, climb_to_json
from rung.routes.route import Route
from rung.stats.sequential import bounded_mean_sequence
from rung.tasks.importer import init_task
from rung.tasks.task import Example


def row(number: int, score: float, **fields: Any) -> Row:
    given = {"group": f"g{number}", "strict": score == 1.0, "latency_ms": 10.0 * number}
    return Row(example=f"e{number}", score=score, **{**given, **fields})


def arm(name: str, score: float, cost_usd: float, **fields: Any) -> Any:
    route = Route(name=name, rung=name, output="form", max_tokens=len(name))
    rows = [row(i, score, cost_usd=cost_usd) for i in range(10)]
    return replace(to_arm(route, rows, "dev", priced_errors=False), **fields)


@pytest.mark.parametrize("keeps", [True, False])
def test_a_leader_that_breaks_a_limit_stops_nobody(tmp_path: Path, keeps: bool) -> None:
    csv = tickets.write_csv(tmp_path / "mail.csv", rows=200)
    task = init_task("mail", csv, input_column="text", target_columns=["label"]).task
    first = Route(name="a", rung="head", output="oracle")
    other = Route(name="b", rung="head", output="constant", constant='{"label": "none of them"}')
    proposed = [Proposed(route=route, min_before_stop=8) for route in (first, other)]
    with open_session(task) as session:
        best, worst = session.climber.climb(
            [], proposed, task.dev, len(task.dev), keeps_limits=lambda arm: keeps
        )
    assert (best.score, worst.score) == (1.0, 0.0)
    assert bool(worst.stopped) is keeps
    assert (len(worst.rows) == len(task.dev)) is not keeps


def test_candidates_are_the_best_and_the_cheaper_close_ones() -> None:
    arms = [
        arm("best", 0.90, 5.0),
        arm("close-dear", 0.89, 9.0),
        arm("close-cheap", 0.88, 1.0),
        arm("closest", 0.89, 4.0),
        arm("far-cheap", 0.50, 0.1),
        arm("stopped", 0.95, 0.1, stopped="after 8"),
        arm("oracle", 1.0, 0.0, kind="ceiling"),
        arm("incumbent", 0.92, 2.0),
    ]
    incumbent = arms[-1].route_hash
    chosen = choose_candidates(arms, margin=0.03, incumbent=incumbent, floor=0.3)
    assert [a.route for a in chosen] == ["close-cheap", "closest", "best"]


def test_room_that_is_left_goes_to_the_least_cost_per_acceptable_outcome() -> None:
    def with_errors(name: str, score: float, error_usd: float) -> Any:
        made = arm(name, score, 1.0)
        rows = [
            replace(row, error_cost_usd=error_usd * (i == 0)) for i, row in enumerate(made.rows)
        ]
        return replace(made, rows=tuple(rows))

    arms = [
        with_errors("best", 0.9, 90.0),
        with_errors("dear", 0.5, 80.0),
        with_errors("thrifty", 0.4, 30.0),
        with_errors("next", 0.4, 40.0),
    ]
    chosen = choose_candidates(arms, margin=0.03, incumbent="", floor=0.1, priced_errors=True)
    assert [a.route for a in chosen] == ["best", "next", "thrifty"]


def test_hard_limits_on_dev_come_before_the_score() -> None:
    arms = [arm("best", 0.9, 1.0), arm("safe", 0.5, 1.0)]
    allowed = {arms[1].route_hash}
    chosen = choose_candidates(arms, margin=0.03, incumbent="", floor=0.1, allowed=allowed)
    assert [a.route for a in chosen] == ["safe"]
    nobody = choose_candidates(arms, margin=0.03, incumbent="", floor=0.1, allowed={"x"})
    assert {a.route for a in nobody} == {"best", "safe"}


def test_no_candidate_below_the_floor() -> None:
    arms = [arm("a", 0.30, 1.0), arm("b", 0.10, 1.0)]
    assert choose_candidates(arms, margin=0.03, incumbent="", floor=0.30) == []


def test_a_longer_draw_begins_with_the_shorter_one() -> None:
    examples = [Example(id=str(i), input=str(i), target={}, group=str(i)) for i in range(50)]
    long, short = (draw(examples, n, seed=3, name="dev") for n in (40, 10))
    assert long[:10] == short
    assert draw(examples, 10, seed=4, name="dev") != short


def test_a_group_counts_once_with_its_first_example() -> None:
    rows = [row(1, 0.0), row(2, 1.0, group="g1"), row(3, 0.5)]
    best = {"e1": 1.0, "e2": 1.0, "e3": 0.5}
    assert group_differences(rows, best) == [-1.0, 0.0]


@pytest.mark.slow
def test_the_stopping_rule_rarely_stops_an_equal_route() -> None:
    """Peeking after every example, a route as good as the leader is stopped in <= alpha of runs."""
    random_ = random.Random(5)
    stopped = 0
    for _ in range(100):
        values: list[float] = []
        for n in range(1, 41):
            values.append(float(random_.random() < 0.6) - float(random_.random() < 0.6))
            if (
                n >= 8
                and n % 2 == 0
                and bounded_mean_sequence(values, -1.0, 1.0, STOP_ALPHA)[1] < -0.03
            ):
                stopped += 1
                break
    assert stopped <= 0.05 * 100


def test_the_stopping_rule_stops_a_hopeless_route_soon() -> None:
    values = [-1.0] * 6 + [0.0] + [-1.0] * 13
    first = next(
        n
        for n in range(8, 21)
        if bounded_mean_sequence(values[:n], -1, 1, STOP_ALPHA / 8)[1] < -0.03
    )
    assert first <= 14


ESTIMATES = [
    Estimate(route="a", seconds=2.0, cost_usd=0.01, on_holdout=True),
    Estimate(route="b", seconds=1.0, cost_usd=0.0, on_holdout=False),
]


def plan(**given: Any) -> Any:
    options = {"num_dev": 100, "num_holdout": 300, "limit": 0, "minutes": 4.0, "budget_usd": 9.0}
    return plan_climb(ESTIMATES, **{**options, **given})


def test_a_plan_fits_its_minutes() -> None:
    made = plan()
    assert made.minutes <= 4.0
    assert (made.num_dev, made.num_holdout) == (48, 48)
    assert made.num_calls == 2 * 48 + 48


def test_a_limit_wins_over_minutes() -> None:
    assert (plan(limit=200).num_dev, plan(limit=200).num_holdout) == (100, 200)


def test_a_plan_never_goes_below_the_smallest_climb() -> None:
    assert plan(minutes=0.01).num_dev == MIN_EXAMPLES


def test_a_plan_above_the_budget_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"estimated at \$3, the budget is \$1"):
        plan(limit=200, budget_usd=1.0)


def test_unknown_rung_names_the_known_ones() -> None:
    with pytest.raises(ConfigError) as caught:
        select_rungs(["from"])
    assert "'from'" in caught.value.message
    assert "form" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "in_world", "kind"), [("shown", False, "with"), ("head", True, "without")]
)
def test_a_rung_of_other_tasks_is_told_apart(name: str, in_world: bool, kind: str) -> None:
    with pytest.raises(ConfigError, match=f"rung '{name}' is for tasks {kind} a world"):
        select_rungs([name], in_world=in_world)


def test_an_arm_counts_accepted_outcomes() -> None:
    """4 answers at $1: one wrong (error cost $6), one failed; (4 + 6) / 2 accepted = $5."""
    rows = [row(i, 1.0, cost_usd=1.0) for i in range(4)]
    rows[1] = row(1, 0.0, cost_usd=1.0, error_cost_usd=6.0)
    rows[2] = row(2, 0.0, cost_usd=1.0, status="failed")
    made = to_arm(Route(name="x", rung="x", output="form"), rows, "dev", priced_errors=True)
    assert made.cpao_usd == pytest.approx(5.0)
    assert (made.num_failed, made.cost_usd, made.cost_per_point) == (1, 1.0, 2.0)
    assert made.score_ci[0] > 0.0
    assert made.score_ci[1] < 1.0


def test_a_climb_survives_json() -> None:
    climb = realistic()
    assert climb_from_json(climb_to_json(climb)) == climb
