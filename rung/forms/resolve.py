"""Follow a normalised subschema to what it says: references, `allOf`, lone alternatives, null.

Schemas that apply together are merged into one where their keywords allow it; alternatives that
are more than one type and null are left for the compiler. Nothing is fetched.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from rung.forms.normal import unable
from rung.forms.validity import passes, validator_of

_MAX_STEPS = 64
_NULL = ({"type": "null"}, {"const": None}, {"enum": [None]}, {"type": ["null"]})
CHECKED = frozenset({
    "not", "if", "then", "else", "dependentSchemas", "contains", "minContains", "maxContains",
    "uniqueItems", "propertyNames", "unevaluatedProperties", "unevaluatedItems", "multipleOf",
})  # fmt: skip
"""Keywords that no structure holds: values are checked against them after they were written."""
_ANNOTATIONS = frozenset({
    "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "x-rung",
    "$comment", "format", "contentMediaType", "contentEncoding",
})  # fmt: skip
_HIGHER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains")
_LOWER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains")
_KEYED = ("properties", "patternProperties")


class Resolver:
    """Resolves the subschemas of one normalised root schema."""

    def __init__(self, root: Any) -> None:
        self.definitions: Mapping[str, Any] = (
            root.get("$defs", {}) if isinstance(root, Mapping) else {}
        )
        self._validator = validator_of(root)

    def allowed(self, values: list[Any], source: Any) -> list[Any]:
        """Return the values that are valid against a subschema as written."""
        judge = self._validator.evolve(schema=source)
        return [value for value in values if passes(judge, value)]

    def self_contained(self, source: Any) -> Any:
        """Return a subschema together with the definitions it needs."""
        if not isinstance(source, Mapping):
            return source
        needed: dict[str, Any] = {}
        waiting = [source]
        while waiting:
            for name in _references(waiting.pop()) - needed.keys():
                needed[name] = self.definitions[name]
                waiting.append(needed[name])
        own = {keyword: value for keyword, value in source.items() if keyword != "$defs"}
        return {**own, "$defs": needed} if needed else own

    def resolve(self, source: Any, path: str) -> tuple[dict[str, Any], bool]:
        """Return what the subschema says in one schema, and whether null is allowed besides.

        Raises FormError where schemas that apply together cannot be merged, or nothing fits.
        """
        schema: Any = source
        null = False
        for _ in range(_MAX_STEPS):
            if schema is False:
                raise unable(path, "false", "no value is allowed here")
            schema = {} if schema is True else dict(schema)
            schema.pop("$defs", None)
            if "$ref" in schema:
                target = self.definitions[schema.pop("$ref").removeprefix("#/$defs/")]
                schema = merge(target, schema, path)
            elif "allOf" in schema:
                arms = schema.pop("allOf")
                for arm in arms:
                    schema = merge(schema, arm, path)
            elif (found := self._lone(schema, path)) is not None:
                schema, or_null = found
                null |= or_null
            else:
                return schema, null | _drop_null(schema)
        raise unable(path, "$ref", "it refers to itself")

    def _lone(self, schema: dict[str, Any], path: str) -> tuple[Any, bool] | None:
        """Merge a union of one alternative besides null, or of lists of values; else None."""
        for keyword in ("anyOf", "oneOf"):
            if keyword not in schema:
                continue
            arms = schema[keyword]
            rest = [arm for arm in arms if arm not in _NULL and arm is not False]
            arm = _single(rest or [{"type": "null"}])
            if arm is not None:
                others = {k: v for k, v in schema.items() if k != keyword}
                return merge(arm, others, path), len(rest) < len(arms) and _has_null(arms)
        return None


def _has_null(arms: list[Any]) -> bool:
    """Return whether null is one of the alternatives."""
    return any(arm in _NULL for arm in arms)


def _drop_null(schema: dict[str, Any]) -> bool:
    """Make a type list without null of one that has it; a list of one becomes that type."""
    kinds = schema.get("type")
    if not isinstance(kinds, list):
        return False
    rest = [kind for kind in kinds if kind != "null"]
    schema["type"] = (rest or ["null"])[0] if len(rest) <= 1 else rest
    return len(rest) < len(kinds)


def merge(base: Any, extra: Any, path: str) -> Any:
    """Return one schema for what both say; annotations of `extra` win.

    Raises FormError naming a keyword whose two values cannot be made one.
    """
    if base is True or base == {} or extra is False:
        return extra
    if extra is True or extra == {} or base is False:
        return base
    _check_apart(base, extra, path)
    merged = {**base, **extra}
    for keyword in base.keys() & extra.keys():
        if keyword not in _ANNOTATIONS | CHECKED and base[keyword] != extra[keyword]:
            merged[keyword] = _both(keyword, base[keyword], extra[keyword], path)
    return merged


def _check_apart(base: Mapping[str, Any], extra: Mapping[str, Any], path: str) -> None:
    """Refuse to merge what a schema says of the rest, or under a condition, with more of it."""
    for one, other in ((base, extra), (extra, base)):
        rule = one.get("additionalProperties", True)
        own, new = set(one.get("properties", {})), set(other.get("properties", {}))
        if rule not in (True, {}) and (new - own or "patternProperties" in other):
            raise unable(path, "additionalProperties", "it applies to half of an allOf")
    if "if" in base and "if" in extra and base != extra:
        raise unable(path, "if", "two conditions apply together")
    if "items" in base and "prefixItems" in extra or "items" in extra and "prefixItems" in base:
        raise unable(path, "items", "it applies to half of an allOf")


def _both(keyword: str, left: Any, right: Any, path: str) -> Any:
    joins: dict[str, Callable[[Any, Any], Any]] = {
        **dict.fromkeys(_HIGHER, max),
        **dict.fromkeys(_LOWER, min),
        **dict.fromkeys(_KEYED, _both_named),
        "required": lambda a, b: list(dict.fromkeys([*a, *b])),
        "dependentRequired": lambda a, b: {**a, **{k: [*a.get(k, []), *b[k]] for k in b}},
        "enum": _both_listed,
        "type": _both_types,
        "items": lambda a, b: {"allOf": [a, b]},
    }
    if keyword in joins:
        found = joins[keyword](left, right)
        if found not in ([], None):
            return found
    raise unable(path, keyword, "two rules that apply together cannot be made one")


def _both_named(left: Mapping[str, Any], right: Mapping[str, Any]) -> dict[str, Any]:
    same = {name: {"allOf": [left[name], right[name]]} for name in left.keys() & right.keys()}
    return {**left, **right, **{name: both for name, both in same.items()}}


def _both_listed(left: list[Any], right: list[Any]) -> list[Any]:
    texts = {json.dumps(value, sort_keys=True) for value in right}
    return [value for value in left if json.dumps(value, sort_keys=True) in texts]


def _both_types(left: Any, right: Any) -> list[str] | None:
    names = [[kinds] if isinstance(kinds, str) else kinds for kinds in (left, right)]
    both = [kind for kind in names[0] if kind in names[1]]
    narrow = "integer" in names[0] + names[1] and {"number", "integer"} <= set(names[0] + names[1])
    return [*both, "integer"] if narrow and "integer" not in both else both or None


def listed(schema: Mapping[str, Any]) -> list[Any] | None:
    """Return the values a schema lists, or None; every other keyword may still rule some out."""
    if "const" in schema:
        return [schema["const"]]
    if "enum" in schema:
        return list(schema["enum"])
    by_type: dict[Any, list[Any]] = {"boolean": [True, False], "null": [None]}
    return by_type.get(str(schema.get("type")))


def _single(arms: list[Any]) -> Any:
    """Return the one alternative, or all as one enum where each lists its values, else None."""
    if len(arms) == 1:
        return arms[0]
    plain = [arm for arm in arms if isinstance(arm, Mapping)]
    lists = [listed(arm) for arm in plain]
    if len(plain) < len(arms) or any(values is None for values in lists):
        return None
    if any(set(arm) - _ANNOTATIONS - {"const", "enum", "type"} for arm in plain):
        return None
    return {"enum": [value for values in lists for value in values or []]}


def _references(source: Any) -> set[str]:
    """Return the names of the definitions that a subschema refers to."""
    found: set[str] = set()
    waiting = [source]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            reference = value.get("$ref")
            if isinstance(reference, str) and reference.startswith("#/$defs/"):
                found.add(reference.removeprefix("#/$defs/"))
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return found
