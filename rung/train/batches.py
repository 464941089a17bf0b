"""Texts to batches: alike in length, drawn anew each epoch, padded on the right, prefix shared.

What all texts of a batch begin with (a task's instruction) is evaluated once for all of them; its
gradient is the sum of theirs, so the result is that of evaluating it in every row. Nothing is
evaluated here, and torch is not needed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from rung.core.seeds import stream
from rung.train.texts import Text

_JITTER = 0.1
"""Lengths are blurred by this share, so that an epoch's batches are not the last one's."""
MIN_SHARED = 32
"""A shorter common beginning is not worth a pass of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A batch as rows of tokens. Row and column count from after the shared prefix."""

    prefix: tuple[int, ...]
    rows: tuple[tuple[int, ...], ...]
    """Padded on the right to equal length."""
    places: tuple[tuple[int, int], ...]
    """(row, column) of each token whose logits are needed: those before a token to learn."""
    labels: tuple[int, ...]
    """The token to learn at each of `places`."""
    num_real: int
    """Tokens of all texts, prefixes counted in every row, padding not counted."""

    @property
    def num_evaluated(self) -> int:
        """How many tokens pass through the model, padding included."""
        return len(self.prefix) + sum(map(len, self.rows))


def draw_batches(lengths: Sequence[int], size: int, *, seed: int, epoch: int) -> list[list[int]]:
    """Return the positions of items in batches of at most `size`, in training order."""
    random = stream(seed, "batches", epoch)
    blurred = [length * (1 + _JITTER * random.random()) for length in lengths]
    order = sorted(range(len(lengths)), key=lambda at: blurred[at])
    batches = [order[at : at + size] for at in range(0, len(order), size)]
    random.shuffle(batches)
    return batches


def in_passes(lengths: Sequence[int], room: int) -> list[list[int]]:
    """Return the positions of items, in order, as many at a time as have `room` tokens together.

    A longer item goes alone.
    """
    passes: list[list[int]] = []
    left = 0
    for at, length in enumerate(lengths):
        if not passes or length > left:
            passes.append([])
            left = room
        passes[-1].append(at)
        left -= length
    return passes


def lay_out(texts: Sequence[Text], *, pad: int, share: bool = True) -> Layout:
    """Return a batch as rows; every text learns at least one token."""
    shared = _num_shared(texts) if share else 0
    width = max(len(text.tokens) for text in texts) - shared
    rows, places, labels = [], [], []
    for row, text in enumerate(texts):
        rest = text.tokens[shared:]
        rows.append((*rest, *[pad] * (width - len(rest))))
        for at, trained in enumerate(text.trained):
            if trained:
                places.append((row, at - shared - 1))
                labels.append(text.tokens[at])
    return Layout(
        prefix=tuple(texts[0].tokens[:shared]),
        rows=tuple(rows),
        places=tuple(places),
        labels=tuple(labels),
        num_real=sum(len(text.tokens) for text in texts),
    )


def padding_waste(lengths: Sequence[int], batches: Sequence[Sequence[int]]) -> float:
    """Return the share of padding among the tokens of padded batches, 0 to 1."""
    padded = sum(len(batch) * max(lengths[at] for at in batch) for batch in batches)
    return 1.0 - sum(lengths) / padded if padded else 0.0


def _num_shared(texts: Sequence[Text]) -> int:
    """Return how many tokens all texts begin with, one short of the first token to learn."""
    if len(texts) < 2:
        return 0
    common = len(os.path.commonprefix([list(text.tokens) for text in texts]))
    first = min(text.trained.index(True) for text in texts)
    shared = min(common, first - 1)
    return shared if shared >= MIN_SHARED else 0
