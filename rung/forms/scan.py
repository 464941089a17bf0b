"""Follow a literal while it is written, byte by byte: where it ends, what it is inside of."""

from __future__ import annotations

import re

_DELIMITERS = frozenset(b",}]\n")
_OPEN, _CLOSE = frozenset(b"{["), frozenset(b"}]")
_SECOND_HALF = re.compile("u[dD][c-fC-F][0-9a-fA-F]{2}")


class LiteralScan:
    """State of a JSON literal, or of a `raw` text that ends with its line."""

    def __init__(self, opening: str = "", *, raw: bool = False) -> None:
        self.length = 0
        """Bytes fed so far, the opening not included."""
        self.end: int | None = None
        """Length of the literal once something after it, or its own last sign, was seen."""
        self.in_string = False
        self.num_chars = 0
        """Characters (code points) of the text so far, outer quotes not included."""
        self.num_commas = 0
        """Commas between the items of the outermost array or object."""
        self.num_parts = 0
        """Commas between items at any depth."""
        self.is_bare = False
        """Whether the last sign was one of a number or a word."""
        self.string_is_empty = False
        """Whether the last sign opened a string."""
        self._raw = raw
        self._depth = 0
        self._escaped = False
        self._hex = ""
        """The digits of an escape by number so far, behind its `u`."""
        for byte in opening.encode():
            self._feed(byte)

    @property
    def is_nested(self) -> bool:
        """Whether what comes next stands inside of brackets."""
        return self._depth > 0

    def feed(self, data: bytes) -> None:
        """Take in what was written next."""
        for byte in data:
            if self.end is None:
                self._feed(byte)
                if self.end is not None:
                    self.end += self.length
            self.length += 1

    def _feed(self, byte: int) -> None:
        """Update the state; `end` becomes 1 where this byte is the last, 0 where it is past it."""
        if self._raw:
            if byte == 0x0A:
                self.end = 0
            self.num_chars += byte & 0xC0 != 0x80
        elif self.in_string:
            self._feed_string(byte)
        elif self.is_bare:
            if byte in _DELIMITERS and not self._depth:
                self.end = 0
            elif byte in _DELIMITERS:
                self.is_bare = False
                self._feed_sign(byte)
        else:
            self._feed_sign(byte)

    def _feed_string(self, byte: int) -> None:
        self.string_is_empty = False
        if self._hex:
            self._feed_hex(byte)
        elif self._escaped:
            self._escaped = False
            self._hex = "u" if byte == 0x75 else ""
        elif byte == 0x5C:
            self._escaped = True
            self.num_chars += 1
        elif byte == 0x22:
            self.in_string = False
            if not self._depth:
                self.end = 1
        else:
            self.num_chars += byte & 0xC0 != 0x80

    def _feed_hex(self, byte: int) -> None:
        """Take in a digit of an escape; the second half of a pair is no character of its own."""
        self._hex += chr(byte)
        if len(self._hex) == 5:
            self.num_chars -= _SECOND_HALF.fullmatch(self._hex) is not None
            self._hex = ""

    def _feed_sign(self, byte: int) -> None:
        if byte == 0x22:
            self.in_string = self.string_is_empty = True
        elif byte in _OPEN:
            self._depth += 1
        elif byte in _CLOSE:
            self._depth -= 1
            if self._depth <= 0:
                self.end = 1
        elif byte == 0x2C:
            self.num_commas += self._depth == 1
            self.num_parts += 1
        elif byte not in b" \n:":
            self.is_bare = True
