"""Hashed TF-IDF features of texts, and how similar texts are by cosine.

Word uni- and bigrams next to character 3- to 5-grams inside words, hashed, no vocabulary file and
no model download. Similar examples, the linear head and the recall of memory share them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.preprocessing import normalize

NUM_FEATURES = 1 << 17
_TEXTS_AT_ONCE = 256
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


class TextIndex:
    """Texts that a query is compared with; their own frequencies make the weights."""

    def __init__(self, texts: Sequence[str]) -> None:
        counts = hashed_counts(texts)
        self._idf = inverse_document_frequency(counts)
        self._matrix = weigh(counts, self._idf)

    def similarities(self, text: str) -> NDArray[np.float64]:
        """Return the cosine of `text` to each text of the index, 0 to 1, shape (texts,)."""
        query = weigh(hashed_counts([text]), self._idf)
        return np.asarray((self._matrix @ query.T).todense(), dtype=np.float64).ravel()

    def nearest(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return each text's largest cosine to a text of the index, shape (texts,)."""
        found = np.empty(len(texts))
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            query = weigh(hashed_counts(texts[start : start + _TEXTS_AT_ONCE]), self._idf)
            nearest = (query @ self._matrix.T).max(axis=1)
            found[start : start + _TEXTS_AT_ONCE] = nearest.toarray().ravel()
        return found
