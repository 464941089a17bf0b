"""Words of a text or name, folded, without endings that only tell number: for loose comparisons."""

from __future__ import annotations

import re
from collections.abc import Collection

FINDS = frozenset({"find", "search", "list", "look", "lookup", "get", "query", "show", "read"})
"""Words of tools that look something up."""
_WORD = re.compile(r"[^\W\d_]+|\d+")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


def words_of(text: str) -> frozenset[str]:
    """Return the words of a text; names are split at case, dots and underscores."""
    return frozenset(map(_single, _every_word(text)))


def speaks_of_several(text: str, names: Collection[str]) -> bool:
    """Return whether a text has one of these words in the plural and nowhere in the singular."""
    found = set(_every_word(text))
    return any(_single(word) in names and _single(word) not in found for word in found)


def _every_word(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(_HUMP.sub(" ", text))]


def _single(word: str) -> str:
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        return word[:-1]
    return word
