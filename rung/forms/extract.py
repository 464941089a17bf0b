"""Values that stand in the input word for word, so that an id or a name cannot be invented."""

from __future__ import annotations

import json
import re
from typing import Any

MAX_SOURCE_CHARS = 20_000
_PIECE = re.compile(r"\w+|\s+|[^\w\s]")


def chunks_of(source: str, *, raw: bool = False) -> tuple[str, ...]:
    """Return the words and signs of the input in order, as a JSON string (or plain text) has them.

    A run of them is what an extractive slot may hold; no escape is ever split.
    """
    pieces = _PIECE.findall(source[:MAX_SOURCE_CHARS])
    if raw:
        return tuple(" " if piece.isspace() else piece for piece in pieces)
    return tuple(json.dumps(piece, ensure_ascii=False)[1:-1] for piece in pieces)


def foreign(value: Any, source: str) -> bool:
    """Return whether a text does not stand in the input; white space counts as equal."""
    return isinstance(value, str) and _plain(value) not in _plain(source)


def _plain(text: str) -> str:
    return " ".join(text.split())
