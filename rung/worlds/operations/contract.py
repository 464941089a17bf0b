"""What the operations tasks ask for and how they are judged.

Their world scores them; what stands here is the shape of an answer and the words of the job.
"""

from __future__ import annotations

from typing import Any

from rung.tasks.task import FieldScoring, GateRules

INSTRUCTION = (
    "Do what the request asks for by using the tools. Look up first: never guess an id, an address"
    " or a rule. Where a page of the wiki is named, its rule decides. Write dates as YYYY-MM-DD."
    " Change only what the request and the rule ask for, and everything they ask for."
)

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "calls": {
            "type": "array",
            "description": "the writes, in order",
            "items": {
                "type": "object",
                "properties": {"tool": {"type": "string"}, "arguments": {"type": "object"}},
                "required": ["tool", "arguments"],
                "additionalProperties": False,
            },
        },
        "answer": {"type": "string", "description": "what to tell whoever asked"},
    },
    "required": ["calls"],
    "additionalProperties": False,
}


def task_fields() -> dict[str, Any]:
    """Return the keyword arguments of the `operations` Task, other than name, path, examples."""
    return _fields("Office work in 30 workflows over 16 apps")


def unseen_fields() -> dict[str, Any]:
    """Return the keyword arguments of the `operations-ood` Task."""
    return _fields("Office work whose holdout has workflows that train and dev do not have")


def _fields(title: str) -> dict[str, Any]:
    return {
        "title": title,
        "instruction": INSTRUCTION,
        "schema": SCHEMA,
        "scoring": {
            "calls": FieldScoring(scorer="set"),
            "answer": FieldScoring(scorer="ignore", strict_at=0.0),
        },
        "gate": GateRules(metric="score", margin=0.03, alpha=0.05),
        "world": "operations",
        "volume_per_day": 500.0,
        "default_limit": 60,
    }
