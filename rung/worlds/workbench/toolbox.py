"""How a sandbox declares its tools, and how a call becomes a Result.

A tool is a function of the state and of text arguments. What the published tools answer with a
message ("Event not found.") is an error of the input here, in words that name the value and the
rule. A wrong call never changes the state.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rung.core.spelling import did_you_mean, listing, quote
from rung.worlds.workbench.state import State
from rung.worlds.workbench.table import Table, Values
from rung.worlds.world import Call, Result, Tool

Play = Callable[..., Any]
"""Called with the state and the arguments by name; returns JSON, raises Refused."""
Schema = Mapping[str, Any]
COUNT: Schema = {"pattern": r"^[0-9]+$"}


class Refused(Exception):
    """A call that breaks a rule of its tool; the message names the value and the rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxTool:
    """A tool and what it does."""

    tool: Tool
    play: Play

    @property
    def domain(self) -> str:
        """The sandbox it belongs to, e.g. `calendar`."""
        return self.tool.name.partition(".")[0]


def declare(
    name: str,
    play: Play,
    about: str,
    arguments: Mapping[str, Schema],
    *,
    required: Sequence[str] = (),
    writes: bool = False,
) -> SandboxTool:
    """Return a tool whose arguments are all text, as published."""
    parameters = {
        "type": "object",
        "properties": {key: {"type": "string", **schema} for key, schema in arguments.items()},
        "required": list(required),
        "additionalProperties": False,
    }
    tool = Tool(name=name, description=about, parameters=parameters, writes=writes)
    return SandboxTool(tool=tool, play=play)


def use(tools: Mapping[str, SandboxTool], state: State, call: Call) -> Result:
    """Play one call; a wrong one gives a Result with an error and leaves the state as it is."""
    try:
        tool = tools.get(call.tool)
        if tool is None:
            raise Refused(f"there is no tool {call.tool!r}: {did_you_mean(call.tool, tools)}")
        _check(tool.tool, call.arguments)
        return Result(value=_copied(tool.play(state, **call.arguments)))
    except Refused as refusal:
        return Result(error=str(refusal), fault="input")
    except (ValueError, OverflowError) as error:  # a day beyond the calendar, an id of no number
        return Result(error=f"{call.tool} cannot do this: {error}", fault="input")


def one_of(value: str, known: Sequence[str], what: str) -> str:
    """Return `value`; raises Refused unless it is one of the known words."""
    if value not in known:
        raise Refused(f"{what} {value!r} is not valid, choose from: {listing(known)}")
    return value


def address(text: str) -> str:
    """Return a mail address in lower case; raises Refused without `@` and `.`."""
    if "@" not in text or "." not in text:
        raise Refused(f"recipient {quote(text)} is not a mail address")
    return text.lower()


def row_of(table: Table, id_: str, what: str) -> Values:
    """Return the row of an id; raises Refused when there is none."""
    row = table.find(id_)
    if row is None:
        raise Refused(f"there is no {what} {id_!r}")
    return row


def field_of(row: Values, field: str) -> dict[str, str | None]:
    """Return one field of a row; raises Refused when it has no such field."""
    if field not in row:
        raise Refused(f"there is no field {field!r}: {did_you_mean(field, row)}")
    return {field: row[field]}


def part_of(row: Values, *fields: str) -> dict[str, str | None]:
    """Return some fields of a row."""
    return {field: row[field] for field in fields}


def number_of(text: str, what: str) -> int:
    """Return a count; raises Refused unless it is up to five digits."""
    if not re.fullmatch(r"[0-9]{1,5}", text):
        raise Refused(f"{what} {quote(text)} is not a number from 0 to 99999")
    return int(text)


def _copied(value: Any) -> Any:
    """Return a result that can be changed without changing the tables."""
    if isinstance(value, list):
        return [dict(item) if isinstance(item, Mapping) else item for item in value]
    return value


def _check(tool: Tool, arguments: Mapping[str, Any]) -> None:
    known = tool.parameters["properties"]
    for name, value in arguments.items():
        if name not in known:
            raise Refused(f"{tool.name} has no argument {name!r}: {did_you_mean(name, known)}")
        if not isinstance(value, str):
            raise Refused(f"{tool.name}: {name} must be text, not {quote(value)}")
    missing = [name for name in tool.parameters["required"] if not arguments.get(name)]
    if missing:
        raise Refused(f"{tool.name} needs {listing(missing)}")
