"""What a repair map is made of. Records only: misses are read in `read_form.py` and
`read_world.py`, gathered in `clusters.py`, judged in `remedies.py` and `change.py`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from rung.repair.payback import Investment, Training
from rung.stats.intervals import Interval
from rung.worlds import scoring

SUSPECT, UNANSWERED = "suspect_label", "unanswered"
CAUSES: tuple[str, ...] = (*scoring.CAUSES[1:], SUSPECT, UNANSWERED)
"""Why a requirement was missed: as in worlds, because its label is probably wrong, or because
nobody answered: an outage, or a request that was refused."""
ANSWER, EXTRA = "answer", "extra"
"""Requirements beside fields and calls: that there is an answer, that nothing else is written."""
OTHER = "other"
PAIR = " -> "
"""Between the true and the given value of a class, in a miss's detail."""
NUM_EXEMPLARS = 3
"""Inputs of each cluster that the JSON holds."""

Rung = Literal[
    "form",
    "example",
    "rule",
    "relabel",
    "sft",
    "dpo",
    "rl",
    "escalate",
    "gold is wrong",
    "ask again",
]

TRAINING: tuple[Rung, ...] = ("sft", "dpo", "rl")
"""Remedies that change weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """One requirement of one example that an answer did not meet."""

    example: str
    group: str
    requirement: str
    """A field, a tool with which something is to be written, `answer`, `extra`, or `never:NAME`;
    unique within its example."""
    scope: str
    """What examples with the same requirement share: the field's true value, or the workflow."""
    cause: str
    place: str
    """Where in the task's structure: the field, or the workflow."""
    detail: str
    """What in that place: `true -> predicted`, or the call and its argument."""
    text: str
    """The input."""
    expected: str
    got: str
    error_cost_usd: float = 0.0
    """What the miss costs; an answer's error cost is one miss's, never shared out."""
    p_pass: float = 0.0
    """Share of the example's samples that were strict."""
    num_samples: int = 1

    @property
    def key(self) -> tuple[str, str]:
        """What identifies the requirement: its example and its name."""
        return self.example, self.requirement


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """The next rung to try on a cluster."""

    rung: Rung
    reason: str
    lacking: tuple[str, ...] = ()
    """Which methods of training are out for want of data, and what they need."""

    @property
    def is_training(self) -> bool:
        """Whether the remedy is to change weights."""
        return self.rung in TRAINING


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """After minus before, paired by requirement; 95 % interval, clustered by group."""

    num: int
    num_groups: int
    diff: float
    ci: Interval
    num_fixed: int
    """Missed before, met after."""
    num_broken: int
    """Met before, missed after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a repair changed in a cluster that was found before it."""

    num_fixed: int
    """Of the cluster's own misses; some of them would be met by luck when asked again."""
    fixed_ci: Interval
    scope: Difference
    """Over all examples that have the requirement, right ones too: not selected by failing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Misses with one cause in one cell, or the small cells that are left."""

    name: str
    """Readable and unique in its map: cause, place, detail, and what the texts are about."""
    cause: str
    place: str
    """Empty where cells of several places are pooled."""
    detail: str
    """Empty where cells of several details are pooled."""
    about: tuple[str, ...]
    """Terms that tell the cluster's texts from others of its cell; empty where it is the cell."""
    misses: tuple[Miss, ...]
    num_examples: int
    share: float
    """Of all misses, 0 to 1."""
    share_ci: Interval
    error_cost_usd: float
    """Sum over the examples measured."""
    cpao_saving_usd: float | None
    """How much lower the cost per acceptable outcome were without it; None when unknown."""
    num_reference: int
    """Misses whose example the reference answered."""
    num_reference_met: int
    """Those that the reference met."""
    remedy: Remedy
    change: Change | None = None
    investment: Investment | None = None
    """A training for this cluster alone; None where the remedy is another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairMap:
    """Where a route fails, in clusters, the largest first; every miss is in exactly one."""

    task: str
    route: str
    split: str
    num_examples: int
    num_failed: int
    """Examples that are not strict in more than half of their samples."""
    num_left_out: int
    """Examples of the results file that belong to no split that may be looked at."""
    cpao_usd: float | None
    priced: bool
    """Whether the task says what errors cost."""
    reference: str
    """Empty without one."""
    clusters: tuple[Cluster, ...]
    after: str = ""
    """Whose results the changes are measured on; empty without a repair."""
    strict_change: Difference | None = None
    """Strict over all examples, after minus before."""
    volume_per_day: float = 0.0
    """Requests, as the task says."""
    training: Training | None = None
    """What one takes; None where none was run or estimated."""
    investment: Investment | None = None
    """One training for all clusters whose remedy is training; None where there is none."""

    @property
    def num_misses(self) -> int:
        """How many requirements were missed."""
        return sum(len(cluster.misses) for cluster in self.clusters)

    def to_json(self) -> dict[str, Any]:
        """Return what `rung repair --json` prints; of each cluster a few whole inputs."""
        head = {
            name: getattr(self, name)
            for name in self.__slots__
            if name not in ("clusters", "strict_change", "training", "investment")
        }
        change = self.strict_change
        return {
            **head,
            "num_misses": self.num_misses,
            "strict_change": asdict(change) if change else None,
            "training": asdict(self.training) if self.training else None,
            "investment": self.investment.to_json() if self.investment else None,
            "clusters": [_cluster_json(cluster) for cluster in self.clusters],
        }


def _cluster_json(cluster: Cluster) -> dict[str, Any]:
    told = ("example", "requirement", "cause", "expected", "got", "error_cost_usd", "p_pass")
    worth = cluster.investment
    return {
        **{name: value for name, value in asdict(cluster).items() if name != "misses"},
        "investment": worth.to_json() if worth else None,
        "num": len(cluster.misses),
        "misses": [{name: getattr(miss, name) for name in told} for miss in cluster.misses],
        "exemplars": [
            {"example": miss.example, "input": miss.text} for miss in cluster.misses[:NUM_EXEMPLARS]
        ],
    }
