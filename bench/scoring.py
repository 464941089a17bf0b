"""Trie, likelihood and normalised scoring of options on the same examples, for `calibration.py`.

What stands behind the last choice is written, not asked, so an example costs its choices only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, get_args

import numpy as np

from rung.core.clock import monotonic_ms
from rung.core.hashing import content_hash
from rung.forms import Choice, Decision, Filling, content_free_priors, fill
from rung.forms.decisions import decide
from rung.forms.weigh import Scoring
from rung.ladder.rung import Situation
from rung.routes.calibrate import Labelled, cross_validate, observe
from rung.routes.prompt import build_messages
from rung.routes.runtime import CONTENT_FREE, Runtime
from rung.stats.intervals import mean_interval
from rung.stats.paired import paired_difference
from rung.tasks.task import Example

SCORINGS: tuple[Scoring, ...] = get_args(Scoring)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """What one scoring made of the examples."""

    answers: list[Labelled]
    with_priors: list[Labelled]
    latency_ms: list[float]


def weigh_all(
    situation: Situation, runtime: Runtime, examples: Sequence[Example], spend: Callable[[], None]
) -> dict[Scoring, Weighed]:
    """Have every scoring decide every example, through the store; `spend` is told of each call."""
    found = {}
    for scoring in SCORINGS:
        priors = _kept(
            runtime, [scoring, "prior"], lambda s=scoring: _priors(situation, runtime, s)
        )
        answers, latency = [], []
        for example in examples:
            kept = _kept(
                runtime,
                [situation.model, scoring, example.input],
                lambda e=example, s=scoring: _choices(situation, runtime, e, s),
                spend,
            )
            decisions = {path: Decision(**d) for path, d in kept["decisions"].items()}
            answers.append(
                Labelled(decisions=decisions, target=example.target, group=example.group)
            )
            latency.append(kept["latency_ms"])
        found[scoring] = Weighed(
            answers=answers,
            with_priors=[decided_again(situation, answer, priors) for answer in answers],
            latency_ms=latency,
        )
    return found


def decided_again(
    situation: Situation, answer: Labelled, priors: Mapping[str, Sequence[float]]
) -> Labelled:
    """Return the same scores with priors taken off; what a turned choice changes is left out."""
    options = {slot.path: slot.options for slot in situation.form.choices()}
    decisions = {}
    for path, decision in answer.decisions.items():
        again = decide(options[path], decision.scores, priors.get(path), decision.valid_mass)
        assert again is not None
        decisions[path] = again[1]
    return Labelled(decisions=decisions, target=answer.target, group=answer.group)


def _kept(
    runtime: Runtime, key: Any, make: Callable[[], Any], spend: Callable[[], None] = lambda: None
) -> Any:
    name = content_hash(["bench/scoring", runtime.form.hash, runtime.task.instruction, key])
    stored = runtime.store.get_answer(name)
    if stored is None:
        spend()
        stored = json.loads(json.dumps(make()))
        runtime.store.put_answer(name, stored)
    return stored


def _priors(situation: Situation, runtime: Runtime, scoring: Scoring) -> Any:
    messages = build_messages(runtime.task.instruction, runtime.form, CONTENT_FREE)
    engine = runtime.engine(situation.model)
    return content_free_priors(runtime.form, engine, messages, Filling(scoring=scoring))


def _choices(situation: Situation, runtime: Runtime, example: Example, scoring: Scoring) -> Any:
    slots = list(runtime.form.slots())
    last = max(i for i, slot in enumerate(slots) if isinstance(slot, Choice))
    known = {slot.path: example.target[slot.path] for slot in slots[last + 1 :]}
    messages = build_messages(runtime.task.instruction, runtime.form, example.input)
    engine = runtime.engine(situation.model)
    start = monotonic_ms()
    filled = fill(runtime.form, engine, messages, Filling(scoring=scoring, known=known))
    return {
        "decisions": {path: asdict(decision) for path, decision in filled.decisions.items()},
        "latency_ms": monotonic_ms() - start,
    }


def print_scorings(situation: Situation, found: Mapping[Scoring, Weighed]) -> None:
    """Print accuracy of each scoring, and the paired difference to the trie."""
    print("\nscoring      priors  slot            accuracy              log-loss*  against trie")
    for path in {slot.path: None for slot in situation.form.choices()}:
        for with_priors in (False, True):
            base = None
            for scoring, weighed in found.items():
                answers = weighed.with_priors if with_priors else weighed.answers
                seen = observe(situation.form, path, answers)
                right = (seen.logprobs.argmax(axis=1) == seen.right).astype(float)
                base = right if base is None else base
                low, high = mean_interval(right, seen.groups, low=0.0, high=1.0)
                diff = paired_difference(base, right, seen.groups)
                losses = cross_validate(seen)
                print(
                    f"{scoring:<12} {'yes' if with_priors else 'no':<7} {path:<15} "
                    f"{right.mean():.3f} [{low:.3f}, {high:.3f}]  {min(losses.values()):.3f}      "
                    f"{diff.diff:+.3f} [{diff.ci[0]:+.3f}, {diff.ci[1]:+.3f}]  n = {diff.n}"
                )
    print("* of the best map, fitted on four fifths of these groups, on the fifth it has not seen")
    for scoring, weighed in found.items():
        times = np.array(weighed.latency_ms)
        print(f"{scoring:<12} median {np.median(times):.0f} ms, mean {times.mean():.0f} ms")
