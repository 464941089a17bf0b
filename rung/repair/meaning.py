"""Texts to parts that say different things, and the words that tell each part from the others.

Word TF-IDF, average-linkage clustering by cosine distance, the number of parts by the mean
silhouette (Rousseeuw 1987). Few texts, or texts without structure, stay one part: a split has to
be clear, and each of its parts large enough to act on. No model; equal texts give equal parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.cluster import AgglomerativeClustering
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import silhouette_score

MIN_PART = 5
"""Texts that a part must have."""
MAX_PARTS = 6
MIN_SILHOUETTE = 0.2
"""Below it, parts are noise: the best of 12 random draws of 10 to 80 helpdesk tickets had 0.07."""
MAX_TEXTS = 2000
"""More are not compared pair by pair; they stay one part."""
NUM_TERMS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Texts that say similar things."""

    members: tuple[int, ...]
    """Positions."""
    terms: tuple[str, ...]
    """What tells them from the other parts; empty where there is one part."""


def split_by_meaning(texts: Sequence[str]) -> list[Part]:
    """Return the parts, the largest first; they cover every position once."""
    whole = [Part(members=tuple(range(len(texts))), terms=())]
    if not 2 * MIN_PART <= len(texts) <= MAX_TEXTS:
        return whole
    vectorizer = TfidfVectorizer(
        token_pattern=r"(?u)\b[^\W\d_]{3,}\b",
        stop_words="english",
        sublinear_tf=True,
        max_df=0.5,
        min_df=2,
    )
    try:
        matrix = vectorizer.fit_transform(texts)
    except ValueError:  # no word is in two texts and not in most
        return whole
    told = np.flatnonzero(matrix.getnnz(axis=1))
    if len(told) < 2 * MIN_PART:
        return whole
    labels = _labels(matrix[told])
    if labels is None:
        return whole
    full = np.full(len(texts), -1)
    full[told] = labels
    # Texts without a shared word join the largest part, so that none is lost.
    full[full < 0] = np.bincount(labels).argmax()
    words = vectorizer.get_feature_names_out()
    parts = []
    for part in np.unique(full):
        members = tuple(int(at) for at in np.flatnonzero(full == part))
        parts.append(Part(members=members, terms=_terms(matrix, full == part, words)))
    return sorted(parts, key=lambda part: (-len(part.members), part.members))


def _labels(matrix: Any) -> np.ndarray | None:
    """Return each text's part by the clearest split; None where none is clear.

    `matrix` is sparse, its rows have length 1. Words are many and each text has few: the distances
    are taken once and never from rows that are filled up with zeros.
    """
    distances = np.clip(1.0 - (matrix @ matrix.T).toarray(), 0.0, 1.0)
    np.fill_diagonal(distances, 0.0)
    best, chosen = MIN_SILHOUETTE, None
    for count in range(2, min(MAX_PARTS, len(distances) // MIN_PART) + 1):
        model = AgglomerativeClustering(n_clusters=count, metric="precomputed", linkage="average")
        labels = model.fit_predict(distances)
        if np.bincount(labels).min() < MIN_PART:
            continue
        clear = float(silhouette_score(distances, labels, metric="precomputed"))
        if clear > best:
            best, chosen = clear, labels
    return chosen


def _terms(matrix: Any, inside: np.ndarray, words: np.ndarray) -> tuple[str, ...]:
    lead = np.asarray(matrix[inside].mean(axis=0) - matrix[~inside].mean(axis=0)).ravel()
    order = np.argsort(-lead, kind="stable")[:NUM_TERMS]
    return tuple(str(words[at]) for at in order if lead[at] > 0)
