"""Refuse a request that an engine cannot honour, before anything is spent.

An engine never ignores a field of a `Request` silently (the contract in `base.py`). This file
compares a request with the engine's `Capabilities`; it does not look at the answer.
"""

from __future__ import annotations

from rung.core.errors import EngineError
from rung.engines.base import Capabilities, Request


def check_request(request: Request, capabilities: Capabilities, model: str) -> None:
    """Raise EngineError for the first field of `request` that `capabilities` does not cover.

    Two constraints at once break the contract of `Request` and raise ValueError.
    """
    constraints = [bool(request.choices), bool(request.regex), request.schema is not None]
    if sum(constraints) > 1:
        raise ValueError("a request may set one of choices, regex and schema, not several")
    if not request.messages and not request.prompt:
        raise EngineError(f"asking {model}: the request has neither messages nor a prompt")
    wanted = {
        "prefix": (bool(request.prefix), "force the start of an answer"),
        "choices": (bool(request.choices), "limit an answer to given choices"),
        "regex": (bool(request.regex), "limit an answer to a regular expression"),
        "schema": (request.schema is not None, "limit an answer to a JSON Schema"),
        "logprobs": (request.top_logprobs > 0, "report log-probabilities"),
        "thinking": (request.thinking != "default", "switch native thinking on or off"),
        "adapters": (bool(request.adapter), "load adapters"),
    }
    for name, (asked, ability) in wanted.items():
        if asked and not getattr(capabilities, name):
            raise EngineError(
                f"{model} cannot {ability} ({name})",
                hint="choose a rung without it, or a model that can: see `rung models`",
            )
