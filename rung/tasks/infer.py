"""A schema from labelled values, and text cells turned into what a schema asks for.

Few repeated values are an enum; else boolean, integer, number, date or string. Text cells that all
spell a number or boolean become one; JSON values keep their type. Columns whose values have
different types are refused, not guessed at. The result is a start: owners edit `form.json`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from rung.core.errors import TaskError
from rung.core.spelling import quote
from rung.tasks.answers import kind_of
from rung.tasks.fields import as_text
from rung.tasks.lines import parse_json

MAX_LABELS = 200
MAX_INTEGER_LABELS = 20
MAX_LABEL_CHARS = 100
_INTEGER = re.compile(r"-?(0|[1-9]\d{0,17})", re.ASCII)
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,17})(\.\d{1,18})?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def infer_schema(
    targets: Sequence[Mapping[str, Any]], *, text_cells: bool = True
) -> dict[str, Any]:
    """Return an object schema with one property a field; fields in every target are required.

    `text_cells` says that text is how the source writes every type, as CSV does.
    """
    values: dict[str, list[Any]] = {}
    for target in targets:
        for name, value in target.items():
            values.setdefault(name, []).append(value)
    return {
        "type": "object",
        "properties": {
            name: _infer_field(name, column, text_cells) for name, column in values.items()
        },
        "required": [name for name, column in values.items() if len(column) == len(targets)],
        "additionalProperties": False,
    }


def convert(value: Any, node: Mapping[str, Any]) -> Any:
    """Return a text cell as the JSON value the schema node asks for; else the value as it is."""
    if not isinstance(value, str):
        return value
    kind = kind_of(node)
    if kind == "label":
        options = node.get("enum", [node.get("const")])
        return next((option for option in options if as_text(option) == value), value)
    if kind == "boolean":
        return {"true": True, "false": False}.get(value.casefold(), value)
    if kind == "number" and _NUMBER.fullmatch(value):
        return int(value) if _INTEGER.fullmatch(value) else float(value)
    if kind in ("array", "object", "any") and value.startswith(("[", "{")):
        try:
            return parse_json(value, "")
        except TaskError:
            return value
    return value


def _infer_field(name: str, values: Sequence[Any], text_cells: bool) -> dict[str, Any]:
    present = [value for value in values if value is not None]
    if not present:
        return {"type": "null"}
    node = (_infer_cells(present) if text_cells else None) or _infer_present(name, present)
    if len(present) < len(values):
        return {"anyOf": [node, {"type": "null"}]}
    return node


def _infer_cells(values: Sequence[Any]) -> dict[str, Any] | None:
    if _all_text(values, _is_boolean):
        return {"type": "boolean"}
    if _all_text(values, _INTEGER.fullmatch):
        return _integers([int(v) for v in values])
    if _all_text(values, _NUMBER.fullmatch):
        return {"type": "number"}
    return None


def _infer_present(name: str, values: Sequence[Any]) -> dict[str, Any]:
    if all(isinstance(v, bool) for v in values):
        return {"type": "boolean"}
    if all(isinstance(v, int) and not isinstance(v, bool) for v in values):
        return _integers(values)
    if all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        return {"type": "number"}
    if all(isinstance(v, list) for v in values):
        items = [item for value in values for item in value]
        return {
            "type": "array",
            "items": _infer_field(name, items, False) if items else {"type": "string"},
        }
    if all(isinstance(v, dict) for v in values):
        return infer_schema(values, text_cells=False)
    if not all(isinstance(v, str) for v in values):
        types = Counter(type(v).__name__ for v in values)
        raise TaskError(
            f"inferring a schema: {name!r} holds values of types {', '.join(sorted(types))}",
            hint="give one with --schema FILE",
        )
    return _texts(values)


def _integers(values: Sequence[int]) -> dict[str, Any]:
    if _look_like_labels(values, MAX_INTEGER_LABELS):
        return {"type": "integer", "enum": sorted(set(values))}
    return {"type": "integer"}


def _texts(values: Sequence[str]) -> dict[str, Any]:
    if all(_is_date(value) for value in values):
        return {"type": "string", "format": "date"}
    if _look_like_labels(values, MAX_LABELS) and max(map(len, values)) <= MAX_LABEL_CHARS:
        return {"type": "string", "enum": sorted(set(values))}
    return {"type": "string"}


def _look_like_labels(values: Sequence[Any], most: int) -> bool:
    num = len(set(values))
    return num <= most and len(values) >= 2 * num


def _all_text(values: Sequence[Any], test: Any) -> bool:
    return all(isinstance(value, str) and test(value) for value in values)


def _is_boolean(text: str) -> bool:
    return text.casefold() in ("true", "false")


def _is_date(text: str) -> bool:
    try:
        return bool(_DATE.fullmatch(text) and date.fromisoformat(text))
    except ValueError:
        return False


def check_not_constant(targets: Sequence[Mapping[str, Any]], where: str) -> None:
    """Raise TaskError when every target is the same: there is nothing to decide."""
    first = targets[0]
    if all(target == first for target in targets):
        only = next(iter(first.values())) if len(first) == 1 else first
        raise TaskError(
            f"{where}: every target is {quote(only)}",
            hint="a task needs two different targets or more; name other columns with --target COL",
        )
