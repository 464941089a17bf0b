"""The token-level seam: what a form needs from an engine that runs in this process.

A `Branch` is one continuation of a prompt; branches share what they have in common. `evaluate`
takes any number of steps on any branches as one batch, so whatever can go side by side does: the
slots of a form, the options of a choice, several documents. What to write is not decided here, and
a grammar constrains nothing unless its user asks it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import RLock
from typing import Any, Protocol

from rung.engines.base import Request
from rung.engines.sampling import Grammars, Logits


@dataclass(slots=True, kw_only=True, eq=False)
class Branch:
    """One continuation; `tokens` are those evaluated so far, prompt included."""

    handle: Any
    """The engine's own: a sequence number, a cache object."""
    tokens: list[int] = field(default_factory=list)
    adapter: str = ""
    """The adapter it is evaluated with; branches of different adapters share nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Tokens to append to branches of equal length, which then share them.

    Steps of one batch are evaluated in order: a later one may continue an earlier one.
    """

    branches: tuple[Branch, ...]
    tokens: tuple[int, ...]
    num_logits: int = 0
    """How many of the last tokens to report logits after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A fresh branch: what the cache held already, and what is still to be evaluated."""

    branch: Branch
    rest: tuple[int, ...]
    """Never empty: the last token of a prompt is always evaluated anew."""
    num_cached: int


class TokenModel(Protocol):
    """Evaluates tokens. Hold `lock` from `open` to `release`; methods raise EngineError."""

    lock: RLock
    grammars: Grammars
    max_branches: int
    """Branches that may exist at once, those in use elsewhere included."""

    def open(self, request: Request) -> Opened:
        """Start a branch with the request's messages (or prompt) and prefix."""
        ...

    def evaluate(self, steps: Sequence[Step]) -> list[Logits]:
        """Evaluate all steps as one batch; return each one's logits, (num_logits, vocab)."""
        ...

    def fork(self, branch: Branch, length: int | None = None) -> Branch:
        """Return a branch that shares the first `length` tokens (all when None)."""
        ...

    def cut(self, branch: Branch, length: int) -> None:
        """Forget a branch's tokens from `length` on."""
        ...

    def release(self, branch: Branch) -> None:
        """End a branch; its tokens may serve a later `open` that begins alike."""
        ...

    def drop(self, branch: Branch) -> None:
        """End a branch and forget it at once."""
        ...
