"""Comparisons with known verdicts, published ones among them."""

import random

import pytest

from rung.core.errors import GateError
from rung.core.records import Row
from rung.gate.compare import compare

KEYS = ["n", "num_groups", "diff", "ci", "p_value", "discordant", "mcnemar_p"]
KEYS += ["margin", "verdict", "num_needed"]


def rows(outcomes, *, group_size=1, samples=1):
    """One example per outcome (its score), groups of `group_size`, equal samples."""
    return [
        Row(
            example=f"e{i:04}",
            group=f"g{i // group_size}",
            sample=k,
            score=float(score),
            strict=score == 1,
        )
        for i, score in enumerate(outcomes)
        for k in range(samples)
    ]


def discordant(n, *, lost, won, right=0.8):
    """Outcomes of A and B: B loses `lost` that A had, wins `won` that A had not."""
    both = round((n - lost - won) * right)
    neither = n - lost - won - both
    return (
        [1] * both + [0] * neither + [1] * lost + [0] * won,
        [1] * both + [0] * neither + [0] * lost + [1] * won,
    )


@pytest.mark.parametrize(
    ("n", "lost", "won", "p", "verdict"),
    [
        (78, 7, 10, 0.629, "hold"),  # published as DEPLOY, "exceeds the teacher"
        (600, 23, 16, 0.337, "hold"),  # published as "a genuine regression"
        (600, 40, 43, 0.826, "promote"),
        (300, 20, 21, 1.0, "hold"),
        (600, 60, 5, 0.0, "reject"),
        (600, 0, 0, 1.0, "promote"),
        (60, 0, 0, 1.0, "hold"),  # even sixty identical answers cannot rule out a loss of 0.03
    ],
)
def test_known_verdicts_at_margin_three_percent(n, lost, won, p, verdict):
    a, b = discordant(n, lost=lost, won=won)
    comparison = compare(rows(a), rows(b), margin=0.03)
    data = comparison.to_json()
    assert list(data) == KEYS
    assert data["discordant"] == [lost, won]
    assert data["mcnemar_p"] == pytest.approx(p, abs=5e-4)
    assert (data["verdict"], data["n"]) == (verdict, n)
    assert data["diff"] == pytest.approx((won - lost) / n)
    assert data["ci"][0] <= data["diff"] <= data["ci"][1]
    if verdict == "hold":
        assert data["num_needed"] > n
    else:
        assert data["num_needed"] is None
        assert (data["ci"][0] > -0.03) == (verdict == "promote")


def test_published_deploy_needs_many_more_turns():
    """(1.96 + 0.84)^2 * 78 * se^2 / 0.03^2 = 1,913 for the variance, 122 free of rare losses."""
    a, b = discordant(78, lost=7, won=10, right=0.9)
    assert compare(rows(a), rows(b), margin=0.03).num_needed == 2035


def test_groups_widen_the_interval_and_raise_the_need():
    a, b = [1] * 90, [1] * 60 + [0] * 5 + [1] * 25
    alone = compare(rows(a), rows(b), margin=0.1)
    tied = compare(rows(a, group_size=5), rows(b, group_size=5), margin=0.1)
    assert alone.difference.num_groups == 90
    assert tied.difference.num_groups == 18
    assert tied.difference.ci[0] < alone.difference.ci[0]
    assert tied.num_needed is not None
    assert tied.num_needed > 90


def test_samples_are_not_examples():
    """Ten equal samples of twelve examples are twelve examples."""
    a, b = discordant(12, lost=1, won=2)
    once, often = (compare(rows(a, samples=k), rows(b, samples=k), margin=0.1) for k in (1, 10))
    assert once == often
    assert once.difference.n == 12


def test_order_of_rows_does_not_matter():
    a, b = discordant(50, lost=3, won=4)
    shuffled = rows(b)
    random.Random(1).shuffle(shuffled)
    assert compare(rows(a), shuffled, margin=0.05) == compare(rows(a), rows(b), margin=0.05)


def test_metric_strict_and_score_may_disagree():
    a = rows([0.9] * 600)
    b = [
        Row(example=row.example, group=row.group, score=0.88, strict=True)
        for row in rows([1] * 600)
    ]
    score, strict = (compare(a, b, margin=0.01, metric=metric) for metric in ("score", "strict"))
    assert score.verdict == "reject"
    assert strict.verdict == "promote"
    assert score.discordant == strict.discordant == (0, 600)
    assert (score.mean_a, score.mean_b) == pytest.approx((0.9, 0.88))


def test_no_need_is_named_when_the_loss_itself_is_in_the_way():
    """800 pairs, loss 0.034 at margin 0.03: more of the same would only reject."""
    a, b = discordant(800, lost=37, won=10)
    comparison = compare(rows(a), rows(b), margin=0.03)
    assert (comparison.verdict, comparison.num_needed) == ("hold", None)


def test_one_group_is_never_enough():
    comparison = compare(rows([0] * 40, group_size=40), rows([1] * 40, group_size=40), margin=0.1)
    assert comparison.verdict == "hold"
    assert comparison.to_json()["ci"] == [-1.0, 1.0]
    assert comparison.num_needed is not None


@pytest.mark.parametrize(
    ("options", "message"),
    [({"margin": 0.0}, "margin is 0.0"), ({"margin": 0.1, "alpha": 0.5}, "alpha is 0.5")],
)
def test_senseless_settings_are_refused(options, message):
    with pytest.raises(GateError, match=message):
        compare(rows([1]), rows([1]), **options)
