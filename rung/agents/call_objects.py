"""Read calls out of JSON-like objects, under the many names that models give a tool's parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rung.agents.actions import Actions
from rung.forms.lenient import find_objects
from rung.worlds.world import Call

_NAME_KEYS = ("tool", "tool_name", "name", "function", "action")
_ARGUMENT_KEYS = ("arguments", "args", "parameters", "params", "input", "action_input", "kwargs")
_LIST_KEYS = ("tool_calls", "calls", "actions")


def unwrapped(found: Mapping[str, Any], tool: str) -> Mapping[str, Any]:
    """Return the arguments of an input that repeats the whole call."""
    if any(found.get(key) == tool for key in _NAME_KEYS):
        inner = next((found[key] for key in _ARGUMENT_KEYS if key in found), None)
        if isinstance(inner, Mapping):
            return inner
    return found


def calls_in(text: str, actions: Actions) -> Iterator[Call]:
    """Yield the calls among the objects of a text, in order."""
    for found in find_objects(text):
        yield from _from_object(found, actions)


def _from_object(found: Mapping[str, Any], actions: Actions) -> Iterator[Call]:
    """Yield the calls an object stands for; none where it is just data."""
    for key in _LIST_KEYS:
        if isinstance(found.get(key), list):
            for item in found[key]:
                if isinstance(item, Mapping):
                    yield from _from_object(item, actions)
            return
    if isinstance(inner := found.get("function"), Mapping):
        yield from _from_object(inner, actions)
        return
    if len(found) == 1:
        name, inner = next(iter(found.items()))
        if name in actions.names and isinstance(inner, Mapping):
            yield Call(tool=name, arguments=inner)
            return
    yield from _named_call(found, actions)


def _named_call(found: Mapping[str, Any], actions: Actions) -> Iterator[Call]:
    key = next((key for key in _NAME_KEYS if isinstance(found.get(key), str)), None)
    if key is None:
        return
    name = actions.spelled(found[key])
    given = next((one for one in _ARGUMENT_KEYS if one in found), None)
    if given is None and name in actions.names:
        yield Call(tool=name, arguments={k: v for k, v in found.items() if k != key})
    elif given is not None and (arguments := _as_object(found[given])) is not None:
        yield Call(tool=name, arguments=arguments)


def _as_object(value: Any) -> Mapping[str, Any] | None:
    """Return arguments that may be spelled as text."""
    if isinstance(value, str):
        return {} if value.strip() in ("", "{}") else next(find_objects(value), None)
    return {} if value is None else value if isinstance(value, Mapping) else None
