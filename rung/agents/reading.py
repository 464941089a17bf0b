"""Read steps out of free text, as small models write them on a blank page.

Known spellings of a call: `Action:` with `Action Input:`, JSON or a Python dict anywhere (bare,
fenced, tagged), `<function=…>`, `tool(argument="…")` on a line of its own. All calls of a turn
count, in order. What follows `Final Answer:` is the answer and comes back byte for byte; so does
text without any call. What looks like a call and cannot be read is a problem, never an answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rung.agents.actions import ABSTAIN, FINISH, Actions, finish
from rung.agents.call_objects import calls_in, unwrapped
from rung.agents.call_syntax import read_call, starts_of_calls
from rung.forms import parse_answer, violation
from rung.forms.lenient import find_objects, read_literal
from rung.worlds.world import Call

_FINAL = re.compile(r"^[ \t]*\**final answer\**[ \t]*:\**[ \t]*\n?", re.IGNORECASE | re.MULTILINE)
_THOUGHT = re.compile(r"\A\s*<think>.*?</think>\s*", re.DOTALL)
_ACTION = re.compile(r"^[ \t>*#-]*action[ \t]*\**:[ \t*]*", re.IGNORECASE | re.MULTILINE)
_INPUT = re.compile(r"[|\s*]*action[ _]input[ \t]*\**:[ \t*]*", re.IGNORECASE)
_ENDS = re.compile(r"^[ \t]*(?:observation|thought)[ \t]*:", re.IGNORECASE | re.MULTILINE)
_BRACKET = re.compile(r"(?P<name>[\w.]+)\[(?P<inside>[^\[\]]*)\]")
_FUNCTION = re.compile(r"<function=(?P<name>[\w.-]+)>(?P<body>.*?)(?:</function>|\Z)", re.DOTALL)
_PARAMETER = re.compile(r"<parameter=(?P<name>[\w.-]+)>\n?(?P<value>.*?)\n?</parameter>", re.DOTALL)
_SIGNS = re.compile(
    r"<tool_call>|</?function\b|\[TOOL_CALLS\]|<\|python_tag\|>|[\"'](?:tool|tool_name)[\"']\s*:"
    r"|^[ \t>*-]*action[ _]?(?:input)?[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a turn says to do."""

    calls: tuple[Call, ...] = ()
    problem: str = ""
    """Why it could not be read; no calls then."""
    bare: bool = False
    """The answer is text that neither calls a tool nor says that it is final."""


def read_text(text: str, actions: Actions) -> Reading:
    """Return the steps in a turn; of a world without tools every text is the answer."""
    if all(name in (FINISH, ABSTAIN) for name in actions.names):
        return Reading(calls=(finish(text),))
    if not text.strip():
        return Reading(problem="it was empty")
    body = _THOUGHT.sub("", text)
    final = _FINAL.search(body)
    before = body[: final.start()] if final else body
    calls = [_fitted(call, actions) for call in _calls(before, actions)]
    if calls:
        return Reading(calls=tuple(calls))
    if final:
        return Reading(calls=(finish(body[final.end() :]),))
    if _SIGNS.search(body) or next(starts_of_calls(body, actions.names), None) is not None:
        return Reading(problem="it looks like a call that is not complete")
    return Reading(calls=(finish(body),), bare=True)


def _calls(text: str, actions: Actions) -> list[Call]:
    """Return the calls of the first spelling that the text uses."""
    for spelling in (_reacted, calls_in, _functions, _written):
        if found := list(spelling(text, actions)):
            return found
    return []


def _reacted(text: str, actions: Actions) -> Iterator[Call]:
    marks = list(_ACTION.finditer(text))
    for mark, following in zip(marks, [*marks[1:], None], strict=False):
        segment = text[mark.end() : following.start() if following else len(text)]
        if over := _ENDS.search(segment):
            segment = segment[: over.start()]
        yield from _action(segment, actions)


def _action(segment: str, actions: Actions) -> Iterator[Call]:
    """Read what stands behind one `Action:`."""
    given = _INPUT.search(segment)
    name = segment[: given.start()] if given else segment
    if given and _is_name(name):
        tool = actions.spelled(name)
        yield from _with_input(tool, segment[given.end() :], actions)
        return
    objects = list(calls_in(segment, actions))
    written = objects or list(_written(segment, actions))
    if written:
        yield from written
    elif match := _BRACKET.match(name.strip()):
        yield from _with_input(actions.spelled(match["name"]), match["inside"], actions)
    elif _is_name(name):
        yield Call(tool=actions.spelled(name), arguments={})


def _with_input(tool: str, text: str, actions: Actions) -> Iterator[Call]:
    """Yield a call with its input: an object, nothing, or the one value the tool takes."""
    stripped = text.strip().strip("`").removeprefix("json").strip()
    found = next(find_objects(text), None)
    if found is not None or stripped in ("", "{}"):
        yield Call(tool=tool, arguments=unwrapped(found or {}, tool))
        return
    known = actions.find(tool)
    properties = list(known.parameters.get("properties", {})) if known else []
    if len(properties) == 1 and not stripped.startswith("{"):
        yield Call(tool=tool, arguments={properties[0]: stripped.splitlines()[0].strip("\"'")})


def _functions(text: str, actions: Actions) -> Iterator[Call]:
    for match in _FUNCTION.finditer(text):
        name = actions.spelled(match["name"])
        given = {m["name"]: _literal(m["value"]) for m in _PARAMETER.finditer(match["body"])}
        found: Mapping[str, Any] = given or next(find_objects(match["body"]), {})
        yield Call(tool=name, arguments=found)


def _written(text: str, actions: Actions) -> Iterator[Call]:
    end = 0
    for start in starts_of_calls(text, actions.names, alone=True):
        if start >= end and (read := read_call(text, start, actions.find)) is not None:
            call, end = read
            yield call


def _literal(text: str) -> Any:
    try:
        return read_literal(text)
    except ValueError:
        return text


def _is_name(text: str) -> bool:
    return re.fullmatch(r"[\w.-]+", text.strip(" \t\n`'\"*")) is not None


def _fitted(call: Call, actions: Actions) -> Call:
    """Bring labels and numbers to the tool's spelling, where all arguments then fit its form."""
    if call.tool in (FINISH, ABSTAIN):
        return call
    try:
        text = json.dumps(call.to_json(), ensure_ascii=False)
    except (TypeError, ValueError):
        return call
    read = parse_answer(text, actions.form)
    if not isinstance(read, dict) or read.get("tool") != call.tool:
        return call
    arguments = read.get("arguments")
    if not isinstance(arguments, dict) or arguments.keys() != call.arguments.keys():
        return call
    if violation(read, actions.form):
        return call
    return Call(tool=call.tool, arguments=arguments)
