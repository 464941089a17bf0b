"""Hashed TF-IDF features, and the most similar train examples by cosine.

Word uni- and bigrams next to character 3- to 5-grams inside words, hashed, no vocabulary file and
no model download. Used by dynamic few-shot and by the linear head.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.preprocessing import normalize

from rung.tasks.task import Example

NUM_FEATURES = 1 << 17
FEATURES = "hashed-tfidf-1"
"""Name of this feature recipe; stored with everything fitted on it."""


def hashed_counts(texts: Sequence[str]) -> Any:
    """Return sublinear hashed counts, sparse (texts, 2·NUM_FEATURES): words, then characters."""
    common = {"n_features": NUM_FEATURES, "alternate_sign": False, "norm": None}
    words = HashingVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b", **common)
    characters = HashingVectorizer(analyzer="char_wb", ngram_range=(3, 5), **common)
    counts = sp.hstack([words.transform(texts), characters.transform(texts)], format="csr")
    counts.data = 1.0 + np.log(counts.data)
    return counts


def inverse_document_frequency(counts: Any) -> Any:
    """Return smoothed IDF weights of a count matrix, shape (features,)."""
    seen = np.asarray((counts > 0).sum(axis=0)).ravel()
    return np.log((1.0 + counts.shape[0]) / (1.0 + seen)) + 1.0


def weigh(counts: Any, idf: Any) -> Any:
    """Return L2-normalised TF-IDF rows."""
    return normalize(counts @ sp.diags(idf), norm="l2", copy=False)


class SimilarExamples:
    """Finds the train examples nearest to an input."""

    def __init__(self, examples: Sequence[Example]) -> None:
        self._examples = tuple(examples)
        counts = hashed_counts([example.input for example in self._examples])
        self._idf = inverse_document_frequency(counts)
        self._matrix = weigh(counts, self._idf)

    def nearest(self, text: str, count: int) -> list[Example]:
        """Return the `count` nearest examples, the nearest last (next to the input it helps)."""
        query = weigh(hashed_counts([text]), self._idf)
        similarity = np.asarray((self._matrix @ query.T).todense()).ravel()
        order = np.argsort(-similarity, kind="stable")[:count]
        return [self._examples[int(i)] for i in order[::-1]]
