"""Anytime-valid tests and intervals: one may look after every observation and stop at will.

Observations are one per independent unit (conversation, group); clustering is the caller's work.
The canary's promotion rules live with the canary, not here.

Sources: Johari et al. 2022 (mixture sequential probability ratio test); Waudby-Smith et al. 2021
(normal-mixture confidence sequence, asymptotic); Howard et al. 2021 (beta mixture); Waudby-Smith
and Ramdas 2024 and Orabona and Jun 2024 (betting; here a universal-portfolio mixture of bets).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy import special
from scipy.optimize import brentq

from rung.stats.clusters import Floats

_NUM_BETS = 64


def msprt_ratio(
    *, n: int, mean: float, variance: float, prior_variance: float, null_mean: float = 0.0
) -> float:
    """Return the mixture likelihood ratio of n normal observations; reject at >= 1 / alpha.

    `variance` is of one observation, `prior_variance` of the effect under the alternative.
    """
    spread = variance + n * prior_variance
    shift = n * (mean - null_mean)
    exponent = shift**2 * prior_variance / (2.0 * variance * spread)
    return math.sqrt(variance / spread) * math.exp(min(exponent, 700.0))


def normal_mixture_half_width(*, n: int, sd: float, rho2: float, alpha: float = 0.05) -> float:
    """Return the half-width after n observations of the two-sided confidence sequence of a mean."""
    scale = n * rho2 + 1.0
    return sd * math.sqrt(scale / (n * n * rho2) * math.log(scale / alpha**2))


def tightest_rho2(*, n: int, alpha: float = 0.05) -> float:
    """Return the rho squared that makes the normal-mixture sequence tightest near n."""
    log_term = -2.0 * math.log(alpha)
    return (log_term + math.log(log_term + 1.0)) / n


def beta_mixture_log_e(
    successes: int, trials: int, null_rate: float, *, a: float = 0.5, b: float = 0.5
) -> float:
    """Return the natural log of the e-value against H0: rate = null_rate; reject at -ln(alpha).

    A success that the null calls impossible gives math.inf.
    """
    failures = trials - successes
    mixture = float(special.betaln(a + successes, b + failures) - special.betaln(a, b))
    null = float(special.xlogy(successes, null_rate) + special.xlog1py(failures, -null_rate))
    return mixture - null


def rate_above(successes: int, trials: int, rate: float, *, alpha: float) -> bool:
    """Return whether the trials show a rate above `rate`; valid at every number of trials at once.

    A lower true rate makes this less likely, so alpha holds for all rates up to `rate`.
    """
    if trials == 0 or successes / trials <= rate:
        return False
    return beta_mixture_log_e(successes, trials, rate) >= -math.log(alpha)


def beta_mixture_interval(
    successes: int, trials: int, *, alpha: float = 0.05, a: float = 0.5, b: float = 0.5
) -> tuple[float, float]:
    """Return the rates not rejected after these trials; valid at every number of trials at once."""
    if not 0 <= successes <= trials or trials == 0:
        raise ValueError(f"{successes} out of {trials} is not a rate")

    def excess(rate: float) -> float:
        return beta_mixture_log_e(successes, trials, rate, a=a, b=b) + math.log(alpha)

    rate = successes / trials
    tiny = 1e-300
    low = 0.0 if successes == 0 else _root(excess, tiny, rate)
    high = 1.0 if successes == trials else _root(excess, rate, 1.0 - 1e-16)
    return low, high


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    return float(brentq(function, low, high, xtol=1e-9, rtol=1e-9))


def bounded_mean_sequence(
    values: ArrayLike, low: float, high: float, alpha: float = 0.05
) -> tuple[float, float]:
    """Return the running-intersection confidence sequence of the mean of values in low..high.

    `values` is everything seen so far, in the order seen. With probability 1 - alpha the true
    mean is inside after every observation, so a caller may stop the first time the interval lies
    on one side of its target. Exact at any sample size; no normality and no constant variance
    needed. When the ends cross (first > second) the mean has changed on the way.
    """
    array = np.asarray(values, dtype=np.float64)
    if not low < high or (array.size and (array.min() < low or array.max() > high)):
        raise ValueError(f"values must lie in {low}..{high}")
    if array.size == 0:
        return low, high
    unit = (array - low) / (high - low)
    below, above = _betting_lower(unit, alpha / 2.0), _betting_lower(1.0 - unit, alpha / 2.0)
    return low + (high - low) * below, high - (high - low) * above


def _betting_lower(unit: Floats, alpha: float) -> float:
    """Return the largest mean in 0..1 against which betting ever won 1 / alpha.

    The bet keeps a share of wealth and stakes the rest on value / mean, a fair price if the mean
    is as claimed; shares are mixed over the arcsine law. Winnings fall as the claimed mean rises.
    """
    angles = (2.0 * np.arange(_NUM_BETS) + 1.0) * math.pi / (4.0 * _NUM_BETS)
    stakes = np.sin(angles) ** 2

    def excess(mean: float) -> float:
        wealth = np.log1p(stakes * (unit[:, None] / mean - 1.0)).cumsum(axis=0)  # (n, bets)
        most = wealth.max(axis=1)
        mixed = most + np.log(np.exp(wealth - most[:, None]).mean(axis=1))
        return float(mixed.max()) + math.log(alpha)

    tiny = 1e-9
    if excess(tiny) <= 0.0:
        return 0.0
    return 1.0 if excess(1.0) > 0.0 else _root(excess, tiny, 1.0)
