"""What a model is told: the instruction, the fields with their options, the input.

The static part stands first and is the same for every input, so an engine's prefix cache keeps it.
Pure text building; nothing here calls a model.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rung.core.records import Message
from rung.forms import Form, answer_json, describe_fields

SCRATCHPAD = "Think first: in one or two short sentences, say what the input is about.\n"


def build_messages(
    instruction: str,
    form: Form,
    text: str,
    *,
    shots: Sequence[tuple[str, dict[str, Any]]] = (),
    scratchpad: bool = False,
    bare: bool = False,
) -> tuple[Message, ...]:
    """Return the conversation for one input; `shots` are (input, target) pairs shown before it.

    A `bare` one is the input alone, for a model that was trained on the task: an empty system
    message keeps templates from putting one of their own.

    Every arm is told the same, so that differences between arms come from how the answer is read.
    """
    system = (
        f"{instruction.strip()}\n\nFields:\n{describe_fields(form)}\n\nAnswer with {_shape(form)}"
    )
    messages = [Message(role="system", content="" if bare else system)]
    for shown, target in shots:
        messages.append(Message(role="user", content=shown))
        messages.append(Message(role="assistant", content=answer_json(form, target)))
    ask = f"{text}\n\n{SCRATCHPAD}" if scratchpad else text
    messages.append(Message(role="user", content=ask))
    return tuple(messages)


def _shape(form: Form) -> str:
    if form.style == "lines":
        lines = "\n".join(f"{slot.path}: …" for slot in form.slots())
        return f"these lines and nothing else:\n{lines}"
    if not form.fields:
        return "the JSON value and nothing else"
    shape = ", ".join(f"{json.dumps(name)}: …" for name, _ in form.fields)
    return f"one JSON object and nothing else: {{{shape}}}"
