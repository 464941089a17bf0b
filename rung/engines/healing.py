"""Where a text can be cut so that the tokens before the cut stand whatever follows.

A byte-pair tokenizer may change its mind: "Züri" is Z·ü·ri to Qwen2, "Zürich" is Z·ür·ich. A place
is a boundary for certain where no token of the vocabulary reaches over it, whatever comes after
the text. llguidance's `tokenize_partial` looks at the end of the text only.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable


class Pieces:
    """The byte strings of a vocabulary's tokens."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._sorted = sorted(set(pieces))
        self._longest = max(map(len, self._sorted), default=0)

    def reach_over(self, text: bytes, at: int) -> bool:
        """Return whether a token may stand on both sides of `at`, if `text` goes on somehow."""
        return any(
            self._reaches(text[start:], at - start)
            for start in range(max(0, at - self._longest), at)
        )

    def _reaches(self, text: bytes, at: int) -> bool:
        """Return whether a token that starts `text`, or that `text` starts, is longer than `at`."""
        if len(text) > at and not self._begins(text[: at + 1]):
            return False
        if self._begins_longer(text):
            return True
        ends = range(at + 1, min(len(text), self._longest) + 1)
        return any(self._holds(text[:end]) for end in ends)

    def _begins(self, start: bytes) -> bool:
        """Return whether a token starts so."""
        at = bisect_left(self._sorted, start)
        return at < len(self._sorted) and self._sorted[at].startswith(start)

    def _begins_longer(self, start: bytes) -> bool:
        at = bisect_right(self._sorted, start)
        return at < len(self._sorted) and self._sorted[at].startswith(start)

    def _holds(self, piece: bytes) -> bool:
        at = bisect_left(self._sorted, piece)
        return at < len(self._sorted) and self._sorted[at] == piece
