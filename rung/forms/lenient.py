"""Read JSON as small models write it: wrapped in prose, half quoted, cut off.

`find_objects` reads strictly where it can, else leniently: single quotes, bare words, trailing
commas, comments, Python's literals, raw line ends, a missing end (what was cut is left out).
`find_arrays` does so for lists, `find_lines` reads `key: value` lists. Time and depth are bounded;
nothing here knows a form.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from rung.forms.validity import json_depth

MAX_DEPTH = 64
_MAX_STRICT = 32
_MAX_LENIENT = 4
_MAX_LINES = 1000
_MAX_LINE_CHARS = 2000
_MAX_KEY_CHARS = 80

_MISSING = object()
_WORDS = {"true": True, "false": False, "null": None, "none": None}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_QUOTES = {'"': '"', "'": "'", "“": "”", "`": "`"}
_SPACE = re.compile(r"\s*")
_KEY = re.compile(r"[^\s,:=\"'{}\[\]][^,:=\"'{}\[\]\n]*")
_WORD = re.compile(r"(?:(?!\s(?://|/\*|#\s))[^,{}\[\]\n])*")
_COMMENT = re.compile(r"//[^\n]*|/\*.{0,200}?\*/|#[^\n]*", re.DOTALL)
_COMMENT_STARTS = ("//", "/*", "# ")
_MARK = re.compile(r"[:=]")
_HALF = re.compile(r"[\ud800-\udfff]")


def find_objects(text: str) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects of a text in order; what stands inside one is not yielded again."""
    yield from _find(text, "{")


def find_arrays(text: str) -> Iterator[list[Any]]:
    """Yield the JSON arrays of a text in order; what stands inside one is not yielded again."""
    yield from _find(text, "[")


def _find(text: str, bracket: str) -> Iterator[Any]:
    at, lenient = text.find(bracket), 0
    for _ in range(_MAX_STRICT):
        if at < 0:
            return
        value, end = _strictly(text, at)
        if value is None and lenient < _MAX_LENIENT:
            lenient += 1
            value, end = _leniently(text, at)
        if value:
            yield value
        at = text.find(bracket, end)


def read_object(text: str) -> dict[str, Any] | None:
    """Return the object that `text` is, white space apart, or None when it is anything else."""
    text = text.strip()
    value, end = _strictly(text, 0) if text.startswith("{") else (None, 0)
    return value if end == len(text) else None


def find_lines(text: str) -> dict[str, str]:
    """Return the `key: value` or `key = value` lines of a text; the first of a key counts."""
    found: dict[str, str] = {}
    for line in text.splitlines()[:_MAX_LINES]:
        line = line[:_MAX_LINE_CHARS].lstrip(" \t-*•>#|\"'`{")
        key, *rest = _MARK.split(line, maxsplit=1)
        key = key.strip(" \t*\"'`_")
        value = "".join(rest).strip(" \t*|").rstrip(",").strip(" \t\"'`*“”")
        if value and 0 < len(key) <= _MAX_KEY_CHARS:
            found.setdefault(key, value)
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is too large")
    return value


_DECODER = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite)


def read_literal(text: str) -> Any:
    """Return the JSON value that `text` is; raises ValueError, also for NaN and half characters."""
    try:
        value = _DECODER.decode(text)
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def _strictly(text: str, at: int) -> tuple[Any, int]:
    try:
        value, end = _DECODER.raw_decode(text, at)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None, at + 1
    return (value, end) if json_depth(value) <= MAX_DEPTH else (None, at + 1)


def _leniently(text: str, at: int) -> tuple[Any, int]:
    reader = _Reader(text, at)
    try:
        value = reader.object(0) if text[at] == "{" else reader.array(0)
        return (None, at + 1) if value is _MISSING else (value, reader.at)
    except _TooDeep:
        return None, at + 1


class _TooDeep(Exception):
    """Nested more than MAX_DEPTH levels."""


class _Reader:
    """One pass over the text; each method reads one construct at `at` and moves behind it."""

    def __init__(self, text: str, at: int) -> None:
        self._text = text
        self.at = at

    def object(self, depth: int) -> dict[str, Any]:
        if depth > MAX_DEPTH:
            raise _TooDeep
        self.at += 1
        found: dict[str, Any] = {}
        while (char := self._next(",")) not in ("", "}", "]"):
            key = self._string(_QUOTES[char]) if char in _QUOTES else self._match(_KEY)
            if not isinstance(key, str) or not key or self._next() not in (":", "="):
                break
            self.at += 1
            value = self._value(depth)
            if value is _MISSING:
                break
            found[key.strip()] = value
        self.at += char == "}"
        return found

    def array(self, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise _TooDeep
        self.at += 1
        found: list[Any] = []
        while (char := self._next(",")) not in ("", "]", "}"):
            value = self._value(depth)
            if value is _MISSING:
                break
            found.append(value)
        self.at += char == "]"
        return found if char == "]" else _MISSING

    def _value(self, depth: int) -> Any:
        char = self._next()
        if char == "{":
            return self.object(depth + 1)
        if char == "[":
            return self.array(depth + 1)
        return self._string(_QUOTES[char]) if char in _QUOTES else self._bare()

    def _bare(self) -> Any:
        """Read an unquoted value; at the end of the text it may be cut and counts as missing."""
        word = self._match(_WORD)
        if not word or self.at >= len(self._text):
            return _MISSING
        if word.casefold() in _WORDS:
            return _WORDS[word.casefold()]
        try:
            return read_literal(word)
        except ValueError:
            return word

    def _string(self, quote: str) -> Any:
        """Read a quoted text; a quote that no comma, colon or bracket follows belongs to it."""
        self.at += 1
        parts: list[str] = []
        while self.at < len(self._text):
            char = self._text[self.at]
            self.at += 1
            if char == "\\":
                parts.append(self._escape())
            elif char == quote and self._ends():
                return _HALF.sub("\ufffd", _paired("".join(parts)))
            else:
                parts.append(char)
        return _MISSING

    def _ends(self) -> bool:
        after = _SPACE.match(self._text, self.at)
        assert after is not None
        following = self._text[after.end() : after.end() + 1]
        if "\n" in after[0] or not following or following in ",:=}]":
            return True
        return self._text.startswith(_COMMENT_STARTS, after.end())

    def _escape(self) -> str:
        char = self._text[self.at : self.at + 1]
        self.at += 1
        digits = self._text[self.at : self.at + 4]
        if char == "u" and re.fullmatch("[0-9a-fA-F]{4}", digits):
            self.at += 4
            return chr(int(digits, 16))
        return _ESCAPES.get(char, char)

    def _next(self, skip: str = "") -> str:
        """Move over white space, `skip` and, where that is given, comments; return the character
        there, empty at the end."""
        while self.at < len(self._text):
            comment = _COMMENT.match(self._text, self.at) if skip else None
            if comment is not None:
                self.at = comment.end()
            elif self._text[self.at].isspace() or self._text[self.at] in skip:
                self.at += 1
            else:
                break
        return self._text[self.at : self.at + 1]

    def _match(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self.at)
        if found is None:
            return ""
        self.at = found.end()
        return found[0].strip()


def _paired(text: str) -> str:
    """Join surrogate pairs that two escapes spelled."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
