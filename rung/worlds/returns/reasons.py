"""Why things come back: the reasons, how common each is, and what the shop does about it.

Five reasons are four fifths of the volume and each starts a fixed procedure; the other seven are
for people. The shares follow the published shape (five templates at 80 %); inside it they are
ours, not measured. No message text here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["refund", "quality", "claim", "credit", "person"]
"""Money back; a look at the goods first; replacement and a claim against the carrier; store credit
without a word to the buyer; a person decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One answer of the `reason` field."""

    id: str
    outcome: Outcome
    share: float
    """Relative frequency; the shares of all reasons add up to 1."""
    missed_usd: float
    """What it costs on average to answer it as another reason would be."""


def _reason(id: str, outcome: Outcome, percent: float, missed_usd: float) -> Reason:
    return Reason(id=id, outcome=outcome, share=percent / 100, missed_usd=missed_usd)


REASONS: tuple[Reason, ...] = (
    _reason("wrong_size", "refund", 24.0, 6.0),
    _reason("changed_mind", "refund", 20.0, 6.0),
    _reason("defective", "quality", 16.0, 18.0),
    _reason("shipping_damage", "claim", 12.0, 25.0),
    _reason("gift", "credit", 8.0, 20.0),
    _reason("partial_refund", "person", 5.0, 30.0),
    _reason("other_item", "person", 5.0, 12.0),
    _reason("several_requests", "person", 4.0, 15.0),
    _reason("out_of_window", "person", 2.0, 35.0),
    _reason("refund_missing", "person", 2.0, 15.0),
    _reason("fraud_hint", "person", 1.2, 150.0),
    _reason("safety", "person", 0.8, 400.0),
)
IDS: tuple[str, ...] = tuple(reason.id for reason in REASONS)
BY_ID = {reason.id: reason for reason in REASONS}


def outcome_of(reason: str) -> Outcome:
    """Return what the shop does about a reason; two with one outcome may be confused for free."""
    return BY_ID[reason].outcome
