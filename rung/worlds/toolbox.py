"""Typed Python functions as tools: their JSON Schema, the check of a call, the call itself.

    desk = Toolbox()

    @desk.tool(writes=True)
    def refund(tables: Tables, order: str, amount_usd: float) -> Row:
        \"\"\"Refund an order.\"\"\"

The first argument is the state, the others are the tool's. Pydantic makes the schema of their types
(`Literal`, `Annotated[str, Field(…)]`, models), strictly: what the schema forbids is refused. The
docstring is what an agent reads. A function refuses a call by raising `Refused`; TimeoutError and
ConnectionError are failures of the tool, anything else is a mistake in it.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints, overload

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.errors import PydanticUserError
from pydantic.json_schema import GenerateJsonSchema

from rung.core.errors import TaskError
from rung.core.spelling import did_you_mean, quote
from rung.tasks.user_code import failed
from rung.worlds.tables import Refused
from rung.worlds.world import Call, Result, Tool

NAME = re.compile(r"[A-Za-z0-9_.]{1,64}")
Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    tool: Tool
    function: Callable[..., Any]
    arguments: type[BaseModel]


class Toolbox:
    """The tools of a world, in the order in which they were defined."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}

    @overload
    def tool(self, function: Function, /) -> Function: ...

    @overload
    def tool(
        self, /, *, writes: bool = False, name: str = ""
    ) -> Callable[[Function], Function]: ...

    def tool(self, function: Any = None, /, *, writes: bool = False, name: str = "") -> Any:
        """Make a function a tool, by default of its own name; as a decorator, bare or called.

        Raises TaskError when its arguments have no types, it has no docstring, or the name is
        taken.
        """

        def take(function: Function) -> Function:
            entry = _entry(function, name or function.__name__, writes)
            if entry.tool.name in self._entries:
                raise TaskError(f"there are two tools {entry.tool.name!r}")
            self._entries[entry.tool.name] = entry
            return function

        return take if function is None else take(function)

    def tools(self) -> tuple[Tool, ...]:
        """Return what an agent may be told of the tools."""
        return tuple(entry.tool for entry in self._entries.values())

    def writes(self, name: str) -> bool:
        """Return whether there is a tool of this name that changes the state."""
        return name in self._entries and self._entries[name].tool.writes

    def use(self, state: Any, call: Call) -> Result:
        """Call a tool on a state, which is the caller's to keep or drop.

        Raises TaskError naming the line when the tool itself is wrong.
        """
        entry = self._entries.get(call.tool)
        if entry is None:
            known = did_you_mean(call.tool, self._entries)
            return Result(error=f"there is no tool {quote(call.tool)}; {known}", fault="input")
        try:
            value = entry.function(state, **_checked(entry, call.arguments))
            return Result(value=json.loads(json.dumps(value, allow_nan=False)))
        except Refused as refusal:
            return Result(error=str(refusal) or f"{call.tool} refused this", fault="input")
        except (TimeoutError, ConnectionError) as outage:
            reason = str(outage) or type(outage).__name__
            return Result(error=f"{call.tool}: {reason}", fault="tool")
        except (Exception, SystemExit) as error:
            file = Path(entry.function.__code__.co_filename)
            raise failed(file, f"the tool {call.tool}", error) from error


def _entry(function: Callable[..., Any], name: str, writes: bool) -> _Entry:
    where = f"tool {name!r}"
    if not NAME.fullmatch(name):
        raise TaskError(f"{where}: a name has letters, digits, _ and . only")
    about = inspect.cleandoc(function.__doc__ or "").strip()
    if not about:
        raise TaskError(f"{where} has no docstring", hint="say in it what the tool does")
    arguments = _arguments(function, where)
    schema = arguments.model_json_schema(schema_generator=_Untitled)
    schema.pop("title", None)
    schema.setdefault("properties", {})
    tool = Tool(name=name, description=about, parameters=schema, writes=writes)
    return _Entry(tool=tool, function=function, arguments=arguments)


class _Untitled(GenerateJsonSchema):
    """Leaves out the titles, which only repeat the names."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _arguments(function: Callable[..., Any], where: str) -> type[BaseModel]:
    """Return a model of the arguments behind the first."""
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters:
        raise TaskError(f"{where} takes no argument; its first is the state")
    try:
        types = get_type_hints(function, include_extras=True)
    except NameError as error:
        raise TaskError(f"{where}: {error}") from None
    fields: dict[str, Any] = {}
    for parameter in parameters[1:]:
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise TaskError(f"{where}: {parameter} cannot be given by name")
        if parameter.name not in types:
            raise TaskError(
                f"{where}: its argument {parameter.name!r} has no type",
                hint=f"write {parameter.name}: str, or the type it has",
            )
        default = ... if parameter.default is parameter.empty else parameter.default
        name, kind = _field(parameter.name, types[parameter.name])
        fields[name] = (kind, default)
    try:
        return create_model("Arguments", __config__=ConfigDict(extra="forbid"), **fields)
    except (PydanticUserError, NameError) as error:
        raise TaskError(f"{where}: {str(error).splitlines()[0]}") from None


def _field(name: str, kind: Any) -> tuple[str, Any]:
    """Return an argument as a field of a model, under another name where models have their own."""
    if not hasattr(BaseModel, name):
        return name, kind
    return f"argument_{name}", Annotated[kind, Field(alias=name)]


def _checked(entry: _Entry, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments as the function takes them; raises Refused for the first wrong one."""
    fields = entry.arguments.model_fields
    named = {str(field.validation_alias or name): field for name, field in fields.items()}
    for name in arguments:
        if name not in named:
            known = did_you_mean(name, named)
            raise Refused(f"{entry.tool.name} has no argument {quote(name)}; {known}")
    given = {
        name: value
        for name, value in arguments.items()
        if value is not None or named[name].is_required()
    }
    try:
        model = entry.arguments.model_validate_json(json.dumps(given), strict=True)
    except ValidationError as error:
        raise Refused(f"{entry.tool.name}: {_explain(error)}") from None
    names = list(inspect.signature(entry.function).parameters)[1:]
    return {name: getattr(model, field) for name, field in zip(names, fields, strict=True)}


def _explain(error: ValidationError) -> str:
    first = error.errors()[0]
    path = ".".join(str(part) for part in first["loc"])
    message = first["msg"][:1].lower() + first["msg"][1:]
    if first["type"] == "missing":
        return f"{path} is missing"
    return f"{path} is {quote(first['input'])}; {message}"
