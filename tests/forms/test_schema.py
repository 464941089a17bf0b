"""JSON Schema and pydantic models to forms: what becomes what, and what is refused where."""

from __future__ import annotations

import enum
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel, Field

from rung.core.errors import FormError
from rung.forms import Choice, Const, Object, Value, compile_form

PROBE = "probe"


def compiled(field: Any, **root: Any) -> Any:
    """Return the node of one property."""
    schema = {"type": "object", "properties": {PROBE: field}, **root}
    return dict(compile_form(schema).root.parts)[PROBE]


LONG = "x" * 5000


@pytest.mark.parametrize(
    "field, values",
    [
        ({"enum": ["a", "b"]}, ["a", "b"]),
        ({"enum": ["a", None, 3, True, 1.5]}, ["a", None, 3, True, 1.5]),
        (
            {"enum": ['say "hi"', "tab\t", "ü→😀", "", LONG]},
            ['say "hi"', "tab\t", "ü→😀", "", LONG],
        ),
        ({"enum": ["a", "a", "b"]}, ["a", "b"]),
        ({"enum": [1, 1.0, True]}, [1, True]),  # 1 and 1.0 are one JSON number, true is not
        ({"type": "string", "enum": ["a", "b", 1, None]}, ["a", "b"]),  # the type rules two out
        ({"type": ["string", "null"], "enum": ["a", "b"]}, ["a", "b"]),  # null is not listed
        ({"type": ["string", "null"], "enum": ["a", None]}, ["a", None]),
        ({"enum": ["ab", "abc", "b"], "minLength": 2}, ["ab", "abc"]),
        ({"type": "boolean"}, [True, False]),
        ({"type": ["boolean", "null"]}, [True, False, None]),
        ({"anyOf": [{"enum": ["a", "b"]}, {"type": "null"}]}, ["a", "b", None]),
        ({"oneOf": [{"const": None}, {"enum": ["a"]}]}, ["a", None]),
        ({"oneOf": [{"const": "a", "title": "A"}, {"const": "b"}]}, ["a", "b"]),
        (
            {"anyOf": [{"enum": ["a", "b"]}, {"enum": ["c"]}, {"type": "null"}]},
            ["a", "b", "c", None],
        ),
        ({"oneOf": [{"enum": ["a", "b"]}, {"enum": ["b", "c"]}]}, ["a", "c"]),  # b fits both
        ({"allOf": [{"enum": ["a", "b"]}], "description": "d"}, ["a", "b"]),
        ({"type": "integer", "minimum": 1, "maximum": 3}, [1, 2, 3]),
        ({"type": "integer", "minimum": -2.5, "maximum": -0.5}, [-2, -1]),
        ({"type": "integer", "exclusiveMinimum": 1, "exclusiveMaximum": 4}, [2, 3]),
        ({"type": "integer", "minimum": 0, "maximum": 20, "multipleOf": 10}, [0, 10, 20]),
        ({"type": ["integer", "null"], "minimum": 1, "maximum": 2}, [1, 2, None]),
    ],
)
def test_closed_lists_become_choices(field: Any, values: list[Any]) -> None:
    node = compiled(field)
    assert isinstance(node, Choice)
    assert [(type(v), v) for v in node.values] == [(type(v), v) for v in values]


@pytest.mark.parametrize(
    "field, value",
    [
        ({"const": "x"}, "x"),
        ({"const": None}, None),
        ({"const": {"a": [1]}}, {"a": [1]}),
        ({"enum": ["only"]}, "only"),
        ({"enum": [None], "type": "null"}, None),
        ({"type": "null"}, None),
        ({"type": ["null"]}, None),
        ({"anyOf": [{"type": "null"}]}, None),
        ({"$ref": "#/$defs/a%20b~1c"}, "referred"),
        ({"type": "integer", "minimum": 7, "maximum": 7.5}, 7),
        ({"type": "integer", "minimum": 1, "maximum": 9, "multipleOf": 6}, 6),
    ],
)
def test_a_single_value_is_written_and_never_asked(field: Any, value: Any) -> None:
    defs = {"a b/c": {"const": "referred"}}
    assert compiled(field, **{"$defs": defs}) == Const(path=PROBE, value=value)


def test_draft_4_booleans_exclude_their_bound() -> None:
    field = {"type": "integer", "minimum": 1, "exclusiveMinimum": True, "maximum": 3}
    node = compiled(field, **{"$schema": "http://json-schema.org/draft-04/schema#"})
    assert node.values == (2, 3)


@pytest.mark.parametrize(
    "field, kind, hint",
    [
        ({"type": "string"}, "text", "text, at most 400 characters"),
        ({"type": "string", "maxLength": 9}, "text", "text, at most 9 characters"),
        ({"type": "string", "maxLength": 0}, "text", "text, at most 0 characters"),
        ({"type": "string", "maxLength": 10**9}, "text", "text, at most 4000 characters"),
        ({"type": "string", "minLength": 500}, "text", "text, at most 500 characters"),
        ({"type": ["null", "string"]}, "text", "text, at most 400 characters, or null"),
        ({"type": "string", "pattern": "^a+$"}, "text", "text matching ^a+$"),
        ({"type": "string", "format": "date"}, "date", "date as YYYY-MM-DD"),
        ({"type": "string", "format": "email"}, "text", "email address"),
        ({"type": "string", "format": "iri"}, "text", "text, at most 400 characters"),
        ({"type": "number"}, "number", "number"),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 0.5}, "number", "above 0 up to 0.5"),
        ({"type": "integer", "maximum": -1}, "number", "whole number up to -1"),
        ({"type": "integer", "minimum": 0, "maximum": 10**40}, "number", "whole number from 0"),
        ({"type": "array", "items": {"type": "string"}}, "list", "list of at most 8: text"),
        (
            {"type": "array", "items": {"enum": ["a", 1]}, "minItems": 20},
            "list",
            'at most 20: "a", 1',
        ),
        ({"type": "array", "items": {"const": "a"}, "maxItems": 0}, "list", "list of at most 0"),
    ],
)
def test_open_values_become_slots_with_a_hint(field: Any, kind: str, hint: str) -> None:
    node = compiled(field)
    assert isinstance(node, Value)
    assert (node.kind, node.schema) == (kind, field)
    assert hint in node.hint


SELF = {"a": {"type": "array", "items": {"$ref": "#/$defs/a"}}}
TREE = {"t": {"type": "object", "properties": {"l": {"$ref": "#/$defs/t"}}}}


@pytest.mark.parametrize(
    "field, keyword, path",
    [
        ({"enum": []}, "enum", PROBE),
        ({"type": "string", "enum": [1]}, "enum", PROBE),
        ({"enum": [{"a": 1}, {"a": 2}]}, "enum", PROBE),
        ({"enum": list(range(1001))}, "enum", PROBE),
        ({"const": 1, "type": "string"}, "const", PROBE),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, "anyOf", PROBE),
        ({"oneOf": [{"type": "string"}, {"enum": [1, 2]}]}, "oneOf", PROBE),
        ({"allOf": [{"type": "string"}, {"minLength": 1}]}, "allOf", PROBE),
        ({"allOf": [{"type": "null"}, {"type": "string"}]}, "allOf", PROBE),
        ({"not": {"const": 1}}, "not", PROBE),
        ({"type": "string", "if": {}, "then": {}}, "if", PROBE),
        ({"type": ["string", "integer"]}, "type", PROBE),
        ({}, "type", PROBE),
        ({"maxLength": 3}, "type", PROBE),
        (True, "true", PROBE),
        ({"type": "string", "minLength": 5, "maxLength": 4}, "minLength", PROBE),
        ({"type": "string", "minLength": 9999}, "minLength", PROBE),
        ({"type": "string", "pattern": "(?=a)b"}, "pattern", PROBE),
        ({"type": "string", "pattern": r"\b"}, "pattern", PROBE),
        ({"type": "number", "minimum": 2, "maximum": 1}, "minimum", PROBE),
        ({"type": "integer", "minimum": 1.2, "maximum": 1.8}, "type", PROBE),
        ({"type": "integer", "minimum": 1, "maximum": 4, "multipleOf": 5}, "type", PROBE),
        ({"type": "array"}, "items", PROBE),
        ({"type": "array", "items": {}}, "type", f"{PROBE}[]"),
        ({"type": "array", "items": {"type": "array", "items": {}}}, "items", PROBE),
        ({"type": "array", "items": {"type": "object", "properties": {}}}, "items", PROBE),
        ({"type": "array", "items": {"properties": {"a": {"const": 1}}}}, "items", PROBE),
        ({"type": "array", "items": {"type": "string"}, "contains": {}}, "contains", PROBE),
        ({"type": "array", "prefixItems": [{}], "items": {"type": "string"}}, "prefixItems", PROBE),
        ({"type": "array", "items": {"type": "string"}, "minItems": 99}, "minItems", PROBE),
        ({"type": "object"}, "additionalProperties", PROBE),
        (
            {"type": "object", "additionalProperties": {"type": "string"}},
            "additionalProperties",
            PROBE,
        ),
        ({"properties": {"a": {"const": 1}}, "required": ["b"]}, "required", PROBE),
        ({"properties": {"a": {}}, "patternProperties": {"b": {}}}, "patternProperties", PROBE),
        ({"properties": {"a": {"const": 1}}, "minProperties": 1}, "minProperties", PROBE),
        ({"properties": {"a": {"oneOf": [{}, {}]}}}, "oneOf", f"{PROBE}.a"),
        ({"type": ["object", "null"], "properties": {"a": {"const": 1}}}, "type", PROBE),
        ({"$ref": "https://example.org/schema"}, "$ref", PROBE),
        ({"$ref": "#/$defs/nowhere"}, "$ref", PROBE),
        ({"$ref": "#anchor"}, "$ref", PROBE),
        ({"$ref": "#/$defs/loop"}, "$ref", PROBE),
        ({"$ref": "#/$defs/a"}, "items", PROBE),
        ({"$ref": "#/$defs/t"}, "properties", f"{PROBE}.l.l"),
        ({"$ref": "#/$defs/short", "maxLength": 9}, "maxLength", PROBE),
    ],
)
def test_what_no_form_can_express_is_refused_by_keyword_and_path(
    field: Any, keyword: str, path: str
) -> None:
    loop = {"loop": {"$ref": "#/$defs/loop"}, "short": {"type": "string", "maxLength": 3}}
    with pytest.raises(FormError) as refused:
        compiled(field, **{"$defs": {**SELF, **TREE, **loop}})
    assert f"{path}" in refused.value.message
    assert f"'{keyword}'" in refused.value.message


@pytest.mark.parametrize(
    "schema, message",
    [
        ({"type": "string"}, "'type'"),
        ({"type": ["object", "null"], "properties": {"a": {"const": 1}}}, "'type'"),
        ({"type": "object"}, "additionalProperties"),
        ({"type": "object", "properties": {}, "additionalProperties": False}, "'properties'"),
        ({"type": "object", "const": {"a": 1}}, "'properties'"),
        ({"type": "object", "properties": {"a": {"type": "strnig"}}}, "$.properties.a.type"),
        ({"type": "object", "properties": {"a": {"minLength": -1}}}, "$.properties.a.minLength"),
        ({"type": "object", "properties": {"a": {"enum": "abc"}}}, "$.properties.a.enum"),
        ({"type": "object", "properties": {"a": {"pattern": "[a"}}}, "$.properties.a.pattern"),
        ({"type": "object", "properties": {"a": {"const": float("nan")}}}, "not JSON"),
        ({"type": "object", "properties": {"a": {"const": "\ud800"}}}, "not JSON"),
        ({"type": "object", "properties": {"a": {"enum": {1, 2}}}}, "not JSON"),
        ({"$schema": "http://json-schema.org/draft-03/schema#", "properties": {}}, "'$schema'"),
        ("{}", "not str"),
        (int, "not a pydantic model"),
    ],
)
def test_a_root_that_is_no_form_is_refused(schema: Any, message: str) -> None:
    with pytest.raises(FormError) as refused:
        compile_form(schema)
    assert message in refused.value.message


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "boolean"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


def test_sixteen_objects_below_the_root_are_the_limit() -> None:
    (slot,) = compile_form(nested(17)).slots()
    assert slot.path == ".".join("a" * 17)
    with pytest.raises(FormError, match="deeper than 16 levels"):
        compile_form(nested(18))


def test_a_bomb_of_shared_references_is_refused_quickly() -> None:
    levels = {
        f"d{i}": {"properties": {k: {"$ref": f"#/$defs/d{i + 1}"} for k in "abcd"}}
        for i in range(15)
    }
    schema = {"$ref": "#/$defs/d0", "$defs": {**levels, "d15": {"properties": {"x": {"const": 1}}}}}
    with pytest.raises(FormError, match="more than 500"):
        compile_form(schema)


def test_paths_of_odd_names_do_not_collide() -> None:
    leaf = {"type": "boolean"}
    names = {
        "a.b": leaf,
        "a": {"properties": {"b": leaf, "": leaf}},
        '"a"': leaf,
        "": leaf,
        "ü[]": leaf,
    }
    paths = [slot.path for slot in compile_form({"type": "object", "properties": names}).slots()]
    assert paths == ['"a.b"', "a.b", 'a.""', '"\\"a\\""', '""', '"ü[]"']


def test_optional_properties_are_written_and_unknown_ones_are_not() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "boolean"}, "b": {"type": "boolean"}},
        "required": ["b"],
        "additionalProperties": False,
    }
    assert [name for name, _ in compile_form(schema).root.parts] == ["a", "b"]


def test_the_hash_follows_the_schema_and_the_order_of_its_names() -> None:
    one = {"type": "object", "properties": {"a": {"const": 1}, "b": {"const": 2}}}
    other = {"type": "object", "properties": {"b": {"const": 2}, "a": {"const": 1}}}
    assert compile_form(one).hash == compile_form(dict(one)).hash != compile_form(other).hash


class Team(enum.Enum):
    CARDS = "cards"
    LOANS = "loans"


class Amount(BaseModel):
    value: float = Field(ge=0)
    currency: Literal["EUR", "USD"] = "EUR"


class Ticket(BaseModel):
    team: Team
    backup: Team | None = Field(None, description="the second team")
    urgent: bool = False
    stars: Annotated[int, Field(ge=1, le=5)]
    order: Annotated[str, Field(pattern=r"^[A-Z]{2}-\d{4}$")] | None = None
    due: date | None = None
    seen: datetime
    key: UUID
    kind: Literal["ticket"] = "ticket"
    tags: set[Literal["new", "vip"]] = Field(max_length=2)
    amount: Amount = Field(description="what is asked back")
    note: Annotated[str, Field(min_length=1, max_length=80)]


def test_a_pydantic_model_becomes_the_form_one_expects() -> None:
    form = compile_form(Ticket)
    parts = dict(form.root.parts)
    assert parts["team"] == Choice(path="team", values=("cards", "loans"))
    assert parts["backup"].values == ("cards", "loans", None)
    assert parts["backup"].description == "the second team"
    assert parts["stars"].values == (1, 2, 3, 4, 5)
    assert parts["kind"] == Const(path="kind", value="ticket")
    assert parts["tags"].item.values == ("new", "vip")
    assert isinstance(parts["amount"], Object)
    assert [slot.path for slot in form.slots()][-3:] == ["amount.value", "amount.currency", "note"]
    kinds = {name: part.kind for name, part in parts.items() if isinstance(part, Value)}
    assert kinds == {
        "order": "text",
        "due": "date",
        "seen": "date",
        "key": "text",
        "tags": "list",
        "note": "text",
    }


@pytest.mark.parametrize(
    "annotation, keyword",
    [(Decimal, "anyOf"), (int | str, "anyOf"), (dict[str, int], "additionalProperties")],
)
def test_a_pydantic_field_no_form_can_express_is_refused(annotation: Any, keyword: str) -> None:
    model = type("Model", (BaseModel,), {"__annotations__": {PROBE: annotation}})
    with pytest.raises(FormError, match=f"{PROBE}: '{keyword}'"):
        compile_form(model)


def test_a_pydantic_model_without_a_schema_is_refused() -> None:
    model = type("Model", (BaseModel,), {"__annotations__": {PROBE: Callable[[], int]}})
    with pytest.raises(FormError, match="Model has no JSON Schema"):
        compile_form(model)
