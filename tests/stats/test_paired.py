"""Known answers for paired tests; the exact cases of the bounded-mean test; power and Holm."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from rung.stats import bounded
from rung.stats.bounded import mean_greater_p, mean_lower_bound
from rung.stats.clusters import cluster
from rung.stats.multiple import holm
from rung.stats.paired import mcnemar, paired_difference, sign_flip_p
from rung.stats.power import (
    examples_needed,
    groups_needed,
    miller_num_questions,
    paired_non_inferiority,
    smallest_margin,
    unpaired_non_inferiority,
)


@pytest.mark.parametrize(
    ("b", "c", "exact"),
    [
        (5, 15, 0.0414),
        (40, 43, 0.826),  # AutomationBench report, base against gemma, 600 tasks
        (23, 16, 0.337),  # same report, base against opera: called "a genuine regression"
        (10, 7, 0.629),  # a published DEPLOY on 78 turns
        (0, 0, 1.0),
        (3, 3, 1.0),
        (0, 6, 0.03125),
    ],
)
def test_mcnemar_exact_known_answers(b, c, exact):
    assert mcnemar(b, c).exact == pytest.approx(exact, abs=5e-4)
    assert mcnemar(c, b) == mcnemar(b, c)


def test_mcnemar_mid_p_known_answer():
    assert mcnemar(5, 15).mid_p == pytest.approx(0.0266, abs=5e-5)
    assert mcnemar(0, 6).mid_p == pytest.approx(0.03125 / 2)


def test_mcnemar_refuses_negative_counts():
    with pytest.raises(ValueError, match="negative"):
        mcnemar(-1, 2)


@pytest.mark.parametrize("num_groups", [1, 20, 58, 59, 200])
@pytest.mark.parametrize("size", [1, 7])
def test_no_loss_in_g_groups_is_exact(num_groups, size):
    """All values at the top: the p-value of H0 mean <= 0.95 is 0.95^G, whatever the group size."""
    values, groups = [1.0] * num_groups * size, [i // size for i in range(num_groups * size)]
    expected = 1.0 if num_groups == 1 else 0.95**num_groups
    assert mean_greater_p(cluster(values, groups), 0.95) == pytest.approx(expected, abs=1e-6)
    assert (expected <= 0.05) == (num_groups >= groups_needed(margin=0.05, alpha=0.05))


@pytest.mark.parametrize(("k", "n"), [(1, 40), (3, 60), (10, 60)])
def test_independent_right_and_wrong_is_the_binomial_test(k, n):
    values = [0.0] * k + [1.0] * (n - k)
    expected = stats.binomtest(n - k, n, 0.8, alternative="greater").pvalue
    ours = mean_greater_p(cluster(values), 0.8)
    assert ours >= expected - 1e-6
    assert ours == pytest.approx(max(expected, _t_p(values, 0.8)), rel=1e-5)


def _t_p(values, null):
    return stats.ttest_1samp(values, null, alternative="greater").pvalue


def test_near_normal_values_give_students_t():
    values = np.linspace(0.4, 0.8, 200)
    assert mean_greater_p(cluster(values), 0.58) == pytest.approx(_t_p(values, 0.58), rel=0.2)


def test_unequal_groups_fear_a_larger_unseen_group():
    """Sizes 1 to 5: the unseen group has 55/15 examples, the average group 3."""
    groups = [i for i in range(30) for _ in range(1 + i % 5)]
    unseen = 55 / 15
    mass = 0.1 / (0.9 * unseen / 3 + 0.1)  # if sizes stayed as seen
    assert mean_greater_p(cluster([1.0] * len(groups), groups), 0.9) == pytest.approx(
        (1 - mass) ** 30, rel=0.06
    )


@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.25, 0.5, 0.9, 1.0]), st.integers(0, 12)), min_size=2
    ),
    st.sampled_from([0.025, 0.05, 0.2]),
)
@settings(max_examples=40, deadline=None)
def test_bound_and_p_value_say_the_same(pairs, alpha):
    clusters = cluster([value for value, _ in pairs], [group for _, group in pairs])
    bound = mean_lower_bound(clusters, alpha)
    assert 0.0 <= bound <= clusters.mean
    for null in (0.2, 0.5, 0.8):
        if abs(null - bound) > 1e-5:
            assert (mean_greater_p(clusters, null) <= alpha) == (null < bound)


def test_large_samples_use_a_coarser_grid_and_agree():
    values = np.tile([1.0, 1.0, 0.5, 1.0, 0.0], 400)
    ours = mean_greater_p(cluster(values), 0.68)
    assert ours == pytest.approx(_t_p(values, 0.68), rel=0.25)


def test_paired_difference_is_antisymmetric():
    rng = np.random.default_rng(5)
    a, b = rng.random(60), rng.random(60)
    groups = [i % 15 for i in range(60)]
    forth, back = paired_difference(a, b, groups), paired_difference(b, a, groups)
    assert forth.diff == pytest.approx(-back.diff)
    assert forth.ci == pytest.approx((-back.ci[1], -back.ci[0]), abs=1e-6)
    assert forth.p_value == pytest.approx(back.p_value)
    assert (forth.n, forth.num_groups) == (60, 15)


def test_published_deploy_is_not_established():
    """78 turns: the tuned student is right on 10 where the teacher fails and wrong on 7."""
    teacher = [1.0] * 56 + [0.0] * 5 + [1.0] * 7 + [0.0] * 10
    student = [1.0] * 56 + [0.0] * 5 + [0.0] * 7 + [1.0] * 10
    difference = paired_difference(teacher, student, margin=0.03)
    assert np.mean(teacher) == pytest.approx(0.8077, abs=5e-5)
    assert np.mean(student) == pytest.approx(0.8462, abs=5e-5)
    assert difference.diff == pytest.approx(3 / 78)
    assert difference.ci == pytest.approx((-0.076, 0.154), abs=0.001)
    assert difference.p_value > 0.5
    assert difference.p_sign_flip == pytest.approx(mcnemar(7, 10).exact, abs=0.02)


def test_single_group_decides_nothing():
    difference = paired_difference([0.0] * 50, [1.0] * 50, ["one"] * 50, margin=0.03)
    assert difference.ci == (-1.0, 1.0)
    assert difference.p_value == difference.p_non_inferior == 1.0
    assert math.isnan(difference.se)


@pytest.mark.parametrize(
    ("a", "b", "options", "message"),
    [
        ([1.0], [1.0, 0.0], {}, "1 reference values"),
        ([1.5], [1.0], {}, "0..1"),
        ([1.0], [1.0], {"margin": 1.0}, "margin"),
        ([1.0], [1.0], {"alpha": 0.5}, "alpha"),
    ],
)
def test_unusable_pairs_are_refused(a, b, options, message):
    with pytest.raises(ValueError, match=message):
        paired_difference(a, b, **options)


@pytest.mark.parametrize(
    ("sums", "expected"),
    [([1, 1, 1, 1], 2 / 16), ([1, -1], 1.0), ([0, 0], 1.0), ([3, 1, -1], 6 / 8)],
)
def test_sign_flip_by_hand(sums, expected):
    assert sign_flip_p(cluster(sums)) == pytest.approx(expected)


def test_sampled_sign_flips_agree_with_all_of_them():
    clusters = cluster(np.random.default_rng(2).normal(0.4, 1, 14))
    every, some = sign_flip_p(clusters, num_flips=20_000), sign_flip_p(clusters, num_flips=10_000)
    assert some == pytest.approx(every, abs=0.01)
    assert sign_flip_p(clusters, num_flips=10_000) == some


@pytest.mark.parametrize(
    ("samples", "within", "num_questions"), [(10, 1 / 6, 1260), (1, 1 / 6, 3876), (1, 0.0, 969)]
)
def test_miller_2024_sample_sizes(samples, within, num_questions):
    assert (
        miller_num_questions(
            effect=0.03,
            variance_of_diff=1 / 9,
            sampling_variance_a=within,
            sampling_variance_b=within,
            samples_a=samples,
            samples_b=samples,
        )
        == num_questions
    )


def test_non_inferiority_sample_sizes():
    assert unpaired_non_inferiority(rate=0.95, margin=0.03) == 829
    assert paired_non_inferiority(discordance=0.05, margin=0.03) == 437  # 436.05, rounded up
    assert examples_needed(variance=0.05, effect=0.03) == 437


@pytest.mark.parametrize(
    ("margin", "alpha", "num_groups"), [(0.05, 0.05, 59), (0.03, 0.05, 99), (0.03, 0.025, 122)]
)
def test_fewest_groups_of_a_margin(margin, alpha, num_groups):
    assert groups_needed(margin=margin, alpha=alpha) == num_groups
    assert smallest_margin(num_groups=num_groups, alpha=alpha) <= margin
    assert smallest_margin(num_groups=num_groups - 1, alpha=alpha) > margin


@pytest.mark.parametrize(
    ("p", "adjusted"),
    [
        ([0.01, 0.04, 0.03, 0.005], (0.03, 0.06, 0.06, 0.02)),  # R: p.adjust(p, "holm")
        ([0.6, 0.9], (1.0, 1.0)),
        ([0.02], (0.02,)),
        ([], ()),
    ],
)
def test_holm_known_answers(p, adjusted):
    assert holm(p) == pytest.approx(adjusted)


def test_one_group_that_holds_half_of_all_takes_no_more_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its grid was num_groups squared: minutes and gigabytes at 2,000 groups."""
    rng = np.random.default_rng(0)
    gains = (1.0 + rng.choice([-1.0, 0.0, 1.0], p=[0.05, 0.85, 0.1], size=600)) / 2.0
    small = cluster(gains, [*range(300), *[0] * 300])
    exact = [mean_greater_p(small, mean) for mean in (0.4, 0.45, 0.5)]
    sizes: list[int] = []
    power = bounded._power
    monkeypatch.setattr(bounded, "_MOST_CELLS", 1 << 17)
    monkeypatch.setattr(
        bounded, "_power", lambda values, n: sizes.append(len(values)) or power(values, n)
    )
    coarse = [mean_greater_p(small, mean) for mean in (0.4, 0.45, 0.5)]
    assert max(sizes) <= 1 << 17
    assert coarse == pytest.approx(exact, abs=0.01)
    monkeypatch.undo()
    sizes.clear()
    monkeypatch.setattr(
        bounded, "_power", lambda values, n: sizes.append(len(values)) or power(values, n)
    )
    gains = np.where(rng.random(4000) < 0.1, 0.5, 1.0)
    mean_greater_p(cluster(gains, [*range(2000), *[0] * 2000]), 0.9)
    assert max(sizes) <= 1 << 20
