"""What rungs that escalate learn from: train answers of a specialist and of the reference.

The specialist is the linear head where it can fill every slot, asked about examples that it was not
fitted on (cross-fitted by group); else the form. Without a reference nobody is escalated to.
Novelty is left out: a train example is its own nearest neighbour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from sklearn.model_selection import GroupKFold

from rung.core.seeds import stream
from rung.engines.open import price_of_model
from rung.ladder import form
from rung.ladder.head import propose_head
from rung.ladder.rung import Need, Situation
from rung.routes.answer import head_slots
from rung.routes.escalation.fit import Logs
from rung.routes.escalation.outcomes import Stage
from rung.routes.escalation.signals import Signals
from rung.routes.head import fit_head
from rung.routes.route import Route
from rung.routes.runtime import Answer
from rung.routes.spent import answer_cost_usd
from rung.tasks.scorers import score_output
from rung.tasks.task import Example

NUM_TRAIN = 120
"""Train examples that the reference answers."""
MIN_TRAIN = 60
_FOLDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Delegation:
    """A specialist, whom it may hand on to, and rows of both."""

    specialist: Route
    reference: Route
    logs: Logs


def needs(situation: Situation, name: str) -> tuple[Need, ...]:
    """Say which train answers a rung of this name must have; none where nobody is stronger."""
    examples = drawn(situation)
    if situation.reference is None or len(examples) < MIN_TRAIN:
        return ()
    asked = (situation.reference, specialist(situation))
    return tuple(Need(name=name, route=r, num_examples=len(examples)) for r in asked)


def drawn(situation: Situation) -> list[Example]:
    """Return the train examples that are looked at."""
    train = situation.task.train
    return stream(situation.seed, "draw", "delegation").sample(train, min(NUM_TRAIN, len(train)))


def specialist(situation: Situation) -> Route:
    """Return the route that answers first."""
    heads = propose_head(situation)
    return heads[-1] if heads else form.propose(situation)[0]


def gather(situation: Situation) -> Delegation:
    """Have both routes answer, and compute signals; only after `needs` announced it."""
    assert situation.reference is not None
    examples, first = drawn(situation), specialist(situation)
    ours = _cross_fitted(situation, first, examples)
    theirs = situation.answers(situation.reference, examples)
    signals = Signals(replace(situation.task, train=()))
    before = [signals.before(example.input) for example in examples]
    after = [
        known | signals.after(example.input, said)
        for known, example, said in zip(before, examples, ours, strict=True)
    ]
    return Delegation(
        specialist=first,
        reference=situation.reference,
        logs=Logs(
            before=before,
            after=[after],
            stages=[
                _stage(situation, first, examples, ours),
                _stage(situation, situation.reference, examples, theirs),
            ],
            groups=[example.group for example in examples],
        ),
    )


def _cross_fitted(
    situation: Situation, route: Route, examples: Sequence[Example]
) -> Sequence[Answer]:
    """Return the specialist's answers; a head's from heads that saw none of the example's group."""
    groups = [example.group for example in examples]
    num = min(_FOLDS, len(set(groups)))
    if route.output != "head" or num < 2:
        return situation.answers(route, examples)
    slots = head_slots(situation.form)
    found: dict[int, Answer] = {}
    folds = GroupKFold(num, shuffle=True, random_state=situation.seed)
    for _, unseen in folds.split(examples, groups=groups):
        left_out = {groups[i] for i in unseen}
        rest = [e for e in situation.task.train if e.group not in left_out]
        fitted = fit_head(rest, slots, seed=situation.seed)
        other = replace(route, head=situation.artifacts.put(fitted.to_bytes()))
        said = situation.answers(other, [examples[i] for i in unseen])
        found |= dict(zip(map(int, unseen), said, strict=True))
    return [found[i] for i in range(len(examples))]


def _stage(
    situation: Situation, route: Route, examples: Sequence[Example], answers: Sequence[Answer]
) -> Stage:
    """Return what a route's answers cost and lose; where no error is priced, one costs 1 USD."""
    task, price = situation.task, price_of_model(route.model)
    outputs = [None if said.status == "failed" else said.output for said in answers]
    pairs = zip(examples, outputs, strict=True)
    scores = [score_output(task, example, output) for example, output in pairs]
    right = np.array([float(score.strict) for score in scores])
    if task.error_cost is None:
        loss, accepted = 1.0 - right, right
    else:
        loss = np.array([score.error_cost_usd for score in scores])
        usable = np.array([output is not None for output in outputs])
        accepted = (usable & (loss == 0.0)).astype(np.float64)
    return Stage(
        name=route.name,
        cost_usd=np.array([answer_cost_usd(price, said) for said in answers]),
        loss_usd=loss,
        accepted=accepted,
        right=right,
        latency_ms=np.array([said.latency_ms for said in answers]),
    )
