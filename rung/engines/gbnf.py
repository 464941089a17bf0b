"""A regular expression, or a list of texts, as a grammar of llama.cpp (GBNF).

llama-server enforces grammars only; its own way from a schema's `pattern` to a grammar knows whole
string literals, not what may follow a forced start. An expression that has no grammar (look-around,
references, word boundaries, flags) is an EngineError. Nothing is checked against a vocabulary.

llama.cpp writes repetitions out and refuses a grammar that gets too large by it (a list of twelve
mail addresses of up to 64 signs). Then long repetitions are left open above: the grammar takes more
than the expression, and who reads the answer must check it, as of every server.

The parser is the one of the standard library (`re._parser`, private but unchanged since 3.11). The
syntax is that of llama.cpp's grammars/README.md.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from rung.core.errors import EngineError

_parser: Any = importlib.import_module("re._parser")
_op: Any = importlib.import_module("re._constants")

MAX_SIZE = 1000
"""Symbols of a grammar, its repetitions written out; llama.cpp refuses 2,000."""
_CAPS = (256, 64, 16, 4, 1)
"""Longest repetitions that stay bounded above where a grammar is too large, tried in order."""
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_ANCHORS = {
    _op.AT_BEGINNING: 0,
    _op.AT_BEGINNING_STRING: 0,
    _op.AT_END: -1,
    _op.AT_END_STRING: -1,
}
_CLASSES = {
    _op.CATEGORY_DIGIT: "0-9",
    _op.CATEGORY_WORD: "0-9A-Z_a-z",
    _op.CATEGORY_SPACE: r"\x09-\x0D\x20",
}
_OTHERS = {
    _op.CATEGORY_NOT_DIGIT: _op.CATEGORY_DIGIT,
    _op.CATEGORY_NOT_WORD: _op.CATEGORY_WORD,
    _op.CATEGORY_NOT_SPACE: _op.CATEGORY_SPACE,
}


def one_of(texts: Sequence[str]) -> str:
    """Return the grammar of exactly these texts."""
    return "root ::= " + " | ".join(map(_literal, texts))


def from_regex(expression: str) -> str:
    """Return the grammar of what an expression matches whole, or of more where that is too large.

    Raises EngineError.
    """
    try:
        parsed = _parser.parse(expression)
        if parsed.state.flags & ~re.UNICODE:
            raise ValueError("flags are not supported")
        items = _without_anchors(list(parsed))
        for cap in _CAPS:
            if _size(items) <= MAX_SIZE:
                break
            items = _opened(items, cap)
        return "root ::= " + _sequence(items)
    except (re.error, ValueError, RecursionError, OverflowError) as error:
        raise EngineError(
            f"no grammar can be made of {expression[:200]!r}: {error}", refused="regex"
        ) from None


def _without_anchors(items: list[Any]) -> list[Any]:
    """Drop the anchors at the two ends, which a whole match implies."""
    for end, place in ((0, slice(1, None)), (-1, slice(None, -1))):
        if items and items[end][0] is _op.AT and _ANCHORS.get(items[end][1]) == end:
            items = items[place]
    return items


def _size(items: Sequence[Any]) -> int:
    """Return how many symbols items are, repetitions written out."""
    total = 0
    for op, argument in items:
        if op is _op.BRANCH:
            total += sum(map(_size, argument[1]))
        elif op is _op.SUBPATTERN:
            total += _size(argument[3])
        elif op in (_op.MAX_REPEAT, _op.MIN_REPEAT):
            least, most, body = argument
            total += _size(body) * max(least if most is _op.MAXREPEAT else most, 1)
        else:
            total += 1
    return total


def _opened(items: Sequence[Any], cap: int) -> list[Any]:
    """Return items with repetitions of more than `cap` open above, and at least `cap` or fewer."""
    found: list[Any] = []
    for op, argument in items:
        if op is _op.BRANCH:
            found.append((op, (argument[0], [_opened(branch, cap) for branch in argument[1]])))
        elif op is _op.SUBPATTERN:
            found.append((op, (*argument[:3], _opened(argument[3], cap))))
        elif op in (_op.MAX_REPEAT, _op.MIN_REPEAT):
            least, most, body = argument
            is_long = most is not _op.MAXREPEAT and most > cap
            top = _op.MAXREPEAT if is_long else most
            found.append((op, (min(least, cap), top, _opened(body, cap))))
        else:
            found.append((op, argument))
    return found


def _sequence(items: Sequence[Any]) -> str:
    parts = []
    for is_text, group in groupby(items, key=lambda item: item[0] is _op.LITERAL):
        if is_text:
            parts.append(_literal("".join(chr(code) for _, code in group)))
        else:
            parts += [_item(op, argument) for op, argument in group]
    return " ".join(parts) or '""'


def _item(op: Any, argument: Any) -> str:
    if op is _op.NOT_LITERAL:
        return f"[^{_code(argument)}]"
    if op is _op.ANY:
        return r"[^\x0A]"
    if op is _op.IN:
        return _class(argument)
    if op is _op.BRANCH:
        return f"( {' | '.join(map(_sequence, argument[1]))} )"
    if op is _op.SUBPATTERN and not argument[1] and not argument[2]:
        return f"( {_sequence(argument[3])} )"
    if op in (_op.MAX_REPEAT, _op.MIN_REPEAT):
        least, most, body = argument
        return f"( {_sequence(body)} ){{{least},{'' if most is _op.MAXREPEAT else most}}}"
    raise ValueError(f"{str(op).lower().replace('_', ' ')} is not supported")


def _class(items: Sequence[Any]) -> str:
    negated = items[0][0] is _op.NEGATE
    members = items[1:] if negated else items
    if len(members) == 1 and members[0][0] is _op.CATEGORY and members[0][1] in _OTHERS:
        return f"[{'' if negated else '^'}{_CLASSES[_OTHERS[members[0][1]]]}]"
    return f"[{'^' if negated else ''}{''.join(map(_member, members))}]"


def _member(item: Any) -> str:
    op, argument = item
    if op is _op.LITERAL:
        return _code(argument)
    if op is _op.RANGE:
        return f"{_code(argument[0])}-{_code(argument[1])}"
    if argument not in _CLASSES:
        raise ValueError("a negated class inside a class is not supported")
    return _CLASSES[argument]


def _literal(text: str) -> str:
    return '"' + "".join(map(_char, text)) + '"'


def _char(char: str) -> str:
    return _ESCAPES.get(char) or (char if char.isprintable() else _code(ord(char)))


def _code(code: int) -> str:
    if chr(code).isascii() and chr(code).isalnum():
        return chr(code)
    for prefix, digits in (("x", 2), ("u", 4), ("U", 8)):
        if code < 16**digits:
            return f"\\{prefix}{code:0{digits}X}"
    raise ValueError("not a character")
