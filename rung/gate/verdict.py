"""May one of these candidates replace the incumbent? A pure function of holdout rows.

Per candidate three questions, each answered promote, hold or reject, the worst answer counting:
is it not worse than the margin allows (Holm over the candidates), is it cheaper or else better,
does it keep every hard limit. Among the candidates that pass, the cheapest is promoted. Hold is
the answer whenever the evidence is thin. Opening the holdout and recording that it was opened is
not done here. Resampling is seeded, so equal rows and seed give an equal report.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rung.core.errors import GateError
from rung.core.records import Row
from rung.core.seeds import derive_seed
from rung.gate.compare import Comparison, Metric, Verdict, compare_pairs, num_needed
from rung.gate.cost import CostDifference, cost_difference, cost_reason, cost_verdict
from rung.gate.limits import LimitCheck, Targets, check_limits
from rung.gate.reasons import overall_reason, score_reason
from rung.gate.rows import Pairs, Samples, gather, pair
from rung.stats.multiple import holm
from rung.tasks.task import GateRules

_SEVERITY: dict[Verdict, int] = {"promote": 0, "hold": 1, "reject": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateVerdict:
    """What the gate says about one candidate, and why."""

    name: str
    verdict: Verdict
    comparison: Comparison
    """On its own, before Holm; `score_verdict` is after Holm."""
    score_verdict: Verdict
    p_non_inferior: float
    """Adjusted by Holm over the candidates, as the next two."""
    p_inferior: float
    p_superior: float
    cost: CostDifference
    cost_verdict: Verdict
    limits: tuple[LimitCheck, ...]
    num_needed: int | None
    """For a hold on the score: about how many examples would settle it, at alpha divided by
    the number of candidates."""
    reasons: tuple[str, ...]
    """Sentences with numbers; the first is about the score, the second about the cost."""
    obstacles: tuple[str, ...]
    """Those of the reasons that keep the candidate from being promoted."""

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as a plain JSON object."""
        return {
            "name": self.name,
            "verdict": self.verdict,
            "comparison": self.comparison.to_json()
            | {
                "metric": self.comparison.metric,
                "mean_incumbent": self.comparison.mean_a,
                "mean_candidate": self.comparison.mean_b,
                "mcnemar_mid_p": self.comparison.mcnemar.mid_p,
                "p_sign_flip": self.comparison.difference.p_sign_flip,
            },
            "score_verdict": self.score_verdict,
            "p_non_inferior_holm": self.p_non_inferior,
            "p_inferior_holm": self.p_inferior,
            "p_superior_holm": self.p_superior,
            "cost": self.cost.to_json(),
            "cost_verdict": self.cost_verdict,
            "limits": [check.to_json() for check in self.limits],
            "num_needed": self.num_needed,
            "reasons": list(self.reasons),
            "obstacles": list(self.obstacles),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class GateReport:
    """The verdict on all candidates."""

    verdict: Verdict
    promoted: str | None
    reason: str
    incumbent: str
    metric: Metric
    margin: float
    alpha: float
    seed: int
    candidates: tuple[CandidateVerdict, ...]
    """In the order given."""
    priced: bool = True
    """Whether it is known what the incumbent costs."""

    def to_json(self) -> dict[str, Any]:
        """Return the report as a plain JSON object, without infinities."""
        return {
            "verdict": self.verdict,
            "promoted": self.promoted,
            "reason": self.reason,
            "incumbent": self.incumbent,
            "metric": self.metric,
            "margin": self.margin,
            "alpha": self.alpha,
            "seed": self.seed,
            "candidates": [candidate.to_json() for candidate in self.candidates],
            **({} if self.priced else {"priced": False}),
        }


def judge(
    candidates: Mapping[str, Sequence[Row]],
    incumbent: Sequence[Row],
    *,
    incumbent_name: str,
    rules: GateRules,
    targets: Targets,
    seed: int = 0,
    priced: bool = True,
) -> GateReport:
    """Judge candidates against the incumbent on the same holdout examples.

    A candidate may have answered more examples than the incumbent (a route without a model costs
    nothing): score and cost are paired on the incumbent's, hard limits count all of them.
    `targets` maps example ids to targets and is read for recall limits only. An incumbent that is
    not `priced` (a recorded run) can only be replaced by a better candidate. Raises GateError
    when a candidate lacks examples, groups differ, or rows, rules or targets cannot be used.
    """
    if not candidates:
        raise GateError("there is no candidate to judge", hint="name at least one route")
    shared = {row.example for row in incumbent}
    pairs = {
        name: pair(
            incumbent,
            [row for row in rows if row.example in shared],
            reference_name=incumbent_name,
            candidate_name=name,
        )
        for name, rows in candidates.items()
    }
    comparisons = [
        compare_pairs(
            one,
            margin=rules.margin,
            metric=rules.metric,
            alpha=rules.alpha,
            seed=derive_seed(seed, "gate", name),
        )
        for name, one in pairs.items()
    ]
    differences = [comparison.difference for comparison in comparisons]
    adjusted = zip(
        holm([difference.p_non_inferior for difference in differences]),
        holm([difference.p_inferior for difference in differences]),
        holm([difference.p_superior for difference in differences]),
        strict=True,
    )
    verdicts = tuple(
        _judge_one(
            name,
            pairs[name],
            tuple(gather(candidates[name], name=name).values()),
            comparison,
            p,
            num_candidates=len(pairs),
            rules=rules,
            targets=targets,
            seed=seed,
            priced=priced,
        )
        for name, comparison, p in zip(pairs, comparisons, adjusted, strict=True)
    )
    passed = [verdict for verdict in verdicts if verdict.verdict == "promote"]
    best = min(passed, key=lambda verdict: verdict.cost.candidate_usd, default=None)
    return GateReport(
        verdict=_overall(verdicts),
        promoted=best.name if best else None,
        reason=overall_reason(
            best.name if best else None,
            {one.name: one.reasons if one is best else one.obstacles for one in verdicts},
        ),
        incumbent=incumbent_name,
        metric=rules.metric,
        margin=rules.margin,
        alpha=rules.alpha,
        seed=seed,
        candidates=verdicts,
        priced=priced,
    )


def _overall(verdicts: Sequence[CandidateVerdict]) -> Verdict:
    found = {verdict.verdict for verdict in verdicts}
    for verdict in ("promote", "hold"):
        if verdict in found:
            return verdict
    return "reject"


def _judge_one(
    name: str,
    pairs: Pairs,
    answered: Sequence[Samples],
    comparison: Comparison,
    adjusted: tuple[float, float, float],
    *,
    num_candidates: int,
    rules: GateRules,
    targets: Targets,
    seed: int,
    priced: bool,
) -> CandidateVerdict:
    p_non_inferior, p_inferior, p_superior = adjusted
    score_verdict: Verdict = "hold"
    if p_non_inferior < rules.alpha:
        score_verdict = "promote"
    elif p_inferior < rules.alpha:
        score_verdict = "reject"
    cost = cost_difference(pairs, alpha=rules.alpha, seed=derive_seed(seed, "cost", name))
    superior = p_superior < rules.alpha
    not_better = comparison.difference.ci[1] <= 0.0
    cost_answer = cost_verdict(
        cost,
        min_saving=rules.min_saving,
        superior=superior,
        not_better=not_better,
        priced=priced,
    )
    limits = check_limits(answered, rules=rules, targets=targets)
    needed = None
    if score_verdict == "hold":
        needed = num_needed(comparison.difference, alpha=rules.alpha / num_candidates)
    judged = (
        (score_verdict, score_reason(comparison, score_verdict, p_non_inferior, needed)),
        (
            cost_answer,
            cost_reason(cost, min_saving=rules.min_saving, superior=superior, priced=priced),
        ),
        *((check.verdict, check.reason) for check in limits),
    )
    worst: Verdict = max((answer for answer, _ in judged), key=_SEVERITY.__getitem__)
    return CandidateVerdict(
        name=name,
        verdict=worst,
        comparison=comparison,
        score_verdict=score_verdict,
        p_non_inferior=p_non_inferior,
        p_inferior=p_inferior,
        p_superior=p_superior,
        cost=cost,
        cost_verdict=cost_answer,
        limits=limits,
        num_needed=needed,
        reasons=tuple(reason for _, reason in judged),
        obstacles=tuple(reason for answer, reason in judged if answer != "promote"),
    )
