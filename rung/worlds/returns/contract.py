"""What an answer about a return must look like, how it is scored, and what a wrong one costs.

A confusion of reasons with the same outcome costs nothing: wrong size and changed mind lead to the
same refund, and whatever is for people is read by people. Handing a plain case to a person costs
what the person does. Everything else costs by the reason that was missed: goods that should have
been looked at are sold again, a claim against the carrier lapses, a giver learns of the return, a
fraud is paid out. The sums are ours, not measured.

The approved texts in `replies.toml` are all that a customer gets to read without a person; a
reason without a text must go to one.
"""

from __future__ import annotations

import tomllib
from importlib.resources import files
from itertools import permutations
from types import MappingProxyType
from typing import Any

from rung.tasks.task import ErrorCost, FieldScoring, Forbidden, GateRules, Replies
from rung.worlds.returns.reasons import IDS, REASONS

PERSON_USD = 4.0
"""A person reads and answers one message."""
MAX_SAFETY_MISSED_RATE = 0.01
ORDER_PATTERN = r"\b[A-Z]{2}-\d{6}\b"
PRICE_PATTERN = r"\$\d+(?:\.\d\d)?"

INSTRUCTION = (
    "Read the message about goods that were bought in our shop and say why they come back."
    " wrong_size is a misfit of body or room; changed_mind any other free choice of the buyer;"
    " defective a fault of the goods themselves, shipping_damage one that happened on the way; gift"
    " if the writer got it from somebody. Less obvious ones: partial_refund (keeps it, wants some"
    " money), other_item (another article instead), several_requests (more than one errand),"
    " out_of_window (too late, or no longer as new), refund_missing (already sent back),"
    " fraud_hint, safety (people or things harmed, or a threat to report it). order_id and price"
    " are copied from the message, null if it does not say; order_id is the order that comes back,"
    " price what was paid for it."
)


def _copied(about: str, longest: int, pattern: str) -> dict[str, Any]:
    return {
        "type": ["string", "null"],
        "minLength": 1,
        "maxLength": longest,
        "description": about,
        "x-rung": {"extractive": True, "find": pattern},
    }


SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "reason": {"enum": list(IDS), "description": "why it comes back"},
        "order_id": _copied("order that comes back", 12, ORDER_PATTERN),
        "price": _copied("price paid, with its sign", 12, PRICE_PATTERN),
    },
    "required": ["reason", "order_id", "price"],
    "additionalProperties": False,
}


def task_fields() -> dict[str, Any]:
    """Return the keyword arguments of a Task, other than its name, path and examples."""
    return {
        "title": "Returns of a web shop",
        "instruction": INSTRUCTION,
        "schema": SCHEMA,
        "scoring": {
            "reason": FieldScoring(weight=0.6),
            "order_id": FieldScoring(weight=0.3),
            "price": FieldScoring(weight=0.1, strict_at=0.0),
        },
        "error_cost": ErrorCost(field="reason", default_usd=0.0, pairs=MappingProxyType(_pairs())),
        "replies": Replies(field="reason", texts=MappingProxyType(_replies())),
        "gate": GateRules(
            margin=0.03,
            alpha=0.05,
            forbidden=(
                Forbidden(
                    name="safety_answered_by_text",
                    field="reason",
                    true="safety",
                    predicted=tuple(r.id for r in REASONS if r.outcome != "person"),
                    max_rate=MAX_SAFETY_MISSED_RATE,
                ),
            ),
        ),
        "volume_per_day": 50_000.0,
        "default_limit": 60,
    }


def _pairs() -> dict[tuple[str, str], float]:
    """Return the cost of each confusion, by (true, predicted), and of no answer at all."""
    costs = {
        (true.id, said.id): PERSON_USD if said.outcome == "person" else true.missed_usd
        for true, said in permutations(REASONS, 2)
        if true.outcome != said.outcome
    }
    nothing = {(reason.id, "*"): PERSON_USD for reason in REASONS}
    benign = {
        (true.id, said.id): 0.0
        for true, said in permutations(REASONS, 2)
        if true.outcome == said.outcome
    }
    return {**costs, **benign, **nothing}


def _replies() -> dict[str, str]:
    table = tomllib.loads((files(__package__) / "replies.toml").read_text(encoding="utf-8"))
    return {reason.id: table[reason.outcome] for reason in REASONS if reason.outcome in table}
