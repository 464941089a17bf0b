"""The ranker: chooses among options that the input lists as rows of numbers, without a model of
language.

An input holds a table, `option | metres | priority` and a row for each option. An option is told by
its numbers, by how far each lies above the least of the list, and by the squares of that. Learnt is
one weight for each of these (conditional logit: McFadden 1974, "Conditional logit analysis of
qualitative choice behavior"), so lists may have any length, and choices have probabilities. Below
one that is fitted on groups it has not seen it is unsure. Stored as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax
from sklearn.model_selection import GroupKFold

from rung.core.errors import TrainError
from rung.forms import Decision
from rung.stats.clusters import group_codes
from rung.tasks.task import Example

KIND = "ranker-1"
_FOLDS, _RIDGE = 4, 1e-3
_SHOWN = 2.0
"""Standard errors that count as shown."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """The options of one input, in its order; `numbers` has shape (options, columns)."""

    options: tuple[str, ...]
    columns: tuple[str, ...]
    numbers: Floats


def read_options(text: str, known: Sequence[Any]) -> Listed | None:
    """Return the table of options in a text, None where there is none.

    Its first column holds values of `known`; the columns that hold numbers in every row count.
    """
    lines = [[cell.strip() for cell in line.split("|")] for line in text.splitlines()]
    wanted = {str(value) for value in known}
    rows = [cells for cells in lines if len(cells) > 1 and cells[0] in wanted]
    at = next((i for i, cells in enumerate(lines) if len(cells) > 1), 0)
    header = lines[at] if lines else []
    if not rows or any(len(cells) != len(header) for cells in rows):
        return None
    values = np.array([[_number(cell) for cell in cells[1:]] for cells in rows])
    kept = np.isfinite(values).all(axis=0)
    return Listed(
        options=tuple(cells[0] for cells in rows),
        columns=tuple(name for name, keep in zip(header[1:], kept, strict=True) if keep),
        numbers=values[:, kept],
    )


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranker:
    """Fitted weights, shape (3 columns,), after division by `scale`."""

    columns: tuple[str, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    sure_from: float
    """Probability below which the first option of the list does as well."""

    def decide(self, listed: Listed) -> tuple[str, Decision]:
        """Return the likeliest option. Raises TrainError when the columns are others."""
        if listed.columns != self.columns:
            raise TrainError(
                f"this ranker was fitted on {self.columns}, the input has {listed.columns}",
                hint="climb again to fit a new one",
            )
        features = _features(listed.numbers) / np.array(self.scale)
        p = softmax(features @ np.array(self.weights))
        order = np.argsort(-p, kind="stable")
        second = order[1] if len(order) > 1 else order[0]
        decision = Decision(
            p=float(p[order[0]]),
            margin=float(p[order[0]] - (p[second] if len(order) > 1 else 0.0)),
            runner_up=listed.options[second],
            valid_mass=1.0,
            probabilities={
                json.dumps(name): float(q) for name, q in zip(listed.options, p, strict=True)
            },
        )
        return listed.options[order[0]], decision

    def to_bytes(self) -> bytes:
        """Serialise; equal rankers give equal bytes."""
        names = ("columns", "scale", "weights", "sure_from")
        return json.dumps({"kind": KIND} | {name: getattr(self, name) for name in names}).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Ranker:
        """Rebuild a ranker. Raises TrainError when the bytes are none."""
        try:
            found = json.loads(data)
            if found.pop("kind") != KIND:
                raise ValueError
            lists = {name: tuple(found.pop(name)) for name in ("columns", "scale", "weights")}
            return cls(sure_from=float(found["sure_from"]), **lists)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise TrainError(
                f"these {len(data)} bytes are no {KIND}", hint="climb again to fit one"
            ) from None


def fit_ranker(examples: Sequence[Example], field: str, known: Sequence[Any]) -> Ranker | None:
    """Fit on train examples, None unless all list the same columns and their target."""
    tables, right = [], []
    for example in examples:
        listed, target = read_options(example.input, known), str(example.target.get(field))
        if listed is None or target not in listed.options:
            return None
        tables.append(listed)
        right.append(listed.options.index(target))
    columns = {listed.columns for listed in tables}
    if len(columns) != 1 or not tables[0].columns:
        return None
    features = [_features(listed.numbers) for listed in tables]
    scale = np.maximum(np.concatenate(features).std(axis=0), 1e-9)
    scaled = [each / scale for each in features]
    groups = group_codes([example.group for example in examples])
    return Ranker(
        columns=columns.pop(),
        scale=tuple(map(float, scale)),
        weights=tuple(map(float, _weights(scaled, right))),
        sure_from=_sure_from(scaled, right, groups),
    )


def _features(numbers: Floats) -> Floats:
    above = numbers - numbers.min(axis=0)
    found: Floats = np.hstack([numbers, above, np.square(above)])
    return found


def _weights(features: Sequence[Floats], right: Sequence[int]) -> Floats:
    """Minimise log-loss and a small ridge; lists are padded so that one pass does all."""
    longest = max(map(len, features))
    stacked = np.zeros((len(features), longest, features[0].shape[1]))
    absent = np.ones((len(features), longest), dtype=np.bool_)
    for i, each in enumerate(features):
        stacked[i, : len(each)], absent[i, : len(each)] = each, False
    flat = stacked.reshape(-1, stacked.shape[2])
    rows, chosen = np.arange(len(features)), np.array(right)

    def loss(weights: Floats) -> tuple[float, Floats]:
        scores = np.where(absent, -np.inf, (flat @ weights).reshape(absent.shape))
        p = softmax(scores, axis=1)
        p[rows, chosen] -= 1.0
        slope = p.ravel() @ flat / len(rows) + 2 * _RIDGE * weights
        missed = logsumexp(scores, axis=1) - scores[rows, chosen]
        return float(missed.mean() + _RIDGE * weights @ weights), slope

    start = np.zeros(stacked.shape[2])
    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B").x)


def _sure_from(features: Sequence[Floats], right: Sequence[int], groups: Any) -> float:
    """Return the probability below which, on unseen groups, the first option is shown to be right
    more often than the ranker; 0 where there is none."""
    num_folds = min(_FOLDS, len(np.unique(groups)))
    if num_folds < 2:
        return 0.0
    p, gain = np.zeros(len(right)), np.zeros(len(right))
    for seen, unseen in GroupKFold(num_folds).split(groups, groups=groups):
        weights = _weights([features[i] for i in seen], [right[i] for i in seen])
        for i in unseen:
            found = softmax(features[i] @ weights)
            p[i] = found.max()
            gain[i] = float(found.argmax() == right[i]) - float(right[i] == 0)
    order = np.argsort(-p, kind="stable")
    below = np.cumsum(gain[order][::-1])[::-1]
    spread = np.sqrt(np.cumsum(np.square(gain[order])[::-1])[::-1])
    shown = np.flatnonzero(below < -_SHOWN * spread)
    if not len(shown):
        return 0.0
    cut = int(shown[np.argmin(below[shown])])
    return float(p[order[cut - 1]]) if cut else 1.0
