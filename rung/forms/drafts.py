"""What a generated literal stands for: parse it, tidy it, close it where it was cut.

Nothing here checks a schema: the readings are in order of preference, the caller takes the first
that is valid.
"""

from __future__ import annotations

import json
from typing import Any

from rung.forms.form import Value
from rung.forms.lenient import read_literal

_LONGEST_ESCAPE = 12
"""Characters of a surrogate pair written as two escapes."""


def readings(slot: Value, text: str, *, cut: bool = False, broken: bool = False) -> list[Any]:
    """Return what a generated literal may stand for, best first; nothing when it is no literal.

    Text is also offered tidied, a list without repeats. Text that was `cut` by the token limit, or
    `broken` off because it was full, or is longer than it may be, ends at its last whole word.
    """
    text = text.strip()
    if cut:
        value = _closed(text) if slot.kind == "text" else None
        return [] if value is None else [value]
    try:
        value = read_literal(text)
    except ValueError:
        return []
    if isinstance(value, str) and slot.kind == "text":
        if slot.max_chars and len(value) > slot.max_chars:
            kept, more = value[: slot.max_chars], value[slot.max_chars]
            return [_tidy(kept, more.isalnum()), kept, value]
        tidied = value.strip() if slot.extractive else _tidy(value, broken)
        return [tidied, value]
    if isinstance(value, list):
        return [value, list({json.dumps(item): item for item in value}.values())]
    return [value]


def _closed(text: str) -> str | None:
    """Return the whole words of a string literal that lost its end, or None without any."""
    for lost in range(min(_LONGEST_ESCAPE, len(text))):
        try:
            value = read_literal(text[: len(text) - lost] + '"')
        except ValueError:
            continue
        words = value.split() if isinstance(value, str) else []
        return " ".join(words[:-1] or words) or None
    return None


def _tidy(value: str, broken: bool) -> str:
    """Collapse white space; where a word was broken off, end at the word before."""
    words = value.split()
    is_broken = broken and not value[-1:].isspace()
    return " ".join(words[:-1] or words if is_broken else words)
