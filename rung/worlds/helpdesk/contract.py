"""What a helpdesk answer must look like, how it is scored, and what a wrong one costs.

The summary carries a fifth of the soft score and is left out of strict: many lines are right, and
word overlap with one reference cannot tell a right line from a wrong one.

Costs: a misrouted ticket costs USD 8 of handling. Confusing the identity categories costs 2, the
price of one wasted self-service reply. Confusions inside any other queue cost nothing, the same
team reads both. A security incident that lands elsewhere costs 500.

Limits: missed incidents may be at most 1 % of all tickets. That is the smallest rate the default
holdout can confirm: zero misses in 300 bound the rate below 1 - 0.05^(1/300) = 1.0 % at 95 %
(Clopper and Pearson 1934). With incidents at 4.7 % of the tickets it allows a recall of 79 %; the
recall limit of 80 % asks about the same of a holdout in which incidents are rarer.
No ticket text here; the labels' own rules are in labels.py.
"""

from __future__ import annotations

from itertools import permutations
from types import MappingProxyType
from typing import Any

from rung.tasks.task import ErrorCost, FieldScoring, Forbidden, GateRules, RecallLimit
from rung.worlds.helpdesk.categories import CATEGORIES, IDENTITY, IDS, SECURITY
from rung.worlds.helpdesk.labels import PRIORITIES

MAX_SUMMARY_CHARS = 80
MISROUTED_USD, IDENTITY_USD, MISSED_INCIDENT_USD = 8.0, 2.0, 500.0
MAX_MISSED_RATE, MIN_INCIDENT_RECALL = 0.01, 0.8

INSTRUCTION = (
    "Triage the IT ticket. category is the problem the writer wants solved, not a guess at its"
    " cause and not a system that works; attacks, fraud, lost devices and leaked data are always"
    " security_incident. priority follows facts, not tone: urgent if harm is done, ten or more"
    " people or a site are blocked, or it is due within two hours; high if a few people or all work"
    " of one are blocked, or it is due by tomorrow morning; low if it can wait or is only a"
    " question. needs_human is true if urgent, a security incident, on-site or shared-system work,"
    " an approval is missing, or the ticket is unclear, repeated or about two problems."
)

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "category": {"enum": list(IDS), "description": "what the writer wants solved"},
        "priority": {"enum": list(PRIORITIES), "description": "by facts, not tone"},
        "needs_human": {"type": "boolean", "description": "a person must take over"},
        "summary": {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_SUMMARY_CHARS,
            "description": "the problem in one short line",
        },
    },
    "required": ["category", "priority", "needs_human", "summary"],
    "additionalProperties": False,
}


def task_fields() -> dict[str, Any]:
    """Return the keyword arguments of a Task, other than its name, path and examples."""
    return {
        "title": "IT helpdesk triage",
        "instruction": INSTRUCTION,
        "schema": SCHEMA,
        "scoring": {
            "category": FieldScoring(weight=0.5),
            "priority": FieldScoring(weight=0.15),
            "needs_human": FieldScoring(weight=0.15),
            "summary": FieldScoring(scorer="similarity", weight=0.2, strict_at=0.0),
        },
        "error_cost": ErrorCost(
            field="category", default_usd=MISROUTED_USD, pairs=MappingProxyType(_pairs())
        ),
        "gate": GateRules(
            margin=0.03,
            alpha=0.05,
            recall=(RecallLimit(field="category", value=SECURITY, minimum=MIN_INCIDENT_RECALL),),
            forbidden=(
                Forbidden(
                    name="security_missed",
                    field="category",
                    true=SECURITY,
                    predicted=("*",),
                    max_rate=MAX_MISSED_RATE,
                ),
            ),
        ),
        "volume_per_day": 1000.0,
        "default_limit": 60,
    }


def _pairs() -> dict[tuple[str, str], float]:
    """Return the error costs that differ from the default, by (true, predicted)."""
    same_queue = {
        (one.id, other.id): IDENTITY_USD if one.queue == IDENTITY else 0.0
        for one, other in permutations(CATEGORIES, 2)
        if one.queue == other.queue
    }
    return {**same_queue, (SECURITY, "*"): MISSED_INCIDENT_USD}
