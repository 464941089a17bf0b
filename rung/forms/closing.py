"""When the code ends a value that the model goes on with: limits, loops, the last tokens.

Text ends at a word's end, a list behind an item, JSON by the shortest way out. Where the grammar
does not let a value end yet, the model goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rung.engines.sampling import Grammars
from rung.forms.pen import Draw
from rung.forms.scan import LiteralScan

_RESERVE_TOKENS = 12
"""Tokens kept to bring a value to its end; a nested value gets half of all."""
_RESERVE_CHARS = 12
_LOOP_TOKENS = 12
_MAX_PERIOD = 24
_WAYS_OUT = (b"}", b"]", b'"', b"{", b"[", b"0", b"n", b"t", b"f")


class Closer:
    """Watches one value being drawn; `scan` is fed by the pen."""

    def __init__(
        self, draw: Draw, scan: LiteralScan, grammars: Grammars, after: Sequence[str]
    ) -> None:
        self._draw, self._scan, self._grammars = draw, scan, grammars
        self._after = [text.encode() for text in after]
        self._tokens: list[int] = []
        self._closing = False
        reserve = draw.max_tokens // 2 if draw.json_schema else _RESERVE_TOKENS
        self._free_tokens = max(draw.max_tokens - reserve, 1)

    def note(self, token: int) -> None:
        """Take in a token that was written."""
        self._tokens.append(token)
        self._closing |= len(self._tokens) >= self._free_tokens or _loops(self._tokens)
        if self._draw.max_items and self._scan.num_commas >= self._draw.max_items:
            self._closing = True

    def close(self, matcher: Any) -> int | None:
        """Return the token that leads out of the value when it must end; None to go on."""
        return self._way_out(matcher) if self._closing else None

    def instead(self, token: int, matcher: Any) -> int:
        """Return the token to write: the model's, or the text's end where a word would be cut."""
        limit = self._draw.max_chars
        if not limit or self._scan.num_chars < limit - _RESERVE_CHARS:
            return token
        piece = self._grammars.bytes_of([token])
        starts_word = piece[:1].isspace() or not piece[:1].isalnum()
        if self._scan.num_chars + len(piece) < limit and not (
            starts_word and self._scan.num_chars + _RESERVE_CHARS >= limit
        ):
            return token
        found = self._way_out(matcher)
        return token if found is None else found

    def _way_out(self, matcher: Any) -> int | None:
        for text in self._ways_out():
            tokens = self._grammars.tokenize(text)
            if len(tokens) == 1 and matcher.validate_tokens(tokens) == 1:
                return tokens[0]
        return None

    def _ways_out(self) -> list[bytes]:
        follow = [text[:1] for text in self._after[:1]]
        if self._draw.raw:
            return [b"\n"]
        if self._scan.in_string:
            return [*(b'"' + text for text in follow), b'"']
        return [*(text[:1] for text in self._after), *_WAYS_OUT]


def _loops(tokens: Sequence[int]) -> bool:
    """Return whether the last tokens repeat a short piece at least three times."""
    for period in range(1, _MAX_PERIOD + 1):
        size = max(3 * period, -(-_LOOP_TOKENS // period) * period)
        if size > len(tokens):
            continue
        tail = tokens[-size:]
        if all(tail[i] == tail[i - period] for i in range(period, size)):
            return True
    return False
