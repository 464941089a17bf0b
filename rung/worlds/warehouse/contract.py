"""What a picking decision must look like and how it is scored.

Agreement with the optimiser is strict; what a different decision costs shows only over a shift, so
errors have no prices here. No numbers of the floor.
"""

from __future__ import annotations

from typing import Any

from rung.tasks.task import FieldScoring, GateRules
from rung.worlds.warehouse.shift import NUM_DECISIONS
from rung.worlds.warehouse.snapshot import LABELS

LATENCY_BUDGET_MS = 30.0
_SHIFTS_PER_DAY = 2

INSTRUCTION = (
    "Say which pick the free worker takes. All workers and open picks are listed; each worker takes"
    " at most one. Choose as in the assignment of workers to picks with the least walking and"
    " lateness in all. walk_s is the free worker's way; saves is the lateness, weighted by priority"
    " (1, 3, 10), that taking the pick now saves; rival is what the best-placed other worker would"
    " cost for it, walking less what is saved. A pick with a cheap rival can be left to it."
)

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {"pick": {"enum": list(LABELS), "description": "the pick to take"}},
    "required": ["pick"],
    "additionalProperties": False,
}


def task_fields() -> dict[str, Any]:
    """Return the keyword arguments of a Task, other than its name, path and examples."""
    return {
        "title": "Picking decisions of a warehouse",
        "instruction": INSTRUCTION,
        "schema": SCHEMA,
        "scoring": {"pick": FieldScoring()},
        "gate": GateRules(margin=0.03, alpha=0.05),
        "volume_per_day": float(_SHIFTS_PER_DAY * NUM_DECISIONS),
        "latency_budget_ms": LATENCY_BUDGET_MS,
        "default_limit": 60,
    }
