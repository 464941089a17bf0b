"""From the log-likelihoods of a choice slot's options to a decision. Pure arithmetic.

Softmax over the options of the log-probability, minus a content-free prior where one is given:
contextual calibration (Zhao et al. 2021, arXiv 2102.09690, section 4), which removes what the
prompt alone makes likely.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rung.forms.form import Decision

NEGLIGIBLE = math.log(1e-3)
_IMPOSSIBLE = -9999.0
_ROUNDING = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Fitted on labels: log-probabilities plus `bias`, one an option, divided by `temperature`."""

    temperature: float = 1.0
    bias: tuple[float, ...] = ()


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
    so a prior never lifts such an option: it keeps its distance.
    """
    given = np.asarray(scores, dtype=np.float64)
    usable = np.isfinite(given) & (given < _ROUNDING)
    if given.shape != (len(options),) or not usable.any():
        return None
    raw = np.where(usable, given, _IMPOSSIBLE)
    shifted = raw - raw.max()
    if prior is not None:
        negligible = shifted < NEGLIGIBLE
        calibrated = raw - np.asarray(prior, dtype=np.float64)
        shifted = np.where(negligible, shifted, calibrated - calibrated[~negligible].max())
    if calibration is not None:
        shifted = shifted + np.asarray(calibration.bias or 0.0)
        shifted = (shifted - shifted.max()) / calibration.temperature
    weights = np.exp(shifted)
    p = weights / weights.sum()
    order = np.argsort(-p, kind="stable")
    winner, second = int(order[0]), int(order[1])
    decision = Decision(
        p=float(p[winner]),
        margin=float(p[winner] - p[second]),
        runner_up=options[second],
        valid_mass=mass or min(1.0, float(np.exp(raw).sum())),
        scores=tuple(map(float, raw)),
        probabilities={json.dumps(v): float(q) for v, q in zip(options, p, strict=True)},
    )
    return winner, decision
