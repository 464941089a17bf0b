"""`unevaluatedProperties` and `unevaluatedItems`: what no subschema of a valid value has spoken of.

The subschemas that apply in place are followed where the value satisfies them, references
included; of each it is asked which names or positions it evaluates. Covers 2019-09 and 2020-12,
which differ in what `items` and `contains` evaluate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema.exceptions import ValidationError

from rung.forms.keywords import Errors, Keyword, is_named, target

_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


def _unevaluated_properties(validator: Any, rule: Any, instance: Any, _schema: Any) -> Errors:
    if not isinstance(instance, Mapping):
        return
    known = _names(validator, instance, own=False)
    yield from _judge(validator, rule, instance, [n for n in instance if n not in known])


def _unevaluated_items(validator: Any, rule: Any, instance: Any, _schema: Any) -> Errors:
    if not isinstance(instance, list):
        return
    known = _positions(validator, instance, own=False)
    rest = [index for index in range(len(instance)) if index not in known]
    yield from _judge(validator, rule, instance, rest)


def _judge(validator: Any, rule: Any, instance: Any, rest: list[Any]) -> Errors:
    kind = "properties" if isinstance(instance, Mapping) else "items"
    if rule is False and rest:
        listed = ", ".join(map(repr, rest))
        yield ValidationError(f"Unevaluated {kind} are not allowed: {listed}")
        return
    for key in rest:
        yield from validator.descend(instance[key], rule, path=key)


def _names(validator: Any, instance: Any, *, own: bool = True) -> set[str]:
    """Return the names that a schema evaluates; `own` counts its own `unevaluatedProperties`."""
    schema = validator.schema
    if isinstance(schema, bool):
        return set()
    if "additionalProperties" in schema or (own and "unevaluatedProperties" in schema):
        return set(instance)
    found = {name for name in instance if is_named(name, schema)}
    for part in _in_place(validator, instance):
        found |= _names(part, instance)
    return found


def _positions(validator: Any, instance: Any, *, own: bool = True) -> set[int]:
    """Return the positions that a schema evaluates; `own` counts its own `unevaluatedItems`."""
    schema = validator.schema
    if isinstance(schema, bool):
        return set()
    if own and "unevaluatedItems" in schema:
        return set(range(len(instance)))
    found = set(range(_num_listed(validator, instance)))
    if "contains" in schema and "prefixItems" in validator.VALIDATORS:
        match = validator.evolve(schema=schema["contains"])
        found |= {index for index, item in enumerate(instance) if match.is_valid(item)}
    for part in _in_place(validator, instance):
        found |= _positions(part, instance)
    return found


def _num_listed(validator: Any, instance: Any) -> int:
    """Return how many positions, from the first on, the keywords for items speak of."""
    schema = validator.schema
    first, rest = schema.get("items"), "additionalItems"
    if not isinstance(first, list):
        rest = "items"
        first = schema.get("prefixItems") if "prefixItems" in validator.VALIDATORS else None
    return len(instance) if rest in schema else min(len(first or ()), len(instance))


def _in_place(validator: Any, instance: Any) -> Iterator[Any]:
    """Yield the validators of the subschemas that apply to the same value and accept it.

    Those that must accept it are not asked: if they do not, the value is invalid anyway.
    """
    schema = validator.schema
    for keyword in _REFERENCES:
        if keyword in schema and keyword in validator.VALIDATORS:
            contents, resolver = target(validator, keyword, schema[keyword])
            yield validator.evolve(schema=contents, _resolver=resolver)
    for part in _certain(schema, instance):
        yield validator.evolve(schema=part)
    for part in [*schema.get("anyOf", ()), *schema.get("oneOf", ())]:
        judge = validator.evolve(schema=part)
        if judge.is_valid(instance):
            yield judge
    if "if" in schema:
        judge = validator.evolve(schema=schema["if"])
        branch = "else"
        if judge.is_valid(instance):
            branch = "then"
            yield judge
        if branch in schema:
            yield validator.evolve(schema=schema[branch])


def _certain(schema: Any, instance: Any) -> Iterator[Any]:
    """Yield the subschemas that a valid value satisfies."""
    yield from schema.get("allOf", ())
    for keyword in ("dependentSchemas", "dependencies"):
        for name, part in schema.get(keyword, {}).items():
            if isinstance(instance, Mapping) and name in instance and not isinstance(part, list):
                yield part


UNEVALUATED: dict[str, Keyword] = {
    "unevaluatedProperties": _unevaluated_properties,
    "unevaluatedItems": _unevaluated_items,
}
