"""Follow a subschema to what it says: references, lone alternatives, null beside one type.

A union is resolved only where one alternative is left besides null, or where every alternative
lists its values; everything else is refused by keyword and path. Nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from rung.core.errors import FormError
from rung.forms.validity import validator_of

_MAX_STEPS = 32
_UNIONS = ("anyOf", "oneOf", "allOf")
_NULL = ({"type": "null"}, {"const": None}, {"enum": [None]}, {"type": ["null"]})


def unable(path: str, keyword: str, reason: str, hint: str = "") -> FormError:
    """Return the error for a keyword that a form cannot express."""
    return FormError(f"{path or '$'}: {keyword!r}: {reason}", hint=hint)


class Resolver:
    """Resolves the subschemas of one root schema."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._validator = validator_of(root)

    def allows(self, value: Any, source: Any) -> bool:
        """Return whether a value is valid against a subschema as written."""
        return bool(self.allowed([value], source))

    def allowed(self, values: list[Any], source: Any) -> list[Any]:
        """Return the values that are valid against a subschema as written."""
        judge = self._validator.evolve(schema=source)
        return [value for value in values if judge.is_valid(value)]

    def resolve(self, source: Any, path: str) -> tuple[dict[str, Any], bool]:
        """Follow references and lone alternatives; return the schema and whether null was one."""
        schema, null = source, False
        for _ in range(_MAX_STEPS):
            if not isinstance(schema, Mapping):
                raise unable(path, str(schema).lower(), "true and false are no slots")
            schema = dict(schema)
            if "$ref" in schema:
                reference = schema.pop("$ref")
                schema = self._merge(self._look_up(reference, path), schema, path)
                continue
            keyword = next((name for name in _UNIONS if name in schema), "")
            if keyword:
                arms = schema[keyword]
                rest = [arm for arm in arms if keyword == "allOf" or arm not in _NULL]
                null |= len(rest) < len(arms)
                arm = _single(rest or [{"type": "null"}])
                if arm is None:
                    hint = "use one type; a label list is an enum, a Decimal a float"
                    raise unable(path, keyword, f"{len(rest)} alternatives besides null", hint)
                del schema[keyword]
                schema = self._merge(arm, schema, path)
                continue
            if not isinstance(schema.get("type"), list):
                return schema, null
            kinds = [kind for kind in schema["type"] if kind != "null"]
            null |= len(kinds) < len(schema["type"])
            if len(kinds) > 1 and listed(schema) is None:
                raise unable(path, "type", f"{schema['type']} is not one type and null")
            schema["type"] = (kinds or ["null"])[0]
        raise unable(path, "$ref", "it refers to itself")

    def _look_up(self, reference: str, path: str) -> Any:
        target: Any = self._root
        for key in reference.split("/")[1:]:
            key = unquote(key).replace("~1", "/").replace("~0", "~")
            if isinstance(target, list) and key.isdigit() and int(key) < len(target):
                target = target[int(key)]
            else:
                target = target.get(key) if isinstance(target, Mapping) else None
        if target is None or not (reference == "#" or reference.startswith("#/")):
            raise unable(path, "$ref", f"{reference!r} is not a place in this schema")
        return target

    def _merge(self, base: Any, extra: dict[str, Any], path: str) -> Any:
        """Return both schemas in one; annotations of `extra` win, constraints must not differ."""
        if not isinstance(base, Mapping):
            return base
        for keyword in base.keys() & extra.keys():
            if keyword in self._validator.VALIDATORS and base[keyword] != extra[keyword]:
                raise unable(path, keyword, f"both {base[keyword]!r} and {extra[keyword]!r}")
        return {**base, **extra}


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
    lists = [listed(arm) if isinstance(arm, Mapping) else None for arm in arms]
    if not arms or any(values is None for values in lists):
        return None
    return {"enum": [value for values in lists for value in values or []]}
