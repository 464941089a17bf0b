"""Rung `deferral`: an agent that hands the request to a person at a step in doubt.

A step is in doubt where all other tools together, or all other values of an argument that is a
choice, are more probable than what was chosen: nothing is fitted. What was done before stays done.
It answers less and, where doubt tells, leaves fewer side effects; whether that is worth it is for
the limits of the task's gate to say. Needs an engine that tells probabilities.
"""

from __future__ import annotations

from dataclasses import replace

from rung.ladder.rung import Situation
from rung.routes.route import Route

NAME = "deferral"
MIN_P = 0.5


def deferring(situation: Situation, alone: Route) -> tuple[Route, ...]:
    """Propose an agent's route with hand-over, where its engine says how sure it is."""
    if alone.agent is None or not situation.capabilities.choice_logprobs:
        return ()
    agent = replace(alone.agent, min_p=MIN_P)
    return (replace(alone, name=f"{alone.name}+{NAME}", rung=NAME, agent=agent),)
