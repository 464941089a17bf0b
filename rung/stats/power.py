"""How many examples, or groups, a question needs before it is worth asking.

Normal approximations; `groups_needed` is exact and is the floor under all of them. Sizes are
rounded up. Nothing here looks at results.

Sources: Miller 2024 (arXiv 2411.00640) section 5; Julious 2004 (non-inferiority sample sizes).
"""

from __future__ import annotations

import math

from rung.stats.intervals import normal_quantile


def _factor(alpha_one_sided: float, power: float) -> float:
    return (normal_quantile(1.0 - alpha_one_sided) + normal_quantile(power)) ** 2


def _round_up(size: float) -> int:
    return math.ceil(size - 1e-9)


def miller_num_questions(
    *,
    effect: float,
    variance_of_diff: float,
    sampling_variance_a: float,
    sampling_variance_b: float,
    samples_a: int = 1,
    samples_b: int = 1,
    alpha: float = 0.05,
    power: float = 0.8,
) -> int:
    """Return the questions a two-sided paired comparison needs to see `effect`.

    `variance_of_diff` is between questions (omega squared); the sampling variances are within a
    question and shrink with the samples drawn per question.
    """
    variance = variance_of_diff + sampling_variance_a / samples_a + sampling_variance_b / samples_b
    return _round_up(_factor(alpha / 2.0, power) * variance / effect**2)


def unpaired_non_inferiority(
    *, rate: float, margin: float, alpha: float = 0.025, power: float = 0.8
) -> int:
    """Return the examples per arm when both arms truly have this rate; alpha is one-sided."""
    return _round_up(_factor(alpha, power) * 2.0 * rate * (1.0 - rate) / margin**2)


def paired_non_inferiority(
    *, discordance: float, margin: float, alpha: float = 0.025, power: float = 0.8
) -> int:
    """Return the pairs needed when the arms truly tie and differ on this share of examples."""
    return _round_up(_factor(alpha, power) * discordance / margin**2)


def examples_needed(
    *, variance: float, effect: float, alpha: float = 0.025, power: float = 0.8
) -> int:
    """Return the examples needed to show, one-sided, a mean difference of `effect`.

    `variance` is per example and already holds the design effect: n times the squared clustered
    standard error.
    """
    return _round_up(_factor(alpha, power) * variance / effect**2)


def groups_needed(*, margin: float, alpha: float) -> int:
    """Return the fewest groups that can rule out a loss of `margin` even if none shows a loss.

    It solves (1 - margin)^G <= alpha: 59 for margin 0.05 and 99 for 0.03 at alpha 0.05.
    """
    return _round_up(math.log(alpha) / math.log1p(-margin))


def smallest_margin(*, num_groups: int, alpha: float) -> float:
    """Return the smallest margin that this many groups could ever satisfy; see `groups_needed`."""
    return -math.expm1(math.log(alpha) / num_groups)
