"""The train examples most similar to an input, for dynamic few-shot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rung.tasks.features import TextIndex
from rung.tasks.task import Example


class SimilarExamples:
    """Finds the train examples nearest to an input, by the cosine of hashed TF-IDF features."""

    def __init__(self, examples: Sequence[Example]) -> None:
        self._examples = tuple(examples)
        self._index = TextIndex([example.input for example in self._examples])

    def nearest(self, text: str, count: int) -> list[Example]:
        """Return the `count` nearest examples, the nearest last (next to the input it helps)."""
        order = np.argsort(-self._index.similarities(text), kind="stable")[:count]
        return [self._examples[int(i)] for i in order[::-1]]
