"""What a way to answer is worth: cost per acceptable outcome, volumes, break-even, price shocks.

Plain arithmetic on figures per request, with names that carry the unit. Serving is steady state:
what a machine costs while it starts and waits is not in it. Prices of calls come from
`engines/prices.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rung.stats.bootstrap import ratio_interval
from rung.stats.clusters import Floats
from rung.stats.intervals import Interval

DAYS_PER_YEAR = 365
DAYS_PER_MONTH = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """What each request cost, by kind; arrays of shape (requests,), USD."""

    tokens_usd: Floats
    """Tokens of hosted models that answer first."""
    machine_usd: Floats
    """Seconds of machines of one's own."""
    escalation_usd: Floats
    """Hosted models that are asked on doubt."""
    person_usd: Floats
    """People's working time."""
    retry_usd: Floats
    rework_usd: Floats
    """Error cost of what was answered wrongly."""

    @property
    def total_usd(self) -> Floats:
        """The sum over kinds; shape (requests,)."""
        asked = (self.tokens_usd, self.machine_usd, self.escalation_usd, self.person_usd)
        total: Floats = np.sum([*asked, self.retry_usd, self.rework_usd], axis=0)
        return total


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """What is paid whatever the volume, spread over the requests it serves."""

    training_usd: float = 0.0
    serves_requests: float = math.inf
    """Requests until the training is done again."""
    hosting_usd_per_day: float = 0.0
    requests_per_day: float = math.inf

    @property
    def usd_per_request(self) -> float:
        """Training and hosting of one request."""
        training = self.training_usd / self.serves_requests
        return training + self.hosting_usd_per_day / self.requests_per_day


@dataclass(frozen=True, slots=True, kw_only=True)
class Cpao:
    """Cost per acceptable outcome with its 95 % interval, and its parts (which sum to it), USD."""

    usd: float
    ci: Interval
    parts_usd: dict[str, float]


def cost_per_outcome(
    spent: Spending,
    accepted: Floats,
    groups: Sequence[str] | None = None,
    *,
    fixed: Fixed | None = None,
    seed: int = 0,
) -> Cpao:
    """Return everything spent over outcomes accepted; infinite when none is.

    The interval resamples groups and takes prices and fixed costs as known.
    """
    each = (fixed or Fixed()).usd_per_request
    total = spent.total_usd + each
    good = float(accepted.sum())
    kinds = {
        "tokens": spent.tokens_usd,
        "machine": spent.machine_usd,
        "escalation": spent.escalation_usd,
        "person": spent.person_usd,
        "retries": spent.retry_usd,
        "rework": spent.rework_usd,
        "fixed": np.full(len(total), each),
    }
    return Cpao(
        usd=float(total.sum()) / good if good else math.inf,
        ci=ratio_interval(total, accepted, groups, num_resamples=4000, seed=seed),
        parts_usd={n: float(v.sum()) / good if good else math.inf for n, v in kinds.items()},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A cost per request at the user's volume, USD."""

    per_day_usd: float
    per_month_usd: float
    per_year_usd: float


def at_volume(usd_per_request: float, requests_per_day: float) -> Volume:
    """Return what a day, a month of 30 days and a year of 365 days cost."""
    day = usd_per_request * requests_per_day
    return Volume(
        per_day_usd=day, per_month_usd=day * DAYS_PER_MONTH, per_year_usd=day * DAYS_PER_YEAR
    )


def tokens_usd(num_tokens: float, usd_per_million: float) -> float:
    """Return what tokens cost at a blended price."""
    return num_tokens * usd_per_million / 1_000_000


def break_even_requests(*, fixed_usd: float, saving_usd: float) -> float:
    """Return the requests after which a fixed cost has paid off; infinite where nothing is saved.

    `saving_usd` is the difference per request, errors priced on both sides.
    """
    if fixed_usd <= 0.0:
        return 0.0
    return fixed_usd / saving_usd if saving_usd > 0.0 else math.inf


def shock(spent: Spending, *, hosted: float = 1.0, machine: float = 1.0) -> Spending:
    """Return the same requests at other prices: hosted calls, machine seconds, as multiples."""
    return replace(
        spent,
        tokens_usd=spent.tokens_usd * hosted,
        escalation_usd=spent.escalation_usd * hosted,
        machine_usd=spent.machine_usd * machine,
    )


def break_even_factor(ours: Spending, theirs: Spending) -> float:
    """Return the multiple of hosted prices below which theirs is cheaper; 0 where ours always wins.

    NaN where there is none: theirs pays no more for hosted calls than ours.
    """

    def hosted(spent: Spending) -> float:
        return float((spent.tokens_usd + spent.escalation_usd).mean())

    def rest(spent: Spending) -> float:
        return float(spent.total_usd.mean()) - hosted(spent)

    gap = hosted(theirs) - hosted(ours)
    if gap <= 0.0:
        return math.nan
    return max(0.0, (rest(ours) - rest(theirs)) / gap)


def benign_share(label_accuracy: float, workflow_accuracy: float) -> float:
    """Return the share of label errors that lead to the right outcome all the same."""
    wrong = 1.0 - label_accuracy
    return (workflow_accuracy - label_accuracy) / wrong if wrong > 0.0 else 0.0
