"""Where to operate: every threshold priced exactly on dev, one chosen, and what it is worth.

A score says how much escalating a request is expected to save; requests above the threshold go on.
Thresholds are swept over all values that rows have (two stages) or a grid of quantiles (three). A
point chosen on the rows it is measured on flatters itself, so `cross_fitted` chooses on the other
folds' rows. Baselines escalate as many requests without knowing anything. Guarantees are in
`stats/risk.py`; a threshold from here carries none, and its users say so.

Sources: Chen et al. 2023 (FrugalGPT: thresholds of a cascade under a budget); Elkan 2001.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

import numpy as np

from rung.routes.escalation.doubt import crossed
from rung.routes.escalation.outcomes import Mask, Outcomes, Stage, Summary, cascade, summarise
from rung.stats.clusters import Floats

NUM_CUTS = 41
"""Thresholds tried for each stage where there are several."""
Goal = Literal["expected", "tuned", "accuracy"]
"""Hand on what is expected to save more than it costs (needs calibrated doubt, no tuning); at the
thresholds that cost least on dev (needs enough rows to have seen the dear errors); or at those that
are right most often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One choice of thresholds, on the rows it was computed from; means per request."""

    thresholds: tuple[float, ...]
    """A request goes on from stage i when its score there is above `thresholds[i]`."""
    share_escalated: float
    accuracy: float
    acceptable: float
    cost_usd: float
    total_usd: float
    """Serving and error cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Stages on the same requests, and how much each thinks escalating would save."""

    stages: tuple[Stage, ...]
    scores: tuple[Floats, ...]
    """One array (requests,) for each stage but the last; infinite where there is no answer, since
    such a request is handed on whatever the threshold."""
    forced: Mask
    """Requests that a rule hands on from the first stage, whatever the score."""
    skipped: Mask
    """Of those, the ones handed on before the first stage is asked."""
    direct: Mask
    """Of those that a rule hands on, the ones that go to the last stage, past those between."""
    groups: tuple[str, ...]

    def take(self, rows: Sequence[int]) -> Trial:
        """Return some of the requests."""
        at = np.asarray(rows, dtype=np.int64)

        def cut(stage: Stage) -> Stage:
            arrays = ("cost_usd", "loss_usd", "accepted", "right", "latency_ms")
            return Stage(name=stage.name, **{name: getattr(stage, name)[at] for name in arrays})

        return Trial(
            stages=tuple(map(cut, self.stages)),
            scores=tuple(score[at] for score in self.scores),
            forced=self.forced[at],
            skipped=self.skipped[at],
            direct=self.direct[at],
            groups=tuple(self.groups[i] for i in at),
        )

    @property
    def prices_usd(self) -> tuple[float, ...]:
        """What the next stage costs on average, for each stage but the last."""
        return tuple(float(stage.cost_usd.mean()) for stage in self.stages[1:])

    def at(self, thresholds: Sequence[float]) -> Outcomes:
        """Return what comes of these thresholds."""
        on = [score > limit for score, limit in zip(self.scores, thresholds, strict=True)]
        on[0] = on[0] | self.forced
        return cascade(self.stages, on, skip=self.skipped, direct=self.direct)


def sweep(trial: Trial) -> list[Point]:
    """Return every operating point: all distinct cuts of one score, a grid of several."""
    many = len(trial.scores) > 1
    cuts = [_cuts(score, NUM_CUTS if many else None) for score in trial.scores]
    return [point_at(trial, thresholds) for thresholds in product(*cuts)]


def _cuts(score: Floats, most: int | None) -> list[float]:
    """Return thresholds from `always` (below every score) to `never` (the highest)."""
    values = np.unique(score[np.isfinite(score)])
    if not len(values):
        return [0.0]
    if most is not None and len(values) > most:
        values = np.unique(np.quantile(values, np.linspace(0, 1, most), method="nearest"))
    return [float(values[0]) - 1.0, *map(float, values)]


def point_at(trial: Trial, thresholds: tuple[float, ...]) -> Point:
    """Return the operating point of these thresholds."""
    found = trial.at(thresholds)
    return Point(
        thresholds=thresholds,
        share_escalated=found.share_escalated,
        accuracy=float(found.right.mean()),
        acceptable=float(found.accepted.mean()),
        cost_usd=float(found.cost_usd.mean()),
        total_usd=float(found.total_usd.mean()),
    )


def pareto(points: Sequence[Point]) -> list[Point]:
    """Return the points that no other beats in both serving cost and accuracy, cheapest first."""
    kept: list[Point] = []
    for point in sorted(points, key=lambda p: (p.cost_usd, -p.accuracy)):
        if not kept or point.accuracy > kept[-1].accuracy:
            kept.append(point)
    return kept


def choose(trial: Trial, goal: Goal) -> Point:
    """Return the operating point for a goal; of equals the cheapest one."""
    if goal == "expected":
        return point_at(trial, trial.prices_usd)
    if goal == "tuned":
        return min(sweep(trial), key=lambda p: (p.total_usd, p.share_escalated))
    return min(sweep(trial), key=lambda p: (-p.accuracy, p.total_usd))


def cross_fitted(
    trial: Trial, pick: Callable[[Trial], Point], *, name: str, seed: int = 0
) -> Summary:
    """Summarise outcomes where each request's threshold was picked without its fold's groups."""
    rows = {"cost_usd", "loss_usd", "accepted", "right", "latency_ms", "stage"}
    arrays = {row: np.zeros(len(trial.groups)) for row in rows}

    def fit(seen: Sequence[int], unseen: Sequence[int]) -> Floats:
        point = pick(trial.take(seen))
        found = trial.take(unseen).at(point.thresholds)
        for row in rows:
            arrays[row][unseen] = getattr(found, row)
        return np.zeros(len(unseen))

    if crossed(trial.groups, fit, seed=seed) is None:
        raise ValueError("one group cannot be split into folds")
    stage = arrays.pop("stage").astype(np.int64)
    return summarise(name, Outcomes(name=name, stage=stage, **arrays), trial.groups, seed=seed)


def baselines(trial: Trial, share: float, length: Floats, *, seed: int = 0) -> list[Summary]:
    """Return what knowing nothing does: never, always, and as many requests at random, by length
    of the prompt, and by an oracle that sees the outcomes; between the first and the last stage."""
    first, last = trial.stages[0], trial.stages[-1]
    n = len(trial.groups)
    gain = (first.loss_usd + first.cost_usd) - (last.loss_usd + first.cost_usd + last.cost_usd)
    gain = gain + (last.right - first.right) * 1e-9
    chance = np.random.default_rng(seed).random(n)
    masks = {
        "never escalate": np.zeros(n, dtype=np.bool_),
        "random, same share": _top(chance, share),
        "longest prompts, same share": _top(length, share),
        "oracle, same share": _top(gain, share),
        "oracle": gain > 0.0,
    }
    found = [
        summarise(name, cascade([first, last], [mask]), trial.groups, seed=seed)
        for name, mask in masks.items()
    ]
    always = summarise("always the last stage", cascade([last], []), trial.groups, seed=seed)
    always = replace(always, share_escalated=1.0)
    return [found[0], always, *found[1:]]


def _top(score: Floats, share: float) -> Mask:
    """Return a mask of the highest scores, as many as the share says."""
    mask = np.zeros(len(score), dtype=np.bool_)
    mask[np.argsort(-score, kind="stable")[: round(share * len(score))]] = True
    return mask
