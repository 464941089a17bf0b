"""Branches of a transformers model: which steps wait for which, and which go side by side.

A branch holds cells that it shares with the branches it was forked from until it goes on. Steps
that do not continue one another are padded to one batch where the padding costs little.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from rung.engines.adapter_switch import AdapterSwitch
from rung.engines.branches import Branches
from rung.engines.sampling import Logits
from rung.engines.steps import Step
from rung.engines.transformers_model import Cells, Row, TorchModel

_MAX_BRANCHES = 256
_BATCH_TOKENS = 512
_MAX_CELLS = 1 << 15
"""Rows times length of one batch: bounds the memory of a layer."""
_MAX_PADDING = 1.5
"""Tokens evaluated for each one asked for, in a batch of rows of unequal length."""


class TransformersBranches(Branches):
    """The branches of one model. Not thread-safe without `lock`."""

    def __init__(
        self, model: TorchModel, adapters: AdapterSwitch, *, context_tokens: int, num_vocab: int
    ) -> None:
        super().__init__(
            context_tokens=context_tokens, max_branches=_MAX_BRANCHES, batch_tokens=_BATCH_TOKENS
        )
        self._model = model
        self._adapters = adapters
        self._num_vocab = num_vocab

    def evaluate(self, steps: Sequence[Step]) -> list[Logits]:
        """Evaluate all steps in as few batches as fit; the earlier ones stand when one fails."""
        empty = np.empty((0, self._num_vocab), dtype=np.float32)
        found: dict[int, Logits] = {}
        for wave in _waves(steps):
            rows = {at: self._row(steps[at]) for at in wave if steps[at].tokens}
            for group in self._groups(rows, steps):
                self._adapters.use(steps[group[0]].branches[0].adapter)
                self.num_passes += 1
                answers = self._model.forward([rows[at] for at in group])
                for at, (cells, logits) in zip(group, answers, strict=True):
                    found[at] = logits
                    for branch in steps[at].branches:
                        branch.handle = cells
                        branch.tokens += steps[at].tokens
        return [found.get(at, empty) for at in range(len(steps))]

    def close(self) -> None:
        """Free the model and all cells."""
        self.reset()
        self._model.close()

    def _groups(self, rows: dict[int, Row], steps: Sequence[Step]) -> Iterable[list[int]]:
        """Yield the rows' places in groups of one adapter that are worth one batch each."""
        for adapter in dict.fromkeys(steps[at].branches[0].adapter for at in rows):
            yield from _groups(
                {at: row for at, row in rows.items() if steps[at].branches[0].adapter == adapter}
            )

    def _row(self, step: Step) -> Row:
        branch = step.branches[0]
        if len(branch.tokens) + len(step.tokens) > self.context_tokens:
            raise self._outgrown()
        return Row(cells=branch.handle, tokens=step.tokens, num_logits=step.num_logits)

    def _prepare(self, adapter: str) -> None:
        self._adapters.use(adapter)

    def _new(self) -> Cells:
        return Cells()

    def _share(self, handle: Cells, length: int) -> Cells:
        return handle.cut(length)

    def _shorten(self, handle: Cells, length: int) -> Cells:
        return handle.cut(length)

    def _free(self, handle: Cells) -> None:
        """Cells go with the last branch that holds them."""


def _waves(steps: Sequence[Step]) -> list[list[int]]:
    """Return the places of the steps, each in a wave after those it continues."""
    waves: list[list[int]] = []
    done: dict[int, int] = {}
    for at, step in enumerate(steps):
        wave = max(done.get(id(branch), 0) for branch in step.branches)
        done |= {id(branch): wave + 1 for branch in step.branches}
        if wave == len(waves):
            waves.append([])
        waves[wave].append(at)
    return waves


def _groups(rows: dict[int, Row]) -> Iterable[list[int]]:
    """Yield the rows' places in groups that are worth one batch each."""
    group: list[int] = []
    asked = longest = 0
    for at in sorted(rows, key=lambda at: len(rows[at].tokens)):
        width = len(rows[at].tokens)
        longest = max(longest, len(rows[at].cells))
        padded = (len(group) + 1) * width
        too_long = (len(group) + 1) * (longest + width) > _MAX_CELLS
        if group and (too_long or padded > _MAX_PADDING * (asked + width)):
            yield group
            group, asked, longest = [], 0, len(rows[at].cells)
        group.append(at)
        asked += width
    if group:
        yield group
