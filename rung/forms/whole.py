"""Fill a form in one call, for engines that cannot go slot by slot.

Their schema mode where they have one, else a tolerant reading of free text; an invalid answer is
drawn again. There are no probabilities here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rung.core.clock import monotonic_ms
from rung.core.records import Message, Usage
from rung.engines.base import Engine, Request
from rung.forms.form import Filled, Form, Object
from rung.forms.parse import parse_answer
from rung.forms.validity import violation

RETRY_TEMPERATURE = 0.7
_GO_ON = "Now write the answer as one JSON object."


def fill_whole(
    form: Form,
    engine: Engine,
    request: Request,
    known: Mapping[str, Any],
    lead: str,
    retries: int,
) -> Filled:
    """Ask for the whole answer, at most `retries` times more while it is invalid.

    A lead becomes a turn of its own; known values replace what the model said.
    """
    start = monotonic_ms()
    turns = (
        Message(role="assistant", content=lead),
        Message(role="user", content=_GO_ON),
    )
    request = replace(
        request,
        messages=request.messages + (turns if lead else ()),
        schema=form.schema if engine.capabilities.schema else None,
    )
    usage, num_calls = Usage(), 0
    while True:
        completion = engine.complete(request)
        usage, num_calls = usage + completion.usage, num_calls + 1
        text = completion.text
        read = parse_answer(text, form)
        output = None if read is None else _with_known(form.root, read, known)
        reason = violation(output, form) if output is not None else "no object in the answer"
        cut = completion.finish_reason == "length"
        if reason and cut:
            reason = f"cut at {request.max_tokens} tokens; {reason}"
        if not reason or num_calls > retries:
            break
        request = replace(request, temperature=RETRY_TEMPERATURE, seed=request.seed + 1)
    return Filled(
        output=None if reason else output,
        status="failed" if reason else "repaired" if num_calls > 1 or cut else "ok",
        reason=reason,
        text=text,
        usage=usage,
        latency_ms=monotonic_ms() - start,
        num_calls=num_calls,
    )


def _with_known(node: Object, output: dict[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Return `output` with the known values in their places, in the form's order."""
    merged: dict[str, Any] = {}
    for name, part in node.parts:
        inner = output.get(name, {})
        if isinstance(part, Object) and isinstance(inner, dict):
            inner = _with_known(part, inner, known)
            if inner or name in output:
                merged[name] = inner
        elif part.path in known:
            merged[name] = known[part.path]
        elif name in output:
            merged[name] = inner
    return merged
