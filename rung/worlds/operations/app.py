"""What an app of the workplace is made of: its tables and its tools.

An app is one small file under `apps/`: tables, tools, and a function for each tool that takes the
state and arguments that were already checked (`arguments.py`) and returns JSON or raises Refused.
The short functions here write the JSON Schema of one argument.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rung.worlds.tables import Kind, Row, Tables
from rung.worlds.world import Tool

Schema = dict[str, Any]
Arguments = Mapping[str, Any]
Run = Callable[[Tables, Arguments], Any]

MAX_TEXT_CHARS = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class AppTool:
    """A tool and what it does."""

    tool: Tool
    run: Run


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """One program of the workplace."""

    name: str
    tables: Mapping[str, Kind]
    tools: tuple[AppTool, ...]


def look(name: str, about: str, run: Run, **parameters: Schema) -> AppTool:
    """Return a tool that changes nothing."""
    return _tool(name, about, run, parameters, writes=False)


def write(name: str, about: str, run: Run, **parameters: Schema) -> AppTool:
    """Return a tool that changes the state."""
    return _tool(name, about, run, parameters, writes=True)


def find(*tables: str) -> Run:
    """Return what a `find` tool does: the rows of these tables that fit `query` best."""

    def run(state: Tables, given: Arguments) -> list[Row]:
        return [row for table in tables for row in state.search(table, given.get("query", ""))]

    return run


def change(table: str, key: str) -> Run:
    """Return what an `update` tool does: set the given columns of the row that `key` names."""

    def run(state: Tables, given: Arguments) -> Row:
        columns = {name: value for name, value in given.items() if name != key}
        return state.change(table, given[key], columns)

    return run


def text(about: str) -> Schema:
    """Return the schema of a line or a paragraph."""
    return {"type": "string", "minLength": 1, "maxLength": MAX_TEXT_CHARS, "description": about}


def id_of(noun: str, prefix: str) -> Schema:
    """Return the schema of a record's id."""
    return {"type": "string", "pattern": rf"^{prefix}-\d+$", "description": f"id of the {noun}"}


def one_of(*values: str) -> Schema:
    """Return the schema of a choice."""
    return {"enum": list(values)}


def number(about: str, low: int, high: int) -> Schema:
    """Return the schema of a whole number from `low` to `high`."""
    return {"type": "integer", "minimum": low, "maximum": high, "description": about}


def day() -> Schema:
    """Return the schema of a day."""
    return {"type": "string", "format": "date"}


def clock() -> Schema:
    """Return the schema of a time of day, 24 hours."""
    return {"type": "string", "pattern": r"^\d\d:\d\d$"}


def email(about: str = "") -> Schema:
    """Return the schema of a mail address."""
    described = {"description": about} if about else {}
    return {"type": "string", "format": "email", **described}


def emails() -> Schema:
    """Return the schema of a list of mail addresses."""
    return {"type": "array", "items": email(), "minItems": 1, "maxItems": 12}


def optional(schema: Schema) -> Schema:
    """Mark an argument that may be left out."""
    return {**schema, "x-optional": True}


def _tool(
    name: str, about: str, run: Run, parameters: dict[str, Schema], *, writes: bool
) -> AppTool:
    required = [key for key, schema in parameters.items() if not schema.get("x-optional")]
    properties = {
        key: {word: value for word, value in schema.items() if word != "x-optional"}
        for key, schema in parameters.items()
    }
    schema = {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }
    return AppTool(
        tool=Tool(name=name, description=about, parameters=schema, writes=writes), run=run
    )
