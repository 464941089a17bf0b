"""Error rates by simulation, seeded: each row of a table is data that breaks a naive method."""

import math

import numpy as np
import pytest
from scipy import special

from rung.stats.bounded import mean_greater_p
from rung.stats.clusters import Clusters
from rung.stats.intervals import mean_interval
from rung.stats.multiple import holm
from rung.stats.power import examples_needed, groups_needed
from rung.stats.risk import certify_threshold
from rung.stats.sequential import (
    beta_mixture_log_e,
    bounded_mean_sequence,
    normal_mixture_half_width,
    tightest_rho2,
)

pytestmark = pytest.mark.slow
ALPHA = 0.05


def at_most(rate, limit, num_runs):
    """Whether an observed error rate is compatible with a true one of at most `limit`."""
    return rate <= limit + 3.0 * math.sqrt(limit * (1.0 - limit) / num_runs)


def group_sizes(rng, kind, num_groups):
    if kind == "varied":
        return rng.integers(1, 15, num_groups)
    return np.full(num_groups, {"one": 1, "five": 5}[kind])


def beta_rates(rng, mean, icc, num_groups):
    """Failure rates of groups with this mean and intra-class correlation."""
    if icc == 0.0:
        return np.full(num_groups, mean)
    spread = 1.0 / icc - 1.0
    return rng.beta(mean * spread, (1.0 - mean) * spread, num_groups)


def binary_losses(rng, sizes, *, loss, churn, icc):
    """Group sums of right/wrong differences with mean -loss; a share of `churn` gains as well."""
    lost = rng.binomial(sizes, beta_rates(rng, loss + churn, icc, len(sizes)))
    rate = min(1.0, churn / (1.0 - loss - churn))
    return rng.binomial(sizes - lost, beta_rates(rng, rate, icc, len(sizes)) if churn else 0) - lost


def score_losses(rng, sizes, *, loss, sd, icc):
    """Group sums of near normal score differences with mean -loss."""
    shared = rng.normal(0.0, sd * math.sqrt(icc), len(sizes))
    own = rng.normal(0.0, sd * np.sqrt((1.0 - icc) * sizes))
    return np.clip((shared - loss) * sizes + own, -sizes, sizes)


def p_non_inferior(sums, sizes, margin):
    """The gate's p-value of "not worse than the margin"."""
    gains = Clusters(sums=(sizes + sums) / 2.0, sizes=sizes.astype(float))
    return mean_greater_p(gains, (1.0 - margin) / 2.0)


def p_inferior(sums, sizes, margin):
    """The gate's p-value of "worse than the margin"."""
    losses = Clusters(sums=(sizes - sums) / 2.0, sizes=sizes.astype(float))
    return mean_greater_p(losses, (1.0 + margin) / 2.0)


def naive_p(sums, sizes, margin):
    """Student's t on groups, which is what most tools report."""
    clusters = Clusters(sums=sums.astype(float), sizes=sizes.astype(float))
    if clusters.se == 0.0:
        return float(clusters.mean <= -margin)
    return float(
        special.stdtr(clusters.degrees_of_freedom, -(clusters.mean + margin) / clusters.se)
    )


CASES = [
    # num_groups, sizes, margin, simulated data
    (20, "one", 0.03, (binary_losses, {"churn": 0.0, "icc": 0.0})),
    (20, "one", 0.2, (binary_losses, {"churn": 0.0, "icc": 0.0})),
    (40, "one", 0.05, (binary_losses, {"churn": 0.1, "icc": 0.0})),
    (100, "one", 0.03, (binary_losses, {"churn": 0.0, "icc": 0.0})),
    (20, "five", 0.1, (binary_losses, {"churn": 0.1, "icc": 0.3})),
    (20, "varied", 0.2, (binary_losses, {"churn": 0.0, "icc": 0.5})),
    (40, "five", 0.1, (binary_losses, {"churn": 0.0, "icc": 0.9})),
    (40, "varied", 0.1, (binary_losses, {"churn": 0.0, "icc": 0.5})),
    (20, "one", 0.05, (score_losses, {"sd": 0.3, "icc": 0.0})),
    (40, "five", 0.03, (score_losses, {"sd": 0.3, "icc": 0.5})),
    (100, "varied", 0.03, (score_losses, {"sd": 0.2, "icc": 0.5})),
]


@pytest.mark.parametrize(("num_groups", "sizes", "margin", "data"), CASES)
def test_inferior_candidates_are_promoted_at_most_alpha(num_groups, sizes, margin, data):
    """Truth lies exactly on the margin; false promotion and false rejection both stay low."""
    num_runs, (draw, options) = 700, data
    rng = np.random.default_rng(11)
    promoted = rejected = 0
    for _ in range(num_runs):
        size = group_sizes(rng, sizes, num_groups)
        sums = draw(rng, size, loss=margin, **options)
        promoted += p_non_inferior(sums, size, margin) < ALPHA
        rejected += p_inferior(sums, size, margin) < ALPHA
    assert at_most(promoted / num_runs, ALPHA, num_runs)
    assert at_most(rejected / num_runs, ALPHA, num_runs)


def test_students_t_alone_would_promote_half_of_them():
    """The first case above: shows that those tests can fail."""
    rng = np.random.default_rng(11)
    sizes = np.ones(20, dtype=int)
    draws = [binary_losses(rng, sizes, loss=0.03, churn=0.0, icc=0.0) for _ in range(500)]
    assert np.mean([naive_p(sums, sizes, 0.03) < ALPHA for sums in draws]) > 0.4


@pytest.mark.parametrize("num_candidates", [2, 5])
@pytest.mark.parametrize("num_groups", [40, 120])
def test_family_of_candidates_promotes_an_inferior_one_at_most_alpha(num_candidates, num_groups):
    """Candidates share the hard groups, as candidates of one ladder do."""
    num_runs, margin = 400, 0.1
    rng = np.random.default_rng(12)
    promoted = alone = 0
    for _ in range(num_runs):
        sizes = group_sizes(rng, "five", num_groups)
        rates = beta_rates(rng, margin, 0.2, num_groups)
        p = [
            p_non_inferior(-rng.binomial(sizes, rates), sizes, margin)
            for _ in range(num_candidates)
        ]
        promoted += min(holm(p)) < ALPHA
        alone += min(p) < ALPHA
    assert at_most(promoted / num_runs, ALPHA, num_runs)
    assert alone >= promoted


@pytest.mark.parametrize("discordance", [0.02, 0.1])
def test_num_needed_gives_the_power_it_promises(discordance):
    margin, alpha, num_runs = 0.05, 0.025, 200
    rng = np.random.default_rng(13)
    n = examples_needed(variance=discordance, effect=margin) + groups_needed(
        margin=margin, alpha=alpha
    )
    sizes = np.ones(n, dtype=int)
    hits = sum(
        p_non_inferior(
            binary_losses(rng, sizes, loss=0.0, churn=discordance / 2, icc=0.0), sizes, margin
        )
        < alpha
        for _ in range(num_runs)
    )
    assert 0.74 <= hits / num_runs <= 0.95


@pytest.mark.parametrize(
    ("mean", "icc", "num_groups"), [(0.9, 0.3, 30), (0.97, 0.0, 40), (0.5, 0.5, 12)]
)
def test_interval_of_a_rate_covers(mean, icc, num_groups):
    num_runs = 1500
    rng = np.random.default_rng(14)
    groups = np.repeat(np.arange(num_groups), 5)
    misses = 0
    for _ in range(num_runs):
        values = rng.random(len(groups)) < np.repeat(beta_rates(rng, mean, icc, num_groups), 5)
        low, high = mean_interval(values, groups.tolist(), low=0, high=1)
        misses += not low <= mean <= high
    assert at_most(misses / num_runs, 0.05, num_runs)


@pytest.mark.parametrize("num_items", [300, 500])
def test_certified_risk_is_kept(num_items):
    """Error rate 0.4 * (1 - score) at uniform scores: the risk above threshold t is 0.2 * (1 - t).

    The empirical threshold, loosest with at most 10 % observed errors, breaks it far more often.
    """
    num_runs, max_risk, delta = 400, 0.1, 0.1
    rng = np.random.default_rng(15)
    broken = naive = answered = 0
    for _ in range(num_runs):
        scores = rng.random(num_items)
        correct = rng.random(num_items) >= 0.4 * (1.0 - scores)
        certified = certify_threshold(scores, correct, max_risk=max_risk, delta=delta)
        answered += certified is not None
        broken += certified is not None and 0.2 * (1.0 - certified.threshold) > max_risk
        order = np.argsort(-scores)
        rates = np.cumsum(~correct[order]) / np.arange(1, num_items + 1)
        loosest = scores[order][np.flatnonzero(rates <= max_risk)[-1]]
        naive += 0.2 * (1.0 - loosest) > max_risk
    assert at_most(broken / num_runs, delta, num_runs)
    assert naive / num_runs > 0.3
    assert answered / num_runs > 0.5


def test_msprt_and_normal_mixture_hold_under_peeking():
    """One look after each of 2,000 observations; a fixed z test from n = 100 on does not hold."""
    num_runs, n = 500, np.arange(1, 2001)
    sums = np.random.default_rng(16).normal(size=(num_runs, n[-1])).cumsum(axis=1)
    log_ratio = 0.5 * np.log(1 / (1 + n * 0.01)) + sums**2 * 0.01 / (2 * (1 + n * 0.01))
    assert at_most(np.mean((log_ratio >= math.log(1 / ALPHA)).any(axis=1)), ALPHA, num_runs)
    rho2 = tightest_rho2(n=500)
    half = np.array([normal_mixture_half_width(n=int(k), sd=1.0, rho2=rho2) for k in n])
    assert at_most(np.mean((np.abs(sums / n) > half).any(axis=1)), ALPHA, num_runs)
    naive = (np.abs(sums / np.sqrt(n)) > 1.96)[:, 99:].any(axis=1)
    assert naive.mean() > 0.25


def test_beta_mixture_holds_under_peeking():
    num_runs = 300
    wins = (np.random.default_rng(17).random((num_runs, 150)) < 0.9).cumsum(axis=1)
    rejected = sum(
        any(beta_mixture_log_e(int(k), n, 0.9) >= -math.log(ALPHA) for n, k in enumerate(row, 1))
        for row in wins
    )
    assert at_most(rejected / num_runs, ALPHA, num_runs)


@pytest.mark.parametrize("shape", ["binary", "rare", "normal"])
def test_bounded_sequence_holds_under_peeking(shape):
    """The sequence is a running intersection, so its last value shows whether any look failed."""
    num_runs, mean = 300, -0.1
    rng = np.random.default_rng(18)
    missed = 0
    for _ in range(num_runs):
        values = {
            "binary": lambda: np.where(rng.random(60) < 0.45, 1.0, -1.0),
            "rare": lambda: np.where(rng.random(60) < 0.1, -1.0, 0.0),
            "normal": lambda: np.clip(rng.normal(mean, 0.2, 60), -0.9, 0.7),
        }[shape]()
        low, high = bounded_mean_sequence(values, -1, 1, ALPHA)
        missed += not low <= mean <= high
    assert at_most(missed / num_runs, ALPHA, num_runs)
