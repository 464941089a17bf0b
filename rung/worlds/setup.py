"""What an example of a user's world or an MCP server says about its solution.

`target.calls` are the required calls. `setup` may hold `look_ups` (calls that the oracle makes
first), `says` (along the target's calls, by argument what its free text must contain) and `never`
(negative assertions `{"name", "tool", "arguments"}`: no write may have these).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rung.core.errors import TaskError
from rung.core.spelling import did_you_mean, quote
from rung.tasks.task import Example
from rung.worlds.canonical import canonical
from rung.worlds.scoring import Literals
from rung.worlds.world import Call

KEYS = ("look_ups", "says", "never")


def check_keys(example: Example, known: Sequence[str] = KEYS) -> None:
    """Raise TaskError for a key of the setup that nobody reads."""
    for key in example.setup:
        if key not in known:
            raise TaskError(
                f"example {example.id!r}: unknown key setup.{key}", hint=did_you_mean(key, known)
            )


def required(example: Example) -> list[Call]:
    """Return the calls of the target; raises TaskError when they are none."""
    return _calls(example, example.target.get("calls", []))


def solution(example: Example) -> list[Call]:
    """Return the look-ups and the required calls."""
    return [*_calls(example, example.setup.get("look_ups", [])), *required(example)]


def literals(example: Example) -> Sequence[Literals]:
    """Return what free texts must contain, along the required calls."""
    says: Sequence[Literals] = example.setup.get("says", [])
    if not isinstance(says, list) or not all(isinstance(item, dict) for item in says):
        raise TaskError(
            f"example {example.id!r}: setup.says is {quote(says)}",
            hint='write a list of objects like {"text": ["42.50"]}, one a call',
        )
    return says


def broken(example: Example, made: Sequence[Call]) -> list[str]:
    """Return the names of the negative assertions that some write breaks."""
    names = []
    for never in example.setup.get("never", []):
        (asserted,) = _calls(example, [{"arguments": {}, **never}])
        if any(call.tool == asserted.tool and _has(call, asserted.arguments) for call in made):
            names.append(str(never.get("name", asserted.tool)))
    return names


def _calls(example: Example, items: Sequence[Mapping[str, Any]]) -> list[Call]:
    try:
        return [Call(tool=item["tool"], arguments=dict(item["arguments"])) for item in items]
    except (KeyError, TypeError, ValueError):
        raise TaskError(
            f"example {example.id!r}: {quote(items)} is no list of calls",
            hint='a call is {"tool": …, "arguments": {…}}',
        ) from None


def _has(call: Call, arguments: Mapping[str, Any]) -> bool:
    return all(
        name in call.arguments and canonical(call.arguments[name]) == canonical(value)
        for name, value in arguments.items()
    )
