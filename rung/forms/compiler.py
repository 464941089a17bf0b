"""From a normalised schema to a tree of nodes: structure where it can be, else a sub-grammar.

A rule that leaves no value raises `Unsatisfiable`: an optional part or an alternative falls away
then, and what is required is refused. Any other FormError means that structure cannot hold a
subschema; a sub-grammar takes it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rung.core.errors import FormError
from rung.forms.form import (
    NULL_OR,
    UNKNOWN,
    Choice,
    Const,
    Node,
    Note,
    Object,
    Repeat,
    Union,
    Value,
    join_path,
)
from rung.forms.leads import discriminated, tell_apart
from rung.forms.normal import Unsatisfiable, impossible, unable
from rung.forms.presence import next_parts
from rung.forms.resolve import CHECKED, Resolver, listed, merge
from rung.forms.subgrammar import sub_grammar
from rung.forms.values import (
    item_limits,
    list_of,
    listed_integers,
    numeric,
    settings_of,
    string,
)

MAX_DEPTH = 16
"""Objects below the root that are written out; deeper ones are left to a sub-grammar."""
MAX_PARTS = 500
MAX_OPTIONS = 1000
_OPEN: tuple[Any, ...] = (True, {})


class Compiler:
    """Walks a normalised schema: a `source` is a subschema as written, a `schema` is resolved."""

    def __init__(self, root: Any) -> None:
        self.checked: list[Note] = []
        self.narrowed: list[Note] = []
        self._source = root
        self._resolver = Resolver(root)
        self._num_parts = 0
        self._open: list[str] = []

    def root(self) -> Node:
        """Return the node of the whole; raises FormError where there is none."""
        return self._node(self._source, "", 0)

    def _node(self, source: Any, path: str, depth: int) -> Node:
        """Return the node of a subschema; what structure cannot hold becomes a sub-grammar."""
        reference = source.get("$ref", "") if isinstance(source, Mapping) else ""
        if source is False:
            raise impossible(path, "false", "no value is allowed here")
        if reference in self._open or depth > MAX_DEPTH or self._num_parts > MAX_PARTS:
            return self._fallback(source, path)
        self._num_parts += 1
        self._open += [reference] if reference else []
        kept = len(self.checked), len(self.narrowed)
        try:
            return self._structure(source, path, depth)
        except Unsatisfiable:
            empty = self._resolver.allowed([None, []], source)
            if not empty or self._resolver.allowed([""], source):  # no type: an object is meant
                raise
            del self.checked[kept[0] :], self.narrowed[kept[1] :]
            return self._choice(empty, {}, path)
        except FormError:
            del self.checked[kept[0] :], self.narrowed[kept[1] :]
            return self._fallback(source, path)
        finally:
            if reference:
                self._open.pop()

    def _fallback(self, source: Any, path: str) -> Value:
        value, notes = sub_grammar(self._resolver.self_contained(source), path)
        self.checked += notes
        return replace(value, extractive=self._is_extractive(source, path))

    def _is_extractive(self, source: Any, path: str) -> bool:
        try:
            schema, _ = self._resolver.resolve(source, path)
        except FormError:
            schema = dict(source) if isinstance(source, Mapping) else {}
        return settings_of(schema).get("extractive") is True

    def _structure(self, source: Any, path: str, depth: int) -> Node:
        schema, null = self._resolver.resolve(source, path)
        null = null and bool(self._resolver.allowed([None], source))
        self._note_checked(schema, path)
        values = listed(schema)
        if values is None and schema.get("type") == "integer":
            values = listed_integers(schema)
        if values is not None:
            values = [*values, None] if null else values
            return self._choice(self._resolver.allowed(values, source), schema, path)
        if "anyOf" in schema or "oneOf" in schema:
            return self._union(schema, null, path, depth)
        kind = schema.get("type")
        if kind == "object" or (kind is None and "properties" in schema):
            return self._or_null(self._object(schema, path, depth), null)
        if kind == "array":
            return self._array(source, schema, null, path, depth)
        return self._scalar(source, schema, null, path)

    def _note_checked(self, schema: Mapping[str, Any], path: str) -> None:
        for keyword in sorted(CHECKED & schema.keys()):
            self.checked.append(
                Note(path=path or "$", keyword=keyword, reason="checked when filled")
            )

    def _note_narrowed(self, path: str, keyword: str, reason: str) -> None:
        self.narrowed.append(Note(path=path or "$", keyword=keyword, reason=reason))

    def _or_null(self, node: Node, null: bool) -> Node:
        """Allow null besides a node that begins with a bracket."""
        return (
            Union(path=node.path, arms=(Const(path=node.path, value=None), node)) if null else node
        )

    def _choice(self, values: list[Any], schema: Mapping[str, Any], path: str) -> Choice | Const:
        keyword = next((name for name in ("const", "enum") if name in schema), "type")
        if not values:
            raise impossible(path, keyword, "no value satisfies the schema")
        distinct = {_key(value): value for value in reversed(values)}
        unique = tuple(reversed(distinct.values()))
        if len(unique) > MAX_OPTIONS:
            raise unable(path, keyword, f"{len(unique)} values, at most {MAX_OPTIONS} are allowed")
        if len(unique) == 1:
            return Const(path=path, value=unique[0])
        abstains = settings_of(schema).get("abstain") is True and UNKNOWN not in unique
        return Choice(
            path=path,
            values=unique,
            description=str(schema.get("description", "")),
            abstains=abstains,
        )

    def _union(self, schema: Mapping[str, Any], null: bool, path: str, depth: int) -> Node:
        keyword = "anyOf" if "anyOf" in schema else "oneOf"
        rest = {name: value for name, value in schema.items() if name != keyword}
        if rest.keys() & {"anyOf", "oneOf"}:
            raise unable(path, keyword, "two unions that apply together")
        required = _required_only(schema[keyword])
        if required and "properties" in rest and keyword == "anyOf":
            return self._or_null(self._object(rest, path, depth, required), null)
        arms: list[Node] = [Const(path=path, value=None)] if null else []
        for arm in schema[keyword]:
            try:
                arms.append(self._node(merge(rest, arm, path), path, depth + 1))
            except Unsatisfiable:
                continue
        if not arms:
            raise impossible(path, keyword, "no alternative has a value")
        if keyword == "oneOf":
            self.checked.append(
                Note(path=path or "$", keyword=keyword, reason="checked when filled")
            )
        arms = discriminated(arms)
        if not tell_apart(arms):
            raise unable(path, keyword, "the alternatives do not begin differently")
        return Union(path=path, arms=tuple(arms)) if len(arms) > 1 else arms[0]

    def _object(
        self,
        schema: Mapping[str, Any],
        path: str,
        depth: int,
        any_of: tuple[frozenset[str], ...] = (),
    ) -> Object:
        rule = schema.get("additionalProperties", True)
        required = list(schema.get("required", []))
        if (rule not in _OPEN and rule is not False) or "patternProperties" in schema:
            raise unable(path, "additionalProperties", "keys of a rule are left to a sub-grammar")
        sources = dict(schema.get("properties") or {})
        needs = {k: tuple(v) for k, v in schema.get("dependentRequired", {}).items()}
        for name in (
            *required,
            *(n for names in (*needs.values(), *any_of) for n in sorted(names)),
        ):
            if name in required and name not in sources and rule is False:
                raise impossible(path, "required", f"{name!r} is not allowed")
            if rule is not False:
                sources.setdefault(name, True)
        if not sources and rule is not False:
            raise unable(path, "properties", "an open map is left to a sub-grammar")
        parts = []
        for name in _ordered(sources, schema):
            try:
                node = self._node(sources[name], join_path(path, name), depth + 1)
            except Unsatisfiable:
                if name in required:
                    raise
                continue
            parts.append((name, node))
        if rule is not False:
            self._note_narrowed(path, "additionalProperties", "only the listed names are written")
        if "type" not in schema:
            self._note_narrowed(path, "type", "only objects are written")
        node = Object(
            path=path,
            parts=tuple(parts),
            optional=frozenset(name for name, _ in parts if name not in required),
            min_parts=int(schema.get("minProperties", 0)),
            max_parts=schema.get("maxProperties"),
            needs=needs,
            any_of=any_of,
        )
        if not next_parts(node, 0, ()):
            refuse = impossible if rule is False else unable
            raise refuse(
                path, "minProperties", "no set of the listed properties satisfies the rules"
            )
        return node

    def _array(
        self, source: Any, schema: Mapping[str, Any], null: bool, path: str, depth: int
    ) -> Node:
        items = schema.get("items", True)
        if "prefixItems" in schema or items in _OPEN:
            raise unable(path, "items", "left to a sub-grammar")
        low, high, soft = item_limits(schema, path)
        if items is False or high == 0:
            if low:
                raise impossible(path, "minItems", "no item is allowed")
            return self._or_null(Const(path=path, value=[]), null)
        item = self._node(items, f"{path}[]", depth + 1)
        if isinstance(item, Choice | Const) or (isinstance(item, Value) and item.kind != "json"):
            return self._finished(list_of(schema, item, path), source, schema, null)
        node = Repeat(path=path, item=item, low=low, high=high, soft_high=soft)
        return self._or_null(node, null)

    def _scalar(self, source: Any, schema: Mapping[str, Any], null: bool, path: str) -> Value:
        kind = schema.get("type")
        if kind == "string":
            value = string(schema, path)
        elif kind in ("integer", "number"):
            value = numeric(schema, path)
        else:
            raise unable(path, "type", f"{kind!r} is left to a sub-grammar")
        return self._finished(value, source, schema, null)

    def _finished(self, value: Value, source: Any, schema: Mapping[str, Any], null: bool) -> Value:
        """Complete a slot with null, its own schema and its description."""
        if null:
            value = replace(
                value,
                regex=f"{NULL_OR}{value.regex})",
                drawn_regex=value.drawn_regex and f"{NULL_OR}{value.drawn_regex})",
                hint=f"{value.hint}, or null",
            )
        return replace(
            value,
            schema=self._resolver.self_contained(source),
            description=str(schema.get("description", "")),
        )


def _key(value: Any) -> str:
    """Return a key that equal JSON values share: 1 and 1.0 do, 1 and true do not."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, sort_keys=True)


def _ordered(sources: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """Return the names in writing order: those of `x-rung` first, then the schema's."""
    order = settings_of(schema).get("order")
    first = [name for name in order if name in sources] if isinstance(order, list) else []
    return list(dict.fromkeys([*first, *sources]))


def _required_only(arms: Sequence[Any]) -> tuple[frozenset[str], ...]:
    """Return the names each alternative requires when none says anything else, else nothing."""
    if all(isinstance(arm, Mapping) and set(arm) == {"required"} for arm in arms):
        return tuple(frozenset(arm["required"]) for arm in arms)
    return ()
