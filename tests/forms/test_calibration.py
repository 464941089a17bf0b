"""Calibrated choices: known answers, and what no map may change.

Golden numbers: temperature 2 halves log-odds, so odds of 9 become 3 and p .9 becomes .75; a bias in
nats multiplies odds by its exponential. LAC sets: Sadinle, Lei and Wasserman 2019, section 2.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.forms.decisions import FLOOR, Calibration, calibrated, decide

LOG = math.log
OPTIONS = ("a", None, 3)


def decided(scores: list[float], *, options: Any = OPTIONS, **given: Any) -> Any:
    return decide(options, scores, calibration=Calibration(**given))


def test_a_temperature_divides_log_odds() -> None:
    winner, decision = decided([LOG(0.9), LOG(0.1)], options=("a", "b"), temperature=2.0)
    assert winner == 0
    assert decision.p == pytest.approx(0.75)
    assert decision.scores == pytest.approx((LOG(0.9), LOG(0.1)))


def test_a_bias_multiplies_odds() -> None:
    winner, decision = decided([LOG(0.9), LOG(0.1)], options=("a", "b"), bias=(0.0, LOG(27.0)))
    assert (winner, decision.runner_up) == (1, "a")
    assert decision.p == pytest.approx(0.75)


def test_the_bias_comes_before_the_temperature() -> None:
    _, decision = decided(
        [LOG(0.5), LOG(0.5)], options=("a", "b"), temperature=2.0, bias=(LOG(9.0), 0.0)
    )
    assert decision.p == pytest.approx(0.75)


def test_a_map_takes_many_decisions_at_once() -> None:
    odds = np.random.default_rng(0).normal(scale=9.0, size=(2, 5, 3))
    for given_ in ({}, {"temperature": 1.7}, {"temperature": 0.6, "bias": (0.1, -0.4, 0.0)}):
        found = Calibration(**given_)
        rows = calibrated(odds, found)
        assert rows.shape == odds.shape
        for place in np.ndindex(2, 5):
            assert rows[place].tolist() == calibrated(odds[place], found).tolist()
    assert calibrated(np.zeros((0, 3)), Calibration()).shape == (0, 3)


def test_a_map_comes_after_the_prior() -> None:
    scores, prior = [LOG(0.8), LOG(0.2)], [LOG(0.8), LOG(0.2)]
    _, decision = decide(("a", "b"), scores, prior, calibration=Calibration(bias=(0.0, LOG(3.0))))
    assert decision.probabilities == pytest.approx({'"a"': 0.25, '"b"': 0.75})


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        (None, None),  # not known
        (0.0, ('"a"', "null", "3")),  # too few examples to rank: every option
        (0.29, ('"a"', "null")),
        (0.5, ('"a"',)),
        (0.9, ()),  # no option is sure enough: a doubt, too
    ],
)
def test_the_prediction_set_holds_options_at_least_as_probable(
    threshold: float | None, expected: tuple[str, ...] | None
) -> None:
    _, decision = decided([LOG(0.6), LOG(0.3), LOG(0.1)], threshold=threshold)
    assert decision.prediction_set == expected


def test_without_calibration_there_is_no_set() -> None:
    assert decide(OPTIONS, [-1.0, -2.0, -3.0])[1].prediction_set is None


def test_options_that_were_not_looked_at_weigh_like_the_least_likely() -> None:
    """Ruled out at -100 or scored just below the floor: a map must not tell them apart."""
    _, decision = decided([0.0, FLOOR - 1.0, -100.0], temperature=5.0)
    assert decision.probabilities["null"] == decision.probabilities["3"]


FINITE = st.floats(-60.0, 0.0)
SCORES = st.lists(FINITE | st.just(-math.inf) | st.just(math.nan), min_size=2, max_size=12)


@given(data=st.data(), scores=SCORES, temperature=st.floats(0.05, 20.0), prior=st.booleans())
def test_a_map_never_changes_what_is_allowed(
    data: st.DataObject, scores: list[float], temperature: float, prior: bool
) -> None:
    count = len(scores)
    options = [f"option {i}" for i in range(count)]
    size = st.lists(st.floats(-400.0, 400.0), min_size=count, max_size=count)
    calibration = Calibration(
        temperature=temperature,
        bias=tuple(data.draw(size)) if data.draw(st.booleans()) else (),
        threshold=data.draw(st.none() | st.floats(0.0, 1.0)),
    )
    priors = data.draw(st.lists(FINITE, min_size=count, max_size=count)) if prior else None
    plain = decide(options, scores, priors)
    found = decide(options, scores, priors, calibration=calibration)
    assert (found is None) == (plain is None)
    if found is None:
        return
    winner, decision = found
    assert list(decision.probabilities) == [json.dumps(option) for option in options]
    assert sum(decision.probabilities.values()) == pytest.approx(1.0)
    assert all(0.0 <= p <= 1.0 for p in decision.probabilities.values())
    assert decision.p == max(decision.probabilities.values()) and decision.margin >= 0.0
    assert math.isfinite(scores[winner]), "an option without a score must not win"
    assert set(decision.prediction_set or ()) <= set(decision.probabilities)
    json.dumps(decision.scores, allow_nan=False)


@given(scores=st.lists(FINITE, min_size=2, max_size=12), temperature=st.floats(0.05, 20.0))
def test_a_temperature_keeps_the_winner(scores: list[float], temperature: float) -> None:
    options = list(range(len(scores)))
    plain, warm = decide(options, scores), decided(scores, options=options, temperature=temperature)
    assert warm[1].p == pytest.approx(warm[1].probabilities[json.dumps(plain[0])])
