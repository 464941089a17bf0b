"""The tier verdict: frontier alone, hybrid, or the specialist alone; with its reasons.

The rule: of the tiers whose quality is not shown to fall short, the cheapest per acceptable
outcome.
Published bands (70 to 90 % on the specialist in a hybrid) are reported, never enforced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from rung.routes.escalation.economics import Cpao
from rung.routes.escalation.outcomes import Outcomes
from rung.stats.paired import paired_difference

Tier = Literal["frontier", "hybrid", "specialist"]
TIERS: tuple[Tier, ...] = get_args(Tier)
CHEAPER = TIERS[1:]
HYBRID_SHARE = (0.10, 0.30)
"""Published share of escalated requests in a hybrid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TierVerdict:
    """Which tier to run, and why."""

    tier: Tier
    reasons: tuple[str, ...]


def tier_verdict(
    outcomes: Mapping[Tier, Outcomes],
    cpao: Mapping[Tier, Cpao],
    groups: list[str],
    *,
    margin: float,
) -> TierVerdict:
    """Judge the three tiers on the same requests; `margin` is the loss of quality allowed.

    Quality is the share of acceptable outcomes; a tier is ruled out unless its loss against the
    frontier is shown (one-sided 95 %, clustered) to stay within the margin.
    """
    frontier = outcomes["frontier"]
    reasons: list[str] = []
    fit: list[Tier] = ["frontier"]
    for tier in CHEAPER:
        diff = paired_difference(
            frontier.accepted, outcomes[tier].accepted, groups, margin=margin, alpha=0.05
        )
        holds = diff.p_non_inferior <= 0.05
        word = "within" if holds else "not shown to be within"
        reasons.append(
            f"{tier}: acceptable outcomes {diff.diff:+.3f} [{diff.ci[0]:+.3f}, {diff.ci[1]:+.3f}]"
            f" against the frontier, {word} the margin of {margin:g}"
        )
        if holds:
            fit.append(tier)
    best = min(reversed(fit), key=lambda tier: cpao[tier].usd)
    for tier in TIERS:
        found = cpao[tier]
        reasons.append(
            f"{tier}: ${found.usd:.4g} [{found.ci[0]:.4g}, {found.ci[1]:.4g}] per"
            " acceptable outcome"
        )
    if best == "hybrid":
        share = outcomes["hybrid"].share_escalated
        low, high = HYBRID_SHARE
        usual = "inside" if low <= share <= high else "outside"
        reasons.append(f"{share:.0%} escalated, {usual} the usual {low:.0%} to {high:.0%}")
    return TierVerdict(tier=best, reasons=tuple(reasons))
