"""What a WorkBench task demands: calls as answers, judged by the world."""

from __future__ import annotations

from typing import Any

from rung.tasks.task import FieldScoring, GateRules

INSTRUCTION = (
    "You are an assistant in an office. Do what the user asks with the tools you have: look up what"
    " you need first (mail addresses, ids, figures), then make exactly the changes that were asked"
    " for, and no others. If a condition of the request does not hold, change nothing."
)

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "calls": {
            "type": "array",
            "description": "the calls made, in order",
            "items": {
                "type": "object",
                "properties": {
                    "tool": {"type": "string", "description": "name of the tool"},
                    "arguments": {"type": "object", "description": "its arguments, all text"},
                },
                "required": ["tool", "arguments"],
                "additionalProperties": False,
            },
        },
        "answer": {"type": "string", "description": "what the user is told; not scored"},
    },
    "required": ["calls"],
    "additionalProperties": False,
}


def task_fields() -> dict[str, Any]:
    """Return the fields of the Task besides its name, path and examples."""
    return {
        "title": "Office queries over five sandboxes (WorkBench, Styles et al. 2024)",
        "instruction": INSTRUCTION,
        "schema": SCHEMA,
        "scoring": {
            "calls": FieldScoring(scorer="set"),
            "answer": FieldScoring(scorer="ignore"),
        },
        "gate": GateRules(metric="strict", margin=0.05),
        "world": "workbench",
    }
