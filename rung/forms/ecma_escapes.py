r"""What a backslash or a bracket means in a pattern of ECMA-262: one character, or a class of them.

Read from the text at a position that moves along. Strict is the grammar of the `u` flag; otherwise
the older grammar of Annex B is read as well, in which most needless escapes stand for themselves.
Groups, repetitions and references are not read here.
"""

from __future__ import annotations

_HEX = "0123456789abcdefABCDEF"
_CONTROLS = {"t": 9, "n": 10, "v": 11, "f": 12, "r": 13}
_SYNTAX = frozenset("^$\\.*+?()[]{}|/")
_NEVER = "(?!)"
_ANY = r"[\u0000-\U0010FFFF]"
WORD = "0-9A-Z_a-z"
_CLASSES = {
    "d": "0-9",
    "D": r"\u0000-/:-\U0010FFFF",
    "w": WORD,
    "W": r"\u0000-/:-@\u005B-\u005E\u0060\u007B-\U0010FFFF",
    "s": r"\u0009-\u000D\u0020\u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000\uFEFF",
    "S": (
        r"\u0000-\u0008\u000E-\u001F\u0021-\u009F\u00A1-\u167F\u1681-\u1FFF\u200B-\u2027"
        r"\u202A-\u202E\u2030-\u205E\u2060-\u2FFF\u3001-\uFEFE\uFF00-\U0010FFFF"
    ),
}


class PatternError(ValueError):
    """Not a regular expression of ECMA-262, or one that cannot be searched for here."""


def character(code: int) -> str:
    """Return the expression of one character, inside a class or outside."""
    return f"\\U{code:08X}"


class Reader:
    """A pattern and how far it has been read."""

    def __init__(self, source: str, strict: bool) -> None:
        self.source = source
        self.strict = strict
        self.at = 0

    def error(self, reason: str) -> PatternError:
        """Return the error for what stands here."""
        return PatternError(f"{reason} (at character {self.at})")

    def peek(self, text: str) -> bool:
        """Return whether `text` stands here."""
        return self.source.startswith(text, self.at)

    def take(self, text: str) -> bool:
        """Move past `text` if it stands here."""
        found = self.peek(text)
        self.at += len(text) if found else 0
        return found

    def next(self) -> str:
        """Move past one character and return it."""
        if self.at >= len(self.source):
            raise self.error("it ends too early")
        self.at += 1
        return self.source[self.at - 1]

    def run(self, allowed: str, most: int) -> str:
        """Move past up to `most` characters out of `allowed` and return them."""
        start = self.at
        while self.at - start < most and self.source[self.at : self.at + 1] in tuple(allowed):
            self.at += 1
        return self.source[start : self.at]

    def until(self, end: str) -> str:
        """Move past the next `end` and return what stands before it."""
        start = self.at
        self.at = self.source.find(end, start) + 1
        if not self.at:
            raise PatternError(f"{end!r} is missing (from character {start})")
        return self.source[start : self.at - 1]

    def members(self) -> str:
        """Take a class up to its closing bracket and return its expression."""
        negated = self.take("^")
        members = []
        while not self.take("]"):
            low = self._member()
            if self.peek("-") and not self.peek("-]"):
                self.next()
                members.append(self._range(low, self._member()))
            else:
                members.append(_written(low))
        if not members:
            return _ANY if negated else _NEVER
        return f"[{'^' if negated else ''}{''.join(members)}]"

    def _range(self, low: int | str, high: int | str) -> str:
        if isinstance(low, int) and isinstance(high, int):
            if high < low:
                raise self.error("a range with its ends in the wrong order")
            return f"{character(low)}-{character(high)}"
        if self.strict:
            raise self.error("a range that begins or ends with a class")
        return _written(low) + _written(ord("-")) + _written(high)

    def _member(self) -> int | str:
        """Take one character of a class, or a class inside it as text."""
        char = self.next()
        if char != "\\":
            return ord(char)
        if self.take("b"):
            return 8
        return ord("-") if self.take("-") else self.kind() or self.code()

    def kind(self) -> str:
        r"""Take `d`, `w`, `s`, `p{…}` or their opposites; return them as members of a class."""
        for name, members in _CLASSES.items():
            if self.take(name):
                return members
        for sign in "pP":
            if self.take(sign + "{"):
                name = self.until("}")
                if not name.replace("=", "").replace("_", "").isalnum():
                    raise self.error("a property without a proper name")
                return f"\\{sign}{{{name}}}"
        return ""

    def code(self) -> int:
        """Take one escaped character."""
        char = self.next()
        if char in _CONTROLS:
            return _CONTROLS[char]
        if char == "c":
            return self._control()
        if char in "xu" and (code := self._hexadecimal(char)) is not None:
            return code
        if char in "01234567":
            return self._octal(char)
        if self.strict and char not in _SYNTAX:
            raise self.error(f"a needless escape of {char!r}")
        if char in "pP":
            raise self.error("a property without braces")
        return ord(char)

    def _control(self) -> int:
        letter = self.source[self.at : self.at + 1]
        if letter.isascii() and letter.isalpha():
            self.at += 1
            return ord(letter) % 32
        if self.strict:
            raise self.error("a control escape without a letter")
        self.at -= 1
        return ord("\\")

    def _hexadecimal(self, sign: str) -> int | None:
        start = self.at
        if sign == "u" and self.take("{"):
            digits = self.run(_HEX, 99)
            if digits and self.take("}") and int(digits, 16) <= 0x10FFFF:
                return int(digits, 16)
        else:
            wanted = 2 if sign == "x" else 4
            digits = self.run(_HEX, wanted)
            if len(digits) == wanted:
                return self._paired(int(digits, 16))
        if self.strict:
            raise self.error(f"an escape \\{sign} without its digits")
        self.at = start
        return None

    def _paired(self, code: int) -> int:
        r"""Return the character of two escapes `\uD83D\uDC32` that make one."""
        start = self.at
        if 0xD800 <= code < 0xDC00 and self.take("\\u"):
            digits = self.run(_HEX, 4)
            low = int(digits, 16) if len(digits) == 4 else 0
            if 0xDC00 <= low < 0xE000:
                return 0x10000 + (code - 0xD800) * 0x400 + low - 0xDC00
            self.at = start
        return code

    def _octal(self, first: str) -> int:
        if self.strict and (first != "0" or self.run("0123456789", 1)):
            raise self.error("an octal escape")
        return int(first + self.run("01234567", 2 if first < "4" else 1), 8)


def _written(member: int | str) -> str:
    return member if isinstance(member, str) else character(member)
