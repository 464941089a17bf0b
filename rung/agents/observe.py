"""Results of tools as a model reads them: short, whole values, and what is left out is said.

One record is `key: value` pairs, several are a table, anything else its JSON. The same result
always gives the same text. What to say about failures is in `recovery.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rung.agents.tokens import clip, estimate_tokens

MAX_CELL_TOKENS = 60
"""Longer texts in a table are cut, with how much is missing; a record alone shows them whole."""
_SEPARATOR = " | "
_NO_ARGUMENTS: Mapping[str, Any] = {}


def is_empty(value: Any, asked: Mapping[str, Any] = _NO_ARGUMENTS) -> bool:
    """Return whether a look-up found nothing: no value, or no item besides an echo of `asked`.

    0 and false are answers, except beside a list or mapping, where they say that it is empty.
    """
    if value is None or value == "":
        return True
    if isinstance(value, list | tuple):
        return not value
    if not isinstance(value, Mapping):
        return False
    inner = [one for one in value.values() if isinstance(one, Mapping | list | tuple)]
    nothing = (None, "", 0) if inner else (None, "")
    scalars = [
        one
        for key, one in value.items()
        if not isinstance(one, Mapping | list | tuple)
        and one not in nothing
        and asked.get(key) != one
    ]
    return not scalars and all(is_empty(one) for one in inner)


def render_value(value: Any, max_tokens: int) -> str:
    """Return a result's value as text of about `max_tokens` at most."""
    if isinstance(value, list | tuple):
        return _list(list(value), max_tokens)
    if isinstance(value, Mapping):
        return clip(_record(value, max_tokens), max_tokens)
    return clip(_plain(value), max_tokens)


def _list(items: Sequence[Any], max_tokens: int) -> str:
    if not items:
        return "(nothing)"
    records = [item for item in items if isinstance(item, Mapping)]
    if len(items) == 1 and records:
        return clip(_record(records[0], max_tokens), max_tokens)
    if len(records) < len(items):
        return _cut_lines([_cell(item) for item in items], max_tokens, "; ")
    keys = list(dict.fromkeys(key for record in records for key in record))
    rows = [_SEPARATOR.join(_cell(record.get(key)) for key in keys) for record in records]
    return _cut_lines([_SEPARATOR.join(map(str, keys)), *rows], max_tokens, "\n", num_heads=1)


def _cut_lines(lines: Sequence[str], max_tokens: int, join: str, num_heads: int = 0) -> str:
    """Join as many lines as fit, at least one behind the heads; say how many do not."""
    spent, kept = 0, list[str]()
    for line in lines:
        spent += estimate_tokens(line) + 1
        if spent > max_tokens and len(kept) > num_heads:
            break
        kept.append(line)
    left = len(lines) - len(kept)
    text = clip(join.join(kept), max_tokens)
    return f"{text}{join}({left} more not shown)" if left else text


def _record(record: Mapping[str, Any], max_tokens: int) -> str:
    parts, tables = [], []
    for key, value in record.items():
        if isinstance(value, list | tuple) and value and isinstance(value[0], Mapping):
            tables.append(f"{key}:\n{_list(list(value), max_tokens)}")
        else:
            parts.append(f"{key}: {_cell(value, max_tokens)}")
    return "\n".join(["; ".join(parts), *tables] if parts else tables)


def _cell(value: Any, max_tokens: int = MAX_CELL_TOKENS) -> str:
    """Return a value on one line; text that would break the table is quoted."""
    if isinstance(value, str):
        plain = "\n" not in value and _SEPARATOR not in value
        return clip(value if plain else json.dumps(value, ensure_ascii=False), max_tokens)
    if value is None:
        return "-"
    if isinstance(value, list | tuple) and not any(isinstance(x, Mapping | list) for x in value):
        return ", ".join(map(_plain, value)) or "-"
    return clip(_plain(value), max_tokens)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
