"""From the log-likelihoods of a choice slot's options to a decision. Pure arithmetic.

Softmax over the options of the log-probability, minus a content-free prior where one is given:
contextual calibration (Zhao et al. 2021, arXiv 2102.09690, section 4), which removes what the
prompt alone makes likely. Then, where one was fitted on labels, an affine map (Guo et al. 2017,
section 4.2, with one scale for all options), and the options that belong in the prediction set
(Sadinle, Lei and Wasserman 2019). Nothing is fitted here: see `routes/calibrate.py`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rung.forms.form import Decision
from rung.stats.risk import prediction_set

Floats = NDArray[np.float64]

NEGLIGIBLE = math.log(1e-3)
FLOOR = math.log(1e-9)
"""Log-odds to the best option that calibration takes for the least: engines give less only to
options they did not look at."""
_IMPOSSIBLE = -9999.0
_ROUNDING = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Fitted on labels: log-probabilities plus `bias`, one an option, divided by `temperature`."""

    temperature: float = 1.0
    bias: tuple[float, ...] = ()
    threshold: float | None = None
    """Options at least this probable make the prediction set; None: it is not known."""


def decide(
    options: Sequence[Any],
    scores: Sequence[float],
    prior: Sequence[float] | None = None,
    mass: float = 0.0,
    calibration: Calibration | None = None,
) -> tuple[int, Decision] | None:
    """Return the winner's index and its decision, or None when the scores are unusable.

    `scores` and `prior` are natural logs, one an option; `mass` is the probability of beginning any
    of them, 0 when unknown. Engines may be inexact about an option below a thousandth of the best,
    so a prior never lifts such an option: it keeps its distance. Nor does a prior count for less
    than a thousandth of its best: engines may not have looked at that option at all.
    """
    given = np.asarray(scores, dtype=np.float64)
    usable = np.isfinite(given) & (given < _ROUNDING)
    if given.shape != (len(options),) or not usable.any():
        return None
    raw = np.where(usable, given, _IMPOSSIBLE)
    odds = _without_prior(raw, prior)
    if calibration is not None:
        odds = np.where(usable, calibrated(odds, calibration), _IMPOSSIBLE)
    weights = np.exp(odds - odds.max())
    p = weights / weights.sum()
    order = np.argsort(-p, kind="stable")
    winner, second = int(order[0]), int(order[1])
    names = [json.dumps(value) for value in options]
    decision = Decision(
        p=float(p[winner]),
        margin=float(p[winner] - p[second]),
        runner_up=options[second],
        valid_mass=mass or min(1.0, float(np.exp(raw).sum())),
        scores=tuple(map(float, raw)),
        probabilities=dict(zip(names, map(float, p), strict=True)),
        prediction_set=_prediction_set(names, p, calibration),
    )
    return winner, decision


def taken(decision: Decision, key: str) -> Decision:
    """Return the decision with the option of JSON text `key` chosen: its own probability, the
    likeliest other next."""
    others = {k: p for k, p in decision.probabilities.items() if k != key}
    runner_up = max(others, key=lambda k: others[k])
    p = decision.probabilities[key]
    return replace(decision, p=p, margin=p - others[runner_up], runner_up=json.loads(runner_up))


def calibrated(odds: Floats, calibration: Calibration) -> Floats:
    """Return calibrated log-odds in nats, up to a constant common to the options of a decision.

    `odds` are log-probabilities or log-odds, of shape (..., options).
    """
    best = odds.max(axis=-1, keepdims=True)
    shifted = np.maximum(odds - best, FLOOR) + np.asarray(calibration.bias or 0.0)
    result: Floats = shifted / calibration.temperature
    return result


def _without_prior(raw: Floats, prior: Sequence[float] | None) -> Floats:
    """Return log-odds to the best option that is not negligible, the prior taken off."""
    odds: Floats = raw - raw.max()
    if prior is None:
        return odds
    negligible = odds < NEGLIGIBLE
    given = np.asarray(prior, dtype=np.float64)
    lifted = raw - np.maximum(given, given.max() + NEGLIGIBLE)
    return np.where(negligible, odds, lifted - lifted[~negligible].max())


def _prediction_set(
    names: Sequence[str], p: Floats, calibration: Calibration | None
) -> tuple[str, ...] | None:
    if calibration is None or calibration.threshold is None:
        return None
    return tuple(names[i] for i in prediction_set(p.tolist(), calibration.threshold))
