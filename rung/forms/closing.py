"""When the code ends a value that the model goes on with: limits, loops, the last tokens.

Text ends at a word's end, a list behind an item, JSON by the shortest way out; a number is never
cut short. Where the grammar does not let a value end yet, the model goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

from rung.engines.sampling import Grammars
from rung.forms.pen import Draw
from rung.forms.scan import LiteralScan

_RESERVE_TOKENS = 12
"""Tokens kept to bring a value to its end; a nested value gets half of all."""
_LAST_TOKENS = 3
"""Tokens at which a value ends wherever it can."""
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
        self._commas: list[tuple[int, int]] = []
        """After each of the tokens: commas between items, and those at any depth."""
        self._is_looping = False
        self._repeats_items = self._repeats_parts = False
        """Whether what turns in circles is whole items of the list, or of a list inside it."""
        reserve = draw.max_tokens // 2 if draw.json_schema else _RESERVE_TOKENS
        self._free_tokens = max(draw.max_tokens - reserve, 1)

    def note(self, token: int) -> None:
        """Take in a token that was written, and seen by the scan."""
        self._tokens.append(token)
        self._commas.append((self._scan.num_commas, self._scan.num_parts))
        if period := _loop(self._tokens):
            self._is_looping = True
            before, now = self._commas[-1 - period], self._commas[-1]
            self._repeats_items |= now[0] > before[0]
            self._repeats_parts |= now[1] > before[1]

    def close(self, matcher: Any) -> int | None:
        """Return the token that leads out of a value that must end at once; None to go on."""
        left = self._draw.max_tokens - len(self._tokens)
        if self._scan.string_is_empty and left >= _LAST_TOKENS:
            return None
        urgent = bool(self._draw.json_schema) or left <= _LAST_TOKENS
        ends = (self._is_looping and not self._waits_for_item) or (self._is_due and urgent)
        return self._way_out(matcher) if ends else None

    def instead(self, token: int, matcher: Any) -> int:
        """Return the token to write: the model's, or the end of a value that is long enough."""
        piece = self._grammars.bytes_of([token])
        found = None
        if self._draw.max_chars and self._text_is_full(piece):
            found = self._way_out(matcher)
        elif self._draw.max_items and (kept := self._before_next_item(piece)) is not None:
            found = self._first_of(kept, matcher) if kept else self._way_out(matcher)
        return token if found is None else found

    @property
    def _is_due(self) -> bool:
        can_end = self._draw.max_chars or self._draw.max_items or self._draw.json_schema
        return bool(can_end) and len(self._tokens) >= self._free_tokens

    @property
    def _waits_for_item(self) -> bool:
        """Whether a list that turns in circles ends behind the item that is being written."""
        return bool(self._draw.max_items) and (self._repeats_parts or not self._scan.in_string)

    @property
    def _repeats_inside(self) -> bool:
        return self._is_looping and not self._repeats_items

    def _text_is_full(self, piece: bytes) -> bool:
        """Return whether a text ends before `piece`: too long, or a new word comes too late."""
        if self._is_due and piece[:1].isspace():
            return True
        scan = copy(self._scan)
        scan.feed(piece)
        return scan.num_chars > self._draw.max_chars

    def _before_next_item(self, piece: bytes) -> bytes | None:
        """Return what `piece` holds of an item that is the last one; None while lists go on."""
        scan = copy(self._scan)
        for i in range(len(piece)):
            scan.feed(piece[i : i + 1])
            if scan.num_commas > self._scan.num_commas:
                is_full = self._is_due or scan.num_commas >= self._draw.max_items
                return piece[:i] if is_full or self._is_looping else None
            if scan.num_parts > self._scan.num_parts and self._repeats_inside:
                return piece[:i]
        return None

    def _first_of(self, text: bytes, matcher: Any) -> int | None:
        tokens = self._grammars.tokenize(text)
        return tokens[0] if matcher.validate_tokens(tokens[:1]) == 1 else None

    def _way_out(self, matcher: Any) -> int | None:
        for text in self._ways_out():
            tokens = self._grammars.tokenize(text)
            if len(tokens) == 1 and matcher.validate_tokens(tokens) == 1:
                return tokens[0]
        return None

    def _ways_out(self) -> list[bytes]:
        if self._draw.raw:
            return [b"\n"]
        # inside of brackets, what may follow the value would only go on with it
        nested = self._scan.is_nested
        follow = [] if nested else list(dict.fromkeys(text[:1] for text in self._after))
        if self._scan.in_string:
            return [b'"' + follow[0], b'"'] if len(follow) == 1 else [b'"']
        if nested and not self._draw.json_schema:
            return [b"]"]  # where an item is due, the model writes it
        return [*follow, *_WAYS_OUT]


def goes_on(piece: bytes) -> bool:
    """Return whether a token goes on with the word before it; other scripts count as letters."""
    return piece[:1].isalnum() or piece[:1] >= b"\x80"


def _loop(tokens: Sequence[int]) -> int:
    """Return the length of a short piece that the last tokens repeat three times or more, or 0."""
    for period in range(1, _MAX_PERIOD + 1):
        size = max(3 * period, -(-_LOOP_TOKENS // period) * period)
        if size > len(tokens):
            continue
        tail = tokens[-size:]
        if all(tail[i] == tail[i - period] for i in range(period, size)):
            return period
    return 0
