"""Rung `blank`: the baseline. An ordinary prompt, free text, tolerant reading."""

from __future__ import annotations

from rung.ladder.rung import Rung, Situation
from rung.routes.route import Route


def propose(situation: Situation) -> tuple[Route, ...]:
    """Propose the raw model on a blank page."""
    return (situation.route(name="blank", rung="blank", output="blank"),)


RUNG = Rung(
    name="blank", about="an ordinary prompt and a blank page", propose=propose, min_before_stop=30
)
