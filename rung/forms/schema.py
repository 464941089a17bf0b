"""Compile a JSON Schema (or pydantic model) into a form.

Expressed: objects with known properties (all are written, optional ones too), enum, const,
boolean, number, integer, string (length, pattern, format), nullable, arrays of scalars, nested
objects, local `$ref` without recursion. Everything else is refused by keyword and path, because a
form that silently ignores a constraint would promise validity it cannot keep. Bounds that a
regular expression cannot hold (multipleOf, fractional limits) are checked when the form is filled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jsonschema

from rung.core.errors import FormError
from rung.core.hashing import content_hash
from rung.forms.form import Choice, Const, Form, Node, Object, Value, join_path
from rung.forms.literals import CHARACTER, FORMATS, bounds_of, integer, number, quote
from rung.forms.patterns import literal_of
from rung.forms.resolve import Resolver, listed, unable
from rung.forms.validity import MAX_JSON_DEPTH, json_depth, validator_of

MAX_DEPTH = 16
"""Objects below the root."""
MAX_PARTS = 500
MAX_OPTIONS = 1000
MAX_CHARS = 4000
MAX_ITEMS = 64
DEFAULT_MAX_CHARS = 400
DEFAULT_MAX_ITEMS = 8
_MAX_LISTED_INTEGERS = 21
_REFUSED = (
    "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "patternProperties", "propertyNames",
    "dependentSchemas", "dependentRequired", "dependencies", "unevaluatedProperties",
    "unevaluatedItems", "contains", "prefixItems", "minProperties", "maxProperties", "$dynamicRef",
    "$recursiveRef",
)  # fmt: skip


def compile_form(schema: Mapping[str, Any] | type) -> Form:
    """Return the form of a JSON Schema object or a pydantic model class.

    Raises FormError naming the keyword and the path of what cannot be expressed.
    """
    source = _plain(schema_of(schema))
    _check_schema(source)
    kind = source.get("type", "object")
    if kind != "object":
        raise FormError(
            f"$: 'type': a form is an object at its root, not {kind!r}",
            hint="wrap it: {'type': 'object', 'properties': {'answer': …}}",
        )
    root = _Compiler(source).node(source, "", 0)
    if not isinstance(root, Object) or not root.parts:
        raise FormError("$: 'properties': there is nothing to fill", hint="add a property")
    return Form(root=root, schema=source, hash=content_hash(["form-1", json.dumps(source)]))


def schema_of(schema: Mapping[str, Any] | type) -> dict[str, Any]:
    """Return a plain JSON Schema from a mapping or a pydantic model class."""
    if isinstance(schema, Mapping):
        return dict(schema)
    if not isinstance(schema, type):
        raise FormError(f"a schema is a JSON object, not {type(schema).__name__}")
    from pydantic import BaseModel
    from pydantic.errors import PydanticUserError

    if not issubclass(schema, BaseModel):
        raise FormError(f"{schema.__name__} is not a pydantic model", hint="subclass BaseModel")
    try:
        return schema.model_json_schema()
    except PydanticUserError as error:
        reason = str(error).splitlines()[0]
        raise FormError(f"{schema.__name__} has no JSON Schema: {reason}") from None


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema as JSON would carry it, so that a copy means the same everywhere."""
    try:
        text = json.dumps(schema, ensure_ascii=False, allow_nan=False)
        text.encode()
        plain: dict[str, Any] = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise FormError(f"$: the schema is not JSON: {error}") from None
    if json_depth(plain) > MAX_JSON_DEPTH:
        raise FormError(f"$: the schema is nested deeper than {MAX_JSON_DEPTH} levels")
    return plain


def _check_schema(source: dict[str, Any]) -> None:
    kind = type(validator_of(source))
    if kind is jsonschema.Draft3Validator:
        raise FormError("$: '$schema': draft 3 is not supported", hint="use draft 2020-12")
    try:
        kind.check_schema(source)
    except jsonschema.SchemaError as error:
        raise FormError(f"{error.json_path}: not a JSON Schema: {error.message[:200]}") from None


class _Compiler:
    """Walks a schema; a `source` is a subschema as written, a `schema` one that was resolved."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._resolver = Resolver(root)
        self._num_parts = 0

    def node(self, source: Any, path: str, depth: int) -> Node:
        self._num_parts += 1
        if self._num_parts > MAX_PARTS:
            raise unable("", "properties", f"more than {MAX_PARTS} of them in all")
        schema, null = self._resolver.resolve(source, path)
        nullable = null and self._resolver.allows(None, source)
        for keyword in _REFUSED:
            if keyword in schema and not (
                keyword == "unevaluatedProperties" and not schema[keyword]
            ):
                raise unable(
                    path,
                    keyword,
                    "a form cannot express it",
                    hint="spell the field out, or leave the keyword to a scorer",
                )
        values = listed(schema)
        if values is not None:
            values += [None] if nullable else []
            return self._choice(self._resolver.allowed(values, source), schema, path)
        kind = schema.get("type")
        if kind == "object" or (kind is None and "properties" in schema):
            if nullable:
                raise unable(path, "type", "an object or null", hint="make its fields nullable")
            return self._object(schema, path, depth)
        return self._value(source, schema, path, nullable, depth)

    def _choice(self, values: list[Any], schema: Mapping[str, Any], path: str) -> Choice | Const:
        keyword = next((name for name in ("const", "enum") if name in schema), "type")
        if not values:
            raise unable(path, keyword, "no value satisfies the schema")
        if len(values) == 1:
            return Const(path=path, value=values[0])
        if any(isinstance(value, dict | list) for value in values):
            raise unable(path, keyword, "objects or arrays as values")
        distinct: dict[Any, Any] = {}
        for value in values:
            distinct.setdefault((isinstance(value, bool), value), value)
        unique = tuple(distinct.values())
        if len(unique) > MAX_OPTIONS:
            raise unable(path, keyword, f"{len(unique)} values, at most {MAX_OPTIONS} are allowed")
        if len(unique) == 1:
            return Const(path=path, value=unique[0])
        return Choice(path=path, values=unique, description=str(schema.get("description", "")))

    def _object(self, schema: Mapping[str, Any], path: str, depth: int) -> Object:
        if depth > MAX_DEPTH:
            raise unable(path, "properties", f"deeper than {MAX_DEPTH} levels, or recursive")
        properties = schema.get("properties") or {}
        missing = [name for name in schema.get("required", []) if name not in properties]
        if missing:
            raise unable(path, "required", f"{missing} have no property schema")
        if not properties and schema.get("additionalProperties", True) is not False:
            raise unable(path, "additionalProperties", "an open map has no fixed keys")
        parts = [
            (name, self.node(part, join_path(path, name), depth + 1))
            for name, part in properties.items()
        ]
        return Object(path=path, parts=tuple(parts))

    def _value(
        self, source: Any, schema: Mapping[str, Any], path: str, nullable: bool, depth: int
    ) -> Value | Choice | Const:
        kind = schema.get("type")
        if kind == "integer" and (integers := _listed_integers(schema)) is not None:
            values = [*integers, *([None] if nullable else [])]
            return self._choice(self._resolver.allowed(values, source), schema, path)
        if kind == "string":
            value = _string(schema, path)
        elif kind in ("integer", "number"):
            value = _number(schema, path)
        elif kind == "array":
            value = self._list(schema, path, depth)
        else:
            raise unable(path, "type", f"{kind!r} cannot be a slot", hint="give the field a type")
        if nullable:
            value = replace(value, regex=f"(?:null|{value.regex})", hint=f"{value.hint}, or null")
        return replace(value, schema=source, description=str(schema.get("description", "")))

    def _list(self, schema: Mapping[str, Any], path: str, depth: int) -> Value:
        items = schema.get("items")
        if not isinstance(items, Mapping):
            raise unable(path, "items", "a form must know what an array holds", hint="list[str]")
        kind = self._resolver.resolve(items, f"{path}[]")[0].get("type")
        if kind in ("array", "object"):
            raise unable(path, "items", f"items of type {kind!r}", hint="arrays hold scalars")
        item = self.node(items, f"{path}[]", depth + 1)
        if isinstance(item, Object):
            raise unable(path, "items", "items of type 'object'", hint="arrays hold scalars")
        low = int(schema.get("minItems", 0))
        high = min(int(schema.get("maxItems", max(DEFAULT_MAX_ITEMS, low))), MAX_ITEMS)
        if low > high:
            raise unable(path, "minItems", f"{low} is more than {high}")
        regex, hint = _of_item(item)
        more = f"(?:, {regex}){{{max(low - 1, 0)},{max(high - 1, 0)}}}"
        body = f"{regex}{more}" if low else f"(?:{regex}{more})?"
        return Value(
            path=path,
            kind="list",
            regex=rf"\[{body if high else ''}\]",
            hint=f"list of at most {high}: {hint}",
            item=item,
        )


def _listed_integers(schema: Mapping[str, Any]) -> list[int] | None:
    """Return the integers between close bounds, or None when there are too many to list."""
    low, high = bounds_of(schema).integers()
    if low is None or high is None or high - low >= _MAX_LISTED_INTEGERS:
        return None
    return list(range(low, high + 1))


def _string(schema: Mapping[str, Any], path: str) -> Value:
    low = int(schema.get("minLength", 0))
    high = min(int(schema.get("maxLength", max(DEFAULT_MAX_CHARS, low))), MAX_CHARS)
    if low > high:
        raise unable(path, "minLength", f"{low} is more than {high}")
    if schema.get("format") in FORMATS:
        regex, hint = FORMATS[schema["format"]]
        if schema["format"] in ("date", "time", "date-time"):
            return Value(path=path, kind="date", regex=regex, hint=hint)
        return Value(path=path, kind="text", regex=regex, max_chars=high, hint=hint)
    if "pattern" not in schema:
        regex, hint = f'"{CHARACTER}{{{low},{high}}}"', f"text, at most {high} characters"
        return Value(path=path, kind="text", regex=regex, max_chars=high, hint=hint)
    try:
        regex = literal_of(schema["pattern"], high)
    except ValueError as error:
        raise unable(path, "pattern", f"{schema['pattern']!r}: {error}") from None
    hint = f"text matching {schema['pattern']}"
    return Value(path=path, kind="text", regex=regex, max_chars=high, hint=hint)


def _number(schema: Mapping[str, Any], path: str) -> Value:
    bounds = bounds_of(schema)
    if bounds.low is not None and bounds.high is not None and bounds.low > bounds.high:
        raise unable(path, "minimum", "it is above the maximum")
    whole = schema["type"] == "integer"
    regex = integer(bounds) if whole else number(bounds, schema.get("multipleOf"))
    name = "whole number" if whole else "number"
    return Value(path=path, kind="number", regex=regex, hint=name + bounds.hint())


def _of_item(item: Const | Choice | Value) -> tuple[str, str]:
    """Return the expression and the hint of one item."""
    if isinstance(item, Value):
        return item.regex, item.hint
    values = item.values if isinstance(item, Choice) else (item.value,)
    texts = [json.dumps(value, ensure_ascii=False) for value in values]
    return f"(?:{'|'.join(map(quote, texts))})", ", ".join(texts)
