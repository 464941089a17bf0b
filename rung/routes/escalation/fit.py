"""Fit a cascade's policy on rows of its stages, and say what it is worth beside doing otherwise.

Doubt is fitted on what each stage's answers tell, thresholds are chosen by expected cost (or
certified), and every figure reported comes from folds that the fit has not seen. Pure: signals and
outcomes come in; `flow/route.py` has them made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rung.routes.escalation.certify import bound_loss, certify_rate
from rung.routes.escalation.doubt import Doubt, fit_doubt
from rung.routes.escalation.operating import (
    Goal,
    Point,
    Trial,
    baselines,
    choose,
    cross_fitted,
    pareto,
    point_at,
    sweep,
)
from rung.routes.escalation.outcomes import Mask, Stage, Summary
from rung.routes.escalation.policy import NEVER, Handover, Person, Policy
from rung.routes.escalation.rules import Rules
from rung.stats.calibration import auroc, ece
from rung.stats.clusters import Floats

Row = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Logs:
    """Everything known of the same requests; one entry a request throughout."""

    before: Sequence[Row]
    """Signals known before any model is asked."""
    after: Sequence[Sequence[Row]]
    """Signals after the answer of each stage but the last machine or person; before included."""
    stages: Sequence[Stage]
    groups: Sequence[str]
    person: Person | None = None
    """Set where the last stage is a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How well a signal tells wrong answers of the first stage, out of fold."""

    name: str
    auroc: float
    ece: float | None = None
    """Of probabilities only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A policy and what it is worth on dev."""

    policy: Policy
    trial: Trial
    chosen: Point
    front: tuple[Point, ...]
    summaries: tuple[Summary, ...]
    """Cross-fitted cascades first (none of rows of one group), then what knows nothing, then
    oracles."""
    qualities: tuple[Quality, ...]
    notes: tuple[str, ...]


def fit_policy(
    logs: Logs,
    *,
    rules: Rules,
    goal: Goal = "expected",
    max_risk: float = 0.0,
    max_loss_usd: float = 0.0,
    dearest_usd: float = 1.0,
    use_doubt: bool = True,
    seed: int = 0,
) -> Fit:
    """Fit doubt and thresholds.

    `max_risk` > 0 certifies the error rate of what stays local, else `max_loss_usd` > 0 bounds what
    its errors cost a request, none of which costs more than `dearest_usd`; see `certify.py`.
    Without `use_doubt` only rules and failed answers escalate.
    """
    handovers, scores = _handovers(logs, dearest_usd, seed)
    forced, skipped, direct = _by_rule(rules, logs)
    if not use_doubt:
        scores = [np.where(np.isinf(score), score, 0.0) for score in scores]
    trial = Trial(
        stages=tuple(logs.stages),
        scores=tuple(scores),
        forced=forced,
        skipped=skipped,
        direct=direct,
        groups=tuple(logs.groups),
    )
    nobody = tuple([NEVER] * len(scores))
    points = sweep(trial) if use_doubt else [point_at(trial, nobody)]
    chosen = choose(trial, goal) if use_doubt else points[0]
    notes = [_UNCERTIFIED]
    certified = None
    if max_risk > 0.0 and use_doubt:
        chosen, certified, note = certify_rate(trial, chosen, max_risk)
        notes = [note]
    elif max_loss_usd > 0.0 and use_doubt:
        chosen, note = bound_loss(trial, chosen, max_loss_usd=max_loss_usd, dearest_usd=dearest_usd)
        notes = [note]
    if len(set(logs.groups)) == 1:
        notes.append("the rows are all of one group, which says nothing about other groups")
    if any(rule.evidence is not None for rule in rules.rules):
        notes.append(
            "rules that were mined on these rows look better here than they will elsewhere"
        )
    kept = [
        replace(
            one,
            threshold=limit,
            certified=certified if i == 0 else None,
        )
        for i, (one, limit) in enumerate(zip(handovers, chosen.thresholds, strict=True))
    ]
    return Fit(
        policy=Policy(rules=rules, handovers=tuple(kept), person=logs.person),
        trial=trial,
        chosen=chosen,
        front=tuple(pareto(points)),
        summaries=_summaries(trial, logs, use_doubt, seed),
        qualities=_qualities(logs, seed),
        notes=tuple(notes),
    )


_UNCERTIFIED = (
    "the threshold follows from costs and carries no guarantee"
    " (--max-risk certifies an error rate, --max-loss-usd bounds a cost)"
)


def _handovers(logs: Logs, dearest_usd: float, seed: int) -> tuple[list[Handover], list[Floats]]:
    """Return each handover, its threshold open, and each request's score out of fold.

    Where no answer was wrong, an error costs `dearest_usd`.
    """
    handovers, scores = [], []
    for i, rows in enumerate(logs.after):
        here, there = logs.stages[i], logs.stages[i + 1]
        wrong = 1.0 - here.accepted
        ours = fit_doubt(rows, wrong, logs.groups, seed=seed)
        last = i == len(logs.after) - 1
        if last and logs.person is not None:
            p = logs.person.p_error
            theirs = Doubt(intercept=float(np.log(p / (1.0 - p))) if p > 0 else -50.0)
            p_next = np.full(len(wrong), p)
        else:
            fitted = fit_doubt(rows, 1.0 - there.accepted, logs.groups, seed=seed)
            theirs, p_next = fitted.doubt, fitted.p_error
        lost = here.loss_usd[wrong > 0.0]
        unseen_usd = 1.0 if len(lost) else dearest_usd
        error_usd = float(lost.mean()) if lost.sum() > 0.0 else unseen_usd
        handover = Handover(doubt=ours.doubt, next_doubt=theirs, error_usd=error_usd)
        loss = np.array([row.get("loss_if_wrong_usd", error_usd) for row in rows])
        handovers.append(handover)
        failed = np.array([row.get("failed", 0.0) > 0.0 for row in rows])
        scores.append(np.where(failed, np.inf, (ours.p_error - p_next) * loss))
    return handovers, scores


def _by_rule(rules: Rules, logs: Logs) -> tuple[Mask, Mask, Mask]:
    """Return the requests that a rule hands on, those of them before any model is asked, and those
    that it hands to a person, which a rule does to no answer that failed."""
    first = [rules.first(row, before=True) for row in logs.before]
    then = [rules.first(row, before=False) for row in logs.after[0]]
    skipped = np.array([rule is not None for rule in first])
    forced = skipped | np.array([rule is not None for rule in then])
    failed = np.array([row.get("failed", 0.0) > 0.0 for row in logs.after[0]])
    names = [early or late for early, late in zip(first, then, strict=True)]
    to_person = np.array([rule is not None and rule.to == "human" for rule in names])
    has_person = logs.person is not None
    return forced, skipped, forced & to_person & (skipped | ~failed) & has_person


def _summaries(trial: Trial, logs: Logs, use_doubt: bool, seed: int) -> tuple[Summary, ...]:
    """Return the cascade cross-fitted for each goal, its parts alone, and the baselines."""
    nobody = np.zeros_like(trial.forced)
    plain = replace(trial, forced=nobody, skipped=nobody, direct=nobody)

    never = (NEVER,) * len(trial.scores)

    def run(name: str, one: Trial, goal: Goal | None) -> Summary:
        return cross_fitted(
            one,
            lambda seen: point_at(seen, never) if goal is None else choose(seen, goal),
            name=name,
            seed=seed,
        )

    several = len(set(trial.groups)) > 1
    found = [run("rules alone", trial, None)] if several and trial.forced.any() else []
    if several and use_doubt:
        alone = [run("doubt alone", plain, "expected")] if trial.forced.any() else []
        whole = [run(f"cascade, {name}", trial, goal) for goal, name in _GOALS.items()]
        found = [*whole, *alone, *found]
    share = found[0].share_escalated if found else 0.0
    length = np.array([row.get("num_tokens", 0.0) for row in logs.before])
    return (*found, *baselines(trial, share, length, seed=seed))


def _qualities(logs: Logs, seed: int) -> tuple[Quality, ...]:
    """Return how well fitted doubt and single signals tell wrong answers of the first stage."""
    rows, wrong = logs.after[0], 1.0 - logs.stages[0].accepted
    fitted = fit_doubt(rows, wrong, logs.groups, seed=seed)
    found = [
        Quality(
            name="all signals, fitted",
            auroc=auroc(fitted.p_error, wrong > 0.0),
            ece=ece(fitted.p_error, wrong),
        )
    ]
    for name, sign in _SINGLE.items():
        values = np.array([row.get(name, np.nan) for row in rows])
        if np.isfinite(values).all():
            found.append(Quality(name=name, auroc=auroc(sign * values, wrong > 0.0)))
    return tuple(found)


_GOALS: dict[Goal, str] = {
    "expected": "expected cost",
    "tuned": "tuned cost",
    "accuracy": "most accurate",
}
_SINGLE = {
    "p_min": -1.0,
    "margin_min": -1.0,
    "perplexity": 1.0,
    "novelty": 1.0,
    "complexity": 1.0,
    "num_tokens": 1.0,
}
"""Signals looked at one by one, with the sign in which they should tell an error."""
