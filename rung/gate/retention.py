"""Does a route still do a task's work with another adapter: what training for one task cost others.

A pure function of dev rows of the same examples: the score is compared paired and clustered with
the task's own margin, and no hard limit may do worse, be it by one example. A loss that cannot be
ruled out holds; no task is left behind on thin evidence. No holdout is read: this is no promotion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rung.core.records import Row
from rung.core.seeds import derive_seed
from rung.gate.compare import Comparison, Verdict, compare_pairs
from rung.gate.limits import LimitCheck, Targets, check_limits
from rung.gate.reasons import score_reason
from rung.gate.rows import pair
from rung.tasks.task import GateRules


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """What a route keeps with another adapter."""

    verdict: Verdict
    comparison: Comparison
    reasons: tuple[str, ...]
    """Sentences with numbers: the score first, then each hard limit that got worse."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON; `passed` is what promotion asks for."""
        return {
            "verdict": self.verdict,
            "passed": self.verdict == "promote",
            "reason": "; ".join(self.reasons),
            "metric": self.comparison.metric,
            "before": self.comparison.mean_a,
            "after": self.comparison.mean_b,
            "comparison": self.comparison.to_json(),
        }


def judge_retention(
    before: Sequence[Row], after: Sequence[Row], *, rules: GateRules, targets: Targets, seed: int
) -> Retention:
    """Judge the rows with the new adapter against those with the old one.

    Raises GateError when examples or groups differ, or a target that a limit reads is missing.
    """
    pairs = pair(before, after, reference_name="the old adapter", candidate_name="the new one")
    found = compare_pairs(
        pairs,
        margin=rules.margin,
        metric=rules.metric,
        alpha=rules.alpha,
        seed=derive_seed(seed, "retention"),
    )
    said = score_reason(found, found.verdict, found.difference.p_non_inferior, found.num_needed)
    limits = zip(
        check_limits(pairs.reference, rules=rules, targets=targets),
        check_limits(pairs.candidate, rules=rules, targets=targets),
        strict=True,
    )
    worse = [_told(was, now) for was, now in limits if _is_worse(was, now)]
    return Retention(
        verdict="reject" if worse else found.verdict,
        comparison=found,
        reasons=(said, *worse),
    )


def _is_worse(was: LimitCheck, now: LimitCheck) -> bool:
    """Forbidden outcomes may not rise; a recall that was high enough must stay so."""
    if was.kind == "forbidden":
        return now.num_hits > was.num_hits
    return was.verdict == "promote" and now.verdict != "promote"


def _told(was: LimitCheck, now: LimitCheck) -> str:
    return f"{now.reason} (with the old adapter {was.num_hits} of {was.num_examples})"
