"""Two routes on the same examples: is the candidate worse by more than the margin?

Samples are averaged per example first, then paired by example and clustered by group; the verdict
is non-inferiority, so a tie promotes when the evidence is enough. Costs, hard limits and several
candidates at once are judged in `verdict.py`.

Sources: Miller 2024 (arXiv 2411.00640); the test itself is `rung.stats.bounded`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rung.core.errors import GateError
from rung.core.records import Row
from rung.gate.rows import Pairs, pair, read_rows
from rung.stats.paired import McNemar, PairedDifference, mcnemar, paired_difference
from rung.stats.power import examples_needed, groups_needed

__all__ = ["Comparison", "Metric", "Verdict", "compare", "compare_pairs", "read_rows"]

Metric = Literal["score", "strict"]
Verdict = Literal["promote", "hold", "reject"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Candidate (B) minus reference (A) on one metric."""

    metric: Metric
    mean_a: float
    mean_b: float
    difference: PairedDifference
    """`difference.ci` ends are one-sided bounds at level 1 - alpha each."""
    discordant: tuple[int, int]
    """(A strictly right and B wrong, A wrong and B right), by the majority of samples."""
    mcnemar: McNemar
    verdict: Verdict
    num_needed: int | None
    """For hold: about how many examples in all would promote a candidate that truly ties, with
    80 % power. None when decided, or when the observed loss is what stands in the way."""

    def to_json(self) -> dict[str, Any]:
        """Return what `rung compare --json` prints."""
        return {
            "n": self.difference.n,
            "num_groups": self.difference.num_groups,
            "diff": self.difference.diff,
            "ci": list(self.difference.ci),
            "p_value": self.difference.p_value,
            "discordant": list(self.discordant),
            "mcnemar_p": self.mcnemar.exact,
            "margin": self.difference.margin,
            "verdict": self.verdict,
            "num_needed": self.num_needed,
        }


def compare(
    rows_a: Sequence[Row],
    rows_b: Sequence[Row],
    *,
    margin: float,
    metric: Metric = "score",
    alpha: float = 0.025,
    seed: int = 0,
    name_a: str = "A",
    name_b: str = "B",
) -> Comparison:
    """Compare candidate B with reference A; `alpha` is one-sided, so 0.025 gives a 95 % interval.

    promote: the lower bound is above -margin; reject: the upper bound is below it; else hold.
    Raises GateError when the examples or their groups differ, or margin or alpha make no sense.
    """
    pairs = pair(rows_a, rows_b, reference_name=name_a, candidate_name=name_b)
    return compare_pairs(pairs, margin=margin, metric=metric, alpha=alpha, seed=seed)


def compare_pairs(
    pairs: Pairs, *, margin: float, metric: Metric, alpha: float, seed: int
) -> Comparison:
    """Compare two routes already aligned by `rung.gate.rows.pair`."""
    if not 0.0 < margin < 1.0:
        raise GateError(f"margin is {margin}, not between 0 and 1", hint="try --margin 0.03")
    if not 0.0 < alpha < 0.5:
        raise GateError(f"alpha is {alpha}, not between 0 and 0.5")
    before = [samples.mean(metric) for samples in pairs.reference]
    after = [samples.mean(metric) for samples in pairs.candidate]
    difference = paired_difference(
        before, after, pairs.groups, margin=margin, alpha=alpha, seed=seed
    )
    strict = [(a.strict, b.strict) for a, b in zip(pairs.reference, pairs.candidate, strict=True)]
    discordant = (strict.count((True, False)), strict.count((False, True)))
    verdict = _verdict(difference)
    return Comparison(
        metric=metric,
        mean_a=sum(before) / len(before),
        mean_b=sum(after) / len(after),
        difference=difference,
        discordant=discordant,
        mcnemar=mcnemar(*discordant),
        verdict=verdict,
        num_needed=num_needed(difference) if verdict == "hold" else None,
    )


def _verdict(difference: PairedDifference) -> Verdict:
    if difference.p_non_inferior < difference.alpha:
        return "promote"
    return "reject" if difference.p_inferior < difference.alpha else "hold"


def num_needed(difference: PairedDifference, *, alpha: float | None = None) -> int | None:
    """Return about how many examples would settle a hold; see `Comparison.num_needed`.

    The clustered variance gives the examples a tie needs by the normal approximation; to these
    come the groups that must be loss-free to rule out rare total losses (in simulations the sum
    reaches 80 % power and overshoots by at most a fifth). When the data in hand are already that
    many, the observed loss is taken as true instead of a tie.
    """
    level = difference.alpha if alpha is None else alpha
    tie = _needed(difference, effect=difference.margin, alpha=level)
    if tie > difference.n:
        return tie
    effect = difference.margin + min(0.0, difference.diff)
    return _needed(difference, effect=effect, alpha=level) if effect > 0.0 else None


def _needed(difference: PairedDifference, *, effect: float, alpha: float) -> int:
    size = difference.n / difference.num_groups
    variance = difference.n * difference.se**2 if difference.num_groups > 1 else size
    spread = examples_needed(variance=variance, effect=effect, alpha=alpha)
    return spread + round(size * groups_needed(margin=effect, alpha=alpha))
