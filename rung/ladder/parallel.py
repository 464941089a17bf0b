"""Rung `parallel`: the form's scalar slots side by side, in one batch a step.

Each slot is filled as if it were the first of its object, without sight of the others; free text
comes last and sees them all. Whether that costs accuracy is a question for dev, so it is an arm of
its own and never a default.
"""

from __future__ import annotations

from rung.forms.fill import scalar_paths
from rung.ladder.rung import Rung, Situation
from rung.routes.route import Route

_MIN_SLOTS = 2


def propose(situation: Situation) -> tuple[Route, ...]:
    """Propose parallel slots where an engine in this process can fill at least two."""
    paths = scalar_paths(situation.form.root)
    if not situation.capabilities.tokens or len(paths) < _MIN_SLOTS:
        return ()
    return (situation.route(name="form+parallel", rung="parallel", output="form", parallel=True),)


RUNG = Rung(name="parallel", about="scalar slots filled side by side", propose=propose)
