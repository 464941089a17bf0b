"""What candidates must survive against where no route is in service: the raw model, a reference."""

from __future__ import annotations

from rung.ladder import agent, blank
from rung.ladder.rung import Situation
from rung.routes.route import Route

_MAX_TOKENS = 1024
"""A strong model's answers are not cut where a small one's are."""


def raw_route(situation: Situation) -> Route:
    """Return the raw small model on a blank page."""
    if situation.task.world:
        return agent.blank_route(situation)
    return blank.propose(situation)[0]


def reference_route(situation: Situation) -> Route:
    """Return a strong model as it is mostly used: with tool calls, or a JSON mode."""
    if situation.task.world:
        return agent.reference_route(situation)
    output = "json" if situation.capabilities.schema else "blank"
    return situation.route(
        name="reference", rung="reference", output=output, max_tokens=_MAX_TOKENS
    )
