"""Rung `form`: the code writes the structure, the model fills slots and decides choices.

Where the engine scores choices, a second route divides their probabilities by what an empty input
gives (contextual calibration), because small models favour some options whatever the input says.
"""

from __future__ import annotations

from rung.ladder.rung import Rung, Situation
from rung.routes.route import Route


def propose(situation: Situation) -> tuple[Route, ...]:
    """Propose the form, plain and with content-free priors."""
    plain = situation.route(name="form", rung="form", output="form")
    if not situation.capabilities.choice_logprobs or not situation.form.choices():
        return (plain,)
    lifted = situation.route(name="form+prior", rung="form", output="form", use_priors=True)
    return (plain, lifted)


RUNG = Rung(
    name="form", about="a form instead of a blank page", propose=propose, min_before_stop=30
)
