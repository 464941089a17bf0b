"""A `pattern` of JSON Schema as an expression of the JSON string literals that satisfy it.

A pattern speaks of the decoded text and may match anywhere in it; a form needs an expression of the
encoded literal as a whole. So the pattern is parsed, quotes, backslashes and line ends become
their escapes, other control characters are left out, classes are written out in ASCII as ECMA-262
defines them, open repetitions get an end, and a side without an anchor gets free text. What
cannot be carried over (look-around, references, word boundaries, flags) is a ValueError.

The parser is the one of the standard library (`re._parser`, private but unchanged since 3.11), so
that a pattern means here what it means to `jsonschema`, which judges the result.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Sequence
from typing import Any

from rung.forms.literals import CHARACTER, quote

_parser: Any = importlib.import_module("re._parser")
_op: Any = importlib.import_module("re._constants")

Ranges = list[tuple[int, int]]

_LAST = 0x10FFFF
_UNESCAPED: Ranges = [(0x20, 0x21), (0x23, 0x5B), (0x5D, 0x7E), (0x80, 0xD7FF), (0xE000, _LAST)]
_ESCAPES = {0x22: '"', 0x5C: "\\", 0x0A: "n", 0x09: "t"}
_DIGIT: Ranges = [(0x30, 0x39)]
_WORD: Ranges = [(0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)]
_SPACE: Ranges = [(0x09, 0x0D), (0x20, 0x20)]
_FREE_CHARS = 40


def literal_of(pattern: str, max_chars: int) -> str:
    """Return the expression of a string literal, quotes included; raises ValueError."""
    try:
        parsed = _parser.parse(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"not a regular expression: {error}") from None
    if parsed.state.flags & ~re.UNICODE:
        raise ValueError("flags are not supported")
    free = f"{CHARACTER}{{0,{min(_FREE_CHARS, max_chars)}}}"
    arms = []
    for arm in _arms(list(parsed)):
        start = arm[:1] in ([(_op.AT, _op.AT_BEGINNING)], [(_op.AT, _op.AT_BEGINNING_STRING)])
        arm = arm[1:] if start else arm
        end = arm[-1:] in ([(_op.AT, _op.AT_END)], [(_op.AT, _op.AT_END_STRING)])
        body = _sequence(arm[:-1] if end else arm, max_chars)
        arms.append(("" if start else free) + body + ("" if end else free))
    return f'"(?:{"|".join(arms)})"'


def _arms(items: list[Any]) -> list[list[Any]]:
    """Return the alternatives of a whole pattern; the parser factors out what they begin with."""
    if items and items[-1][0] is _op.BRANCH:
        return [items[:-1] + list(arm) for arm in items[-1][1][1]]
    return [items]


def _sequence(items: Iterable[Any], limit: int) -> str:
    return "".join(_item(op, argument, limit) for op, argument in items)


def _item(op: Any, argument: Any, limit: int) -> str:
    if op is _op.LITERAL:
        return _class([(argument, argument)])
    if op is _op.NOT_LITERAL:
        return _class(_complement([(argument, argument)]))
    if op is _op.ANY:
        return _class(_complement([(0x0A, 0x0A)]))
    if op is _op.IN:
        return _class(_ranges(argument))
    if op is _op.BRANCH:
        return f"(?:{'|'.join(_sequence(arm, limit) for arm in argument[1])})"
    if op is _op.SUBPATTERN and not argument[1] and not argument[2]:
        return f"(?:{_sequence(argument[3], limit)})"
    if op in (_op.MAX_REPEAT, _op.MIN_REPEAT):
        least, most, body = argument
        most = max(least, limit) if most is _op.MAXREPEAT else most
        return f"(?:{_sequence(body, limit)}){{{least},{most}}}"
    raise ValueError(f"{str(op).lower().replace('_', ' ')} is not supported")


def _ranges(items: Sequence[Any]) -> Ranges:
    found: Ranges = []
    negated = False
    for op, argument in items:
        if op is _op.NEGATE:
            negated = True
        elif op is _op.LITERAL:
            found.append((argument, argument))
        elif op is _op.RANGE:
            found.append(argument)
        else:
            found += _category(argument, negated)
    return _complement(found) if negated else found


def _category(name: Any, negated: bool) -> Ranges:
    r"""Return a class in ASCII; of letters outside it, which ECMA-262 and `re` put on different
    sides of `\w`, none is let through."""
    letters = [(0x80, _LAST)]
    known = {
        _op.CATEGORY_DIGIT: _DIGIT,
        _op.CATEGORY_WORD: _WORD + (letters if negated else []),
        _op.CATEGORY_SPACE: _SPACE,
        _op.CATEGORY_NOT_DIGIT: _complement(_DIGIT),
        _op.CATEGORY_NOT_WORD: _complement(_WORD if negated else _WORD + letters),
        _op.CATEGORY_NOT_SPACE: _complement(_SPACE),
    }
    return known[name]


def _complement(ranges: Ranges) -> Ranges:
    left, at = [], 0
    for low, high in sorted(ranges):
        if at < low:
            left.append((at, low - 1))
        at = max(at, high + 1)
    return [*left, (at, _LAST)] if at <= _LAST else left


def _class(ranges: Ranges) -> str:
    """Return an expression of one decoded character of `ranges`, as a literal writes it."""
    plain = sorted(
        (max(low, first), min(high, last))
        for low, high in ranges
        for first, last in _UNESCAPED
        if max(low, first) <= min(high, last)
    )
    escapes = [
        name for code, name in _ESCAPES.items() if any(low <= code <= high for low, high in ranges)
    ]
    if len(plain) == 1 and plain[0][0] == plain[0][1] and not escapes:
        return quote(chr(plain[0][0]))
    members = "".join(
        _member(low) + (f"-{_member(high)}" if high > low else "") for low, high in plain
    )
    parts = [f"[{members}]"] if plain else []
    if escapes:
        parts.append(rf"\\[{''.join(map(_escaped, escapes))}]")
    if not parts:
        raise ValueError("it demands control characters")
    return parts[0] if len(parts) == 1 else f"(?:{'|'.join(parts)})"


def _member(code: int) -> str:
    return _escaped(chr(code))


def _escaped(char: str) -> str:
    return "\\" + char if char in r"\]^[-&~" else char
