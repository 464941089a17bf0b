"""What an MCP server lists and answers, as records of a world. Nothing here calls a server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rung.worlds.world import Result, Tool

if TYPE_CHECKING:
    from mcp.types import CallToolResult
    from mcp.types import Tool as ServerTool

_MAX_REASON_CHARS = 300
_OUTAGE = re.compile(
    r"\b(?:time[d-]? ?out|unavailable|overloaded|rate limit(?:ed)?|too many requests"
    r"|connection (?:\w+ ){0,2}(?:refused|reset|closed|lost|failed|aborted|error)"
    r"|(?:no|lost|broken) connection to|temporar(?:y|ily)|try again (?:later|soon|shortly|in))\b"
    r"|(?:\A|\b(?:http|status|code|error)\b\W{0,3})(?:429|50[0234])\b",
    re.IGNORECASE,
)
_WRAPPED = re.compile(r"\AError executing tool \S+?(?:: |\Z)")
"""What the SDK's servers write before the words of an error, or in place of them."""


def tool_of(tool: ServerTool) -> Tool:
    """Return a listed tool; only one that is marked so is a look-up."""
    marks = tool.annotations
    is_marked = marks is not None and marks.read_only_hint is not None
    return Tool(
        name=plain_name(tool.name),
        description=tool.description or tool.title or tool.name,
        parameters=tool.input_schema,
        writes=not (marks is not None and marks.read_only_hint is True),
        is_assumed=not is_marked,
    )


def defaults_of(tool: Tool) -> dict[str, Any]:
    """Return the defaults that a tool's arguments have."""
    properties = tool.parameters.get("properties", {})
    return {
        name: schema["default"]
        for name, schema in properties.items()
        if isinstance(schema, Mapping) and "default" in schema
    }


def reason(error: Exception) -> str:
    """Return what an error says, on one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _MAX_REASON_CHARS else f"{text[:_MAX_REASON_CHARS]}…"


def plain_name(name: str) -> str:
    """Return a tool's name with what a world's tools may not be called replaced by `_`."""
    return re.sub(r"[^A-Za-z0-9_.]", "_", name)


def result_of(tool: str, answer: CallToolResult) -> Result:
    """Return an answer as a Result.

    A server reports refused arguments and outages alike as errors of the tool; its words tell them
    apart, and an error without any is a crash.
    """
    texts = list(_texts(answer))
    text = "\n".join(texts)
    if answer.is_error:
        said = _WRAPPED.sub("", text)
        fault = not said or _OUTAGE.search(said)
        return Result(error=text or f"{tool} failed", fault="tool" if fault else "input")
    if answer.structured_content is not None:
        return Result(value=_unwrapped(answer.structured_content))
    values = [_decoded(one) for one in texts]
    several = len(values) > 1 and not any(isinstance(value, str) for value in values)
    return Result(value=values if several else _decoded(text))


def _texts(answer: CallToolResult) -> Iterator[str]:
    """Yield the texts of an answer, embedded ones among them; pictures and sounds are not read."""
    for block in answer.content:
        if block.type == "text":
            yield block.text
        elif block.type == "resource" and (text := getattr(block.resource, "text", None)):
            yield text


def _unwrapped(value: Any) -> Any:
    """Return what the SDK's servers wrap as `{"result": …}` because it is no object."""
    alone = isinstance(value, Mapping) and set(value) == {"result"}
    return value["result"] if alone else value


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
