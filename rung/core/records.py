"""The nouns every stage shares: messages, token counts, and one row of a results file.

Nouns that belong to one stage (Task, Route, Form, Verdict) live in that stage.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

Split = Literal["train", "dev", "holdout"]
SPLITS: tuple[Split, ...] = get_args(Split)
Status = Literal["ok", "repaired", "escalated", "abstained", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A use of a tool that a model asked its server for."""

    id: str
    name: str
    arguments: str
    """JSON text as the model wrote it, which may be broken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One chat turn."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    """What an assistant asked for; only for engines that declare `tool_calls`."""
    call_id: str = ""
    """Of role `tool`: the call that this answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Token counts of one or more calls; the four kinds are never mixed."""

    prompt_tokens: int = 0
    """Prompt tokens evaluated or billed, cached ones not included."""
    cached_tokens: int = 0
    """Prompt tokens that a prefix cache already held."""
    forced_tokens: int = 0
    """Tokens of the answer that the form wrote; never generated."""
    output_tokens: int = 0
    """Tokens the model generated, thinking included."""

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            forced_tokens=self.forced_tokens + other.forced_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """What filling a form took beyond `Usage`, as far as the engine can tell.

    `Usage.forced_tokens` are the forced tokens evaluated plus those skipped; accepted drafts are
    output tokens, because the model agreed to each.
    """

    skipped_tokens: int = 0
    """Tokens behind the last decision: written, never evaluated."""
    drafted_tokens: int = 0
    """Tokens proposed where a forced text meets a value, and evaluated with it."""
    accepted_tokens: int = 0
    """Drafted tokens that the model would have written too."""
    scored_tokens: int = 0
    """Tokens evaluated to compare options, the winner's included."""
    passes: int = 0
    """Forward passes, or requests to a server."""

    def __add__(self, other: Effort) -> Effort:
        return Effort(
            skipped_tokens=self.skipped_tokens + other.skipped_tokens,
            drafted_tokens=self.drafted_tokens + other.drafted_tokens,
            accepted_tokens=self.accepted_tokens + other.accepted_tokens,
            scored_tokens=self.scored_tokens + other.scored_tokens,
            passes=self.passes + other.passes,
        )


OUTAGE, REFUSED = "outage", "refused"
"""Why an example has no answer: the model was out of reach, or its server refused the request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One sample of one example, as a results file (JSONL) holds it."""

    example: str
    group: str
    sample: int = 0
    score: float
    """Soft score, 0 to 1."""
    strict: bool
    """True only if every requirement is met and nothing forbidden happened."""
    output: Any = None
    usage: Usage = field(default_factory=Usage)
    effort: Effort = field(default_factory=Effort)
    latency_ms: float = 0.0
    cost_usd: float = 0.0
    timed: bool = True
    """Of a row that a gate judges: whether its cost can be compared. Not where it is billed by time
    that was measured in another hour than that of the others."""
    spent_usd: dict[str, float] = field(default_factory=dict)
    """Of the cost, what went to each model; empty where the route's own did all the work."""
    error: str | None = None
    status: Status = "ok"
    error_cost_usd: float = 0.0
    """What a wrong answer costs by the task's error-cost table; 0 when right."""
    fields: dict[str, float] = field(default_factory=dict)
    """Score of each scored field, 0 to 1."""
    forbidden: tuple[str, ...] = ()
    """Names of the task's forbidden outcomes that this answer caused."""
    cause: str = ""
    """Why a task with a world was not done: one of `worlds/scoring.py`; of any task `OUTAGE` or
    `REFUSED` where there is no answer at all."""

    def to_json(self) -> dict[str, Any]:
        """Return the row as a plain JSON object."""
        return asdict(self) | {"forbidden": list(self.forbidden)}
