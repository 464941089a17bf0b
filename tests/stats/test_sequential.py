"""Known answers of the anytime-valid tests; test_monte_carlo has their error rates."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.stats.sequential import (
    beta_mixture_interval,
    beta_mixture_log_e,
    bounded_mean_sequence,
    msprt_ratio,
    normal_mixture_half_width,
    tightest_rho2,
)


def test_msprt_known_answer():
    ratio = msprt_ratio(n=100, mean=0.3, variance=1.0, prior_variance=0.01)
    assert ratio == pytest.approx(6.70884, abs=5e-6)
    assert msprt_ratio(n=0, mean=0.0, variance=1.0, prior_variance=0.01) == 1.0


def test_normal_mixture_known_answers():
    assert tightest_rho2(n=1000) == pytest.approx(0.007936, abs=5e-7)
    assert normal_mixture_half_width(n=100, sd=1.0, rho2=0.01) == pytest.approx(0.36564, abs=5e-6)
    assert normal_mixture_half_width(n=1000, sd=1.0, rho2=0.01) == pytest.approx(0.09606, abs=5e-6)


def test_tuned_rho2_beats_its_neighbours_at_its_own_n():
    def width(rho2):
        return normal_mixture_half_width(n=1000, sd=1.0, rho2=rho2)

    best = tightest_rho2(n=1000)
    assert width(best) < min(width(best / 3), width(best * 3))


def test_beta_mixture_known_answers():
    assert math.exp(beta_mixture_log_e(95, 100, 0.9)) == pytest.approx(0.42008, abs=5e-6)
    assert beta_mixture_interval(95, 100) == pytest.approx((0.8442, 0.9929), abs=5e-5)
    assert beta_mixture_interval(950, 1000) == pytest.approx((0.9208, 0.9713), abs=5e-5)


def test_beta_mixture_at_the_edges():
    assert beta_mixture_log_e(1, 1, 0.0) == math.inf
    assert beta_mixture_interval(0, 10)[0] == 0.0
    assert beta_mixture_interval(10, 10)[1] == 1.0
    low, high = beta_mixture_interval(0, 10)
    assert (1 - high, 1 - low) == pytest.approx(beta_mixture_interval(10, 10), abs=1e-8)
    with pytest.raises(ValueError, match="not a rate"):
        beta_mixture_interval(3, 2)


def test_nothing_seen_excludes_nothing():
    assert bounded_mean_sequence([], -1, 1) == (-1, 1)


@pytest.mark.parametrize(
    ("values", "decided"),
    [
        ([-0.5] * 12, True),  # a route that loses half a point each time is hopeless after 12
        ([-1.0, 0.0] * 8, True),
        ([0.0] * 60, False),  # a tie stays undecided against 0
        ([0.2, -0.2] * 30, False),
    ],
)
def test_hopeless_routes_are_seen_early(values, decided):
    low, high = bounded_mean_sequence(values, -1, 1, 0.1)
    assert (high < 0.0) == decided
    assert low <= np.mean(values) <= high


def test_tightness_at_small_n():
    """Half-width around a constant tie, narrower than even Hoeffding's fixed-n interval."""
    for n, half in ((10, 0.388), (20, 0.220), (40, 0.117), (60, 0.080)):
        low, high = bounded_mean_sequence([0.0] * n, -1, 1)
        assert high == pytest.approx(-low, abs=1e-6)
        assert high == pytest.approx(half, abs=1e-3)
        assert high < math.sqrt(2 * math.log(2 / 0.05) / n)


@given(st.lists(st.floats(-1, 1), max_size=25))
@settings(max_examples=40, deadline=None)
def test_more_values_never_widen_the_sequence(values):
    low, high = bounded_mean_sequence(values[:-1], -1, 1)
    later = bounded_mean_sequence(values, -1, 1)
    assert later[0] >= low - 1e-7
    assert later[1] <= high + 1e-7


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
@settings(max_examples=25, deadline=None)
def test_scale_does_not_matter(values):
    unit = bounded_mean_sequence(values, 0, 1)
    scaled = bounded_mean_sequence([10 * value - 5 for value in values], -5, 5)
    assert scaled == pytest.approx([10 * bound - 5 for bound in unit], abs=1e-5)


def test_values_outside_the_bounds_are_refused():
    with pytest.raises(ValueError, match="must lie"):
        bounded_mean_sequence([2.0], -1, 1)
