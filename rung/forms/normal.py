"""Bring a JSON Schema of any draft from 4 on to one self-contained shape in 2020-12 words.

Every reference is followed here, offline, and becomes `#/$defs/NAME`; `$id`, anchors and unused
definitions fall away, array-form `items` becomes `prefixItems`, `dependencies` is split, boolean
exclusive bounds become numbers. What a reference to a dynamic anchor would mean elsewhere is not
followed: it is read as a plain one. Validity is always judged on the schema as it was given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jsonschema
from jsonschema_specifications import REGISTRY
from referencing import Resource as _Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012, specification_with

from rung.core.errors import FormError
from rung.core.spelling import quote
from rung.forms.form import join_path
from rung.forms.validity import malformed

MAX_DEFINITIONS = 2000
_SUBSCHEMA = (
    "additionalProperties", "contains", "contentSchema", "else", "if", "items", "not",
    "propertyNames", "then", "unevaluatedItems", "unevaluatedProperties",
)  # fmt: skip
_SUBSCHEMAS = ("allOf", "anyOf", "oneOf", "prefixItems")
_NAMED = ("properties", "patternProperties", "dependentSchemas")
_COUNTS = frozenset({
    "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties",
    "minContains", "maxContains",
})  # fmt: skip
_OF_ITEMS = frozenset({"items", "contains", "additionalItems", "unevaluatedItems"})
_OF_NAMES = frozenset({"additionalProperties", "patternProperties", "unevaluatedProperties"})
_HOLDS_NAMES = frozenset({*_NAMED, "$defs", "definitions", "dependencies"})
_DEFINITIONS = ("#/$defs/", "#/definitions/")
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_DROPPED = (
    "$id", "id", "$schema", "$anchor", "$dynamicAnchor", "$recursiveAnchor", "$vocabulary",
    "$comment", "$defs", "definitions", "additionalItems", "dependencies",
)  # fmt: skip
_OLD = (jsonschema.Draft4Validator, jsonschema.Draft6Validator, jsonschema.Draft7Validator)


def unable(path: str, keyword: str, reason: str, hint: str = "") -> FormError:
    """Return the error for a keyword that a form cannot express."""
    return FormError(
        f"{path or '$'}: {keyword!r}: {reason}", hint=hint, path=path or "$", keyword=keyword
    )


def place_of(keys: Sequence[str | int]) -> tuple[str, str]:
    """Return of a place in a schema the path in the value that it speaks of, and the keyword."""
    path, keyword, left = "", "$schema", list(keys)
    while left:
        keyword = str(left.pop(0))
        named = keyword in _HOLDS_NAMES or (left and isinstance(left[0], int))
        path = _inside(path, keyword, left.pop(0) if named and left else "")
    return path, keyword


def _inside(path: str, keyword: str, key: str | int = "") -> str:
    """Return the path of what a keyword of the value at `path` speaks of, under `key` if any."""
    if keyword == "properties":
        return join_path(path, str(key))
    if keyword == "prefixItems" or (keyword == "items" and isinstance(key, int)):
        return f"{path}[{key}]"
    if keyword in _OF_ITEMS:
        return f"{path}[]"
    return join_path(path, "*") if keyword in _OF_NAMES else path


class Unsatisfiable(FormError):
    """No value at all is allowed here."""


def impossible(path: str, keyword: str, reason: str) -> Unsatisfiable:
    """Return the error for a keyword that leaves no value."""
    plain = unable(path, keyword, reason)
    return Unsatisfiable(plain.message, path=plain.path, keyword=keyword)


def normalise(schema: Any, kind: type) -> Any:
    """Return `schema`, of validator class `kind`, in its self-contained shape.

    Raises FormError naming a reference that leads nowhere on this machine.
    """
    return _Normaliser(kind).root(schema)


Resource: Any = _Resource  # its generated constructor is unknown to type checkers


class _Normaliser:
    def __init__(self, kind: type) -> None:
        self._kind = kind
        self._is_old = kind in _OLD
        self._names: dict[tuple[str, str], str] = {}
        self._definitions: dict[str, Any] = {}

    def root(self, schema: Any) -> Any:
        declared = schema.get("$schema") if isinstance(schema, Mapping) else None
        default: Any = specification_with(self._kind.META_SCHEMA["$schema"])  # type: ignore[attr-defined]
        known = specification_with(declared, default) if isinstance(declared, str) else default
        resource: Any = Resource(contents=schema, specification=known or DRAFT202012)
        uri = resource.id() or ""
        registry: Any = REGISTRY.with_resource(uri, resource)
        found = self._schema(schema, registry.resolver(uri), "", entered=True)
        if not self._definitions or not isinstance(found, dict):
            return found
        return {**found, "$defs": self._definitions}

    def _schema(self, schema: Any, resolver: Any, path: str, *, entered: bool = False) -> Any:
        """Return one subschema, of the value at `path`.

        `resolver` knows the base URI that holds here: its own, once it was `entered`.
        """
        if not isinstance(schema, Mapping):
            return schema
        name = "id" if self._kind is jsonschema.Draft4Validator else "$id"
        if not entered and isinstance(schema.get(name), str) and not schema[name].startswith("#"):
            resource = Resource(contents=schema, specification=specification_with(self._uri))
            resolver = resolver.in_subresource(resource)
        if self._is_old and isinstance(schema.get("$ref"), str):
            return {"$ref": self._reference(schema["$ref"], resolver, path)}
        found: dict[str, Any] = {}
        for keyword, value in schema.items():
            if keyword not in _DROPPED:
                found |= self._keyword(keyword, value, schema, resolver, path)
        return found | self._converted(schema, resolver, path)

    @property
    def _uri(self) -> str:
        return str(self._kind.META_SCHEMA["$schema"])  # type: ignore[attr-defined]

    def _keyword(
        self, keyword: str, value: Any, schema: Mapping[str, Any], resolver: Any, path: str
    ) -> dict[str, Any]:
        if keyword in _REFERENCES and isinstance(value, str):
            return {"$ref": self._reference(value, resolver, path)}
        if keyword in ("exclusiveMinimum", "exclusiveMaximum") and isinstance(value, bool):
            return {}
        if keyword in _COUNTS and isinstance(value, float):
            return {keyword: int(value)}
        if keyword == "items" and isinstance(value, list):
            rest = self._schema(schema.get("additionalItems", True), resolver, f"{path}[]")
            return {"prefixItems": self._each("prefixItems", value, resolver, path), "items": rest}
        if keyword in _SUBSCHEMA:
            return {keyword: self._schema(value, resolver, _inside(path, keyword))}
        if keyword in _SUBSCHEMAS and isinstance(value, list):
            return {keyword: self._each(keyword, value, resolver, path)}
        if keyword in _NAMED and isinstance(value, Mapping):
            named = {
                name: self._schema(one, resolver, _inside(path, keyword, name))
                for name, one in value.items()
            }
            return {keyword: named}
        return {keyword: value}

    def _each(self, keyword: str, schemas: list[Any], resolver: Any, path: str) -> list[Any]:
        return [
            self._schema(schema, resolver, _inside(path, keyword, i))
            for i, schema in enumerate(schemas)
        ]

    def _converted(self, schema: Mapping[str, Any], resolver: Any, path: str) -> dict[str, Any]:
        """Return what older words say in newer ones."""
        found: dict[str, Any] = {}
        for keyword, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
            if schema.get(keyword) is True and bound in schema:
                found[keyword] = schema[bound]
        for name, value in dict(schema.get("dependencies") or {}).items():
            if isinstance(value, list):
                found.setdefault("dependentRequired", {})[name] = value
            else:
                found.setdefault("dependentSchemas", {})[name] = self._schema(value, resolver, path)
        return found

    def _is_schema(self, contents: Any, reference: str) -> bool:
        """Return whether a reference leads to a schema; definitions were looked at already."""
        if isinstance(contents, bool) or not reference.startswith("#/"):
            return isinstance(contents, bool | Mapping)
        return isinstance(contents, Mapping) and (
            f"{reference.rpartition('/')[0]}/" in _DEFINITIONS
            or malformed({**contents, "$schema": self._uri}) is None
        )

    def _reference(self, reference: str, resolver: Any, path: str) -> str:
        try:
            resolved = resolver.lookup(reference)
            is_schema = self._is_schema(resolved.contents, reference)
        except (Unresolvable, ValueError, TypeError, LookupError):
            is_schema = False
        if not is_schema:
            raise unable(
                path,
                "$ref",
                f"{quote(reference)} is not a place in this schema",
                hint="paste what it refers to under $defs; nothing is fetched",
            )
        contents, inner = resolved.contents, resolved.resolver
        key = (str(getattr(inner, "_base_uri", "")), str(id(contents)))
        if key not in self._names:
            if len(self._names) >= MAX_DEFINITIONS:
                raise unable(path, "$ref", f"more than {MAX_DEFINITIONS} places are referred to")
            name = self._names[key] = f"r{len(self._names)}"
            self._definitions[name] = True
            self._definitions[name] = self._schema(contents, inner, path, entered=True)
        return f"#/$defs/{self._names[key]}"
