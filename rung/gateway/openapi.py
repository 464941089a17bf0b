"""`GET /openapi.json`: the gateway's own addresses, described (OpenAPI 3.1) for clients and tests.

Requests are described by the very records that decode them. Each task has an address of its own
with the schema of its answers, so that a generated client is typed. What other models are sent and
answer is their endpoints' business: those addresses are described as far as the gateway reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from rung import __version__
from rung.gateway.catalogue import PREFIX
from rung.gateway.feedback import FeedbackBody
from rung.gateway.systemone import Body as QuestionsBody
from rung.gateway.task_chat import ChatBody
from rung.gateway.tasks import TypedBody

_PLACE = "#/components/schemas/{name}"
_BODIES = (TypedBody, QuestionsBody, FeedbackBody, ChatBody)
_NUMBER = {"type": "number", "minimum": 0}
_COUNT = {"type": "integer", "minimum": 0}
_TEXT = {"type": "string"}
_SHARE = {"type": "number", "minimum": 0, "maximum": 1}
_MARGIN = {"type": "number", "minimum": -1, "maximum": 1}


def document(tasks: Mapping[str, Mapping[str, Any]], *, with_keys: bool) -> dict[str, Any]:
    """Return the OpenAPI document; `tasks` are the answers' JSON Schemas by task."""
    _, bodies = msgspec.json.schema_components(_BODIES, ref_template=_PLACE)
    paths: dict[str, Any] = {
        "/healthz": {"get": _operation("health", "Lives.", _STATE)},
        "/readyz": {"get": _operation("ready", "Takes requests.", _STATE, also={"503": _STATE})},
        "/openapi.json": {"get": _operation("openapi", "This document.", {"type": "object"})},
        "/v1/models": {"get": _operation("models", "What this key may ask for.", _MODELS)},
        "/v1/feedback": {
            "post": _operation("feedback", "What became of a call.", _KEPT, body="FeedbackBody")
        },
        "/v1/systemone": {
            "post": _operation("decide", "Typed decisions.", _DECIDED, body="QuestionsBody")
        },
        "/v1/chat/completions": {
            "post": _operation(
                "chat", "A task as a chat, or any model.", {"type": "object"}, body="ChatBody"
            )
        },
    }
    for name, schema in tasks.items():
        about = f"Answer inputs of {name}."
        answer = _answer(schema)
        answers = {"anyOf": [answer, _batch(answer)]}
        paths[f"/v1/tasks/{name}"] = {"post": _operation(name, about, answers, body="TypedBody")}
    bodies["QuestionsBody"] = bodies.pop("Body")
    if models := [PREFIX + name for name in tasks]:
        bodies["QuestionsBody"]["properties"]["model"] = {"enum": models}
        bodies["ChatBody"]["properties"]["model"] = {"anyOf": [{"enum": models}, _TEXT]}
    components: dict[str, Any] = {"schemas": {**bodies, "Refusal": _REFUSAL}}
    found: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "rung", "version": __version__},
        "paths": paths,
        "components": components,
    }
    if with_keys:
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        found["security"] = [{"key": []}]
    return found


def _operation(
    name: str,
    about: str,
    answer: Mapping[str, Any],
    *,
    body: str = "",
    also: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    responses = {"200": _response("The answer.", answer)}
    for status, schema in (also or {}).items():
        responses[status] = _response("Not now.", schema)
    responses["default"] = _response("A refusal.", {"$ref": _PLACE.format(name="Refusal")})
    found: dict[str, Any] = {"operationId": name, "summary": about, "responses": responses}
    if body:
        schema = {"$ref": _PLACE.format(name=body)}
        found["requestBody"] = {
            "required": True, "content": {"application/json": {"schema": schema}}
        }  # fmt: skip
    return found


def _response(about: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": about, "content": {"application/json": {"schema": schema}}}


def _object(properties: Mapping[str, Any], *optional: str) -> dict[str, Any]:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": dict(properties), "required": required}


def _answer(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of what `rung ask --json` prints, with the call it was."""
    usage = ("prompt_tokens", "cached_tokens", "forced_tokens", "output_tokens")
    return _object(
        {
            "output": {"anyOf": [_embedded(schema), {"type": "null"}]},
            "status": {"enum": ["ok", "repaired", "escalated", "abstained", "failed"]},
            "route": _TEXT,
            "fields": {"type": "object", "additionalProperties": _CHOICE},
            "usage": _object({name: _COUNT for name in usage}),
            "latency_ms": _NUMBER,
            "cost_usd": _NUMBER,
            "reason": _TEXT,
            "reply": _TEXT,
            "call_id": _TEXT,
            "arm": {"enum": ["specialist", "frontier", "merged"]},
            "mode": _TEXT,
            "filled_by": {
                "type": "object",
                "additionalProperties": {"enum": ["specialist", "frontier"]},
            },
        },
        "reply",
        "filled_by",
    )


def _batch(answer: Mapping[str, Any]) -> dict[str, Any]:
    failed = _object(
        {"output": {"type": "null"}, "status": {"const": "failed"}, "reason": _TEXT, "error": _SAID}
    )
    return _object({"results": {"type": "array", "items": {"anyOf": [answer, failed]}}})


def _embedded(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a task's schema as a part of another one.

    One that refers to itself has to stand alone, so only its being an object is told.
    """
    text = msgspec.json.encode(schema)
    if b'"$ref"' in text or b'"$id"' in text:
        return {"type": "object"}
    return {name: value for name, value in schema.items() if name != "$schema"}


_STATE = _object({"status": _TEXT})
_SAID = _object(
    {
        "message": _TEXT,
        "type": _TEXT,
        "param": {"type": "null"},
        "code": {"type": ["string", "null"]},
    }
)
_REFUSAL = _object({"error": _SAID})
_CARD = _object({"id": _TEXT, "object": {"const": "model"}, "created": _COUNT, "owned_by": _TEXT})
_MODELS = _object({"object": {"const": "list"}, "data": {"type": "array", "items": _CARD}})
_KEPT = _object({"call_id": _TEXT, "kept": {"const": True}})
_CHOICE = _object(
    {"p": _SHARE, "margin": _MARGIN, "runner_up": {}, "set": {"type": ["array", "null"]}}
)
_DECIDED = _object(
    {
        "model": _TEXT,
        "answers": {"type": "object", "additionalProperties": {"type": "object"}},
        "usage": _object({"input_tokens": _COUNT, "output_tokens": _COUNT}),
    }
)
