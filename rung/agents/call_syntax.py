"""Read `tool(argument="value", 3)`: a call as programs write it, its values literals.

Parsed, never evaluated. Positional values take the parameters' order.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rung.worlds.world import Call, Tool

MAX_CALL_CHARS = 8000
_ALONE = re.compile(r"^[ \t>*`-]*(?:\d+[.)][ \t]*)?(?:print\()?", re.MULTILINE)
_CONSTANTS = {"true": True, "false": False, "null": None}


def starts_of_calls(text: str, names: Sequence[str], *, alone: bool = False) -> Iterator[int]:
    """Yield where a tool's name stands before a bracket; `alone`: at the start of a line."""
    known = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    pattern = re.compile(rf"(?<![\w.])(?:{known})\(")
    if not alone:
        yield from (match.start() for match in pattern.finditer(text))
        return
    for line in _ALONE.finditer(text):
        if pattern.match(text, line.end()):
            yield line.end()


def read_call(text: str, start: int, find: Callable[[str], Tool | None]) -> tuple[Call, int] | None:
    """Return the call that begins at `start` and where it ends; None when it cannot be read."""
    source, end = _bracketed(text, start)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            node = ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if not isinstance(node, ast.Call):
        return None
    tool = find(ast.unparse(node.func))
    if tool is None:
        return None
    try:
        return Call(tool=tool.name, arguments=_arguments(node, tool)), end
    except (ValueError, TypeError, SyntaxError, RecursionError):
        return None


def _arguments(node: ast.Call, tool: Tool) -> dict[str, Any]:
    names = list(tool.parameters.get("properties", {}))
    if len(node.args) > len(names):
        raise ValueError("more values than parameters")
    found = {name: _value(value) for name, value in zip(names, node.args, strict=False)}
    for keyword in node.keywords:
        if keyword.arg is None:
            raise ValueError("arguments without names")
        found[keyword.arg] = _value(keyword.value)
    if len(node.args) == 1 and not node.keywords and isinstance(found[names[0]], dict):
        return dict(found[names[0]])
    return found


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Name) and node.id in _CONSTANTS:
        return _CONSTANTS[node.id]
    return ast.literal_eval(node)


def _bracketed(text: str, start: int) -> tuple[str, int]:
    """Return the text up to the bracket that closes the first one, and where that is.

    Line ends inside quotes, which models write and Python refuses, are escaped.
    """
    depth, quote, escaped = 0, "", False
    signs: list[str] = []
    for at in range(start, min(len(text), start + MAX_CALL_CHARS)):
        sign = text[at]
        signs.append("\\n" if quote and sign == "\n" else sign)
        if quote:
            quote = "" if sign == quote and not escaped else quote
            escaped = sign == "\\" and not escaped
        elif sign in "\"'":
            quote = sign
        else:
            depth += (sign in "([{") - (sign in ")]}")
            if depth == 0 and sign in ")]}":
                return "".join(signs), at + 1
    return "", start
