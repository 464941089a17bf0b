"""Task and Example: the bounded job, its contract, and its labelled instances.

A task is a folder: `task.toml`, `form.json` (JSON Schema), `examples.jsonl`, optional `scorer.py`.
This file owns the records only; folders are read in `folder.py`, splits made in `splits.py`,
answers scored in `scorers.py`. The holdout is not reachable from a Task: only `gate/` opens it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from rung.forms.form import Style

_ROUNDING = 1e-9
ScorerName = Literal["exact", "number", "set", "similarity", "ignore"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One labelled instance. `group` ties instances that must share a split and a cluster."""

    id: str
    input: str
    target: dict[str, Any]
    group: str
    setup: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """What the task's world starts from and is judged by; no model ever sees it."""
    earlier: tuple[tuple[str, ...], ...] = ()
    """What the same person said before, a conversation each, oldest first."""
    owner: str = ""
    """Of a request in service: whose it is, where an agent remembers what they said before."""

    @property
    def said(self) -> str:
        """Everything the person said: earlier, and now."""
        return "\n".join([*(turn for turns in self.earlier for turn in turns), self.input])


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldScoring:
    """How one top-level field of the form is scored."""

    scorer: ScorerName = "exact"
    weight: float = 1.0
    """Share in the soft score, relative to the other fields."""
    strict_at: float = 1.0
    """Strict needs a field score of at least this; 0 leaves the field out of strict."""
    tolerance: float = 0.0
    """For `number`: largest absolute difference that still scores 1."""

    def is_met(self, score: float) -> bool:
        """Return whether a field score is enough for strict."""
        return score >= self.strict_at - _ROUNDING


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorCost:
    """What a wrong value of `field` costs, by (true, predicted); `*` matches any value."""

    field: str
    default_usd: float = 0.0
    pairs: Mapping[tuple[str, str], float] = dataclasses.field(
        default_factory=lambda: MappingProxyType({})
    )

    def cost_usd(self, true: str, predicted: str) -> float:
        """Return the cost of answering `predicted` where `true` was right; 0 when equal."""
        if true == predicted:
            return 0.0
        for key in ((true, predicted), (true, "*"), ("*", predicted)):
            if key in self.pairs:
                return self.pairs[key]
        return self.default_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Replies:
    """Approved texts by the value of `field`; a value without one must go to a person."""

    field: str
    texts: Mapping[str, str]
    """With `{name}` for the value of another field of the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallLimit:
    """A hard limit: of the examples whose `field` is `value`, at least `minimum` must be found."""

    field: str
    value: str
    minimum: float


SIDE_EFFECTS = "side_effects"
"""The forbidden act, in any world, of writing what nobody asked for, or of leaving a state that is
neither the first nor the one asked for; work done in part is one, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forbidden:
    """A forbidden outcome: `field` is truly `true` and the answer says one of `predicted`.

    In a world it is an act, and has a name alone: of a negative assertion of the examples, or
    `SIDE_EFFECTS`.
    """

    name: str
    field: str = ""
    true: str = ""
    predicted: tuple[str, ...] = ()
    max_rate: float = 0.0
    """Largest share of all examples in which it may happen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRules:
    """What the gate demands on the holdout (methods: non-inferiority, paired and clustered)."""

    metric: Literal["score", "strict"] = "score"
    margin: float = 0.03
    """Largest loss against the incumbent or reference that still counts as non-inferior."""
    alpha: float = 0.05
    """Family-wise probability of promoting an inferior candidate."""
    min_saving: float = 0.05
    """Least share of the incumbent's cost that counts as saved. A local model is billed by time,
    and what a machine needs for the same work drifts by a few percent."""
    recall: tuple[RecallLimit, ...] = ()
    forbidden: tuple[Forbidden, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """The contract of one bounded job, with its train and dev examples."""

    name: str
    title: str
    instruction: str
    """What the job is, in the words a model is given."""
    schema: dict[str, Any]
    """JSON Schema (object) of the answer."""
    scoring: Mapping[str, FieldScoring]
    error_cost: ErrorCost | None = None
    replies: Replies | None = None
    gate: GateRules = dataclasses.field(default_factory=GateRules)
    style: Style = "json"
    """How the form looks as text."""
    world: str = ""
    """Of a task of several steps: the bundled world it is played in, `world.py`, the task folder's
    own, or `mcp`, its MCP server. Answers are `{"calls": [{"tool", "arguments"}], "answer"}`."""
    volume_per_day: float = 1000.0
    latency_budget_ms: float = 0.0
    """When an answer comes too late to be of use; 0 where that is no matter."""
    reference_price: str = "frontier"
    """Row of the price table that the work is billed at today."""
    default_limit: int = 0
    """Most examples a model answers per split when a climb is given no limit; 0 means all."""
    local_only: bool = False
    """No input may leave this machine: a model elsewhere is refused before it is asked."""
    path: Path
    train: tuple[Example, ...] = ()
    dev: tuple[Example, ...] = ()
    num_holdout: int = 0
    generation: int = 1
    """Of its splits; see `generation.py`."""
    split_hashes: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """SHA-256 of each split's content, as locked when the splits were made."""

    @property
    def spans_conversations(self) -> bool:
        """Whether its examples tell what the same person said before."""
        return any(example.earlier for example in (*self.train, *self.dev))
