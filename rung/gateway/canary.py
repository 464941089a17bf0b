"""Whether a canary goes one stage on, stays, or is rolled back. Valid at every look.

The unit is a conversation, not a call. Three questions, each with an anytime-valid test, so that
looking after every outcome costs nothing:

1. Are the arms as large as they should be? A sample-ratio e-value above 1 / `SRM_ALPHA` says the
   assignment is broken; then nothing else means anything, and the canary holds.
2. Does the specialist fail too often? An e-value against the allowed share rolls back, however few
   conversations there were. (A lower rate than allowed makes the event less likely, so the level
   holds for all of them.)
3. Is it as good? Confidence sequences of both arms' accepted share: above the margin goes on one
   stage, below it rolls back. Outcomes nobody has told are not guessed.

Sources: Howard et al. 2021 (beta mixture), Waudby-Smith and Ramdas 2024 (betting), Fabijan et al.
2019 (sample-ratio mismatch). It reads nothing and changes nothing: see `rollouts.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from rung.gateway.arms import ArmName
from rung.gateway.modes import STAGES
from rung.stats.sequential import beta_mixture_log_e, bounded_mean_sequence, rate_above

SRM_ALPHA = 0.001
HARM_ALPHA = 0.05
QUALITY_ALPHA = 0.05
MIN_UNITS = 20
"""Conversations with an outcome in each arm before a stage may be passed."""

Step = Literal["hold", "advance", "rollback"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A conversation at the present stage."""

    arm: ArmName
    """As it was assigned, whoever answered in the end."""
    failed: bool = False
    """The specialist had no valid answer to one of its inputs, or refused one that the frontier
    answered."""
    accepted: float | None = None
    """Share of its answers that were accepted, 0 to 1; None while nobody has said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What to do, and why."""

    step: Step
    reason: str


@dataclass(slots=True, kw_only=True)
class Evidence:
    """What a stage has shown so far, in the order in which conversations began."""

    num: dict[ArmName, int] = field(default_factory=lambda: {"specialist": 0, "frontier": 0})
    num_failed: int = 0
    accepted: dict[ArmName, list[float]] = field(
        default_factory=lambda: {"specialist": [], "frontier": []}
    )

    def add(self, units: Iterable[Unit]) -> Evidence:
        """Count conversations; return self."""
        for unit in units:
            self.num[unit.arm] += 1
            self.num_failed += unit.failed and unit.arm == "specialist"
            if unit.accepted is not None:
                self.accepted[unit.arm].append(unit.accepted)
        return self


def judge(evidence: Evidence, *, stage: int, margin: float, max_failed: float) -> Verdict:
    """Return what the evidence of one stage allows."""
    share = STAGES[stage]
    specialist, frontier = evidence.num["specialist"], evidence.num["frontier"]
    total = specialist + frontier
    if share < 1 and total and _against(specialist, total, share, SRM_ALPHA):
        reason = f"{specialist} of {total} conversations had the specialist, not {share:.0%}"
        return Verdict(step="hold", reason=f"assignment broken: {reason}")
    failed = evidence.num_failed
    if rate_above(failed, specialist, max_failed, alpha=HARM_ALPHA):
        reason = f"{failed} of {specialist} conversations failed, more than {max_failed:.1%}"
        return Verdict(step="rollback", reason=reason)
    if stage == len(STAGES) - 1:
        return Verdict(step="hold", reason=f"the last stage; {failed} of {specialist} failed")
    return _quality(evidence, margin)


def _against(successes: int, trials: int, rate: float, alpha: float) -> bool:
    """Return whether the trials speak against a rate, at whatever number of trials."""
    return beta_mixture_log_e(successes, trials, rate) >= -math.log(alpha)


def _quality(evidence: Evidence, margin: float) -> Verdict:
    """Compare the accepted shares; the stages share the error."""
    ours, theirs = evidence.accepted["specialist"], evidence.accepted["frontier"]
    if min(len(ours), len(theirs)) < MIN_UNITS:
        known = f"{len(ours)} and {len(theirs)} outcomes, at least {MIN_UNITS} of each are needed"
        return Verdict(step="hold", reason=known)
    alpha = QUALITY_ALPHA / (len(STAGES) - 1) / 2
    low, high = bounded_mean_sequence(ours, 0.0, 1.0, alpha)
    their_low, their_high = bounded_mean_sequence(theirs, 0.0, 1.0, alpha)
    if low > high or their_low > their_high:
        return Verdict(step="hold", reason="an arm has changed on the way")
    worst, best = low - their_high, high - their_low
    found = f"accepted {worst:+.3f} to {best:+.3f} against the frontier, margin {margin:.3f}"
    if worst > -margin:
        return Verdict(step="advance", reason=found)
    if best < -margin:
        return Verdict(step="rollback", reason=found)
    return Verdict(step="hold", reason=found)
