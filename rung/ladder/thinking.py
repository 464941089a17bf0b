"""Rung `thinking`: the form with thinking on, next to the form without it.

The model's native switch where its chat template has one, else a prompted scratchpad of at most two
sentences before the form. Its effect changes sign between models, so it is measured, not assumed.
"""

from __future__ import annotations

from rung.ladder.rung import Rung, Situation
from rung.routes.route import Route


def propose(situation: Situation) -> tuple[Route, ...]:
    """Propose the form with thinking on."""
    abilities = situation.capabilities
    if not (abilities.thinking or abilities.prefix):
        return ()
    how = "native" if abilities.thinking else "scratchpad"
    return (situation.route(name="form+think", rung="thinking", output="form", thinking=how),)


RUNG = Rung(name="thinking", about="thinking before the form", propose=propose)
