"""The linear head: fills choice slots with no language model at all.

One linear support vector machine per choice slot (one against the rest) over hashed TF-IDF; a
softmax of its margins, with a temperature fitted on groups it has not seen, gives calibrated
probabilities. Stored as a plain `.npz` (arrays and JSON, never a pickle) and reduced to the feature
columns seen in training.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.model_selection import GroupKFold
from sklearn.svm import LinearSVC

from rung.core.errors import TrainError
from rung.forms import Choice, Decision
from rung.stats.calibration import fit_temperature
from rung.tasks.features import FEATURES, hashed_counts, inverse_document_frequency, weigh
from rung.tasks.task import Example

_FOLDS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class _SlotHead:
    """One slot's classes (JSON texts), weights (classes, columns), bias and temperature."""

    classes: tuple[str, ...]
    weights: Any
    bias: Any
    temperature: float


class Head:
    """A fitted head; `decide` gives each slot's value with calibrated probabilities."""

    def __init__(self, columns: Any, idf: Any, slots: Mapping[str, _SlotHead]) -> None:
        self._columns, self._idf, self._slots = columns, idf, dict(slots)

    def decide(self, text: str) -> dict[str, tuple[Any, Decision]]:
        """Return (value, decision) for each slot path."""
        features = weigh(hashed_counts([text])[:, self._columns], self._idf)
        return {path: _decide(slot, features) for path, slot in self._slots.items()}

    def to_bytes(self) -> bytes:
        """Serialise; equal heads give equal bytes."""
        meta = {
            "features": FEATURES,
            "slots": {
                path: {"classes": slot.classes, "temperature": slot.temperature}
                for path, slot in self._slots.items()
            },
        }
        arrays: dict[str, Any] = {"columns": self._columns, "idf": self._idf.astype(np.float32)}
        for i, slot in enumerate(self._slots.values()):
            arrays[f"weights_{i}"] = slot.weights.astype(np.float32)
            arrays[f"bias_{i}"] = slot.bias.astype(np.float32)
        arrays["meta"] = np.frombuffer(json.dumps(meta).encode(), dtype=np.uint8)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Head:
        """Rebuild a head. Raises TrainError when the bytes are of another feature recipe."""
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            meta = json.loads(arrays["meta"].tobytes())
            if meta["features"] != FEATURES:
                raise TrainError(
                    f"this head was fitted on {meta['features']!r}, not {FEATURES!r}",
                    hint="climb again to fit a new one",
                )
            slots = {
                path: _SlotHead(
                    classes=tuple(slot["classes"]),
                    weights=arrays[f"weights_{i}"],
                    bias=arrays[f"bias_{i}"],
                    temperature=slot["temperature"],
                )
                for i, (path, slot) in enumerate(meta["slots"].items())
            }
            return cls(arrays["columns"], arrays["idf"], slots)


def fit_head(examples: Sequence[Example], slots: Sequence[Choice], *, seed: int = 0) -> Head:
    """Fit one classifier per top-level choice slot on train examples."""
    counts = hashed_counts([example.input for example in examples])
    columns = np.unique(counts.indices)
    counts = counts[:, columns]
    idf = inverse_document_frequency(counts)
    features = weigh(counts, idf)
    groups = np.array([example.group or example.id for example in examples])
    fitted = {}
    for slot in slots:
        labels = np.array([json.dumps(example.target.get(slot.path)) for example in examples])
        fitted[slot.path] = _fit_slot(features, labels, groups, seed)
    return Head(columns, idf, fitted)


def _fit_slot(features: Any, labels: Any, groups: Any, seed: int) -> _SlotHead:
    classes = np.unique(labels)
    if len(classes) == 1:
        return _SlotHead(
            classes=tuple(classes),
            weights=np.zeros((1, features.shape[1])),
            bias=np.zeros(1),
            temperature=1.0,
        )
    model = LinearSVC(random_state=seed).fit(features, labels)
    weights, bias = model.coef_, model.intercept_
    if len(classes) == 2:
        weights, bias = np.vstack([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    return _SlotHead(
        classes=tuple(map(str, model.classes_)),
        weights=weights,
        bias=bias,
        temperature=_temperature(features, labels, groups, seed),
    )


def _temperature(features: Any, labels: Any, groups: Any, seed: int) -> float:
    """Fit the temperature on margins of groups the classifier has not seen.

    Folds must not split a group: tickets of one situation would make it look too sure.
    """
    classes = np.unique(labels)
    num_folds = min(_FOLDS, len(np.unique(groups)))
    if num_folds < 2:
        return 1.0
    rows, right = [], []
    folds = GroupKFold(num_folds, shuffle=True, random_state=seed)
    for seen, unseen in folds.split(features, labels, groups):
        known = np.unique(labels[seen])
        kept = unseen[np.isin(labels[unseen], known)]
        if len(known) < 2 or not len(kept):
            continue
        rows += _margins(
            LinearSVC(random_state=seed).fit(features[seen], labels[seen]), features[kept]
        )
        right += np.searchsorted(known, labels[kept]).tolist()
    return fit_temperature(rows, right) if rows and len(classes) > 1 else 1.0


def _margins(model: LinearSVC, features: Any) -> list[list[float]]:
    """Return one margin per class, also where there are only two."""
    margins = model.decision_function(features)
    if margins.ndim == 1:
        margins = np.stack([-margins, margins], axis=1) / 2
    return list(margins.tolist())


def _decide(slot: _SlotHead, features: Any) -> tuple[Any, Decision]:
    if len(slot.classes) == 1:
        value = json.loads(slot.classes[0])
        return value, Decision(p=1.0, margin=1.0, valid_mass=1.0)
    scores = np.asarray(features @ slot.weights.T).ravel() + slot.bias
    weights = np.exp((scores - scores.max()) / slot.temperature)
    p = weights / weights.sum()
    order = np.argsort(-p, kind="stable")
    decision = Decision(
        p=float(p[order[0]]),
        margin=float(p[order[0]] - p[order[1]]),
        runner_up=json.loads(slot.classes[int(order[1])]),
        valid_mass=1.0,
        probabilities={c: float(q) for c, q in zip(slot.classes, p, strict=True)},
    )
    return json.loads(slot.classes[int(order[0])]), decision
