"""The account of one model's branches: which are in use, which are kept as a cache.

A released branch stays until room is needed, so a prompt that begins like an earlier one (a task's
static part, a form that is filled again) evaluates only what is new. An adapter changes what every
token leaves in the cache, so nothing is shared across adapters. What a branch holds and how
tokens are evaluated belongs to the subclasses, one for each way to run a model.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from threading import RLock
from typing import Any

from rung.core.errors import EngineError
from rung.engines.sampling import Logits
from rung.engines.steps import Branch, Opened, Step

_MAX_IDLE = 4
"""Released branches kept of each adapter; more would cost memory and help few prompts."""
_MAX_IDLE_OF_ALL = 16


class Branches(ABC):
    """Keeps account of branches. Not thread-safe without `lock`."""

    def __init__(self, *, context_tokens: int, max_branches: int, batch_tokens: int) -> None:
        self.lock = RLock()
        self.context_tokens = context_tokens
        self.max_branches = max_branches
        self.batch_tokens = batch_tokens
        """Tokens of a long prompt that are best evaluated at once."""
        self.num_passes = 0
        """Batches evaluated since the start."""
        self._active: list[Branch] = []
        self._idle: list[Branch] = []

    def start(self, tokens: Sequence[int], room: int = 0, adapter: str = "") -> Opened:
        """Return a branch that is to hold `tokens` and `room` more; see `TokenModel.open`."""
        needed = len(tokens) + room
        if needed > self.context_tokens:
            raise EngineError(
                f"the request needs {needed} tokens, the context has {self.context_tokens}",
                hint="shorten the input or use fewer examples",
                of_input=True,
            )
        self._prepare(adapter)
        nearest = max(
            [branch for branch in (*self._idle, *self._active) if branch.adapter == adapter],
            key=lambda branch: _num_shared(branch.tokens, tokens),
            default=None,
        )
        shared = 0 if nearest is None else min(_num_shared(nearest.tokens, tokens), len(tokens) - 1)
        if nearest is None or not shared:
            self._make_room()
            branch = self._add(self._new(), [], adapter)
        elif nearest in self._idle:
            self._idle.remove(nearest)
            self._active.append(nearest)
            branch = nearest
            self.cut(branch, shared)
        else:
            branch = self.fork(nearest, shared)
        return Opened(branch=branch, rest=tuple(tokens[shared:]), num_cached=shared)

    def fork(self, branch: Branch, length: int | None = None) -> Branch:
        """Return a branch that shares the first `length` tokens."""
        self._make_room()
        tokens = branch.tokens[:length]
        return self._add(self._share(branch.handle, len(tokens)), tokens, branch.adapter)

    def cut(self, branch: Branch, length: int) -> None:
        """Forget a branch's tokens from `length` on."""
        if length < len(branch.tokens):
            branch.handle = self._shorten(branch.handle, length)
            del branch.tokens[length:]

    def release(self, branch: Branch) -> None:
        """End a branch, keeping it as a cache."""
        if branch in self._active:
            self._active.remove(branch)
            self._idle.append(branch)
            alike = [kept for kept in self._idle if kept.adapter == branch.adapter]
            for old in alike[:-_MAX_IDLE] + self._idle[:-_MAX_IDLE_OF_ALL]:
                self.drop(old)

    def drop(self, branch: Branch) -> None:
        """End a branch and forget it."""
        for kept in (self._active, self._idle):
            if branch in kept:
                kept.remove(branch)
                self._free(branch.handle)
                branch.tokens.clear()

    def reset(self) -> None:
        """Forget everything, branches in use included."""
        for branch in [*self._active, *self._idle]:
            self.drop(branch)

    @abstractmethod
    def evaluate(self, steps: Sequence[Step]) -> list[Logits]:
        """Evaluate steps; see `TokenModel.evaluate`."""

    @abstractmethod
    def _prepare(self, adapter: str) -> None:
        """Load an adapter; raises EngineError where there is none of this name."""

    @abstractmethod
    def _new(self) -> Any:
        """Return the handle of an empty branch."""

    @abstractmethod
    def _share(self, handle: Any, length: int) -> Any:
        """Return a handle that shares the first `length` tokens of another."""

    @abstractmethod
    def _shorten(self, handle: Any, length: int) -> Any:
        """Forget tokens from `length` on; return the handle of what is left."""

    @abstractmethod
    def _free(self, handle: Any) -> None:
        """Forget a handle."""

    def _make_room(self) -> None:
        while self._idle and len(self._idle) + len(self._active) >= self.max_branches:
            self.drop(self._idle[0])
        if len(self._active) >= self.max_branches:
            raise EngineError(f"more than {self.max_branches} branches at once")

    def _add(self, handle: Any, tokens: list[int], adapter: str) -> Branch:
        branch = Branch(handle=handle, tokens=tokens, adapter=adapter)
        self._active.append(branch)
        return branch

    def _outgrown(self) -> EngineError:
        return EngineError(
            f"the answer outgrew the context of {self.context_tokens} tokens",
            hint="shorten the input or the form",
            of_input=True,
        )


def _num_shared(left: Sequence[int], right: Sequence[int]) -> int:
    size = min(len(left), len(right))
    return next((i for i in range(size) if left[i] != right[i]), size)
