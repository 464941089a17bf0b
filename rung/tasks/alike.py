"""Labels that people take for one: they differ in case, spaces, Unicode form or look-alikes."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

_CYRILLIC = (
    "\u0430\u0432\u0435\u043a\u043c\u043d\u043e\u0440\u0441\u0442\u0443\u0445\u0456\u0458\u0455"
)
_GREEK = "\u03b1\u03b2\u03b5\u03b7\u03b9\u03ba\u03bc\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7\u03b6"
_MARKS = "\u2010\u2012\u2013\u2014\u2212\u2018\u2019\u201c\u201d"
_LOOKS = str.maketrans(_CYRILLIC + _GREEK + _MARKS, "abekmhopctyxijsabehikmnoptyxz-----''\"\"")
"""Small letters, dashes and quotes, each with the ASCII that it, or its capital, looks like."""


def look_alikes(labels: Iterable[str]) -> list[tuple[str, ...]]:
    """Return each set of different labels that look alike, in the order of the labels."""
    found: dict[str, dict[str, None]] = {}
    for label in labels:
        found.setdefault(_look(label), {})[label] = None
    return [tuple(alike) for alike in found.values() if len(alike) > 1]


def _look(label: str) -> str:
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", label).casefold())
    seen = "".join(char for char in plain if unicodedata.category(char) != "Cf")
    return " ".join(seen.translate(_LOOKS).split())
