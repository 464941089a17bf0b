"""Rung `ranker`: where the input lists its options as rows of numbers, a small model of those.

It distils whatever made the targets (an optimiser, a frontier model's decisions) into one weight a
column. Proposed where the form is one choice whose options every train input lists.
"""

from __future__ import annotations

from rung.forms import Choice
from rung.ladder.rung import Rung, Situation
from rung.routes.ranker import fit_ranker
from rung.routes.route import Route

MIN_EXAMPLES = 20


def propose(situation: Situation) -> tuple[Route, ...]:
    """Propose the ranker where it can be fitted."""
    slots = [node for _, node in situation.form.fields]
    if len(slots) != 1 or not isinstance(slots[0], Choice):
        return ()
    slot, train = slots[0], situation.task.train
    fitted = fit_ranker(train, slot.path, slot.values) if len(train) >= MIN_EXAMPLES else None
    if fitted is None:
        return ()
    route = situation.route(
        name="ranker",
        rung="ranker",
        output="ranker",
        model="",
        max_tokens=0,
        head=situation.artifacts.put(fitted.to_bytes()),
        head_fields=(slot.path,),
    )
    return (route,)


RUNG = Rung(
    name="ranker",
    about="a small model of the numbers of listed options",
    propose=propose,
)
