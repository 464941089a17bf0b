"""The published arithmetic of hybrid agents, and what follows from it (figures: mission page)."""

import math

import numpy as np
import pytest

from rung.report import format as fmt
from rung.routes.escalation.economics import (
    Fixed,
    Spending,
    at_volume,
    benign_share,
    break_even_factor,
    break_even_requests,
    cost_per_outcome,
    shock,
    tokens_usd,
)
from rung.routes.escalation.operating import Trial
from rung.routes.escalation.outcomes import Stage, cascade, person, summarise
from rung.routes.escalation.tiers import tier_verdict
from rung.routes.escalation.wording import worth_lines
from rung.routes.escalation.worth import value_of


def spending(**given):
    kinds = ("tokens_usd", "machine_usd", "escalation_usd", "person_usd", "retry_usd", "rework_usd")
    n = len(next(iter(given.values())))
    return Spending(**{kind: np.asarray(given.get(kind, np.zeros(n)), float) for kind in kinds})


@pytest.mark.parametrize(
    ("conversations", "per_day", "per_year"),
    [(10_000, 200.0, 73_000.0), (100_000, 2_000.0, 730_000.0)],
)
def test_frontier_only_at_ten_dollars_a_million(conversations, per_day, per_year):
    volume = at_volume(tokens_usd(2_000, 10.0), conversations)
    assert (volume.per_day_usd, volume.per_year_usd) == pytest.approx((per_day, per_year))


def test_published_ladder_costs():
    assert tokens_usd(1_390_000, 0.20) == pytest.approx(0.278)
    assert tokens_usd(1_390_000, 0.20) / 0.9560 == pytest.approx(0.291, abs=5e-4)
    assert tokens_usd(33_111, 0.20) == pytest.approx(0.0066, abs=5e-5)
    assert tokens_usd(1, 18.0) / tokens_usd(1, 0.20) == pytest.approx(90)
    assert fmt.ratio(1.935 / 0.369) == "5.2x"


def test_returns_from_4200_to_700_dollars_a_month():
    before, after = 4200 / 30 / 50_000, 700 / 30 / 50_000
    assert at_volume(before, 50_000).per_month_usd == pytest.approx(4200)
    assert at_volume(after, 50_000).per_month_usd == pytest.approx(700)
    assert before / after == pytest.approx(6)
    # a training of $1,000 has paid off after 8.6 days
    saved = break_even_requests(fixed_usd=1000, saving_usd=before - after)
    assert saved / 50_000 == pytest.approx(8.571, abs=1e-3)
    assert break_even_requests(fixed_usd=1000, saving_usd=-1e-9) == math.inf


def test_87_percent_of_labels_are_96_percent_of_outcomes():
    assert benign_share(0.87, 0.96) == pytest.approx(9 / 13)


def test_cost_per_outcome_counts_everything_and_its_parts_sum_up():
    spent = spending(
        tokens_usd=[0.01] * 4,
        machine_usd=[0.02] * 4,
        escalation_usd=[0, 0, 0, 0.4],
        rework_usd=[8, 0, 0, 0],
    )
    fixed = Fixed(training_usd=100, serves_requests=1000, hosting_usd_per_day=2, requests_per_day=4)
    found = cost_per_outcome(spent, np.array([0, 1, 1, 1.0]), fixed=fixed)
    assert found.usd == pytest.approx((4 * 0.03 + 0.4 + 8 + 4 * (0.1 + 0.5)) / 3)
    assert sum(found.parts_usd.values()) == pytest.approx(found.usd)
    assert found.ci[0] <= found.usd <= found.ci[1]
    assert cost_per_outcome(spent, np.zeros(4)).usd == math.inf


def test_a_price_shock_moves_hosted_calls_only_and_has_a_break_even():
    ours = spending(machine_usd=[0.01], escalation_usd=[0.02])
    theirs = spending(tokens_usd=[0.10])
    assert shock(ours, hosted=2.0).total_usd == pytest.approx(0.05)
    assert shock(ours, machine=3.0).total_usd == pytest.approx(0.05)
    factor = break_even_factor(ours, theirs)
    assert factor == pytest.approx(0.125)
    assert shock(ours, hosted=factor).total_usd == pytest.approx(
        shock(theirs, hosted=factor).total_usd
    )


def stage(name, cost, accepted, loss=10.0):
    good = np.asarray(accepted, float)
    return Stage(
        name=name,
        cost_usd=np.full(len(good), cost),
        loss_usd=(1 - good) * loss,
        accepted=good,
        right=good,
        latency_ms=np.full(len(good), 5.0),
    )


def test_a_cascade_pays_every_stage_it_asked():
    small, strong = stage("small", 1.0, [1, 0, 0, 1]), stage("strong", 4.0, [1, 1, 0, 1])
    human = person(np.full(4, 10.0), usd=5.0, p_error=0.1)
    on = [np.array([False, True, True, True]), np.array([False, False, True, False])]
    found = cascade([small, strong, human], on, skip=np.array([False, False, False, True]))
    assert found.stage.tolist() == [0, 1, 2, 1]
    assert found.cost_usd.tolist() == [1, 5, 10, 4]
    assert found.loss_usd.tolist() == [0, 0, 1, 0]
    assert found.accepted.tolist() == [1, 1, 0.9, 1]
    assert found.latency_ms.tolist() == [5, 10, 10, 5]
    assert summarise("x", found, list("abcd")).cpao_usd == pytest.approx(21 / 3.9)


def test_what_a_rule_hands_to_a_person_pays_nobody_between():
    small, strong = stage("small", 1.0, [0, 0, 0]), stage("strong", 4.0, [0, 0, 0])
    human = person(np.full(3, 10.0), usd=5.0, p_error=0.0)
    nobody = np.zeros(3, dtype=bool)
    skip, direct = np.array([False, True, False]), np.array([True, True, False])
    found = cascade([small, strong, human], [direct, nobody], skip=skip, direct=direct)
    assert found.stage.tolist() == [2, 2, 0]
    assert found.cost_usd.tolist() == [6, 5, 1]
    assert found.latency_ms.tolist() == [5, 0, 5]
    assert found.accepted.tolist() == [1, 1, 0]


@pytest.mark.parametrize(
    ("weak", "share", "tier"),
    [(0.995, 0.0, "specialist"), (0.80, 0.2, "hybrid"), (0.40, 0.2, "frontier")],
)
def test_the_tier_is_the_cheapest_whose_quality_holds(weak, share, tier):
    """The specialist fails on the last of 400 requests; the hybrid escalates the last `share`."""
    n = 400
    groups = [str(i) for i in range(n)]
    small = stage("small", 0.001, np.arange(n) < weak * n, loss=0.0)
    strong = stage("strong", 0.1, np.ones(n), loss=0.0)
    on = np.arange(n) >= n * (1 - share)
    outcomes = {
        "frontier": cascade([strong], []),
        "hybrid": cascade([small, strong], [on]),
        "specialist": cascade([small], []),
    }
    cpao = {
        name: cost_per_outcome(spending(tokens_usd=found.cost_usd), found.accepted, groups)
        for name, found in outcomes.items()
    }
    verdict = tier_verdict(outcomes, cpao, groups, margin=0.03)
    assert verdict.tier == tier
    assert any("margin of 0.03" in reason for reason in verdict.reasons)


def trial(*stages, scores):
    n = len(stages[0].cost_usd)
    nothing = np.zeros(n, dtype=np.bool_)
    groups = tuple(str(i) for i in range(n))
    rules = {"forced": nothing, "skipped": nothing, "direct": nothing}
    return Trial(stages=stages, scores=scores, groups=groups, **rules)


def worth_of_a_tie(n=400, **given):
    """A machine at $0.001 ties with a hosted model at $0.10; the cascade escalates nothing."""
    ties = trial(
        stage("small", 0.001, np.ones(n)), stage("big", 0.1, np.ones(n)), scores=(np.zeros(n),)
    )
    return value_of(ties, [0.5], ["machine", "hosted"], volume_per_day=100, margin=0.03, **given)


def test_what_is_fixed_decides_too():
    """At 100 requests a day a machine of $20 a day costs $0.20 a request, twice the frontier."""
    assert worth_of_a_tie().verdict.tier == "specialist"
    held = worth_of_a_tie(hosting_usd_per_day=20.0, training_usd=50.0)
    assert held.verdict.tier == "frontier"
    assert any("specialist: $0.201 " in reason for reason in held.verdict.reasons)
    assert held.shocks[2.0]["specialist"] == pytest.approx(0.201)
    assert held.break_even_factor == pytest.approx(2.01)
    assert held.break_even_requests == math.inf
    assert "training is never paid back: nothing is saved" in list(worth_lines(held))
    assert worth_of_a_tie(training_usd=99.0).break_even_requests == pytest.approx(1000)


def test_a_tier_without_an_acceptable_outcome_has_no_price():
    n = 50
    lost = trial(
        stage("small", 0.001, np.zeros(n)), stage("big", 0.1, np.ones(n)), scores=(np.zeros(n),)
    )
    found = value_of(lost, [-1.0], ["machine", "hosted"], volume_per_day=100, margin=0.03)
    assert found.shocks[2.0]["specialist"] == math.inf
    assert found.shocks[2.0]["hybrid"] == pytest.approx(0.201)


def test_hosted_prices_break_even_only_where_the_last_stage_pays_more_of_them():
    """Behind a hosted second stage stands a person: dearer tokens never make the person dearer."""
    ours, people = spending(escalation_usd=[0.02], machine_usd=[0.01]), spending(person_usd=[3.0])
    assert math.isnan(break_even_factor(ours, people))
    always = break_even_factor(spending(machine_usd=[0.0]), spending(tokens_usd=[0.1]))
    assert always == 0.0
    told = "\n".join(worth_lines(worth_of_a_tie()))
    assert "the frontier alone is cheaper below 0.01 times its price" in told
