"""What a model is told about the slots of a form, one line each."""

from __future__ import annotations

import json

from rung.forms.form import Choice, Form, Node, Value, slots_of


def describe_fields(form: Form) -> str:
    """Return one line per slot: name, allowed values or shape, description."""
    return "\n".join(describe_slot(slot, slot.path or "answer") for slot in form.slots())


def describe_slot(node: Node, name: str) -> str:
    """Return the line of a slot, or of a part that holds several."""
    if isinstance(node, Choice):
        names = [v if isinstance(v, str) else json.dumps(v) for v in node.options]
        shape = "one of " + ", ".join(names)
    elif isinstance(node, Value):
        copies = any(isinstance(one, Value) and one.extractive for one in (node, node.item))
        shape = f"{node.hint}, copied from the input" if copies else node.hint
    else:
        shape = "an object of " + ", ".join(slot.path for slot in slots_of(node))
    about = getattr(node, "description", "")
    return f"- {name}: {shape}{f' ({about})' if about else ''}"
