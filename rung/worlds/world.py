"""World: a simulated workplace with state and tools, for tasks of several steps.

This file owns the protocol and its records only. A world is deterministic: the same example and the
same calls always give the same results and the same state. What a user's own world looks like is in
`docs/worlds.md`; how calls are scored is in `scoring.py`. Nothing here knows of models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from rung.tasks.task import Example

Fault = Literal["", "input", "tool"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One thing that can be done in a world."""

    name: str
    """Letters, digits, `_` and `.`, unique in its world, e.g. `calendar.create_event`."""
    description: str
    parameters: Mapping[str, Any]
    """JSON Schema (object) of the arguments."""
    writes: bool
    """Whether it changes the state."""
    is_assumed: bool = False
    """Whether `writes` is only assumed, since nothing says whether it changes the state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One use of a tool."""

    tool: str
    arguments: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Return `{"tool", "arguments"}`, the shape of targets and outputs."""
        return {"tool": self.tool, "arguments": dict(self.arguments)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a tool answered."""

    value: Any = None
    """JSON; None when it failed."""
    error: str = ""
    """Why it failed, with the offending value and the rule it breaks."""
    fault: Fault = ""
    """Whose failure it is: the arguments' (`input`), or the tool's own (`tool`: a time-out, an
    outage), which the same call may survive later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a sequence of calls is worth; look-ups cost nothing (methods 6.1)."""

    action_level: float
    """Mean over required writes of the match of tool and canonicalised arguments, 0 to 1."""
    strict: bool
    """Every required change made, every negative assertion held, nothing forbidden or extra
    written."""
    num_missing: int = 0
    """Required writes that were not made."""
    num_extra: int = 0
    """Writes nobody asked for (over-action)."""
    forbidden: tuple[str, ...] = ()
    """Names of the negative assertions that were broken."""
    side_effects: bool = False
    """The state was changed, and not into what was asked."""
    cause: str = ""
    """Why it is not strict, as one of the causes of `scoring.py`; empty when it is."""
    details: Mapping[str, Any] = field(default_factory=dict)


class Session(Protocol):
    """One example's workplace, in the state that the calls so far left it in."""

    def call(self, call: Call) -> Result:
        """Use a tool. A wrong call is a Result with an error, never an exception."""
        ...


class World(Protocol):
    """What a task of several steps is played in."""

    name: str

    def tools(self, example: Example) -> Sequence[Tool]:
        """Return the tools an agent may use in this example, in a fixed order."""
        ...

    def brief(self, example: Example) -> str:
        """Return what an agent is told about the workplace: today's date, whose desk it is."""
        ...

    def start(self, example: Example) -> Session:
        """Return a fresh session in the example's first state."""
        ...

    def oracle(self, example: Example) -> Sequence[Call]:
        """Return calls, look-ups included, that solve the example using only what can be seen."""
        ...

    def score(self, example: Example, calls: Sequence[Call]) -> Outcome:
        """Play the calls on a fresh session and judge what they did."""
        ...
