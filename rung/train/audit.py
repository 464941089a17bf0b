"""May a verifier reward a model: does it accept what is right and refuse what only looks right.

Probes are made of a task's own train examples: right answers in harmless variations, and wrong ones
of adversarial families (`audit_probes.py`). A verifier passes with at least 24 probes of 4
families, no wrong answer accepted, at most 5 % of the right ones refused and a Matthews correlation
of at least 0.9; one that fails rewards nothing, since what it wrongly accepts would be learnt.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rung.core.errors import TrainError
from rung.core.seeds import stream
from rung.tasks.task import Example
from rung.train.audit_probes import RIGHT, Trial, trials_of
from rung.train.rewards import Verifier

MIN_PROBES, MIN_FAMILIES = 24, 4
MAX_FALSE_NEGATIVES = 0.05
MIN_CORRELATION = 0.9
NUM_EXAMPLES = 32
"""Train examples that probes are made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """How a verifier judged the probes."""

    verifier: str
    num_right: int
    num_refused: int
    """Right answers that it refused."""
    families: Mapping[str, int]
    """Wrong answers, by family."""
    accepted: Mapping[str, int]
    """Those of them that it accepted, by family."""
    exemplar: str = ""
    """The first misjudged answer, in words."""

    @property
    def num_probes(self) -> int:
        """How many answers were judged."""
        return self.num_right + sum(self.families.values())

    @property
    def correlation(self) -> float:
        """Matthews correlation of verdict and truth, -1 to 1; 0 where one of them never varies."""
        wrong, passed = sum(self.families.values()), sum(self.accepted.values())
        tp, fn = self.num_right - self.num_refused, self.num_refused
        tn, fp = wrong - passed, passed
        scale = math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
        return (tp * tn - fp * fn) / scale if scale else 0.0

    @property
    def problem(self) -> str:
        """Why it may not reward a model; empty where it may."""
        if self.num_probes < MIN_PROBES or len(self.families) < MIN_FAMILIES:
            return (
                f"only {self.num_probes} probes of {len(self.families)} families can be made,"
                f" {MIN_PROBES} of {MIN_FAMILIES} are needed"
            )
        if self.accepted:
            family, num = max(self.accepted.items(), key=lambda item: item[1])
            return f"it accepts {num} of {self.families[family]} wrong answers of family {family!r}"
        if self.num_refused > MAX_FALSE_NEGATIVES * self.num_right:
            return f"it refuses {self.num_refused} of {self.num_right} right answers"
        if self.correlation < MIN_CORRELATION:
            return f"its correlation with the truth is {self.correlation:.2f}"
        return ""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON."""
        derived = {"num_probes": self.num_probes, "correlation": self.correlation}
        return asdict(self) | derived | {"problem": self.problem}


def audit(verifier: Verifier, examples: Sequence[Example], *, seed: int = 0) -> Audit:
    """Judge a verifier by probes of some of the examples, which must be train's."""
    some = stream(seed, "audit").sample(list(examples), min(NUM_EXAMPLES, len(examples)))
    refused, exemplar = 0, ""
    families: Counter[str] = Counter()
    accepted: Counter[str] = Counter()
    for probe in trials_of(verifier, some):
        families[probe.family] += 1
        said = verifier.accepts(probe.example, probe.output)
        if said == (probe.family == RIGHT):
            continue
        exemplar = exemplar or _told(probe)
        if probe.family == RIGHT:
            refused += 1
        else:
            accepted[probe.family] += 1
    num_right = families.pop(RIGHT, 0)
    return Audit(
        verifier=verifier.name,
        num_right=num_right,
        num_refused=refused,
        families=dict(families),
        accepted=dict(accepted),
        exemplar=exemplar,
    )


def demand_audited(found: Audit) -> None:
    """Raise TrainError naming a verifier that may not reward a model, and why."""
    if found.problem:
        raise TrainError(
            f"the {found.verifier} may not reward training: {found.problem}"
            + (f", e.g. {found.exemplar}" if found.exemplar else ""),
            hint="make it stricter, or train with --method rft or dpo on answers read by people",
        )


def _told(probe: Trial) -> str:
    text = repr(probe.output)
    return f"{text[:160]} for example {probe.example.id!r}"
