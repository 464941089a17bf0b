"""The probability below which an agent's step goes to a stronger model, by expected cost.

Fitted on conversations of the agent alone: each choice of a threshold is priced by the steps it
would have escalated and the errors it would have left. Two things are taken for granted, because
nothing but the outcome of a conversation is labelled: one that went wrong did so at its least
probable step, and the stronger model takes that step rightly. Both flatter escalation, so what a
threshold is worth is measured on dev and at the gate, never here. Pure; asks no model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_ERROR_USD = 1.0
"""What a wrong conversation costs: no world prices one."""
MIN_CONVERSATIONS = 12
"""Conversations below which nothing is fitted."""
UNFITTED = 0.5
"""The threshold where nothing was fitted: a choice that all others together outweigh."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A conversation of the agent alone, on an example with a label."""

    step_p: tuple[float, ...]
    """How probable each step was, in order."""
    right: bool
    step_usd: float
    """What the stronger model would cost for one of its steps."""


def fit_threshold(played: Sequence[Played], *, max_escalated: int) -> float:
    """Return the threshold of least expected cost, of equal ones the lowest.

    0 where no step should be escalated for its probability, or where none is known.
    """
    known = [one for one in played if one.step_p]
    if len(known) < MIN_CONVERSATIONS:
        return UNFITTED if known else 0.0

    def cost_usd(threshold: float) -> float:
        return sum(_cost_usd(one, threshold, max_escalated) for one in known)

    return min(_candidates(known), key=cost_usd)


def _candidates(played: Sequence[Played]) -> list[float]:
    """Return 0 and a threshold above each probability, halfway to the next one."""
    found = sorted({p for one in played for p in one.step_p})
    return [0.0, *((low + high) / 2 for low, high in zip(found, [*found[1:], 1.0], strict=True))]


def _cost_usd(one: Played, threshold: float, max_escalated: int) -> float:
    escalated = [i for i, p in enumerate(one.step_p) if p < threshold][:max_escalated]
    least = min(range(len(one.step_p)), key=lambda i: one.step_p[i])
    left = 0.0 if one.right or least in escalated else _ERROR_USD
    return len(escalated) * one.step_usd + left
