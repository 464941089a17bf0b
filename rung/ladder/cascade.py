"""Rung `cascade`: the specialist first; the reference where a rule or fitted doubt says so.

Doubt is fitted on train answers, out of fold. Where the task prices errors a request goes on when
that is expected to save more than it costs (Elkan 2001); else at the threshold that is right most
often for least.
"""

from __future__ import annotations

from functools import partial

from rung.ladder import delegation
from rung.ladder.rules import cascade_route, mined_rules
from rung.ladder.rung import Rung, Situation
from rung.routes.escalation.fit import fit_policy
from rung.routes.route import Route

NAME = "cascade"


def propose(situation: Situation) -> tuple[Route, ...]:
    """Propose the specialist with the reference behind it."""
    if not delegation.needs(situation, NAME):
        return ()
    found = delegation.gather(situation)
    fitted = fit_policy(
        found.logs,
        rules=mined_rules(found, seed=situation.seed),
        goal="accuracy" if situation.task.error_cost is None else "expected",
        seed=situation.seed,
    )
    return (cascade_route(situation, found, NAME, fitted.policy),)


RUNG = Rung(
    name=NAME,
    about="the specialist, and the reference on doubt",
    propose=propose,
    needs=partial(delegation.needs, name=NAME),
)
