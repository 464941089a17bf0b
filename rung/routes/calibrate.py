"""Calibrate the choices a model makes through a form, on labelled answers.

For each choice slot: no map, a temperature, or a temperature with a bias for each option, whichever
loses least on groups it was not fitted on; then, from answers to yet other groups, the probability
at which an option joins the prediction set (split conformal with LAC scores: Sadinle, Lei and
Wasserman 2019; Kumar et al. 2023, arXiv 2305.18404).

Pure: answers and labels come in, maps go out (`calibration.py` keeps them). Nothing here asks a
model or draws examples; that is the rung's business (`ladder/calibrated.py`). Choices inside lists
and alternatives, and whether an optional key is written, are left as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special
from sklearn.model_selection import GroupKFold

from rung.forms import Calibration, Choice, Decision, Form, Object
from rung.forms.decisions import Floats, calibrated
from rung.forms.form import Node
from rung.routes.calibration import METHODS, Method, SlotCalibration
from rung.stats.calibration import fit_affine, fit_temperature
from rung.stats.risk import lac_threshold

ALPHA = 0.1
"""Share of new examples whose prediction set may miss the right option."""
MIN_LABELS = 20
"""Labels below which a slot's probabilities stay as they are."""
MIN_FOR_BIAS = 50
"""Labels below which no bias is fitted."""
NO_MAP = Calibration()
_FOLDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """How sure a route was of its choices on one example, and what was right."""

    decisions: Mapping[str, Decision]
    target: Mapping[str, Any]
    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What labelled answers say of one slot: those that decided it and have a label for it."""

    logprobs: Floats
    """Shape (answers, options); minus infinity where a probability is 0."""
    right: NDArray[np.int64]
    """Shape (answers,); index of the right option."""
    groups: tuple[str, ...]


def calibratable(form: Form) -> dict[str, tuple[Choice, tuple[str, ...]]]:
    """Return the choice slots that stand in one place, with the keys that lead there, by path."""
    return {slot.path: (slot, keys) for slot, keys in _fixed(form.root, ())}


def _fixed(node: Node, keys: tuple[str, ...]) -> Iterator[tuple[Choice, tuple[str, ...]]]:
    if isinstance(node, Choice):
        yield node, keys
    elif isinstance(node, Object):
        for name, part in node.parts:
            yield from _fixed(part, (*keys, name))


def observe(form: Form, path: str, answers: Sequence[Labelled]) -> Observed:
    """Return what the answers say of the slot at `path`."""
    slot, keys = calibratable(form)[path]
    options = [json.dumps(value) for value in slot.options]
    rows, right, groups = [], [], []
    for answer in answers:
        label = json.dumps(_at(answer.target, keys))
        decision = answer.decisions.get(path)
        if decision is not None and label in options:
            rows.append([decision.probabilities[option] for option in options])
            right.append(options.index(label))
            groups.append(answer.group)
    with np.errstate(divide="ignore"):
        logprobs = np.log(np.array(rows, np.float64).reshape(len(rows), len(options)))
    return Observed(logprobs=logprobs, right=np.array(right, dtype=np.int64), groups=tuple(groups))


def _at(value: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def fit(form: Form, answers: Sequence[Labelled], *, seed: int = 0) -> dict[str, SlotCalibration]:
    """Return each slot's map, fitted on the answers of an uncalibrated route; no thresholds yet."""
    found = {}
    for path, (slot, _) in calibratable(form).items():
        seen = observe(form, path, answers)
        losses = cross_validate(seen, seed=seed)
        method = min(losses, key=lambda name: losses[name]) if losses else "none"
        found[path] = SlotCalibration(
            options=tuple(json.dumps(value) for value in slot.options),
            method=method,
            map=fit_map(method, seen),
            losses=losses,
            num_fitted=len(seen.right),
        )
    return found


def cross_validate(seen: Observed, *, seed: int = 0) -> dict[Method, float]:
    """Return each method's mean log-loss on groups it was not fitted on, the simplest first.

    Methods that too few labels speak for are left out; empty when that is all of them.
    """
    num_folds = min(_FOLDS, len(set(seen.groups)))
    if len(seen.right) < MIN_LABELS or num_folds < 2:
        return {}
    enough = len(seen.right) >= MIN_FOR_BIAS
    folds = GroupKFold(num_folds, shuffle=True, random_state=seed)
    losses = {}
    for method in METHODS if enough else METHODS[:-1]:
        total = 0.0
        for fitted, unseen in folds.split(seen.logprobs, seen.right, seen.groups):
            found = fit_map(method, take(seen, fitted))
            total += float(log_losses(found, take(seen, unseen)).sum())
        losses[method] = total / len(seen.right)
    return losses


def take(seen: Observed, rows: NDArray[np.int64]) -> Observed:
    """Return some of the observations."""
    return Observed(
        logprobs=seen.logprobs[rows],
        right=seen.right[rows],
        groups=tuple(seen.groups[i] for i in rows),
    )


def fit_map(method: Method, seen: Observed) -> Calibration:
    """Fit one kind of map on all observations."""
    if method == "none":
        return NO_MAP
    floored = calibrated(seen.logprobs, NO_MAP)
    right = seen.right.tolist()
    if method == "temperature":
        return Calibration(temperature=fit_temperature(floored.tolist(), right))
    temperature, bias = fit_affine(floored, right)
    return Calibration(temperature=temperature, bias=bias)


def log_losses(found: Calibration, seen: Observed) -> Floats:
    """Return each observation's log-loss in nats under a map; shape (answers,)."""
    odds = calibrated(seen.logprobs, found)
    chosen = odds[np.arange(len(seen.right)), seen.right]
    losses: Floats = special.logsumexp(odds, axis=1) - chosen
    return losses


def with_thresholds(
    slots: Mapping[str, SlotCalibration],
    form: Form,
    answers: Sequence[Labelled],
    *,
    alpha: float = ALPHA,
) -> dict[str, SlotCalibration]:
    """Add thresholds, from answers of the route with these maps to groups they were not fitted on.

    The first answer of each group counts, because the guarantee needs independent examples.
    """
    found = {}
    for path, slot in slots.items():
        seen = observe(form, path, answers)
        first = [i for i, group in enumerate(seen.groups) if group not in seen.groups[:i]]
        p_right = np.exp(seen.logprobs[first, seen.right[first]])
        threshold = lac_threshold(p_right, alpha=alpha)
        found[path] = replace(
            slot,
            map=replace(slot.map, threshold=threshold),
            alpha=alpha,
            num_ranked=len(first),
        )
    return found
