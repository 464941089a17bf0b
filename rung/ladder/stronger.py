"""Rungs in which an agent asks the reference: for single steps in doubt, for an outline.

The agent answers, the reference is asked beside it and never acts alone; both need a reference that
can be asked and is another model. How sure the agent must be of a step is fitted on its own answers
to train examples (`routes/escalation/step_threshold.py`), where its engine says how sure it is;
elsewhere only what code sees is a doubt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rung.core.records import Usage
from rung.core.seeds import stream
from rung.engines.open import price_of_model
from rung.engines.prices import cost_usd
from rung.ladder.rung import Need, Situation
from rung.routes.escalation.step_threshold import (
    MIN_CONVERSATIONS,
    UNFITTED,
    Played,
    fit_threshold,
)
from rung.routes.route import Route
from rung.routes.runtime import Answer
from rung.tasks.task import Example
from rung.worlds.open import open_world
from rung.worlds.world import Call

ESCALATION, OUTLINE = "escalation", "outline"
MAX_ESCALATED = 3
"""Steps of a conversation that may be escalated: fewer than the reference alone would take."""
NUM_TRAIN = 24
"""Train examples that the threshold is fitted on."""


def outlined(situation: Situation, alone: Route) -> tuple[Route, ...]:
    """Propose the agent with an outline of the reference before its first turn."""
    model = _asked(situation)
    return (_with(alone, OUTLINE, model, outline=True),) if model else ()


def needs(situation: Situation, alone: Route) -> tuple[Need, ...]:
    """Say which answers of the agent alone are fitted on, where it says how sure it is.

    The route itself is named too, with nothing to answer: so the estimate counts its reference.
    """
    examples, model = _drawn(situation), _asked(situation)
    scored = situation.capabilities.choice_logprobs
    if not model or not scored or len(examples) < MIN_CONVERSATIONS:
        return ()
    probed = _escalating(alone, model, UNFITTED)
    return (
        Need(name=probed.name, route=alone, num_examples=len(examples)),
        Need(name=probed.name, route=probed, num_examples=0),
    )


def escalated(situation: Situation, alone: Route) -> tuple[Route, ...]:
    """Propose the agent with the reference for its steps in doubt."""
    model = _asked(situation)
    if not model:
        return ()
    min_p = UNFITTED if situation.capabilities.choice_logprobs else 0.0
    if needs(situation, alone):
        examples = _drawn(situation)
        answers = situation.answers(alone, examples)
        played = _played(situation, examples, answers, model)
        min_p = fit_threshold(played, max_escalated=MAX_ESCALATED)
    return (_escalating(alone, model, min_p),)


def _asked(situation: Situation) -> str:
    """Return the model that may be asked: the reference's, where it is another one."""
    reference = situation.reference
    model = "" if reference is None else reference.model
    return "" if model == situation.model else model


def _escalating(alone: Route, model: str, min_p: float) -> Route:
    return _with(alone, ESCALATION, model, max_escalated=MAX_ESCALATED, min_p=min_p)


def _with(alone: Route, rung: str, model: str, **switches: Any) -> Route:
    assert alone.agent is not None
    agent = replace(alone.agent, **switches)
    return replace(alone, name=f"{alone.name}+{rung}", rung=rung, agent=agent, stronger=model)


def _drawn(situation: Situation) -> list[Example]:
    train = situation.task.train
    return stream(situation.seed, "draw", ESCALATION).sample(train, min(NUM_TRAIN, len(train)))


def _played(
    situation: Situation, examples: Sequence[Example], answers: Sequence[Answer], model: str
) -> list[Played]:
    """Return what the agent alone did; a step of the stronger model is priced as if it read and
    wrote as many tokens, none of them cached."""
    world, price = open_world(situation.task), price_of_model(model)
    played = []
    for example, found in zip(examples, answers, strict=True):
        calls = [Call(**call) for call in (found.output or {}).get("calls", ())]
        right = found.status == "ok" and world.score(example, calls).strict
        took = found.usage
        whole = Usage(
            prompt_tokens=took.prompt_tokens + took.cached_tokens,
            output_tokens=took.forced_tokens + took.output_tokens,
        )
        usd = cost_usd(price, whole, found.latency_ms) / max(len(found.step_p), 1)
        played.append(Played(step_p=found.step_p, right=right, step_usd=usd))
    return played
