"""From the log-likelihoods of a choice slot's options to a decision. Pure arithmetic.

Softmax over the options of the log-probability, minus a content-free prior where one is given:
contextual calibration (Zhao et al. 2021, arXiv 2102.09690, section 4), which removes what the
prompt alone makes likely.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import numpy as np

from rung.forms.form import Choice, Decision

NEGLIGIBLE = math.log(1e-3)
_IMPOSSIBLE = -9999.0
_ROUNDING = 1e-3


def decide(
    slot: Choice,
    scores: Sequence[float],
    prior: Sequence[float] | None = None,
    mass: float = 0.0,
) -> tuple[int, Decision] | None:
    """Return the winner's index and its decision, or None when the scores are unusable.

    `scores` and `prior` are natural logs, one an option; `mass` is the probability of beginning any
    of them, 0 when unknown. Engines may be inexact about an option below a thousandth of the best,
    so a prior never lifts such an option: it keeps its distance.
    """
    given = np.asarray(scores, dtype=np.float64)
    usable = np.isfinite(given) & (given < _ROUNDING)
    if given.shape != (len(slot.values),) or not usable.any():
        return None
    raw = np.where(usable, given, _IMPOSSIBLE)
    shifted = raw - raw.max()
    if prior is not None:
        negligible = shifted < NEGLIGIBLE
        calibrated = raw - np.asarray(prior, dtype=np.float64)
        shifted = np.where(negligible, shifted, calibrated - calibrated[~negligible].max())
    weights = np.exp(shifted)
    p = weights / weights.sum()
    order = np.argsort(-p, kind="stable")
    winner, second = int(order[0]), int(order[1])
    decision = Decision(
        p=float(p[winner]),
        margin=float(p[winner] - p[second]),
        runner_up=slot.values[second],
        valid_mass=mass or min(1.0, float(np.exp(raw).sum())),
        scores=tuple(map(float, raw)),
        probabilities={json.dumps(v): float(q) for v, q in zip(slot.values, p, strict=True)},
    )
    return winner, decision
