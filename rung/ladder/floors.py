"""Floors and ceiling: what answering without reading scores, and what the labels score.

A route that does not clear the floors has learnt nothing; nothing can clear the oracle.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from rung.core.hashing import canonical_json
from rung.forms import Choice, Const, Form, Object, Value
from rung.forms.form import Node
from rung.ladder.rung import Situation
from rung.routes.route import Route


def floor_routes(situation: Situation) -> tuple[Route, ...]:
    """Return the routes `empty`, `majority` and `oracle`; in a world nothing is the majority."""
    shared: dict[str, Any] = {"model": "", "max_tokens": 0}
    empty = situation.route(name="empty", rung="empty", output="constant", constant="{}", **shared)
    oracle = situation.route(name="oracle", rung="oracle", output="oracle", **shared)
    if situation.task.world:
        return (empty, oracle)
    majority = situation.route(
        name="majority",
        rung="majority",
        output="constant",
        constant=canonical_json(_majority(situation)),
        **shared,
    )
    return (empty, majority, oracle)


def _majority(situation: Situation) -> dict[str, Any]:
    """Return the most frequent train value of each choice slot; other slots stay neutral."""
    output = _neutral(situation.form)
    for slot in situation.form.choices():
        if slot.path in output and situation.task.train:
            counts = Counter(json.dumps(e.target.get(slot.path)) for e in situation.task.train)
            output[slot.path] = json.loads(counts.most_common(1)[0][0])
    return output


def _neutral(form: Form) -> dict[str, Any]:
    return {name: _neutral_value(node) for name, node in form.fields}


def _neutral_value(node: Node) -> Any:
    if isinstance(node, Object):
        return {name: _neutral_value(part) for name, part in node.parts}
    if isinstance(node, Const):
        return node.value
    if isinstance(node, Choice):
        return node.values[0]
    assert isinstance(node, Value)
    return {"text": "", "number": 0, "date": "2000-01-01", "list": []}[node.kind]
