"""What training on a cluster may win, what one training costs, and when that has paid off.

Of a cluster's misses training wins at most as many as a stronger model does: its share of all
misses, times the share of its misses that the reference meets, where it was asked (else all of
them). Each miss won saves its error cost. Upper bounds, no promises: what training changed is
measured (`--after`). A training is the machine's time, as the last one took or a dry run estimated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rung.routes.escalation.economics import break_even_requests

if TYPE_CHECKING:  # it holds an investment
    from rung.repair.records import Cluster


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What one training of the task takes."""

    minutes: float
    usd_per_hour: float
    """Of the machine."""
    is_measured: bool
    """Whether a training took these minutes; else a dry run estimated them."""

    @property
    def price_usd(self) -> float:
        """The machine's busy time."""
        return self.usd_per_hour * self.minutes / 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Investment:
    """One training, for one cluster or for several at once."""

    gain: float
    """Share of all misses that it wins at most, 0 to 1."""
    saving_usd: float
    """Error cost that it saves at most, a request."""
    price_usd: float | None
    """None where no training was run or estimated."""
    payback_days: float | None
    """At the task's volume, if it wins all of that; infinite where nothing is saved."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON, in which what is never paid back has null days."""
        days = self.payback_days
        return asdict(self) | {"payback_days": None if days == math.inf else days}


def winnable(share: float, num_reference: int, num_reference_met: int) -> float:
    """Return the part of `share` that training wins at most."""
    return share * (num_reference_met / num_reference) if num_reference else share


def invest(
    clusters: Sequence[Cluster],
    training: Training | None,
    *,
    num_examples: int,
    volume_per_day: float,
) -> Investment:
    """Return what one training for these clusters of a run on `num_examples` examples is worth."""
    known = [(one.num_reference, one.num_reference_met) for one in clusters]
    gain = sum(winnable(one.share, *met) for one, met in zip(clusters, known, strict=True))
    saved = sum(
        winnable(one.error_cost_usd, *met) for one, met in zip(clusters, known, strict=True)
    )
    saving_usd = saved / num_examples
    if training is None:
        return Investment(gain=gain, saving_usd=saving_usd, price_usd=None, payback_days=None)
    price = training.price_usd
    requests = break_even_requests(fixed_usd=price, saving_usd=saving_usd)
    days = requests / volume_per_day if volume_per_day > 0.0 else math.inf
    return Investment(gain=gain, saving_usd=saving_usd, price_usd=price, payback_days=days)
