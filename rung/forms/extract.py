"""Values that stand in the input word for word, so that an id or a name cannot be invented."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from rung.forms.express import resembles
from rung.forms.form import Choice, Const, Node, Object, Union, Value, join_path

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


def invented(node: Node, value: Any, source: str, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the place and the text of each extractive value that does not stand in the input."""
    if isinstance(node, Const | Choice):
        return
    if isinstance(node, Object) and isinstance(value, dict):
        for name, part in node.parts:
            if name in value:
                yield from invented(part, value[name], source, join_path(path, name))
    elif isinstance(node, Union):
        arm = next((arm for arm in node.arms if resembles(arm, value)), None)
        if arm is not None:
            yield from invented(arm, value, source, path)
    elif isinstance(value, list) and not isinstance(node, Object) and node.item is not None:
        for i, item in enumerate(value):
            yield from invented(node.item, item, source, f"{path}[{i}]")
    elif isinstance(node, Value) and node.extractive and foreign(value, source):
        yield path, value


def _plain(text: str) -> str:
    return " ".join(text.split())
