"""Keywords that `jsonschema` judges otherwise than the specification, judged as it says.

Patterns are those of ECMA-262, multiples are exact, equal items are found whatever their types, a
plain reference to a dynamic anchor stays plain. What cannot be judged at all (a reference that
leads nowhere, a broken pattern) raises `Unjudged` instead of counting as a failure, because below a
`not` a failure would make a value valid. What a subschema evaluates is for `unevaluated.py`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from jsonschema.exceptions import ValidationError
from referencing.exceptions import NoSuchResource, Unresolvable
from referencing.jsonschema import DynamicAnchor, lookup_recursive_ref

from rung.forms.ecma import matches
from rung.forms.ecma_escapes import PatternError

Errors = Iterator[ValidationError]
Keyword = Callable[[Any, Any, Any, Any], Errors]
_MAX_LISTS = 256
_listed_keys: dict[int, tuple[Any, frozenset[Any]]] = {}
_LOST = (Unresolvable, NoSuchResource, ValueError, TypeError, AttributeError)


class Unjudged(Exception):
    """The schema says something here that cannot be applied to any value."""

    def __init__(self, keyword: str, message: str) -> None:
        super().__init__(message)
        self.keyword = keyword
        self.message = message


def found_in(pattern: str, text: str) -> bool:
    """Return whether a pattern matches somewhere in a text; raises Unjudged for a broken one."""
    try:
        return matches(pattern, text)
    except PatternError as error:
        shown = repr(pattern if len(pattern) <= 60 else pattern[:60] + "…")
        raise Unjudged("pattern", f"{shown} is not a regular expression: {error}") from None


def target(validator: Any, keyword: str, reference: str) -> tuple[Any, Any]:
    """Return the schema that a reference leads to, and the resolver that holds there."""
    try:
        if keyword == "$recursiveRef":
            found = lookup_recursive_ref(validator._resolver)
        else:
            found = validator._resolver.lookup(reference)
        contents, resolver = found.contents, found.resolver
        if keyword == "$ref":
            contents, resolver = _plain(validator._resolver, reference) or (contents, resolver)
    except _LOST:
        raise Unjudged(keyword, f"the reference {reference!r} leads nowhere here") from None
    if not isinstance(contents, Mapping | bool):
        raise Unjudged(keyword, f"the reference {reference!r} does not lead to a schema")
    return contents, resolver


def _plain(resolver: Any, reference: str) -> tuple[Any, Any] | None:
    """Return where a plain reference to a dynamic anchor leads; None for any other reference."""
    base, _, name = reference.partition("#")
    if not name or name.startswith("/"):
        return None
    home = resolver.lookup(base + "#").resolver
    anchor = home._registry.anchor(home._base_uri, name).value
    if not isinstance(anchor, DynamicAnchor):
        return None
    return anchor.resource.contents, home.in_subresource(anchor.resource)


def _reference(keyword: str) -> Keyword:
    def judge(validator: Any, reference: str, instance: Any, _schema: Any) -> Errors:
        contents, resolver = target(validator, keyword, reference)
        yield from validator.descend(instance, contents, resolver=resolver)

    return judge


def _pattern(_validator: Any, pattern: str, instance: Any, _schema: Any) -> Errors:
    if isinstance(instance, str) and not found_in(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(validator: Any, rules: Any, instance: Any, _schema: Any) -> Errors:
    if not isinstance(instance, Mapping):
        return
    for pattern, rule in rules.items():
        for name, value in instance.items():
            if found_in(pattern, name):
                yield from validator.descend(value, rule, path=name, schema_path=pattern)


def _additional_properties(validator: Any, rule: Any, instance: Any, schema: Any) -> Errors:
    if not isinstance(instance, Mapping):
        return
    extras = [name for name in instance if not is_named(name, schema)]
    if rule is False and extras:
        yield ValidationError(f"Additional properties are not allowed: {_listed(extras)}")
    for name in extras if rule is not False else ():
        yield from validator.descend(instance[name], rule, path=name)


def _additional_items(validator: Any, rule: Any, instance: Any, schema: Any) -> Errors:
    first = schema.get("items")
    if not isinstance(instance, list) or not isinstance(first, list):
        return
    for index in range(len(first), len(instance)):
        yield from validator.descend(instance[index], rule, path=index)


def is_named(name: str, schema: Any) -> bool:
    """Return whether `properties` or `patternProperties` speak of a name."""
    patterns = schema.get("patternProperties", {})
    return name in schema.get("properties", {}) or any(found_in(p, name) for p in patterns)


def _listed(names: list[str]) -> str:
    return ", ".join(map(repr, names))


def _property_names(validator: Any, rule: Any, instance: Any, _schema: Any) -> Errors:
    for name in instance if isinstance(instance, Mapping) else ():
        for error in validator.descend(name, rule):
            yield ValidationError(f"the name {name!r} is not allowed: {error.message}")
            break


def _multiple_of(_validator: Any, step: Any, instance: Any, _schema: Any) -> Errors:
    if not isinstance(instance, int | float) or isinstance(instance, bool):
        return
    if (Fraction(repr(instance)) / Fraction(repr(step))).denominator != 1:
        yield ValidationError(f"{instance!r} is not a multiple of {step!r}")


def _unique_items(_validator: Any, wanted: Any, instance: Any, _schema: Any) -> Errors:
    if not wanted or not isinstance(instance, list):
        return
    first: dict[Any, int] = {}
    for index, item in enumerate(instance):
        if (earlier := first.setdefault(equality_key(item), index)) != index:
            yield ValidationError(f"items {earlier} and {index} are equal")
            return


def equality_key(value: Any) -> Any:
    """Return a key that equal JSON values share: 1 and 1.0 do, 1 and true do not."""
    if isinstance(value, list):
        return ("array", tuple(map(equality_key, value)))
    if isinstance(value, Mapping):
        return ("object", frozenset((name, equality_key(item)) for name, item in value.items()))
    return ("boolean" if isinstance(value, bool) else "", value)


def _enum(_validator: Any, values: Any, instance: Any, _schema: Any) -> Errors:
    if equality_key(instance) not in _keys_of(values):
        yield ValidationError(f"{instance!r} is not one of {values!r}")


def _keys_of(values: Any) -> frozenset[Any]:
    """Return the keys of listed values; those of the last lists are kept."""
    kept = _listed_keys.get(id(values))
    if kept is None or kept[0] is not values:
        if len(_listed_keys) >= _MAX_LISTS:
            _listed_keys.clear()
        kept = _listed_keys[id(values)] = (values, frozenset(map(equality_key, values)))
    return kept[1]


def _dependencies(validator: Any, rules: Any, instance: Any, _schema: Any) -> Errors:
    """Judge the keyword that later drafts split in two; they let it be kept."""
    for name, rule in rules.items() if isinstance(instance, Mapping) else ():
        if name in instance and isinstance(rule, list):
            for each in rule:
                if each not in instance:
                    yield ValidationError(f"{each!r} is a dependency of {name!r}")
        elif name in instance:
            yield from validator.descend(instance, rule, schema_path=name)


def _content_encoding(_validator: Any, encoding: str, instance: Any, _schema: Any) -> Errors:
    if encoding == "base64" and isinstance(instance, str) and _from_base64(instance) is None:
        yield ValidationError(f"{instance!r} is not encoded in base64")


def _content_media_type(_validator: Any, kind: str, instance: Any, schema: Any) -> Errors:
    if kind != "application/json" or not isinstance(instance, str):
        return
    encoded = schema.get("contentEncoding") == "base64"
    text = _from_base64(instance) if encoded else instance.encode()
    try:
        json.loads(text or b"null", parse_constant=int)  # int refuses NaN and Infinity
    except ValueError:
        yield ValidationError(f"{instance!r} is not a JSON document")


def _from_base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text.encode(), validate=True)
    except ValueError:
        return None


JUDGED: dict[str, Keyword] = {
    "$ref": _reference("$ref"),
    "$dynamicRef": _reference("$dynamicRef"),
    "$recursiveRef": _reference("$recursiveRef"),
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "additionalItems": _additional_items,
    "propertyNames": _property_names,
    "multipleOf": _multiple_of,
    "divisibleBy": _multiple_of,
    "uniqueItems": _unique_items,
    "enum": _enum,
}
"""What replaces the keyword of the same name in every draft that has it."""
DEPENDENCIES: dict[str, Keyword] = {"dependencies": _dependencies}
CONTENT: dict[str, Keyword] = {
    "contentEncoding": _content_encoding,
    "contentMediaType": _content_media_type,
}
