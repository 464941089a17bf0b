"""Known answers: expected-cost decisions, escalation, calibration, certified thresholds."""

import math

import numpy as np
import pytest

from rung.stats.calibration import (
    apply_temperature,
    auroc,
    brier,
    ece,
    fit_temperature,
    semantic_entropy,
)
from rung.stats.decisions import cheapest_answer, escalation_threshold
from rung.stats.risk import (
    certify_threshold,
    conformal_risk_threshold,
    lac_threshold,
    prediction_set,
)
from rung.stats.routers import router_curve


def test_cheapest_answer_known_answer():
    """A rare class with a tenfold cost beats the likeliest class."""
    answer, expected = cheapest_answer([0.6, 0.3, 0.1], [[0, 0, 10], [0, 0, 10], [1, 1, 0]])
    assert expected == pytest.approx((1.0, 1.0, 0.9))
    assert answer == 2


@pytest.mark.parametrize(
    ("extra", "error_cost", "threshold"),
    [
        (0.04, 2.0, 0.04),  # password reset, frontier
        (0.04, 500.0, 0.02008),  # security incident, frontier
        (5.0, 500.0, 0.03),  # security incident, a person
        (0.04, 0.0, 1.0),  # an error that costs nothing is never escalated
    ],
)
def test_escalation_threshold_known_answers(extra, error_cost, threshold):
    assert escalation_threshold(
        strong_error_p=0.02, extra_cost_usd=extra, error_cost_usd=error_cost
    ) == pytest.approx(threshold)


def test_ece_and_brier_known_answers():
    p, correct = [0.9, 0.9, 0.9, 0.6, 0.6], [1, 1, 0, 1, 0]
    assert ece(p, correct) == pytest.approx(0.18)
    assert brier(p, correct) == pytest.approx(0.27)


def test_certain_and_right_is_perfect():
    assert ece([1.0, 1.0, 0.0], [1, 1, 0]) == brier([1.0, 1.0, 0.0], [1, 1, 0]) == 0.0


@pytest.mark.parametrize("metric", [ece, brier])
@pytest.mark.parametrize(("p", "correct"), [([], []), ([0.5], [1, 0]), ([1.5], [1])])
def test_unusable_probabilities_are_refused(metric, p, correct):
    with pytest.raises(ValueError, match="probabilities"):
        metric(p, correct)


def test_semantic_entropy_known_answers():
    assert semantic_entropy([0.6, 0.3, 0.1]) == pytest.approx(0.898, abs=5e-4)
    assert semantic_entropy([1.0, 0.0]) == 0.0
    assert semantic_entropy([0.25] * 4) == pytest.approx(math.log(4))
    with pytest.raises(ValueError, match="sum to 1"):
        semantic_entropy([0.5, 0.4])


def test_temperature_is_recovered():
    """Answers drawn at temperature 2.5 from scores stated at temperature 1, 2 to 5 options."""
    rng = np.random.default_rng(7)
    rows, right = [], []
    for i in range(1500):
        row = rng.normal(0, 3, size=2 + i % 4)
        rows.append(row.tolist())
        right.append(int(rng.choice(len(row), p=apply_temperature(row, 2.5))))
    temperature = fit_temperature(rows, right)
    assert temperature == pytest.approx(2.5, rel=0.1)

    def stated(t):
        probabilities = [apply_temperature(row, t) for row in rows]
        best = [int(np.argmax(p)) for p in probabilities]
        return ece([p[i] for p, i in zip(probabilities, best, strict=True)], np.equal(best, right))

    assert stated(temperature) < stated(1.0) / 3


def test_temperature_ignores_a_common_shift():
    assert apply_temperature([-4.0, -2.0], 2.0) == pytest.approx(apply_temperature([0.0, 2.0], 2.0))
    with pytest.raises(ValueError, match="0 right options"):
        fit_temperature([], [])


def test_certified_threshold_by_hand():
    """120 items, the 60 surest all right, the rest all wrong; risk 0.1 at delta 0.1 needs 22."""
    scores = np.linspace(1, 0, 120)
    certified = certify_threshold(scores, np.arange(120) < 60, max_risk=0.1)
    assert certified is not None
    assert certified.num_errors <= 2
    assert 0.49 <= certified.coverage <= 0.53
    assert certified.risk_bound <= 0.1
    assert (scores >= certified.threshold).sum() == certified.num_answered


def test_nothing_is_certified_from_too_little_or_too_bad_evidence():
    assert certify_threshold([0.9] * 21, [True] * 21, max_risk=0.1) is None
    assert certify_threshold([0.9] * 22, [True] * 22, max_risk=0.1) is not None
    assert certify_threshold(np.arange(300) / 300, [False] * 300, max_risk=0.1) is None


def test_search_stops_at_the_first_failure():
    """Wrong at the very top, right below: a later, looser success would void the guarantee."""
    correct = np.arange(1000) >= 44
    scores = np.linspace(1, 0, 1000)
    assert certify_threshold(scores, correct, max_risk=0.1) is None


@pytest.mark.parametrize(
    ("scores", "correct", "risk", "message"),
    [([0.5], [True, False], 0.1, "1 scores"), ([0.5], [True], 0.0, "max_risk")],
)
def test_unusable_calibration_sets_are_refused(scores, correct, risk, message):
    with pytest.raises(ValueError, match=message):
        certify_threshold(scores, correct, max_risk=risk)


def test_lac_threshold_by_hand():
    """Nine examples at alpha 0.2: rank ceil(10 * 0.8) = 8 from the top."""
    p = [0.1 * i for i in range(1, 10)]
    assert lac_threshold(p, alpha=0.2) == pytest.approx(0.2)
    assert lac_threshold(p[:3], alpha=0.2) == 0.0  # four examples would be the fewest
    assert prediction_set([0.7, 0.2, 0.1], 0.2) == (0, 1)
    assert prediction_set([0.4, 0.3, 0.3], 0.5) == ()


def test_conformal_risk_control_known_answer():
    """n = 100, risk .05, loss up to 1: the mean loss may be .0405, so four errors and not five."""
    scores = np.linspace(1, 0, 100)
    losses = np.zeros(100)
    losses[[20, 40, 60, 70]] = 1.0
    assert conformal_risk_threshold(scores, losses, max_risk=0.05) == 0.0
    losses[90] = 1.0
    assert conformal_risk_threshold(scores, losses, max_risk=0.05) == scores[89]
    assert conformal_risk_threshold(scores[:5], losses[:5], max_risk=0.05) is None
    assert conformal_risk_threshold(np.ones(100), losses, max_risk=0.05) is None
    with pytest.raises(ValueError, match="losses must lie"):
        conformal_risk_threshold(scores, losses * 2, max_risk=0.05)


def test_auroc_known_answers():
    assert auroc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]) == 0.75
    assert auroc([1, 1, 1], [0, 1, 1]) == 0.5
    assert math.isnan(auroc([1, 2], [1, 1]))


def test_router_curve_known_answers():
    """A router that knows nothing has an area of .5; one that knows all needs half the calls."""
    weak, strong = [1, 0, 1, 0], [1, 1, 1, 0]
    assert router_curve([0, 0, 0, 0], weak, strong).apgr == pytest.approx(0.5)
    best = router_curve([0, 9, 0, 0], weak, strong)
    assert best.cpt(0.5) == best.cpt(1.0) == 0.25
    assert best.apgr == pytest.approx(0.875)
    worst = router_curve([9, 0, 8, 7], weak, strong)
    assert (worst.cpt(0.5), worst.apgr) == (1.0, pytest.approx(0.125))
    with pytest.raises(ValueError, match="not better"):
        router_curve([1, 2], [1, 1], [1, 0])
