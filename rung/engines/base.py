"""The one way to ask a model: `Engine.complete(Request) -> Completion`.

A form fills its slots through this seam alone: `prefix` carries the text already fixed, and
`choices`, `regex` or `schema` say what may follow it. An engine that cannot honour a field says so
in its `Capabilities`; it never ignores one silently. Retries of content belong to routes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from rung.core.records import Message, ToolCall, Usage

LIMIT_S = 120.0
"""Seconds for a request that sets no limit of its own."""

Thinking = Literal["default", "off", "on"]
FinishReason = Literal["stop", "length", "choice"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolOffer:
    """A tool that the model may call."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    """JSON Schema (object) of its arguments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to ask. At most one of `choices`, `regex` and `schema` may be set."""

    messages: tuple[Message, ...] = ()
    """The conversation, rendered by the model's own chat template."""
    prompt: str = ""
    """Raw text instead of `messages`."""
    prefix: str = ""
    """Forced start of the answer: counted as forced, never generated, not part of `text`."""
    choices: tuple[str, ...] = ()
    """The answer is exactly one of these strings; the result carries their log-probabilities."""
    regex: str = ""
    """The answer matches this regular expression whole."""
    schema: dict[str, Any] | None = None
    """The answer is JSON valid against this schema (the engine's own structured-output mode)."""
    tools: tuple[ToolOffer, ...] = ()
    """The model may call these instead of answering; only for engines that declare `tool_calls`."""
    stop: tuple[str, ...] = ()
    """The answer ends before the first of these strings."""
    max_tokens: int = 256
    temperature: float = 0.0
    seed: int = 0
    thinking: Thinking = "default"
    """The model's native thinking switch; only for engines that declare `thinking`."""
    adapter: str = ""
    top_logprobs: int = 0
    """How many alternatives to report per generated token; 0 reports none."""
    timeout_s: float | None = None
    """None: `LIMIT_S`, or the endpoint's own `timeout_s` where that is longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenLogprob:
    """One generated token and its natural-log probability under the model."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What came back. `text` excludes the forced prefix and the stop string."""

    text: str
    usage: Usage
    finish_reason: FinishReason
    latency_ms: float
    prefill_ms: float = 0.0
    """Time until the first token could be chosen; 0 where the engine cannot tell."""
    choice_logprobs: tuple[float, ...] = ()
    """Natural log of each choice's probability; comparable among the choices, summing to one where
    the engine restricts the model to them token by token."""
    choice_mass: float = 0.0
    """Probability the unrestricted model gave to beginning any choice; 0 when unknown."""
    logprobs: tuple[TokenLogprob, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    """Calls of the offered tools, in order, by the names they were offered under."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What an engine honours. `messages`, `stop` and `max_tokens` are always honoured."""

    prefix: bool = False
    choices: bool = False
    """Only allowed strings can come back."""
    choice_logprobs: bool = False
    """Choices are scored with the model's own probabilities."""
    regex: bool = False
    schema: bool = False
    logprobs: bool = False
    thinking: bool = False
    """The model's chat template has a native thinking switch."""
    adapters: bool = False
    tool_calls: bool = False
    """Tools can be offered, and calls of them come back apart from the text."""
    tokens: bool = False
    """Also a `TokenModel` (`steps.py`): forms are filled token by token, in this process."""
    round_trips: bool = False
    """Requests go to a server: forms weigh many small ones against a large one."""
    context_tokens: int = 0
    """0 when unknown."""
    conflicts: tuple[tuple[str, str], ...] = ()
    """Pairs of the above that one request cannot use together; `thinking` means switched on."""


class Engine(Protocol):
    """Runs one model. `model` is the name people type, e.g. `llama:smollm2-135m`."""

    model: str
    capabilities: Capabilities

    def complete(self, request: Request) -> Completion:
        """Answer one request; raises EngineError when no answer can be had."""
        ...

    def close(self) -> None:
        """Free memory and connections; calling it twice is fine."""
        ...
