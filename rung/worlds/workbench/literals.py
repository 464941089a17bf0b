"""Calls as the data set writes them: `email.send_email.func(recipient="…", subject="…")`.

They are parsed, never evaluated. What is not one call with literal arguments by name cannot be
played and is skipped, as the published metric skips what raises.
"""

from __future__ import annotations

import ast
import warnings

from rung.worlds.world import Call

_SUFFIX = ".func"


def parse_calls(text: str) -> tuple[list[Call], list[str]]:
    """Read a list of call texts; return the calls, and the texts that are no calls.

    Raises ValueError when the text is not a list of texts at all.
    """
    value = _literal(_parse(text))
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"not a list of texts: {text[:60]!r}")
    calls, unread = [], []
    for item in value:
        call = parse_call(item)
        if call is None:
            unread.append(item)
        else:
            calls.append(call)
    return calls, unread


def parse_call(text: str) -> Call | None:
    """Read `domain.tool.func(name="value", …)`; None when it is anything else.

    A line break within a value, which the recorded runs leave as it is, stands for itself.
    """
    try:
        node = _parse(text.replace("\n", "\\n"))
        if not isinstance(node, ast.Call) or node.args:
            return None
        tool = ast.unparse(node.func)
        arguments = {keyword.arg or "": _literal(keyword.value) for keyword in node.keywords}
    except ValueError:
        return None
    if not tool.endswith(_SUFFIX) or "" in arguments:
        return None
    return Call(tool=tool.removesuffix(_SUFFIX), arguments=arguments)


def _parse(text: str) -> ast.expr:
    """Parse one expression; raises ValueError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(str(error)) from None


def _literal(node: ast.expr) -> object:
    """Return the value of a literal; raises ValueError."""
    try:
        return ast.literal_eval(node)
    except (TypeError, SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(str(error)) from None
