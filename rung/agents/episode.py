"""Episode: what an agent did on one request, step by step. Records only; plain JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from rung.agents.actions import decision_from_json
from rung.core.records import Effort, Usage
from rung.forms import Decision
from rung.worlds.world import Call, Result

Ending = Literal["ok", "abstained", "failed"]
Stop = Literal["", "malformed", "truncated", "abstained", "unverified"]
"""What ended an episode that did not end by itself: nothing could be read or done any more, a limit
on steps or tokens, its own or a guard's wish, a write that the world does not show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Help:
    """One thing that a stronger model was asked for."""

    why: str
    """The doubt about the step; `outline` where that was asked for."""
    problem: str = ""
    """Why what it said was of no use, so that the agent went on alone."""
    usage: Usage = field(default_factory=Usage)
    effort: Effort = field(default_factory=Effort)
    latency_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One call of one turn, or a turn without any."""

    said: str = ""
    """The turn as the model wrote it."""
    call: Call | None = None
    result: Result | None = None
    """None when the call was not made."""
    blocked: str = ""
    """Why the code did not make it."""
    observation: str = ""
    """What the model was told."""
    num_tries: int = 0
    """How often the call was made; more than once after a tool's own failure."""
    unverified: str = ""
    """What a look-up shows otherwise than this write claimed."""
    choice: Decision | None = None
    """How sure the model was of the tool."""
    p: float | None = None
    """Probability of what it was least sure of: the tool, or an argument that is a choice."""
    escalated: str = ""
    """The doubt for which a stronger model took this step."""
    usage: Usage = field(default_factory=Usage)
    effort: Effort = field(default_factory=Effort)
    latency_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """An agent's work on one request."""

    calls: tuple[Call, ...] = ()
    """Every call that was made, code's own look-ups and retries included, in order; in a world that
    outlives the run without those that it refused, since they did nothing."""
    answer: str | None = None
    """What the model answered, byte for byte; None when it did not."""
    status: Ending
    reason: str = ""
    stop: Stop = ""
    usage: Usage = field(default_factory=Usage)
    """Of the agent's own model and of the stronger one, as effort and latency are."""
    effort: Effort = field(default_factory=Effort)
    steps: tuple[Step, ...] = ()
    """Their usage, effort and latency are the agent's own."""
    helps: tuple[Help, ...] = ()
    """What a stronger model was asked for, in order."""
    latency_ms: float = 0.0

    @property
    def actions(self) -> tuple[Call, ...]:
        """The calls the model itself asked for and that were made, in order."""
        return tuple(step.call for step in self.steps if step.call and step.result is not None)

    @property
    def output(self) -> dict[str, Any]:
        """The episode as a task's answer: the calls that were made, and the answer text."""
        return {"calls": [call.to_json() for call in self.calls], "answer": self.answer or ""}

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON for the store."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Episode:
        """Rebuild an episode from the store."""
        return cls(
            **{
                **data,
                "calls": tuple(Call(**call) for call in data["calls"]),
                "steps": tuple(map(_step, data["steps"])),
                "helps": tuple(map(_help, data.get("helps", ()))),
                "usage": Usage(**data["usage"]),
                "effort": Effort(**data["effort"]),
            }
        )


def _help(data: Mapping[str, Any]) -> Help:
    counts = {"usage": Usage(**data["usage"]), "effort": Effort(**data["effort"])}
    return Help(**{**data, **counts})


def _step(data: Mapping[str, Any]) -> Step:
    kinds: dict[str, Any] = {"call": Call, "result": Result}
    rebuilt = {name: kind(**data[name]) for name, kind in kinds.items() if data[name] is not None}
    counts = {"usage": Usage(**data["usage"]), "effort": Effort(**data["effort"])}
    return Step(**{**data, **rebuilt, **counts, "choice": decision_from_json(data["choice"])})
