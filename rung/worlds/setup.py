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
from rung.worlds.world import Call, Tool

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
    says = example.setup.get("says", [])
    where = f"example {example.id!r}: setup.says"
    if not _are_objects(says):
        raise TaskError(
            f"{where} is {quote(says)}",
            hint='write a list of objects like {"text": ["42.50"]}, one a call',
        )
    calls = required(example)
    if len(says) > len(calls):
        raise TaskError(f"{where} has more items than the target has calls")
    for call, item in zip(calls, says, strict=False):
        _check_literals(where, call, item)
    found: Sequence[Literals] = says
    return found


def _check_literals(where: str, call: Call, item: Mapping[str, Any]) -> None:
    for name, parts in item.items():
        if name not in call.arguments:
            raise TaskError(
                f"{where}.{name}: {call.tool} of the target has no such argument",
                hint="write it there too, with a text that says what it must",
            )
        texts = isinstance(parts, list) and all(
            isinstance(part, str | int | float) for part in parts
        )
        if not texts:
            raise TaskError(
                f"{where}.{name} is {quote(parts)}", hint='write a list of texts: ["42.50"]'
            )


def broken(example: Example, made: Sequence[Call], tools: Sequence[Tool]) -> list[str]:
    """Return the names of the negative assertions that some write breaks; `tools` are all tools.

    Raises TaskError for an assertion that no write could break, since it names what is not there.
    """
    where, nevers = f"example {example.id!r}: setup.never", example.setup.get("never", [])
    if not _are_objects(nevers):
        raise TaskError(
            f"{where} is {quote(nevers)}",
            hint='write a list of objects like {"name": …, "tool": …, "arguments": {…}}',
        )
    names = []
    for never in nevers:
        (asserted,) = _calls(example, [{"arguments": {}, **never}])
        _check_names(where, asserted, tools)
        if any(call.tool == asserted.tool and _has(call, asserted.arguments) for call in made):
            names.append(str(never.get("name", asserted.tool)))
    return names


def _check_names(where: str, asserted: Call, tools: Sequence[Tool]) -> None:
    tool = next((tool for tool in tools if tool.name == asserted.tool), None)
    if tool is None:
        known = did_you_mean(asserted.tool, [tool.name for tool in tools])
        raise TaskError(f"{where} names {quote(asserted.tool)}; there is no such tool", hint=known)
    properties = tool.parameters.get("properties", {})
    for name in asserted.arguments:
        if name not in properties:
            raise TaskError(
                f"{where} names {quote(name)}; {tool.name} has no such argument",
                hint=did_you_mean(name, properties),
            )


def _are_objects(items: Any) -> bool:
    return isinstance(items, list) and all(isinstance(item, Mapping) for item in items)


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
