"""Words of a text or name, folded, without endings that only tell number: for loose comparisons."""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W\d_]+|\d+")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


def words_of(text: str) -> frozenset[str]:
    """Return the words of a text; names are split at case, dots and underscores."""
    found = _WORD.findall(_HUMP.sub(" ", text))
    return frozenset(_single(word.casefold()) for word in found)


def _single(word: str) -> str:
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        return word[:-1]
    return word
