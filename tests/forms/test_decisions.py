"""Option scores to probabilities: known answers, priors, scores that are none."""

from __future__ import annotations

import json
import math

import pytest

from rung.forms.decisions import decide, taken

OPTIONS = ("a", None, 3)
LOG = math.log


def test_softmax_of_the_log_likelihoods() -> None:
    winner, decision = decide(OPTIONS, [LOG(0.1), LOG(0.3), LOG(0.1)])
    assert winner == 1
    assert decision.p == pytest.approx(0.6)
    assert decision.margin == pytest.approx(0.4)
    assert decision.runner_up == "a"
    assert decision.valid_mass == pytest.approx(0.5)
    assert decision.probabilities == pytest.approx({'"a"': 0.2, "null": 0.6, "3": 0.2})
    assert decision.scores == pytest.approx((LOG(0.1), LOG(0.3), LOG(0.1)))


def test_a_tie_goes_to_the_first_option() -> None:
    winner, decision = decide(OPTIONS, [-1.0, -1.0, -5.0])
    assert (winner, decision.margin, decision.runner_up) == (0, 0.0, None)


def test_very_unlikely_options_do_not_underflow() -> None:
    winner, decision = decide(OPTIONS, [-2000.0, -2001.0, -2002.0])
    assert winner == 0
    assert decision.p == pytest.approx(1 / (1 + math.exp(-1) + math.exp(-2)))
    assert decision.valid_mass == 0.0


def test_a_prior_divides_out_what_the_prompt_makes_likely() -> None:
    scores = [LOG(0.6), LOG(0.3), LOG(0.1)]
    winner, decision = decide(OPTIONS, scores, prior=[LOG(0.8), LOG(0.1), LOG(0.1)])
    assert winner == 1
    assert decision.p == pytest.approx(3.0 / (0.75 + 3.0 + 1.0))
    assert decision.scores == pytest.approx(tuple(scores))


def test_a_prior_never_lifts_an_option_known_by_an_upper_bound_only() -> None:
    # -10 may be a bound: dividing by exp(-30) would make the least likely option win
    winner, decision = decide(OPTIONS, [-0.1, -2.0, -10.0], prior=[-0.1, -3.0, -30.0])
    assert winner == 1
    assert decision.probabilities["3"] < 1e-4


@pytest.mark.parametrize(
    "scores",
    [[], [-1.0], [-1.0] * 4, [math.nan] * 3, [-math.inf] * 3, [math.inf, math.nan, 710.0]],
)
def test_unusable_scores_decide_nothing(scores: list[float]) -> None:
    assert decide(OPTIONS, scores) is None


def test_a_score_that_is_no_number_loses() -> None:
    winner, decision = decide(OPTIONS, [math.nan, -math.inf, -3.0])
    assert winner == 2
    assert decision.p == pytest.approx(1.0)
    json.dumps(decision.scores, allow_nan=False)


def test_a_prior_of_an_option_that_was_not_looked_at_lifts_it_by_a_thousandth_at_most() -> None:
    winner, decision = decide(OPTIONS, [LOG(0.9), LOG(1e-2), LOG(1e-4)], prior=[0.0, -100.0, -1.0])
    _, floored = decide(OPTIONS, [LOG(0.9), LOG(1e-2), LOG(1e-4)], prior=[0.0, LOG(1e-3), -1.0])
    assert winner == 1
    assert decision.p == pytest.approx(floored.p)
    assert decision.p == pytest.approx(10.0 / 10.9, abs=1e-3)


def test_another_option_taken_brings_its_own_probability() -> None:
    _, decision = decide(OPTIONS, [LOG(0.1), LOG(0.6), LOG(0.3)])
    found = taken(decision, "3")
    assert (found.p, found.margin) == pytest.approx((0.3, -0.3))
    assert found.runner_up is None
