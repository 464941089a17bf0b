"""An outline: the steps that a stronger model proposes before the first turn.

It is a form: tools of the world in order, each with a short line of intent. The agent sees it with
the request and may leave it; nothing is checked against it, and the ids it names do not count as
shown. One that breaks its form is dropped. It is asked for here, and kept by the run.
"""

from __future__ import annotations

from typing import Any

from rung.agents.assignment import Assignment
from rung.agents.cards import document
from rung.agents.speak import Reply
from rung.core.records import Message
from rung.engines.base import Engine
from rung.forms import Filling, compile_form, fill

MAX_STEPS = 8
MAX_INTENT_CHARS = 80
_ASK = (
    f"Before the work begins, outline it: at most {MAX_STEPS} steps in order, each a tool and what"
    " it is for on one short line. Somebody else takes the steps and sees their results. Answer"
    ' with JSON and nothing else: {"steps": [{"tool": …, "intent": …}]}'
)


def ask_outline(assignment: Assignment, engine: Engine) -> Reply:
    """Return the outline as the agent is shown it, or the problem with it."""
    filled = fill(
        compile_form(_schema(assignment)),
        engine,
        _messages(assignment),
        Filling(max_tokens=assignment.spec.max_tokens, retries=0, seed=assignment.spec.seed),
        source=assignment.example.input,
    )
    return Reply(
        said="" if filled.output is None else _shown(filled.output["steps"]),
        problem="" if filled.output is not None else filled.reason,
        usage=filled.usage,
        effort=filled.effort,
        latency_ms=filled.latency_ms,
    )


def _schema(assignment: Assignment) -> dict[str, Any]:
    actions = assignment.actions
    names = [name for name in actions.names if name not in actions.endings]
    step = {
        "type": "object",
        "properties": {
            "tool": {"enum": names},
            "intent": {"type": "string", "maxLength": MAX_INTENT_CHARS},
        },
        "required": ["tool", "intent"],
        "additionalProperties": False,
    }
    steps = {"type": "array", "items": step, "minItems": 1, "maxItems": MAX_STEPS}
    return {
        "type": "object",
        "properties": {"steps": steps},
        "required": ["steps"],
        "additionalProperties": False,
    }


def _messages(assignment: Assignment) -> tuple[Message, ...]:
    actions = assignment.actions
    tools = [tool for tool in actions.tools if tool.name not in actions.endings]
    parts = [
        assignment.instruction.strip(),
        f"Tools:\n{document(tools, 'cards', dict(assignment.spec.card_examples))}",
        _ASK,
        assignment.world.brief(assignment.example).strip(),
    ]
    return (
        Message(role="system", content="\n\n".join(part for part in parts if part)),
        Message(role="user", content=assignment.example.input),
    )


def _shown(steps: list[dict[str, str]]) -> str:
    lines = (
        f"{number}. {step['tool']}: {' '.join(step['intent'].split())}"
        for number, step in enumerate(steps, 1)
    )
    return "\n".join(lines)
