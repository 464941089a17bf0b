"""Can a form write this value? The reverse of filling: nothing is generated, every slot is checked.

A value that its schema allows may still be out of a form's reach (a key the form never writes, a
number in exponent notation); `inexpressible` says where and why.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import regex

from rung.forms.ecma import TIMEOUT_S
from rung.forms.form import Choice, Const, Node, Object, Repeat, Value, join_path
from rung.forms.layout import json_text
from rung.forms.presence import next_parts

_TYPES: dict[str, Any] = {
    "text": str, "date": str, "number": int | float, "list": list, "json": object,
}  # fmt: skip


def inexpressible(node: Node, value: Any, path: str = "") -> str:
    """Return why the form cannot write `value` at this node, or an empty string."""
    where = path or "$"
    if isinstance(node, Const):
        return "" if _same(node.value, value) else f"{where}: the form always writes {node.value!r}"
    if isinstance(node, Choice):
        known = any(_same(one, value) for one in node.values)
        return "" if known else f"{where}: {json_text(value)[:80]} is no option"
    if isinstance(node, Value):
        return _value(node, value, where)
    if isinstance(node, Object):
        return _object(node, value, path)
    if isinstance(node, Repeat):
        return _repeat(node, value, path)
    reasons = [inexpressible(arm, value, path) for arm in node.arms]
    return "" if "" in reasons else reasons[-1]


def resembles(node: Node, value: Any) -> bool:
    """Return whether a value has the node's shape and constants, whatever its texts and numbers."""
    if isinstance(node, Const | Choice):
        return not inexpressible(node, value)
    if isinstance(node, Value):
        return value is None or isinstance(value, _TYPES[node.kind])
    if isinstance(node, Object):
        parts = dict(node.parts)
        return isinstance(value, dict) and all(
            name in parts and resembles(parts[name], inner) for name, inner in value.items()
        )
    if isinstance(node, Repeat):
        return isinstance(value, list) and all(resembles(node.item, item) for item in value)
    return any(resembles(arm, value) for arm in node.arms)


def _object(node: Object, value: Any, path: str) -> str:
    if not isinstance(value, dict):
        return f"{path or '$'}: not an object"
    names = {name for name, _ in node.parts}
    if extra := sorted(value.keys() - names):
        return f"{path or '$'}: the form never writes the key {extra[0]!r}"
    at, written = 0, dict[str, Any]()
    while True:
        options = next_parts(node, at, written)
        chosen = next((i for i in options if i is not None and node.parts[i][0] in value), None)
        if chosen is None:
            if None not in options:
                return f"{path or '$'}: a key is missing"
            left = sorted(value.keys() - written.keys())
            return f"{path or '$'}: the key {left[0]!r} is one too many" if left else ""
        name, part = node.parts[chosen]
        if reason := inexpressible(part, value[name], join_path(path, name)):
            return reason
        written[name], at = value[name], chosen + 1
        if written.keys() == value.keys():
            left = next_parts(node, at, written)
            missing = [node.parts[i][0] for i in left if i is not None]
            return "" if None in left else f"{path or '$'}: the key {missing[-1]!r} is missing"


def _repeat(node: Repeat, value: Any, path: str) -> str:
    if not isinstance(value, list):
        return f"{path or '$'}: not an array"
    if len(value) < node.low or (node.high is not None and len(value) > node.high):
        return f"{path or '$'}: {len(value)} items"
    for i, item in enumerate(value):
        if reason := inexpressible(node.item, item, f"{path}[{i}]"):
            return reason
    return ""


def _value(node: Value, value: Any, where: str) -> str:
    text = json_text(value)
    if node.json_schema:
        return "" if _accepts(node.json_schema, text) else f"{where}: outside the sub-grammar"
    return "" if _matches(node.regex, text) else f"{where}: {text[:80]} cannot be written"


def _matches(expression: str, text: str) -> bool:
    try:
        return _compiled(expression).fullmatch(text, timeout=TIMEOUT_S) is not None
    except TimeoutError:
        return False


@lru_cache(maxsize=256)
def _compiled(expression: str) -> Any:
    return regex.compile(expression, regex.V0)


def _accepts(json_schema: str, text: str) -> bool:
    """Return whether the sub-grammar accepts a text; without llguidance, that is not ruled out."""
    try:
        import llguidance
    except ImportError:
        return True
    matcher = llguidance.LLMatcher(
        _byte_tokenizer(), llguidance.LLMatcher.grammar_from_json_schema(json_schema), log_level=0
    )
    tokens = list(text.encode())
    return bool(matcher.try_consume_tokens(tokens) == len(tokens) and matcher.is_accepting())


@lru_cache(maxsize=1)
def _byte_tokenizer() -> Any:
    from rung.engines.bytes import byte_tokenizer

    return byte_tokenizer()


def _same(left: Any, right: Any) -> bool:
    """Return whether two JSON values are equal: 1 and 1.0 are, 1 and true are not."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(_same(left[k], right[k]) for k in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return json.dumps(left) == json.dumps(right) or (
        isinstance(left, int | float) and isinstance(right, int | float) and left == right
    )
