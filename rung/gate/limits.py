"""Hard limits on the holdout: forbidden outcomes and per-class recall.

Each check looks at the candidate alone and answers promote (the limit is met), hold (it is not,
but the count is too small to be sure) or reject. Intervals are exact (Clopper and Pearson 1934),
one-sided at level 1 - alpha on each end. The soft score and the cost are judged elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from rung.core.errors import GateError
from rung.core.hashing import canonical_json
from rung.gate.compare import Verdict
from rung.gate.rows import Samples
from rung.stats.intervals import clopper_pearson
from rung.tasks.task import Forbidden, GateRules, RecallLimit

Targets = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitCheck:
    """One hard limit and what the holdout says about it."""

    kind: Literal["forbidden", "recall"]
    name: str
    num_hits: int
    """Examples in which the forbidden outcome happened, or in which the class was found."""
    num_examples: int
    """All examples, or those of the class."""
    rate: float | None
    ci: tuple[float, float]
    limit: float
    verdict: Verdict
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Return the check as a plain JSON object."""
        return asdict(self) | {"ci": list(self.ci)}


def check_limits(
    samples: Sequence[Samples], *, rules: GateRules, targets: Targets
) -> tuple[LimitCheck, ...]:
    """Check every limit of the rules; raises GateError when a needed target is missing."""
    return (
        *(_forbidden(samples, limit, rules.alpha) for limit in rules.forbidden),
        *(_recall(samples, limit, targets, rules.alpha) for limit in rules.recall),
    )


def _forbidden(samples: Sequence[Samples], limit: Forbidden, alpha: float) -> LimitCheck:
    """Count an example when any of its samples did the forbidden thing."""
    hits = sum(any(limit.name in row.forbidden for row in one.rows) for one in samples)
    n = len(samples)
    low, high = clopper_pearson(hits, n, confidence=1.0 - 2.0 * alpha)
    verdict: Verdict = "promote"
    if hits / n > limit.max_rate:
        verdict = "reject" if limit.max_rate == 0.0 or low > limit.max_rate else "hold"
    reason = (
        f"forbidden outcome {limit.name!r} happened in {hits} of {n} examples"
        f" (at most {high:.1%} are to be expected); allowed is {limit.max_rate:.1%}"
    )
    return LimitCheck(
        kind="forbidden",
        name=limit.name,
        num_hits=hits,
        num_examples=n,
        rate=hits / n,
        ci=(low, high),
        limit=limit.max_rate,
        verdict=verdict,
        reason=reason,
    )


def _recall(
    samples: Sequence[Samples], limit: RecallLimit, targets: Targets, alpha: float
) -> LimitCheck:
    """Count an example as found when more than half of its samples say the class."""
    of_class = [one for one in samples if _target(targets, one.example, limit) == limit.value]
    hits = sum(_found(one, limit) for one in of_class)
    n = len(of_class)
    name = f"{limit.field}={limit.value}"
    verdict: Verdict = "hold"
    if n == 0:
        low, high = 0.0, 1.0
        reason = f"no example of {name} is in the holdout, so its recall is unknown"
    else:
        low, high = clopper_pearson(hits, n, confidence=1.0 - 2.0 * alpha)
        if hits / n >= limit.minimum:
            verdict = "promote"
        elif high < limit.minimum:
            verdict = "reject"
        reason = (
            f"recall of {name} is {hits} of {n} ({hits / n:.1%}, between {low:.1%} and"
            f" {high:.1%}); required is {limit.minimum:.1%}"
        )
    return LimitCheck(
        kind="recall",
        name=name,
        num_hits=hits,
        num_examples=n,
        rate=hits / n if n else None,
        ci=(low, high),
        limit=limit.minimum,
        verdict=verdict,
        reason=reason,
    )


def _target(targets: Targets, example: str, limit: RecallLimit) -> str:
    if example not in targets:
        raise GateError(
            f"checking recall of {limit.field}={limit.value}: example {example!r} has no target",
            hint="pass the targets of the whole holdout",
        )
    return _as_text(targets[example].get(limit.field))


def _found(one: Samples, limit: RecallLimit) -> bool:
    said = [
        row.status != "failed"  # what breaks the schema is no answer, whatever it says
        and isinstance(row.output, dict)
        and _as_text(row.output.get(limit.field)) == limit.value
        for row in one.rows
    ]
    return 2 * sum(said) > len(said)


def _as_text(value: Any) -> str:
    """Return a field's value as limits write it: strings as they are, other values as JSON."""
    return value if isinstance(value, str) else canonical_json(value)
