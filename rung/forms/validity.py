"""Is a value valid? Judged by the `jsonschema` library, with format checks, without any network.

A value that JSON cannot carry (NaN, infinity, half a surrogate pair) is never valid.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import jsonschema
from jsonschema.exceptions import best_match
from referencing import Registry

from rung.forms.form import Form, Value

MAX_JSON_DEPTH = 100


def violation(output: Any, form: Form) -> str:
    """Return the rule of the schema that `output` breaks, or an empty string."""
    return _problem(output, form, form.schema)


def slot_violation(value: Any, slot: Value, form: Form) -> str:
    """Return the rule of its own schema that a slot's value breaks, or an empty string."""
    return _problem(value, form, slot.schema)


def validator_of(schema: dict[str, Any]) -> Any:
    """Return a validator of the schema's own draft, 2020-12 when it names none."""
    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    return kind(schema, registry=Registry(), format_checker=kind.FORMAT_CHECKER)


def json_depth(value: Any) -> int:
    """Return how deeply objects and arrays are nested; 0 for a scalar."""
    depth, level = 0, [value]
    while level := [child for node in level for child in _children(node)]:
        depth += 1
    return depth


def _children(node: Any) -> Iterable[Any]:
    if isinstance(node, dict):
        return node.values()
    return node if isinstance(node, list) else ()


def _problem(value: Any, form: Form, schema: Any) -> str:
    if json_depth(value) > MAX_JSON_DEPTH:
        return f"$: nested deeper than {MAX_JSON_DEPTH} levels"
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        return f"$: not JSON: {error}"
    validator = _validator(form.hash, json.dumps(form.schema))
    broken = best_match(validator.evolve(schema=schema).iter_errors(value))
    if broken is None:
        return ""
    where = ".".join(map(str, broken.absolute_path)) or "$"
    return f"{where}: {broken.message[:200]}"


@lru_cache(maxsize=64)
def _validator(_hash: str, schema: str) -> Any:
    return validator_of(json.loads(schema))
