"""Is a value valid, and if not, where and why?

Strict: what cannot be judged (a reference that leads nowhere, a schema that is none, a recursion
without end) is a violation, never a pass and never a crash, and so are values that JSON cannot
carry: NaN, half a surrogate pair, names that are not text. Judged on the schema as it was given;
how each draft is applied is in `dialects.py`. Nothing is repaired here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

from jsonschema.exceptions import UnknownType, ValidationError

from rung.forms.dialects import draft_of, limited, validator_of
from rung.forms.form import Form, instance_path
from rung.forms.keywords import Unjudged

__all__ = [
    "MAX_JSON_DEPTH", "Violation", "draft_of", "json_depth", "malformed", "passes",
    "validator_of", "violation", "violations",
]  # fmt: skip

MAX_JSON_DEPTH = 100
MAX_VIOLATIONS = 20
_MAX_ERRORS = 500
_MAX_CHARS = 200
_MAX_SHOWN = 60
_MAX_BITS = 14_000
_KINDS = frozenset({"type", "const", "enum", "false"})
_UNFIT = (UnknownType, TypeError, ValueError, AttributeError, LookupError, ArithmeticError)
"""What judging raises where a reference leads into something that is no proper schema."""


@dataclass(frozen=True, slots=True)
class Violation:
    """Where in the instance, which keyword of the schema, and what is wrong."""

    path: tuple[str | int, ...]
    keyword: str
    message: str


def violations(value: Any, schema: Any) -> list[Violation]:
    """Return what makes `value` invalid, most relevant first, 20 at most; empty when valid.

    Where no alternative of a union fits, these are the violations of the one that comes closest.
    """
    if flaw := _not_json(value):
        return [flaw]
    try:
        judge = _judge(json.dumps(schema, ensure_ascii=False, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        return [Violation((), "$schema", f"the schema is not JSON: {error}"[:_MAX_CHARS])]
    if isinstance(judge, Violation):
        return [judge]
    with limited():
        return _judged(judge, value)


def passes(validator: Any, value: Any) -> bool:
    """Return whether a value is valid by a validator of `validator_of`."""
    with limited():
        return not _judged(validator, value)


def violation(output: Any, form: Form) -> str:
    """Return the rule of the schema that `output` breaks, or an empty string."""
    return _first(violations(output, form.schema))


def malformed(schema: Any) -> Violation | None:
    """Return why this is no JSON Schema of its draft; the path leads into the schema.

    Values listed twice do no harm, and what a `pattern` or a `format` says is not looked at.
    """
    found = _judged(_meta(draft_of(schema)), schema, ignored="uniqueItems")
    return found[0] if found else None


def json_depth(value: Any) -> int:
    """Return how deeply objects and arrays are nested; 0 for a scalar."""
    depth, level = 0, [value]
    while level := [child for node in level for _, child in _children(node)]:
        depth += 1
    return depth


def _children(node: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(node, dict):
        return node.items()
    return enumerate(node) if isinstance(node, list) else ()


def _first(found: list[Violation]) -> str:
    if not found:
        return ""
    return f"{instance_path(found[0].path) or '$'}: {found[0].message}"


def _not_json(value: Any) -> Violation | None:
    """Return what JSON cannot carry in a value."""
    level: list[tuple[tuple[Any, ...], Any]] = [((), value)]
    for _ in range(MAX_JSON_DEPTH + 1):
        for path, node in level:
            if reason := _flaw(node):
                return Violation(path, "json", f"not JSON: {reason}")
        level = [((*path, key), child) for path, node in level for key, child in _children(node)]
        if not level:
            return None
    return Violation((), "json", f"nested deeper than {MAX_JSON_DEPTH} levels")


def _flaw(node: Any) -> str:
    if isinstance(node, str):
        return "" if _is_unicode(node) else "half a surrogate pair"
    if isinstance(node, float):
        return "" if math.isfinite(node) else f"{node} is not a number of JSON"
    if isinstance(node, int):
        return "" if node.bit_length() <= _MAX_BITS else "an integer of thousands of digits"
    if isinstance(node, dict):
        names = all(isinstance(name, str) and _is_unicode(name) for name in node)
        return "" if names else "a name that is not text"
    return "" if node is None or isinstance(node, list) else f"a Python {type(node).__name__}"


def _is_unicode(text: str) -> bool:
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False


@lru_cache(maxsize=256)
def _judge(text: str) -> Any:
    """Return the validator of a schema, or the violation that it is none."""
    schema = json.loads(text)
    if flaw := malformed(schema):
        where = "/".join(map(str, flaw.path)) or "$"
        return Violation((), "$schema", f"not a JSON Schema: {where}: {flaw.message}"[:_MAX_CHARS])
    return validator_of(schema)


@lru_cache(maxsize=16)
def _meta(draft: Any) -> Any:
    return validator_of(draft.META_SCHEMA).evolve(format_checker=None)


def _judged(validator: Any, value: Any, *, ignored: str = "") -> list[Violation]:
    errors: list[ValidationError] = []
    stopped: list[Violation] = []
    try:
        errors.extend(islice(validator.iter_errors(value), _MAX_ERRORS))
    except Unjudged as unjudged:
        stopped = [Violation((), unjudged.keyword, unjudged.message[:_MAX_CHARS])]
    except RecursionError:
        stopped = [Violation((), "$ref", "judging it goes too deep")]
    except _UNFIT as error:
        reason = str(error).partition("\n")[0]
        stopped = [Violation((), "$ref", f"a part of the schema is none: {reason}"[:_MAX_CHARS])]
    leaves = [leaf for error in errors for leaf in _leaves(error) if leaf.validator != ignored]
    leaves.sort(key=lambda leaf: (len(leaf.absolute_path), bool(leaf.context)))
    return list(dict.fromkeys([*stopped, *map(_as_violation, leaves)]))[:MAX_VIOLATIONS]


def _as_violation(error: ValidationError) -> Violation:
    shown = repr(error.instance)
    text: str = error.message
    if len(shown) > _MAX_SHOWN and text.startswith(shown):
        text = f"{shown[:_MAX_SHOWN]}…{text[len(shown) :]}"
    return Violation(tuple(error.absolute_path), _keyword(error), text[:_MAX_CHARS])


def _keyword(error: ValidationError) -> str:
    return str(error.validator or "false")


def _leaves(error: ValidationError) -> Iterator[ValidationError]:
    """Yield the errors at the bottom of an error; a union yields those of its closest arm."""
    arm = _closest(error)
    if not arm:
        yield error
    for inner in arm:
        yield from _leaves(inner)


def _closest(union: ValidationError) -> list[ValidationError]:
    """Return the errors of the alternative that comes closest; none where no one stands out.

    An alternative is far off when the value is of another kind, and less so when a field that
    names the kind differs.
    """
    ranked = sorted(_arms(union), key=_distance)
    if len(ranked) < 2:
        return ranked[0] if ranked else []
    tied = [arm for arm in ranked if _distance(arm) == _distance(ranked[0])]
    at_top = all(not error.relative_path for arm in tied for error in arm)
    return [] if len(tied) > 1 and at_top else ranked[0]


def _arms(union: ValidationError) -> list[list[ValidationError]]:
    """Return the errors of each alternative of a union."""
    arms: dict[Any, list[ValidationError]] = {}
    for error in union.context:
        arm = error.relative_schema_path[0] if error.relative_schema_path else ""
        arms.setdefault(arm, []).append(error)
    return list(arms.values())


def _distance(arm: list[ValidationError]) -> tuple[bool, int, int]:
    other = any(not error.relative_path and _is_of_another_kind(error) for error in arm)
    num_tags = sum(len(e.relative_path) == 1 and _keyword(e) in ("const", "enum") for e in arm)
    return other, num_tags, len(arm)


def _is_of_another_kind(error: ValidationError) -> bool:
    arms = _arms(error)
    return _keyword(error) in _KINDS or (bool(arms) and all(_distance(arm)[0] for arm in arms))
