"""AgentSpec: how an agent works, immutable and plain JSON, so that a route's hash can hold it.

What it works on (engine, world, instruction, shots) is given to `run_agent`. Nothing runs here.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from rung.core.errors import ConfigError
from rung.core.spelling import did_you_mean

Loop = Literal["text", "form", "native"]
Documentation = Literal["schemas", "cards", "none"]

AGENT_VERSION = 5
"""Raised when the same spec would act differently, so that no stale answer is reused."""
_SIZES = ("max_steps", "history_tokens", "max_tokens")
_ADDED = {
    "temperature": 0.0,
    "max_escalated": 0,
    "min_p": 0.0,
    "outline": False,
    "remaining": False,
    "shown": False,
}
"""Fields younger than stored specs, with the value that all of those have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSpec:
    """One way to work in steps; every mechanism can be turned off to measure what it does."""

    loop: Loop = "form"
    """How a step gets its shape: a blank page read tolerantly (`text`), the action form (`form`),
    or the server's own tool calls (`native`)."""
    tools: Documentation = "cards"
    """How tools are documented: as raw JSON Schemas, compressed to cards, or not at all. The last
    is for a model trained on them (prompt distillation): it is told what the request needs, no
    more."""
    card_examples: tuple[tuple[str, str], ...] = ()
    """(tool, arguments as JSON) shown on the tool's card, where dev has shown that it helps."""
    guards: bool = True
    """Check writes before they are made and read them back; see `guards.py`."""
    recovery: bool = True
    """Scripted answers to failures, and retries of tools; off: the plain error."""
    remaining: bool = False
    """Say behind a write which rows of the last look-up no write has named (`remaining.py`)."""
    shown: bool = False
    """Offer ids and mail addresses of a step as a choice of those that were shown (`shown.py`)."""
    memory: bool = False
    """Tell what the same person stated in earlier conversations (`memory.py`)."""
    abstain: bool = True
    """Offer to hand the request to a person."""
    num_shots: int = 0
    """Train examples shown as earlier turns, with the calls that solve them."""
    max_steps: int = 12
    """Turns of the model."""
    history_tokens: int = 1200
    """Estimated tokens that the turns after the request may take (`history.py`)."""
    max_tokens: int = 200
    """Generated tokens of one turn on a blank page or of one value of a form."""
    max_output_tokens: int = 0
    """Generated tokens of all turns, after which no other begins; 0: no limit."""
    temperature: float = 0.0
    """Above 0 steps are drawn: for samples to train on. Routes are served at 0."""
    seed: int = 0
    max_escalated: int = 0
    """Steps of a conversation that a stronger model may be asked for, each where the agent is in
    doubt (`step_doubt.py`); 0: none."""
    min_p: float = 0.0
    """A step is in doubt below this probability of its tool, or of an argument that is a choice; 0:
    no step is for that. An agent that asks no stronger model hands the request to a person before
    such a step (selective prediction, El-Yaniv and Wiener 2010)."""
    outline: bool = False
    """Ask a stronger model for an outline before the first turn (`outline.py`)."""

    def __post_init__(self) -> None:
        """Raise ConfigError for a value that means nothing."""
        for name, known in (("loop", get_args(Loop)), ("tools", get_args(Documentation))):
            if getattr(self, name) not in known:
                value = getattr(self, name)
                raise ConfigError(
                    f"an agent's {name} is {value!r}", hint=did_you_mean(value, known)
                )
        for name in _SIZES:
            if getattr(self, name) < 1:
                raise ConfigError(f"an agent's {name} is {getattr(self, name)}, not 1 or more")
        if self.max_escalated < 0:
            raise ConfigError(f"an agent's max_escalated is {self.max_escalated}, not 0 or more")
        if not 0.0 <= self.min_p <= 1.0:
            raise ConfigError(f"an agent's min_p is {self.min_p}, not from 0 to 1")
        if self.min_p and not (self.max_escalated or self.abstain):
            raise ConfigError(
                f"an agent's min_p is {self.min_p}, but it neither escalates a step nor abstains",
                hint="set max_escalated to 1 or more, or turn on abstain",
            )

    @property
    def defers(self) -> bool:
        """Whether a step in doubt hands the request to a person."""
        return self.min_p > 0 and not self.max_escalated

    @property
    def asks_stronger(self) -> bool:
        """Whether a stronger model is asked for anything."""
        return self.max_escalated > 0 or self.outline

    def to_json(self) -> dict[str, Any]:
        """Return the spec as plain JSON."""
        plain = {**asdict(self), "card_examples": [list(pair) for pair in self.card_examples]}
        for name, before in _ADDED.items():  # a spec without it keeps the hash it always had
            if plain[name] == before:
                del plain[name]
        return plain

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> AgentSpec:
        """Rebuild a spec; raises ConfigError for fields this version does not know."""
        known = [field.name for field in fields(cls)]
        for name in data:
            if name not in known:
                raise ConfigError(f"an agent has no {name!r}", hint=did_you_mean(name, known))
        pairs = tuple((tool, text) for tool, text in data.get("card_examples", ()))
        return cls(**{**data, "card_examples": pairs})
