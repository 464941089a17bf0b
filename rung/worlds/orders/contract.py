"""What the form of an order message must hold and how it is scored.

Names and the product are scored by common words, so that half a name is worth something; strict
wants every word of a name and four fifths of the product, whose edges are a matter of taste.
Numbers, days, labels and order numbers are right or wrong. Errors have no prices: one wrong field
means that a clerk corrects the order, which is what strict counts.
No message text here.
"""

from __future__ import annotations

from typing import Any

from rung.tasks.task import FieldScoring, GateRules
from rung.worlds.orders.bank import KINDS
from rung.worlds.orders.numbers import CURRENCIES

MAX_QUANTITY, MAX_AMOUNT = 100_000, 1_000_000
_EVERY_WORD, _MOST_WORDS, _HALF_A_CENT = 0.999, 0.8, 0.005

INSTRUCTION = (
    "Read the message to a seller and fill in the order form; null for what it does not say."
    " kind is what the writer wants: question if only to know something, cancellation if the"
    " whole order ends. order_id is the placed order the message is about, without # or words:"
    " never another order, a quote, an invoice or the writer's own reference. customer is the full"
    " name of who writes or calls, company their firm. product, quantity and amount are as ordered"
    " or asked for, after a change the new ones; quantity is not what arrived, amount is the total,"
    " not a unit price or freight. delivery_date is when the goods are wanted now, never a past"
    " day."
)


def _extractive(about: str, longest: int, *, or_null: bool) -> dict[str, Any]:
    """Return the schema of text that stands verbatim in the message."""
    return {
        "type": ["string", "null"] if or_null else "string",
        "minLength": 1,
        "maxLength": longest,
        "description": about,
        "x-rung": {"extractive": True},
    }


SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "kind": {"enum": list(KINDS), "description": "what the writer wants"},
        "order_id": _extractive("number of the existing order", 24, or_null=True),
        "customer": _extractive("full name of the writer or caller", 40, or_null=False),
        "company": _extractive("the customer's firm", 48, or_null=True),
        "product": _extractive("article without the number ordered", 48, or_null=False),
        "quantity": {
            "type": ["integer", "null"],
            "minimum": 1,
            "maximum": MAX_QUANTITY,
            "description": "units ordered",
        },
        "amount": {
            "type": ["number", "null"],
            "minimum": 0,
            "maximum": MAX_AMOUNT,
            "description": "total price of the order, at most two decimals",
        },
        "currency": {"enum": [*CURRENCIES, None], "description": "of the amount"},
        "delivery_date": {
            "type": ["string", "null"],
            "format": "date",
            "description": "day the goods are wanted",
        },
    },
    "required": [
        "kind", "order_id", "customer", "company", "product", "quantity", "amount", "currency",
        "delivery_date",
    ],
    "additionalProperties": False,
}  # fmt: skip


def task_fields() -> dict[str, Any]:
    """Return the keyword arguments of a Task, other than its name, path and examples."""
    name = FieldScoring(scorer="similarity", strict_at=_EVERY_WORD)
    return {
        "title": "Order messages to order forms",
        "instruction": INSTRUCTION,
        "schema": SCHEMA,
        "scoring": {
            "kind": FieldScoring(),
            "order_id": FieldScoring(),
            "customer": name,
            "company": name,
            "product": FieldScoring(scorer="similarity", strict_at=_MOST_WORDS),
            "quantity": FieldScoring(scorer="number"),
            "amount": FieldScoring(scorer="number", tolerance=_HALF_A_CENT),
            "currency": FieldScoring(weight=0.5),
            "delivery_date": FieldScoring(),
        },
        "gate": GateRules(margin=0.03, alpha=0.05),
        "volume_per_day": 500.0,
        "default_limit": 60,
    }
