"""Rules and money in sentences, for terminals and pages. Nothing is computed here."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from rung.routes.escalation.rules import Rule, in_words
from rung.routes.escalation.text_signals import WordSignal
from rung.routes.escalation.tiers import TIERS
from rung.routes.escalation.worth import Worth


def rule_sentence(rule: Rule, words: Sequence[WordSignal] = ()) -> str:
    """Return a rule in plain words, with the evidence it was kept or rejected for."""
    told = in_words(rule, words)
    found = rule.evidence
    if found is None:
        return f"{told} (written by hand)"
    rest = f"{found.rest_hits} of {found.num_rest}"
    lift = "" if math.isinf(found.lift) else f", {found.lift:.1f} times the rest ({rest})"
    value = "" if found.value_usd is None else f", worth ${found.value_usd:.3g} a request"
    return (
        f"{told}; on held-out rows right in {found.num_hits} of {found.num}"
        f" (at least {found.low:.0%}){lift}{value}"
    )


def worth_lines(worth: Worth) -> Iterator[str]:
    """Yield what a simulation found, a line each."""
    yield f"at {worth.volume_per_day:,.0f} requests a day, {worth.share_escalated:.1%} escalated"
    for tier in TIERS:
        cpao, volume = worth.cpao[tier], worth.volumes[tier]
        low, high = cpao.ci
        yield (
            f"{tier:<10} ${cpao.usd:.4g} [{low:.4g}, {high:.4g}] per acceptable outcome;"
            f" ${volume.per_day_usd:,.2f} a day, ${volume.per_year_usd:,.0f} a year"
        )
        parts = ", ".join(f"{name} ${usd:.4g}" for name, usd in cpao.parts_usd.items() if usd)
        yield f"{'':<10} of which {parts}"
    for factor, costs in worth.shocks.items():
        shown = ", ".join(f"{tier} ${costs[tier]:.4g}" for tier in TIERS)
        yield f"hosted prices x{factor:g}: {shown} per acceptable outcome"
    if worth.break_even_factor == 0.0:
        yield "the frontier alone is cheaper at no price of its own"
    elif not math.isnan(worth.break_even_factor):
        yield f"the frontier alone is cheaper below {worth.break_even_factor:.3g} times its price"
    if math.isinf(worth.break_even_requests):
        yield "training is never paid back: nothing is saved"
    elif worth.break_even_requests > 0.0:
        yield f"training has paid off after {worth.break_even_requests:,.0f} requests"
    yield (
        f"first stage: {worth.label_accuracy:.1%} strictly right, {worth.workflow_accuracy:.1%}"
        f" acceptable; {worth.benign_share:.0%} of its errors cost nothing"
    )
    p50, p95 = worth.latency_p50_ms, worth.latency_p95_ms
    yield f"latency of the machines p50 {p50:.1f} ms, p95 {p95:.1f} ms"
    yield f"verdict: {worth.verdict.tier}"
    for reason in worth.verdict.reasons:
        yield f"  {reason}"
