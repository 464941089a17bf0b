"""Which labels are probably wrong: cross-fitted probabilities against each label's own threshold.

Confident learning (Northcutt, Jiang, Chuang 2021, "Confident learning: estimating uncertainty in
dataset labels", JAIR 70, section 3): a label is suspected where a model that has not seen the
example's group finds another label at least as probable as it usually finds that label on its own
examples, and more probable than any other. The model is a linear one on hashed TF-IDF, as the head.
It flags; whether a flagged example is left out is decided in `curation.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import GroupKFold
from sklearn.svm import LinearSVC

from rung.core.hashing import canonical_json
from rung.stats.calibration import fit_temperature
from rung.tasks.features import hashed_counts, inverse_document_frequency, weigh
from rung.tasks.task import Example

NUM_FOLDS = 5
MIN_PER_LABEL = 4
"""Labels with fewer examples are neither judged nor suggested: the model hardly knows them."""
MIN_ACCURACY = 0.75
"""Of the cross-fitted model; a field that it cannot read from the text is not judged."""
_MAX_LABELS = 200

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A label that the examples around it speak against."""

    example: str
    field: str
    label: str
    """As JSON."""
    suggested: str
    """As JSON."""
    p_label: float
    """Probability of the label by a model that has not seen the example's group."""
    p_suggested: float


def find_suspects(examples: Sequence[Example], *, seed: int = 0) -> tuple[Suspect, ...]:
    """Return the suspected labels of all fields with few, repeated values; the surest first."""
    if len({example.group for example in examples}) < NUM_FOLDS:
        return ()
    counts = hashed_counts([example.input for example in examples])
    counts = counts[:, np.unique(counts.indices)]
    features = weigh(counts, inverse_document_frequency(counts))
    found = [
        suspect
        for field in _labelled_fields(examples)
        for suspect in _suspects_of(field, examples, features, seed)
    ]
    return tuple(sorted(found, key=lambda one: one.p_label - one.p_suggested))


def confident_others(p: Floats, labels: ArrayLike) -> list[int | None]:
    """Return for each row the label that is confidently another one, None where there is none.

    `p` has shape (examples, labels); a row of NaN was not judged. The threshold of a label is its
    mean probability on the examples that carry it.
    """
    given = np.asarray(labels, dtype=np.int64)
    judged = np.asarray(np.isfinite(p).all(axis=1))
    thresholds = np.array(
        [
            p[judged & (given == label), label].mean() if (judged & (given == label)).any() else 2.0
            for label in range(p.shape[1])
        ]
    )
    found: list[int | None] = []
    for row, label, known in zip(p, given.tolist(), judged.tolist(), strict=True):
        sure = np.flatnonzero(row >= thresholds) if known else np.array([], dtype=int)
        best = int(sure[row[sure].argmax()]) if len(sure) else label
        found.append(best if best != label and row[best] > row[label] else None)
    return found


def _labelled_fields(examples: Sequence[Example]) -> list[str]:
    """Return the fields whose scalar values repeat, so that they are labels and not texts."""
    values: dict[str, list[str]] = {}
    for example in examples:
        for name, value in example.target.items():
            if not isinstance(value, dict | list):
                values.setdefault(name, []).append(canonical_json(value))
    return [
        name
        for name, texts in values.items()
        if 2 <= len(set(texts)) <= _MAX_LABELS and len(texts) >= MIN_PER_LABEL * len(set(texts))
    ]


def _suspects_of(
    field: str, examples: Sequence[Example], features: Any, seed: int
) -> Iterator[Suspect]:
    at = [i for i, one in enumerate(examples) if field in one.target]
    texts = np.array([canonical_json(examples[i].target[field]) for i in at])
    names, labels, sizes = np.unique(texts, return_inverse=True, return_counts=True)
    kept = np.flatnonzero(sizes[labels] >= MIN_PER_LABEL)
    if len(np.unique(labels[kept])) < 2:
        return
    groups = np.array([examples[at[i]].group for i in kept])
    p = cross_fitted(features[[at[i] for i in kept]], labels[kept], groups, len(names), seed)
    judged = np.isfinite(p).all(axis=1)
    right = p[judged].argmax(axis=1) == labels[kept][judged]
    if not judged.any() or right.mean() < MIN_ACCURACY:
        return
    for row, i, other in zip(p, kept, confident_others(p, labels[kept]), strict=True):
        if other is not None:
            yield Suspect(
                example=examples[at[i]].id,
                field=field,
                label=str(names[labels[i]]),
                suggested=str(names[other]),
                p_label=float(row[labels[i]]),
                p_suggested=float(row[other]),
            )


def cross_fitted(features: Any, labels: Any, groups: Any, num_labels: int, seed: int) -> Floats:
    """Return each row's probabilities by a model that has not seen its group, (rows, num_labels).

    Rows are NaN where too few groups are left to learn from.
    """
    margins = np.full((len(labels), num_labels), -np.inf)
    judged = np.zeros(len(labels), dtype=bool)
    num_folds = min(NUM_FOLDS, len(np.unique(groups)))
    folds = GroupKFold(num_folds, shuffle=True, random_state=seed) if num_folds > 1 else None
    for seen, unseen in folds.split(features, labels, groups) if folds else ():
        known = np.unique(labels[seen])
        if len(known) < 2:
            continue
        model = LinearSVC(random_state=seed).fit(features[seen], labels[seen])
        found = model.decision_function(features[unseen])
        if found.ndim == 1:
            found = np.stack([-found, found], axis=1) / 2
        margins[np.ix_(unseen, known)] = found
        judged[unseen] = True
    usable = judged & np.isfinite(margins[np.arange(len(labels)), labels])
    if not usable.any():
        return np.full(margins.shape, np.nan)
    temperature = fit_temperature(margins[usable].tolist(), labels[usable].tolist())
    margins[~judged] = np.nan
    weights = np.exp((margins - margins.max(axis=1, keepdims=True)) / temperature)
    p: Floats = weights / weights.sum(axis=1, keepdims=True)
    return p
