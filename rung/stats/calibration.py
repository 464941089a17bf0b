"""Do stated probabilities mean what they say: ECE, Brier, AUROC, temperature, semantic entropy.

Works on numbers only; where they come from (option log-probabilities, votes) and which map suits
them is the forms' and routes' business.

Sources: Guo et al. 2017 (expected calibration error, temperature scaling, section 4.2); Brier 1950;
Kuhn et al. 2023 (semantic entropy); "Supervised Calibration" (arXiv 2505.23783), whose per-class
affine map of log-probabilities `fit_affine` narrows to one scale and a bias for each class.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import special
from scipy.optimize import minimize, minimize_scalar
from scipy.stats import rankdata

from rung.stats.clusters import Floats

_LOG_TEMPERATURE_BOUNDS = (math.log(0.05), math.log(20.0))


def _aligned(p: ArrayLike, correct: ArrayLike) -> tuple[Floats, Floats]:
    stated, right = np.asarray(p, np.float64), np.asarray(correct, np.float64)
    if stated.shape != right.shape or stated.size == 0:
        raise ValueError(f"{stated.size} probabilities but {right.size} outcomes")
    if stated.min() < 0.0 or stated.max() > 1.0:
        raise ValueError("probabilities must lie in 0..1")
    return stated, right


def ece(p: ArrayLike, correct: ArrayLike, *, num_bins: int = 15) -> float:
    """Return the expected calibration error: mean |confidence - accuracy| over equal-width bins."""
    stated, right = _aligned(p, correct)
    bins = np.minimum((stated * num_bins).astype(np.int64), num_bins - 1)
    gaps = np.bincount(bins, weights=stated - right, minlength=num_bins)
    return float(np.abs(gaps).sum() / stated.size)


def brier(p: ArrayLike, correct: ArrayLike) -> float:
    """Return the mean squared distance between probability and outcome (0 or 1)."""
    stated, right = _aligned(p, correct)
    return float(np.square(stated - right).mean())


def auroc(scores: ArrayLike, positive: ArrayLike) -> float:
    """Return the probability that a positive outscores a negative, ties counting half.

    NaN when all are positive or none is. Source: Hanley and McNeil 1982.
    """
    ranks = rankdata(np.asarray(scores, np.float64))
    hit = np.asarray(positive, np.bool_)
    num_hits, num_misses = int(hit.sum()), int((~hit).sum())
    if num_hits == 0 or num_misses == 0:
        return math.nan
    above = float(ranks[hit].sum()) - num_hits * (num_hits + 1) / 2.0
    return above / (num_hits * num_misses)


def apply_temperature(logprobs: Sequence[float], temperature: float) -> tuple[float, ...]:
    """Return option probabilities at this temperature; the log-probabilities need no common sum."""
    return tuple(float(p) for p in special.softmax(np.asarray(logprobs) / temperature))


def fit_temperature(logprobs: Sequence[Sequence[float]], right: Sequence[int]) -> float:
    """Return the temperature (0.05 to 20) of least negative log-likelihood of the right options.

    `logprobs[i]` scores the options of example i, as many as it has; `right[i]` indexes them.
    """
    if len(logprobs) != len(right) or not right:
        raise ValueError(f"{len(logprobs)} examples but {len(right)} right options")
    table = np.full((len(logprobs), max(map(len, logprobs))), -np.inf)  # (examples, options)
    for i, row in enumerate(logprobs):
        table[i, : len(row)] = row
    chosen = table[np.arange(len(right)), np.asarray(right)]

    def loss(log_temperature: float) -> float:
        scale = math.exp(-log_temperature)
        return float((special.logsumexp(table * scale, axis=1) - chosen * scale).sum())

    best = minimize_scalar(loss, bounds=_LOG_TEMPERATURE_BOUNDS, method="bounded")
    return math.exp(float(best.x))


def fit_affine(
    logprobs: ArrayLike, right: Sequence[int], *, strength: float = 0.3
) -> tuple[float, tuple[float, ...]]:
    """Return (temperature, bias): (logprobs + bias) / temperature are the fitted log-odds.

    `logprobs` has shape (examples, options), all finite. Minimises the negative log-likelihood plus
    strength / 2 times the squared norm of bias / temperature, which is a normal prior in nats. An
    option that is never right keeps the bias 0: nothing is known of it. Convex, so there is one
    optimum.
    """
    table, chosen = np.asarray(logprobs, np.float64), np.asarray(right, np.int64)
    if table.ndim != 2 or len(table) != len(chosen) or not len(chosen):
        raise ValueError(f"{len(table)} examples but {len(chosen)} right options")
    if not np.isfinite(table).all() or strength <= 0.0:
        raise ValueError("log-probabilities must be finite and strength above 0")
    table = table - table.max(axis=1, keepdims=True)
    hits = np.zeros_like(table)
    hits[np.arange(len(chosen)), chosen] = 1.0
    met = hits.any(axis=0)

    def loss(theta: Floats) -> tuple[float, Floats]:
        shift = np.zeros(len(met))
        shift[met] = theta[1:]
        odds = theta[0] * table + shift
        total = special.logsumexp(odds, axis=1)
        excess = np.exp(odds - total[:, None]) - hits  # (examples, options)
        value = (total - (odds * hits).sum(axis=1)).sum() + strength / 2.0 * shift @ shift
        slope = (excess.sum(axis=0) + strength * shift)[met]
        return float(value), np.concatenate([[(excess * table).sum()], slope])

    low, high = (math.exp(-bound) for bound in reversed(_LOG_TEMPERATURE_BOUNDS))
    start = np.concatenate([[1.0], np.zeros(met.sum())])
    bounds = [(low, high), *[(None, None)] * int(met.sum())]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    bias = np.zeros(len(met))
    bias[met] = found[1:] / found[0]
    return 1.0 / float(found[0]), tuple(map(float, bias))


def semantic_entropy(p: Sequence[float]) -> float:
    """Return the entropy in nats over classes of equivalent answers; shares must sum to 1."""
    shares = np.asarray(p, dtype=np.float64)
    if shares.size == 0 or shares.min() < 0.0 or abs(float(shares.sum()) - 1.0) > 1e-6:
        raise ValueError("shares must be at least 0 and sum to 1")
    return float(special.entr(shares).sum())
