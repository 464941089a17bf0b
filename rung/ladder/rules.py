"""Rung `rules`: the specialist first; the reference where a mined rule says that it helps.

Rules are found on half of the groups of the train answers and confirmed on the other half
(`routes/escalation/mine.py`). Without a confirmed rule nothing is proposed.
"""

from __future__ import annotations

from functools import partial

from rung.ladder import delegation
from rung.ladder.delegation import Delegation
from rung.ladder.rung import Rung, Situation
from rung.routes.escalation.fit import fit_policy
from rung.routes.escalation.mine import mine_stages
from rung.routes.escalation.policy import Policy
from rung.routes.escalation.rules import Rules
from rung.routes.route import Route

NAME = "rules"


def propose(situation: Situation) -> tuple[Route, ...]:
    """Propose the specialist with mined rules, where any held up."""
    if not delegation.needs(situation, NAME):
        return ()
    found = delegation.gather(situation)
    rules = mined_rules(found, seed=situation.seed)
    if not rules.rules:
        return ()
    fitted = fit_policy(found.logs, rules=rules, use_doubt=False, seed=situation.seed)
    return (cascade_route(situation, found, NAME, fitted.policy),)


def mined_rules(found: Delegation, *, seed: int) -> Rules:
    """Return confirmed rules for where the reference repairs the specialist, at a gain."""
    logs = found.logs
    return Rules(rules=mine_stages(logs.after[0], logs.stages, logs.groups, seed=seed).kept)


def cascade_route(situation: Situation, found: Delegation, name: str, policy: Policy) -> Route:
    """Return the cascade from the specialist to the reference under a policy."""
    first = found.specialist.name
    return situation.route(
        name=f"{first}>{found.reference.name}+{name}",
        rung=name,
        output="cascade",
        model=found.reference.model,
        max_tokens=found.reference.max_tokens,
        stages=(found.specialist, found.reference),
        policy=situation.artifacts.put(policy.to_bytes()),
    )


RUNG = Rung(
    name=NAME,
    about="the specialist, and the reference where a mined rule says so",
    propose=propose,
    needs=partial(delegation.needs, name=NAME),
)
