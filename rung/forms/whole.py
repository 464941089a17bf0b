"""Fill a form in one call, for engines that cannot go slot by slot.

Their schema mode where they have one, else the start of the answer is forced where they take that,
and free text is read tolerantly. What is right stays:
only fields that are missing or wrong are asked for again; where nothing is right, the whole answer
is drawn again. There are no probabilities here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rung.core.clock import monotonic_ms
from rung.core.errors import EngineError
from rung.core.records import Effort, Message, Usage
from rung.engines.base import Completion, Engine, Request
from rung.forms.describe import describe_slot
from rung.forms.extract import invented
from rung.forms.form import Filled, Form, Node, Object, is_within, join_path
from rung.forms.layout import Layout
from rung.forms.leads import lead
from rung.forms.parse import parse_answer
from rung.forms.part import part_of
from rung.forms.validity import violation, violations

RETRY_TEMPERATURE = 0.7
_GO_ON = "Now write the answer as one JSON object."
_ONLY_THESE = "These fields are missing or wrong:\n{fields}\n\nAnswer with one JSON object of only"
_BEFORE_VALUE = re.compile(r'\s*"?\Z')
"""What a forced start leaves to the model, so that a token is not split between the two."""
_SHARED = ("$defs", "definitions", "$schema")


def fill_whole(
    form: Form,
    engine: Engine,
    request: Request,
    known: Mapping[str, Any],
    thought: str,
    retries: int,
    source: str,
) -> Filled:
    """Ask for the whole answer, and at most `retries` times for what is wrong with it.

    What is extractive must stand in `source`. A `thought` becomes a turn of its own; known values
    replace what the model said.
    """
    start = monotonic_ms()
    turns = (Message(role="assistant", content=thought), Message(role="user", content=_GO_ON))
    request = replace(request, messages=request.messages + (turns if thought else ()))
    usage, num_calls, right, text = Usage(), 0, dict[str, Any](), ""
    asked = _limited(engine, request, form, form.schema, form.root)
    while True:
        completion, start_text = _complete(engine, asked)
        usage, num_calls = usage + completion.usage, num_calls + 1
        text, read = _read(form, start_text, completion)
        output = _merged(form, read, right, known)
        foreign = {p: text for p, text in invented(form.root, output, source) if p not in known}
        reason = _problem(form, output, foreign, completion, request.max_tokens)
        if not reason or num_calls > retries:
            break
        right = _right_fields(form, output, foreign)
        asked = _next_request(form, engine, request, text, right, num_calls)
    repaired = num_calls > 1 or completion.finish_reason == "length"
    return Filled(
        output=None if reason else output,
        status="failed" if reason else "repaired" if repaired else "ok",
        reason=reason,
        text=text,
        usage=usage,
        effort=Effort(passes=num_calls),
        latency_ms=monotonic_ms() - start,
        num_calls=num_calls,
    )


def _complete(engine: Engine, request: Request) -> tuple[Completion, str]:
    """Ask; return the answer and how it was made to start.

    A schema, a start or a thinking switch that the model refuses is done without.
    """
    try:
        return engine.complete(request), request.prefix
    except EngineError as error:
        if error.refused == "schema" and request.schema is not None:
            return _complete(engine, replace(request, schema=None))
        if error.refused == "prefix" and request.prefix:
            return _complete(engine, replace(request, prefix=""))
        if error.refused == "thinking" and request.thinking != "default":
            return _complete(engine, replace(request, thinking="default"))
        raise


def _limited(engine: Engine, request: Request, form: Form, schema: Any, root: Node) -> Request:
    """Return the request with what the model takes: the schema, or else the answer's start."""
    can = engine.capabilities
    if not form.fields:
        return request
    if can.schema:
        return replace(request, schema=schema)
    thinks = request.thinking != "off" and ("prefix", "thinking") in can.conflicts
    if not can.prefix or thinks or form.style == "lines":
        return request
    start = lead(root, Layout(indented=form.style == "indented"))
    return replace(request, prefix=_BEFORE_VALUE.sub("", start))


def _read(form: Form, start: str, completion: Completion) -> tuple[str, Any]:
    """Return the answer's text and its reading; a model may also begin the answer anew."""
    said, cut = completion.text, completion.finish_reason == "length"
    whole = start + said
    read = parse_answer(whole, form, cut=cut)
    if start and (read is None or violation(read, form)):
        anew = parse_answer(said, form, cut=cut)
        if anew is not None and not violation(anew, form):
            return said, anew
    return whole, read


def _problem(
    form: Form, output: Any, foreign: Mapping[str, str], completion: Completion, max_tokens: int
) -> str:
    reason = violation(output, form) if output is not None else "no object in the answer"
    for path, text in [] if reason else foreign.items():
        reason = f"{path or '$'}: {text!r} does not stand in the input"
    if reason and completion.finish_reason == "length":
        return f"cut at {max_tokens} tokens; {reason}"
    return reason


def _merged(form: Form, read: Any, right: Mapping[str, Any], known: Mapping[str, Any]) -> Any:
    """Return what was read, with the fields that were right before, in the form's order."""
    if right:
        found = {**(read if isinstance(read, dict) else {}), **right}
        read = {name: found[name] for name, _ in form.fields if name in found}
    return None if read is None else _with_known(form.root, read, known)


def _right_fields(form: Form, output: Any, foreign: Mapping[str, str]) -> dict[str, Any]:
    """Return the top-level fields whose values are valid, alone and together, and hold nothing
    foreign; none where that is all of them, since then no one of them is to blame."""
    schemas = _field_schemas(form)
    if not isinstance(output, dict):
        return {}
    broken = {problem.path[0] for problem in violations(output, form.schema) if problem.path}
    shared = {name: form.schema[name] for name in _SHARED if name in form.schema}
    right = {
        name: value
        for name, value in output.items()
        if name in schemas
        and name not in broken
        and not violations(value, _with_shared(schemas[name], shared))
        and not any(is_within(path, join_path("", name)) for path in foreign)
    }
    return right if any(name not in right for name, _ in form.fields) else {}


def _field_schemas(form: Form) -> dict[str, Any]:
    schema = form.schema if isinstance(form.schema, dict) else {}
    properties = schema.get("properties")
    return properties if isinstance(properties, dict) and "$id" not in schema else {}


def _with_shared(schema: Any, shared: Mapping[str, Any]) -> Any:
    return {**shared, **schema} if isinstance(schema, dict) else schema


def _next_request(
    form: Form,
    engine: Engine,
    request: Request,
    text: str,
    right: Mapping[str, Any],
    num_calls: int,
) -> Request:
    """Return the request for the fields that are not right, or for everything, drawn anew."""
    left = {name: part for name, part in form.fields if name not in right}
    if not right or not left.keys() <= _field_schemas(form).keys():
        seed = request.seed + num_calls
        warmth = max(request.temperature, RETRY_TEMPERATURE)
        anew = replace(request, temperature=warmth, seed=seed)
        return _limited(engine, anew, form, form.schema, form.root)
    fields = "\n".join(describe_slot(node, name) for name, node in left.items())
    shape = ", ".join(f"{json.dumps(name)}: …" for name in left)
    ask = f"{_ONLY_THESE.format(fields=fields)} them: {{{shape}}}"
    turns = (Message(role="assistant", content=text), Message(role="user", content=ask))
    part = part_of(form.schema, left)
    assert isinstance(form.root, Object)
    root = replace(form.root, parts=tuple(left.items()))
    asked = replace(request, messages=request.messages + turns)
    return _limited(engine, asked, form, part, root)


def _with_known(node: Node, output: Any, known: Mapping[str, Any]) -> Any:
    """Return `output` with the known values in their places, in the form's order."""
    if not isinstance(node, Object) or not isinstance(output, dict):
        return output
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
