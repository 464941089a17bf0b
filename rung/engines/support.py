"""Refuse a request that an engine cannot honour, before anything is spent.

An engine never ignores a field of a `Request` silently (the contract in `base.py`). This file
compares a request with the engine's `Capabilities`; it does not look at the answer. Its errors
name the capability to leave out (`EngineError.refused`).
"""

from __future__ import annotations

from rung.core.errors import EngineError
from rung.engines.base import Capabilities, Request

ABILITIES = {
    "prefix": "force the start of an answer",
    "choices": "limit an answer to given choices",
    "regex": "limit an answer to a regular expression",
    "schema": "limit an answer to a JSON Schema",
    "logprobs": "report log-probabilities",
    "thinking": "switch native thinking on or off",
    "adapters": "load adapters",
    "tool_calls": "call tools",
}
"""What each capability that a request may ask for lets an engine do, for messages."""


def check_request(request: Request, capabilities: Capabilities, model: str) -> None:
    """Raise EngineError for the first field of `request` that `capabilities` does not cover.

    Two constraints at once break the contract of `Request` and raise ValueError.
    """
    constraints = [bool(request.choices), bool(request.regex), request.schema is not None]
    if sum(constraints) > 1:
        raise ValueError("a request may set one of choices, regex and schema, not several")
    if not request.messages and not request.prompt:
        raise EngineError(f"asking {model}: the request has neither messages nor a prompt")
    wanted = asked_for(request)
    for name in wanted:
        if not getattr(capabilities, name):
            raise EngineError(
                f"{model} cannot {ABILITIES[name]} ({name})",
                hint="choose a rung without it, or a model that can: see `rung models`",
                refused=name,
            )
    for first, second in capabilities.conflicts:
        if first in wanted and second in wanted and _thinks_if_named(request, first, second):
            raise EngineError(
                f"{model} cannot {ABILITIES[first]} and {ABILITIES[second]} in one request"
                f" ({first}, {second})",
                hint=f"leave {first} out, or choose a rung without it",
                refused=first,
            )


def asked_for(request: Request) -> tuple[str, ...]:
    """Return the capabilities that a request uses, in the order of `ABILITIES`."""
    used = {
        "prefix": bool(request.prefix),
        "choices": bool(request.choices),
        "regex": bool(request.regex),
        "schema": request.schema is not None,
        "logprobs": request.top_logprobs > 0,
        "thinking": request.thinking != "default",
        "adapters": bool(request.adapter),
        "tool_calls": bool(request.tools),
    }
    return tuple(name for name in ABILITIES if used[name])


def _thinks_if_named(request: Request, *names: str) -> bool:
    return "thinking" not in names or request.thinking == "on"
