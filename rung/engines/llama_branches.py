"""Branches of one llama.cpp context: the token-level seam of the in-process engine.

Every branch is a llama.cpp sequence; what branches share is stored once. Prompts are given as
tokens; rendering them is the engine's business, choosing tokens the caller's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rung.core.errors import EngineError
from rung.engines.adapter_switch import AdapterSwitch
from rung.engines.branches import Branches
from rung.engines.llama_api import LlamaModel
from rung.engines.llama_library import MAX_SEQUENCES
from rung.engines.sampling import Logits
from rung.engines.steps import Step


class LlamaBranches(Branches):
    """The sequences of one `LlamaModel`. Not thread-safe without `lock`."""

    def __init__(self, api: LlamaModel, adapters: AdapterSwitch) -> None:
        super().__init__(
            context_tokens=api.context_tokens,
            max_branches=MAX_SEQUENCES,
            batch_tokens=api.batch_tokens,
        )
        self._api = api
        self._adapters = adapters
        self._unused = list(range(MAX_SEQUENCES))

    def evaluate(self, steps: Sequence[Step]) -> list[Logits]:
        """Evaluate the steps of each adapter as one batch, or as few as the batch size allows."""
        rows: dict[int, list[Logits]] = {id(step): [] for step in steps}
        for adapter in dict.fromkeys(step.branches[0].adapter for step in steps):
            alike = [step for step in steps if step.branches[0].adapter == adapter]
            self._adapters.use(adapter)
            self._evaluate_alike(alike, rows)
        empty = np.empty((0, self._api.num_vocab), dtype=np.float32)
        return [np.stack(rows[id(step)]) if rows[id(step)] else empty for step in steps]

    def _evaluate_alike(self, steps: Sequence[Step], rows: dict[int, list[Logits]]) -> None:
        flat = [(step, i) for step in steps for i in range(len(step.tokens))]
        size = self._api.batch_tokens
        for at in range(0, len(flat), size):
            part = flat[at : at + size]
            wanted = [n for n, (step, i) in enumerate(part) if _is_wanted(step, i)]
            logits = self._decode(part, wanted)
            for n, row in zip(wanted, logits, strict=True):
                rows[id(part[n][0])].append(row)

    def _decode(self, part: Sequence[tuple[Step, int]], wanted: Sequence[int]) -> Logits:
        tokens = [step.tokens[i] for step, i in part]
        positions: list[int] = []
        lengths: dict[int, int] = {}
        for step, _ in part:
            first = step.branches[0]
            at = lengths.get(first.handle, len(first.tokens))
            positions.append(at)
            lengths |= {branch.handle: at + 1 for branch in step.branches}
        if max(positions) >= self._api.context_tokens:
            raise self._outgrown()
        handles = [[branch.handle for branch in step.branches] for step, _ in part]
        logits = self._decode_with_room(tokens, positions, handles, wanted)
        for (step, _), token in zip(part, tokens, strict=True):
            for branch in step.branches:
                branch.tokens.append(token)
        return logits

    def _decode_with_room(
        self,
        tokens: Sequence[int],
        positions: Sequence[int],
        handles: Sequence[Sequence[int]],
        wanted: Sequence[int],
    ) -> Logits:
        """Decode; where the cells do not suffice, give up cached branches and try once more."""
        self.num_passes += 1
        try:
            return self._api.decode(tokens, positions, handles, wanted)
        except EngineError as error:
            if not (error.of_input and self._idle):
                self.reset()
                raise
        while self._idle:
            self.drop(self._idle[0])
        try:
            return self._api.decode(tokens, positions, handles, wanted)
        except EngineError:
            self.reset()
            raise

    def reset(self) -> None:
        """Forget everything, branches in use included."""
        super().reset()
        self._api.clear()

    def _prepare(self, adapter: str) -> None:
        self._adapters.use(adapter)

    def _new(self) -> int:
        return self._unused.pop()

    def _share(self, handle: int, length: int) -> int:
        twin = self._new()
        self._api.share(handle, twin, 0, length)
        return twin

    def _shorten(self, handle: int, length: int) -> int:
        self._api.forget(handle, length)
        return handle

    def _free(self, handle: int) -> None:
        self._api.forget(handle)
        self._unused.append(handle)


def _is_wanted(step: Step, i: int) -> bool:
    return i >= len(step.tokens) - step.num_logits
