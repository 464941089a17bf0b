"""How far apart two engines' next tokens are, on the same token ids.

For each value token: the Kullback-Leibler divergence from the trainer's distribution, whether the
likeliest token is another one, and for each probe whether all value tokens are the likeliest ones
(strict). Which differences are too large is decided in `parity.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rung.engines.in_process import InProcessEngine
from rung.engines.sampling import Logits
from rung.engines.steps import Step
from rung.stats.bootstrap import cluster_bootstrap
from rung.stats.intervals import Interval, wilson
from rung.train.parity_tokens import Served

Logprobs = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How an arm differs from the trainer; rates with 95 % intervals, KL in nats a token."""

    arm: str
    num_probes: int
    num_tokens: int
    kl: float
    kl_ci: Interval
    """Clustered by probe."""
    kl_max: float
    num_flips: int
    """Value tokens whose likeliest token is another one."""
    flip_rate_ci: Interval
    num_gained: int
    """Probes that only the arm has strictly right."""
    num_lost: int
    """Probes that only the trainer has strictly right."""
    strict_flip_ci: Interval


def value_logprobs(engine: InProcessEngine, adapter: str, probe: Served) -> Logprobs:
    """Return the log-probabilities of what may stand at each value token, (values, vocab)."""
    tokens = [*probe.prompt, *probe.answer]
    with engine.lock:
        opened = engine.branches.start(tokens, adapter=adapter)
        engine.branches.cut(opened.branch, 0)
        try:
            before = [False] * (len(probe.prompt) - 1) + [*probe.is_value, False]
            chosen = _evaluate(engine, opened.branch, tokens, before).astype(np.float64)
        finally:
            engine.branches.drop(opened.branch)
    top = chosen.max(axis=1, keepdims=True)
    logprobs: Logprobs = chosen - top - np.log(np.exp(chosen - top).sum(axis=1, keepdims=True))
    return logprobs


def _evaluate(
    engine: InProcessEngine, branch: object, tokens: Sequence[int], wanted: Sequence[bool]
) -> Logits:
    """Evaluate all tokens from the start in batches; return the rows behind the `wanted` ones."""
    size, rows = engine.branches.batch_tokens, []
    for at in range(0, len(tokens), size):
        part, asked = tuple(tokens[at : at + size]), list(wanted[at : at + size])
        first = asked.index(True) if True in asked else len(part)
        step = Step(branches=(branch,), tokens=part, num_logits=len(part) - first)  # type: ignore[arg-type]
        rows.append(engine.branches.evaluate([step])[0][asked[first:]])
    return np.concatenate(rows)


def compare(
    arm: str,
    probes: Sequence[Served],
    expected: Sequence[Logprobs],
    found: Sequence[Logprobs],
    *,
    seed: int = 0,
) -> Difference:
    """Return how `found` differs from the trainer's `expected`, a pair of arrays a probe."""
    divergences, groups, num_flips = [], [], 0
    gained = lost = 0
    for number, (probe, right, there) in enumerate(zip(probes, expected, found, strict=True)):
        width = min(right.shape[1], there.shape[1])
        one, other = right[:, :width], there[:, :width]
        divergences += list((np.exp(one) * (one - other)).sum(axis=1))
        groups += [number] * len(one)
        num_flips += int((one.argmax(axis=1) != other.argmax(axis=1)).sum())
        tokens = [t for t, is_value in zip(probe.answer, probe.is_value, strict=True) if is_value]
        before, after = (bool((rows.argmax(axis=1) == tokens).all()) for rows in (one, other))
        gained, lost = gained + (after and not before), lost + (before and not after)
    values = np.maximum(np.array(divergences), 0.0)
    return Difference(
        arm=arm,
        num_probes=len(probes),
        num_tokens=len(values),
        kl=float(values.mean()),
        kl_ci=cluster_bootstrap(values, groups, num_resamples=2000, seed=seed),
        kl_max=float(values.max()),
        num_flips=num_flips,
        flip_rate_ci=wilson(num_flips, len(values)),
        num_gained=gained,
        num_lost=lost,
        strict_flip_ci=wilson(gained + lost, len(probes)),
    )
