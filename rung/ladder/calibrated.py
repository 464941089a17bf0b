"""Rung `calibrated`: the form with choice probabilities that mean what they say.

The form without any calibration answers some train examples, a map is fitted on what it was sure
of, and the form with that map answers one train example of each of some other groups, from which
the thresholds of the prediction sets come (`routes/calibrate.py`). The second pass is not the first
with the map applied: a choice that the map turns changes what the later slots see. Never dev, never
the holdout; all answers go through the cache.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from rung.core.seeds import stream
from rung.ladder.rung import Need, Rung, Situation
from rung.routes.calibrate import MIN_LABELS, Labelled, calibratable, fit, with_thresholds
from rung.routes.calibration import to_bytes
from rung.routes.route import Route
from rung.routes.runtime import Answer
from rung.tasks.task import Example

NAME = "form+calibrated"
NUM_FITTED = 64
"""Train examples a map is fitted on."""
NUM_RANKED = 36
"""Groups that thresholds are taken from: at least 9 for sets that hold the right option in 90 %."""
RANKED_SHARE = 0.4
"""Most groups of the train split that go to the thresholds."""


def needs(situation: Situation) -> tuple[Need, ...]:
    """Say how many train examples are answered, where choices can be calibrated at all."""
    fitted, ranked = draw_apart(situation.task.train, seed=situation.seed)
    scored = situation.capabilities.choice_logprobs and calibratable(situation.form)
    if not scored or len(fitted) < MIN_LABELS:
        return ()
    return (Need(name=NAME, route=_route(situation), num_examples=len(fitted) + len(ranked)),)


def propose(situation: Situation) -> tuple[Route, ...]:
    """Propose the form with a calibration fitted on its own answers to train examples."""
    if not needs(situation):
        return ()
    fitted, ranked = draw_apart(situation.task.train, seed=situation.seed)
    answers = situation.answers(_route(situation), fitted)
    slots = fit(situation.form, _labelled(fitted, answers), seed=situation.seed)
    mapped = _route(situation, situation.artifacts.put(to_bytes(slots)))
    answers = situation.answers(mapped, ranked)
    slots = with_thresholds(slots, situation.form, _labelled(ranked, answers))
    return (_route(situation, situation.artifacts.put(to_bytes(slots))),)


def draw_apart(examples: Sequence[Example], *, seed: int) -> tuple[list[Example], list[Example]]:
    """Return examples to fit on, and one example of each of other groups for the thresholds.

    The first take one example of every group before a second one of any.
    """
    random = stream(seed, "draw", NAME)
    groups: dict[str, list[Example]] = defaultdict(list)
    for example in random.sample(examples, len(examples)):
        groups[example.group].append(example)
    names = list(groups)
    num_ranked = min(NUM_RANKED, int(RANKED_SHARE * len(names)))
    ranked = [groups[name][0] for name in names[:num_ranked]]
    rest = [(turn, e) for name in names[num_ranked:] for turn, e in enumerate(groups[name])]
    fitted = [example for _, example in sorted(rest, key=lambda pair: pair[0])]
    return fitted[:NUM_FITTED], ranked


def _route(situation: Situation, calibration: str = "") -> Route:
    """Return the form with a calibration; without one, the form that scores every option well."""
    name, rung = (NAME, "calibrated") if calibration else ("form", "form")
    return situation.route(
        name=name, rung=rung, output="form", scoring="trie", calibration=calibration
    )


def _labelled(examples: Sequence[Example], answers: Sequence[Answer]) -> list[Labelled]:
    return [
        Labelled(decisions=answer.decisions, target=example.target, group=example.group)
        for example, answer in zip(examples, answers, strict=True)
    ]


RUNG = Rung(
    name="calibrated",
    about="choice probabilities fitted on train answers, with prediction sets",
    propose=propose,
    needs=needs,
    min_before_stop=30,
)
