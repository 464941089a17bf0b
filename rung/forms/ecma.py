r"""Regular expressions of ECMA-262, as `pattern`, `patternProperties` and `format` mean them.

A pattern is parsed as one with the `u` flag and written again for the `regex` package, every class
spelled out: `\d`, `\w` and `\b` are ASCII, `$` is the end and nothing else, `.` stops at the four
line ends. What only the older grammar without the flag allows (needless escapes, lone brackets) is
read as it is meant there. Only whether a pattern matches somewhere is asked, never where. Not
covered, and so not an expression: flags inside the pattern, references inside a look-behind, two
groups of one name. Unlike in ECMA-262 a group keeps its text when a repetition around it goes on.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import regex

from rung.forms.ecma_escapes import WORD, PatternError, Reader, character

TIMEOUT_S = 2.0
"""A search that backtracks for longer is given up."""
_BOUNDARY = rf"(?:(?<![{WORD}])(?=[{WORD}])|(?<=[{WORD}])(?![{WORD}]))"
_NO_BOUNDARY = rf"(?:(?<![{WORD}])(?![{WORD}])|(?<=[{WORD}])(?=[{WORD}]))"
_LOOKS = ("?=", "?!", "?<=", "?<!")
_MOST_REPEATS = 2**32 - 2
_OPENING = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]|(\((?!\?)|\(\?<(?![=!]))", re.DOTALL)


def matches(pattern: str, text: str) -> bool:
    """Return whether `pattern` matches somewhere in `text`; raises PatternError."""
    try:
        return _compiled(pattern).search(text, timeout=TIMEOUT_S) is not None
    except TimeoutError:
        raise PatternError(f"searched for longer than {TIMEOUT_S:g} s") from None


def is_pattern(text: str, *, strict: bool = False) -> bool:
    """Return whether `text` is an expression; `strict` asks for the grammar of the `u` flag."""
    try:
        _build(text, strict) if strict else _compiled(text)
    except PatternError:
        return False
    return True


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> Any:
    try:
        return _build(pattern, strict=True)
    except PatternError:
        return _build(pattern, strict=False)


def _build(pattern: str, strict: bool) -> Any:
    try:
        return regex.compile(_Parser(pattern, strict).whole(), regex.V0)
    except (regex.error, OverflowError, RecursionError, MemoryError) as error:
        raise PatternError(str(error) or type(error).__name__) from None


class _Parser(Reader):
    """Reads one pattern from left to right and returns it in the words of `regex`."""

    def __init__(self, source: str, strict: bool) -> None:
        super().__init__(source, strict)
        openings = [found for found in _OPENING.findall(source) if found]
        self._num_groups = len(openings)
        self._has_names = "(?<" in openings
        self._num_opened = 0
        self._closed: set[int] = set()
        self._names: dict[str, int] = {}
        self._asked: list[str] = []
        self._behind = 0

    def whole(self) -> str:
        """Return the whole pattern."""
        found = self._alternatives()
        if self.at < len(self.source):
            raise self.error("a bracket is closed that was not opened")
        for name in self._asked:
            if name not in self._names:
                raise self.error(f"no group is named {name!r}")
        return found

    def _alternatives(self) -> str:
        arms = [self._sequence()]
        while self.take("|"):
            arms.append(self._sequence())
        return "|".join(arms)

    def _sequence(self) -> str:
        found = []
        while self.at < len(self.source) and not self.peek("|") and not self.peek(")"):
            atom, repeatable = self._atom()
            times = self._quantifier()
            if times and not repeatable:
                raise self.error("nothing to repeat")
            found.append(f"(?:{atom}){times}" if times else atom)
        return "".join(found)

    def _atom(self) -> tuple[str, bool]:
        """Take the next atom and say whether it may be repeated."""
        char = self.next()
        if char == "(":
            return self._group()
        if char == "[":
            return self.members(), True
        if char == "\\":
            return self._escape()
        if char in "^$":
            return r"\A" if char == "^" else r"\Z", False
        if char == ".":
            return r"[^\u000A\u000D\u2028\u2029]", True
        if char in "*+?":
            raise self.error("nothing to repeat")
        if char in "{}]":
            self._demand_literal(char)
        return character(ord(char)), True

    def _demand_literal(self, bracket: str) -> None:
        start = self.at
        self.at -= 1
        if self.strict or self._quantifier():
            raise self.error(f"a lone {bracket!r}")
        self.at = start

    def _quantifier(self) -> str:
        """Take the quantifier that stands here, if any."""
        for sign in "*+?":
            if self.take(sign):
                return sign + ("?" if self.take("?") else "")
        start = self.at
        if not self.take("{"):
            return ""
        low = self.run("0123456789", 99)
        high = self.run("0123456789", 99) if self.take(",") else low
        if not low or not self.take("}"):
            self.at = start
            return ""
        if high and int(high) < int(low):
            raise self.error("a repetition with its limits in the wrong order")
        if high and int(high) > _MOST_REPEATS:
            high = ""
        return f"{{{low},{high}}}" + ("?" if self.take("?") else "")

    def _group(self) -> tuple[str, bool]:
        look = next((sign for sign in _LOOKS if self.take(sign)), "")
        if look or self.take("?:"):
            self._behind += "<" in look
            body = self._closing()
            self._behind -= "<" in look
            return f"({look or '?:'}{body})", not look or (not self.strict and "<" not in look)
        self._num_opened += 1
        number = self._num_opened
        if self.take("?"):
            self._name_group(number)
        body = self._closing()
        self._closed.add(number)
        return f"({body})", True

    def _closing(self) -> str:
        body = self._alternatives()
        if not self.take(")"):
            raise self.error("a group is not closed")
        return body

    def _name_group(self, number: int) -> None:
        if not self.take("<"):
            raise self.error("an unknown kind of group")
        name = self._name()
        if name in self._names:
            raise self.error(f"two groups are named {name!r}")
        self._names[name] = number

    def _name(self) -> str:
        name = self.until(">")
        if not name.replace("$", "_").isidentifier():
            raise self.error("a group without a proper name")
        return name

    def _escape(self) -> tuple[str, bool]:
        """Take what stands after a backslash outside of a class."""
        if self.take("b"):
            return _BOUNDARY, False
        if self.take("B"):
            return _NO_BOUNDARY, False
        if (self.strict or self._has_names) and self.take("k"):
            if not self.take("<"):
                raise self.error("a reference without a name")
            self._asked.append(name := self._name())
            return self._reference(self._names.get(name, 0)), True
        if (number := self._number()) is not None:
            return self._reference(number), True
        kind = self.kind()
        return (f"[{kind}]" if kind else character(self.code())), True

    def _number(self) -> int | None:
        """Take the number of a group; without that many groups it is an octal escape or nothing."""
        start = self.at
        digits = "" if self.peek("0") else self.run("0123456789", 9)
        if digits and int(digits) <= self._num_groups:
            return int(digits)
        if digits and self.strict:
            raise self.error(f"there is no group {digits}")
        self.at = start
        return None

    def _reference(self, number: int) -> str:
        """Return a reference to a group; one that has not matched stands for nothing."""
        if self._behind:
            raise self.error("a reference inside a look-behind")
        return f"(?({number})\\{number}|)" if number in self._closed else "(?:)"
