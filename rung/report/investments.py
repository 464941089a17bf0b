"""What a training may win, costs and pays back, in words. Nothing is computed here."""

from __future__ import annotations

import math

from rung.repair.payback import Investment
from rung.repair.records import RepairMap
from rung.report import format as fmt

_DAY_S = 86_400


def training_line(repair: RepairMap) -> str:
    """Return what one training for all clusters that want one is worth, and how it is reckoned."""
    assert repair.investment is not None
    num = sum(cluster.remedy.is_training for cluster in repair.clusters)
    clusters = "the cluster that wants it" if num == 1 else f"the {num} clusters that want it"
    line = f"training for {clusters} {worth(repair.investment)}"
    known = repair.training
    if known is None:
        line += f"; its price is unknown: rung train {repair.task} --dry-run estimates it"
    else:
        how = "took" if known.is_measured else "would take"
        hour = f"{fmt.usd(known.usd_per_hour)} an hour"
        line += f" (a training {how} {fmt.duration(known.minutes * 60)} at {hour})"
    counted = "share of the misses times the share of them that the reference meets"
    return f"{line}; at most: {counted if repair.reference else 'share of the misses'}"


def worth(found: Investment) -> str:
    """Return what a training wins and saves at most, what it costs and when that is paid back."""
    text = (
        f"wins at most {fmt.percent(found.gain)} of all misses and saves at most"
        f" {fmt.per_1000_usd(found.saving_usd)} per 1,000 requests"
    )
    if found.price_usd is None or found.payback_days is None:
        return text
    return f"{text}; it costs {fmt.usd(found.price_usd)}, {_paid(found.payback_days)}"


def _paid(days: float) -> str:
    if math.isinf(days):
        return "never paid back: nothing is saved"
    if days >= 1.0:
        return f"paid back after {days:,.1f} days"
    return f"paid back within {fmt.duration(max(60.0, days * _DAY_S))}"
