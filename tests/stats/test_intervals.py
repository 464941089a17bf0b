"""Known answers: published rates, textbook intervals, Miller's clustered standard error."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from rung.stats.bootstrap import cluster_bootstrap, ratio_interval
from rung.stats.clusters import cluster, clustered_se, design_effect, icc
from rung.stats.intervals import clopper_pearson, mean_interval, wilson


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [
        (83, 90, 0.848, 0.962),  # 92.2 % of 90 trajectories: the published hosted route
        (0, 59, 0.000, 0.061),  # no error in 59 still allows six percent
        (10, 10, 0.722, 1.000),
    ],
)
def test_wilson_known_answers(k, n, low, high):
    assert wilson(k, n) == pytest.approx((low, high), abs=5e-4)


@pytest.mark.parametrize(("k", "n"), [(0, 1), (0, 30), (3, 40), (37, 40), (40, 40)])
def test_rate_intervals_agree_with_scipy(k, n):
    test = stats.binomtest(k, n)
    for method, ours in (("wilson", wilson), ("exact", clopper_pearson)):
        theirs = test.proportion_ci(0.9, method=method)
        assert ours(k, n, confidence=0.9) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@pytest.mark.parametrize(
    ("n", "rate"),
    [(59, 0.05), (299, 0.01)],  # the rule of three: no error in 59 means at most 5 %
)
def test_rule_of_three(n, rate):
    assert clopper_pearson(0, n, confidence=0.9)[1] == pytest.approx(rate, abs=5e-4)


@pytest.mark.parametrize(("k", "n"), [(-1, 5), (6, 5), (0, 0)])
@pytest.mark.parametrize("interval", [wilson, clopper_pearson])
def test_impossible_counts_are_refused(interval, k, n):
    with pytest.raises(ValueError, match="is not a rate"):
        interval(k, n)


# six values in three pairs: Miller's formula against the plain standard error (ddof 1)
VALUES, GROUPS = [1, 1, 0, 0, 1, 0], ["a", "a", "b", "b", "c", "c"]


def test_clustered_standard_error_known_answer():
    assert clustered_se(VALUES, GROUPS) == pytest.approx(0.2357, abs=5e-5)
    assert cluster(VALUES).se == pytest.approx(0.2236, abs=5e-5)
    assert cluster(VALUES).se == pytest.approx(stats.sem(VALUES))
    assert cluster(VALUES, GROUPS).se == pytest.approx(0.2357 * math.sqrt(3 / 2), abs=1e-4)


def test_groups_need_not_be_contiguous_or_sorted():
    shuffled = [1, 1, 0, 0, 0, 1]
    assert clustered_se(shuffled, ["c", "a", "b", "b", "c", "a"]) == pytest.approx(0.2357, abs=5e-5)


def test_published_strict_rates_are_counts_of_750():
    """The ladder table: 30 tasks of 25 samples."""
    published = [94.0, 93.3, 93.3, 91.2, 94.7]
    counts = [705, 700, 700, 684, 710]
    assert [round(100 * count / 750, 1) for count in counts] == published


@pytest.mark.parametrize(("correlation", "z"), [(0.0, 2.65), (0.3, 0.93), (0.9, 0.56)])
def test_published_lift_is_noise_once_clustered(correlation, z):
    """SFT + /no_think against /no_think, from the published percentages; 710 and 684 of 750."""
    rates = np.array([0.947, 0.912])
    naive = (rates[0] - rates[1]) / np.sqrt((rates * (1 - rates)).sum() / 750)
    assert naive / math.sqrt(design_effect(correlation, 25)) == pytest.approx(z, abs=0.006)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 1, 0, 0, 1, 1], 1.0),  # groups agree within
        ([1, 0, 1, 0, 1, 0], 0.0),  # groups differ only within
        ([1, 1, 1, 1, 1, 1], 0.0),  # nothing varies
        (VALUES, 0.5),  # mean squares 1/2 between, 1/6 within: (1/2 - 1/6) / (1/2 + 1/6)
    ],
)
def test_icc(values, expected):
    assert icc(values, GROUPS) == pytest.approx(expected)


def test_icc_without_repeats_is_zero():
    assert icc([1, 0, 1], ["a", "b", "c"]) == 0.0
    assert icc([1, 0, 1], ["a", "a", "a"]) == 0.0


def test_singletons_of_right_and_wrong_give_wilson():
    values = [1] * 83 + [0] * 7
    assert mean_interval(values, low=0, high=1) == pytest.approx(wilson(83, 90))
    assert mean_interval(values, range(90), low=0, high=1) == pytest.approx(wilson(83, 90))


@pytest.mark.parametrize("value", [0.0, 0.4, 1.0])
def test_no_spread_still_has_width(value):
    low, high = mean_interval([value] * 12, ["a", "b", "c"] * 4, low=0, high=1)
    assert 0.0 <= low <= value <= high <= 1.0
    assert high - low > 0.5  # three groups, however many examples they hold


def test_one_group_says_nothing():
    assert mean_interval([1, 0, 1], ["a"] * 3, low=0, high=1) == (0, 1)
    assert mean_interval([1, 0, 1], ["a"] * 3) == (-math.inf, math.inf)


def test_unbounded_mean_is_students_t():
    values = [3.0, 4.5, 8.0, 1.0]
    expected = stats.t.interval(0.9, 3, np.mean(values), stats.sem(values))
    assert mean_interval(values, confidence=0.9) == pytest.approx(expected)


def test_unequal_groups_count_for_fewer():
    assert cluster([0] * 6, ["a", "a", "a", "b", "c", "d"]).degrees_of_freedom == pytest.approx(
        36 / 12 - 1
    )
    assert cluster([0] * 6, GROUPS).degrees_of_freedom == pytest.approx(2.0)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 4)), min_size=1, max_size=40),
)
def test_bounded_interval_holds_the_mean_and_stays_inside(pairs):
    values, groups = [value for value, _ in pairs], [group for _, group in pairs]
    low, high = mean_interval(values, groups, low=0, high=1)
    mean = float(np.mean(values))
    assert -1e-12 <= low <= mean + 1e-9
    assert mean - 1e-9 <= high <= 1 + 1e-12


def test_values_outside_their_bounds_are_refused():
    with pytest.raises(ValueError, match="outside"):
        mean_interval([0.5, 1.5], low=0, high=1)


@pytest.mark.parametrize(
    ("values", "groups", "message"),
    [([], None, "non-empty"), ([1.0, math.nan], None, "finite"), ([1.0], ["a", "b"], "2 groups")],
)
def test_unusable_values_are_refused(values, groups, message):
    with pytest.raises(ValueError, match=message):
        cluster(values, groups)


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_bootstrap_agrees_with_scipy(method):
    values = np.random.default_rng(3).exponential(size=40)
    theirs = stats.bootstrap(
        (values,), np.mean, confidence_level=0.9, n_resamples=9999, method=method, rng=1
    ).confidence_interval
    ours = cluster_bootstrap(values, confidence=0.9, method=method)
    assert ours == pytest.approx((theirs.low, theirs.high), abs=0.02)


def test_bootstrap_resamples_whole_groups():
    values = [1.0, 1.0, 1.0, 0.0, 0.0, 0.0] * 10
    apart = cluster_bootstrap(values)
    together = cluster_bootstrap(values, [i // 3 for i in range(60)])
    assert together[1] - together[0] > 1.5 * (apart[1] - apart[0])
    assert together == cluster_bootstrap(values, [i // 3 for i in range(60)])


def test_bootstrap_without_spread_has_no_width():
    assert cluster_bootstrap([0.5] * 8, method="bca") == (0.5, 0.5)


def test_ratio_interval_of_cost_per_acceptable_outcome():
    """Constant cost 2 and 50 % accepted: 4 per acceptable outcome."""
    accepted = [1, 0] * 100
    low, high = ratio_interval([2.0] * 200, accepted)
    assert low < 4.0 < high
    assert (low, high) == pytest.approx((3.51, 4.65), abs=0.1)  # 2 / (0.5 -+ 1.96 * 0.0354)


def test_ratio_is_unbounded_when_acceptable_outcomes_are_rare():
    low, high = ratio_interval([1.0] * 10, [1] + [0] * 9)
    assert high == math.inf
    assert math.isfinite(low)


@pytest.mark.parametrize(
    ("top", "bottom", "message"), [([1.0], [1, 1], "1 numerators"), ([-1.0], [1], "negative")]
)
def test_unusable_ratios_are_refused(top, bottom, message):
    with pytest.raises(ValueError, match=message):
        ratio_interval(top, bottom)
