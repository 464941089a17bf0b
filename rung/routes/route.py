"""Route: one way to answer, immutable and hashed.

Two routes with the same hash give the same answers from the same engine; the display name takes no
part in the hash. What a route does with an input is in `answer.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

from rung.agents.spec import AGENT_VERSION, AgentSpec
from rung.core.errors import ConfigError
from rung.core.hashing import content_hash
from rung.core.seeds import derive_seed

Output = Literal[
    "constant", "oracle", "blank", "json", "form", "head", "ranker", "agent", "cascade"
]
Thought = Literal["off", "native", "scratchpad"]
Telling = Literal["full", "bare"]

MAX_TEMPERATURE = 2.0
ROUTE_VERSION = 7
"""Raised when the same fields would answer differently, so that no stale answer is reused."""
_ADDED = {
    "adapter": "",
    "prompt": "full",
    "stronger": "",
    "stages": [],
    "witnesses": [],
    "policy": "",
    "temperature": 0.0,
}
"""Fields younger than stored routes, with the value that all of those have."""
_PARTS = ("stages", "witnesses")
"""Fields that hold routes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Engine, model, prompt, form, decoding and helpers of one way to answer."""

    name: str
    """Short readable name, e.g. `form+shots`."""
    rung: str
    """The rung that proposed it."""
    output: Output
    """How the answer gets its shape: a constant, the label (or a world's oracle), a blank page, the
    engine's own JSON mode, a form, a linear head alone, a ranker of listed options, an agent that
    works in steps, or a cascade of other routes."""
    model: str = ""
    """Empty for routes that call no model."""
    adapter: str = ""
    """Name of the adapter in the artifacts, or the one that a server knows it by."""
    form_hash: str = ""
    instruction_hash: str = ""
    """Hash of the task's instruction, which the prompt carries."""
    prompt: Telling = "full"
    """What a model is told: its job and the input, or the input alone, where it was trained on its
    job (prompt distillation). Agents have `AgentSpec.tools`."""
    thinking: Thought = "off"
    num_shots: int = 0
    """Most similar train examples shown before the input."""
    train_hash: str = ""
    """Content hash of the train split that shots are drawn from."""
    head: str = ""
    """Artifact of the linear head, or of the ranker, that fills `head_fields`."""
    head_fields: tuple[str, ...] = ()
    decide: Literal["likeliest", "cheapest"] = "likeliest"
    """How a head turns probabilities into a value of the field that errors are priced by: the
    likeliest one, or the one of least expected error cost."""
    scoring: Literal["quick", "trie", "likelihood", "normalised"] = "quick"
    """How a form's options are weighed; see `forms/weigh.py`."""
    parallel: bool = False
    """Fill the form's scalar slots side by side."""
    calibration: str = ""
    """Artifact of the calibration of the form's choices."""
    use_priors: bool = False
    """Divide choice probabilities by what a content-free input gives."""
    agent: AgentSpec | None = None
    """How the steps of an `agent` are taken."""
    stronger: str = ""
    """Of an agent: the model that takes steps in doubt and outlines the work, where `agent` says
    so."""
    constant: str = ""
    """Canonical JSON of the answer of a constant route."""
    stages: tuple[Route, ...] = ()
    """Of a cascade: the routes that are asked in turn, the cheapest first."""
    witnesses: tuple[Route, ...] = ()
    """Of a cascade: cheap routes asked beside the first stage; disagreement is a signal."""
    policy: str = ""
    """Artifact that says when each stage of a cascade hands on."""
    max_tokens: int = 256
    """Cap on generated tokens per call; a tight cap suffocates a blank page, so it is reported."""
    retries: int = 1
    temperature: float = 0.0
    """0 takes the likeliest; agents have `AgentSpec.temperature`."""
    seed: int = 0

    @property
    def draws(self) -> bool:
        """Whether two samples of one input may differ by the route's own doing."""
        return (self.agent.temperature if self.agent else self.temperature) > 0.0

    def at_temperature(self, temperature: float) -> Route:
        """Return the route as it answers at a temperature, under a name that says so.

        Raises ConfigError for one out of range, and for a route that asks no model itself.
        """
        if not 0.0 < temperature <= MAX_TEMPERATURE:
            raise ConfigError(f"temperature {temperature:g} is not above 0 and up to 2")
        if not self.model or self.stages:
            raise ConfigError(
                f"route {self.name!r} asks no model itself, so it has no temperature",
                hint="choose one that does, e.g. form",
            )
        agent = replace(self.agent, temperature=temperature) if self.agent else None
        own = 0.0 if agent else temperature
        name = self.name.rpartition("+t")[0] if self.draws else self.name
        return replace(self, name=f"{name}+t{temperature:g}", agent=agent, temperature=own)

    def drawn(self, text: str, sample: int) -> Route:
        """Return the route that draws an input's n-th sample (0, …): the seed alone differs.

        No two inputs share random numbers: else an unlucky draw would be one for all of them, and
        intervals that take examples for independent would be too narrow.
        """
        if not (sample or self.draws):
            return self
        seed = derive_seed(self.seed, "sample", sample, text)
        agent = replace(self.agent, seed=seed) if self.agent else None
        return replace(self, seed=seed, agent=agent)

    @property
    def hash(self) -> str:
        """SHA-256 of everything that decides the answer."""
        versions = [ROUTE_VERSION, AGENT_VERSION] if self.agent else ROUTE_VERSION
        parts = {name: [part.hash for part in getattr(self, name)] for name in _PARTS}
        agent = self.agent.to_json() if self.agent else None
        decides = {**asdict(self), "name": "", "version": versions, "agent": agent, **parts}
        for field, plain in _ADDED.items():  # a route without it keeps the hash it always had
            if decides[field] == plain:
                del decides[field]
        return content_hash(decides)

    def to_json(self) -> dict[str, Any]:
        """Return the route as plain JSON."""
        agent = self.agent.to_json() if self.agent else None
        parts = {name: [part.to_json() for part in getattr(self, name)] for name in _PARTS}
        return {**asdict(self), "head_fields": list(self.head_fields), "agent": agent, **parts}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Route:
        """Rebuild a route; raises ConfigError for fields this version does not know."""
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(data) - known):
            raise ConfigError(f"a stored route has unknown fields {unknown}", hint="upgrade rung")
        agent = AgentSpec.from_json(data["agent"]) if data.get("agent") else None
        parts = {name: tuple(map(cls.from_json, data.get(name, ()))) for name in _PARTS}
        head_fields = tuple(data.get("head_fields", ()))
        return cls(**{**data, "head_fields": head_fields, "agent": agent, **parts})


def models_of(route: Route) -> Iterator[str]:
    """Yield the models of a route, and of those that it hands on to."""
    yield route.model
    if route.stronger:
        yield route.stronger
    for part in (*route.stages, *route.witnesses):
        yield from models_of(part)
