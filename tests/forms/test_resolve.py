"""Schemas that apply together become one: what is merged, what is not, and that nothing is lost."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.core.errors import FormError
from rung.forms.resolve import Resolver, listed, merge


def resolve(schema: Any, **definitions: Any) -> tuple[dict[str, Any], bool]:
    root = {**schema, "$defs": definitions}
    return Resolver(root).resolve(root, "x")


REF = {"$ref": "#/$defs/a"}


@pytest.mark.parametrize(
    ("schema", "expected", "null"),
    [
        ({}, {}, False),
        ({"type": "string"}, {"type": "string"}, False),
        # references, with what stands beside them
        (REF, {"type": "string", "maxLength": 5, "title": "A"}, False),
        ({**REF, "maxLength": 3}, {"type": "string", "maxLength": 3, "title": "A"}, False),
        ({**REF, "title": "B"}, {"type": "string", "maxLength": 5, "title": "B"}, False),
        (
            {"allOf": [REF, {"minLength": 1}]},
            {"type": "string", "maxLength": 5, "minLength": 1, "title": "A"},
            False,
        ),
        # null, however it is said
        ({"type": ["string", "null"]}, {"type": "string"}, True),
        ({"type": ["null"]}, {"type": "null"}, True),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"type": "string"}, True),
        (
            {"oneOf": [{"const": None}, {"type": "string"}], "title": "t"},
            {"type": "string", "title": "t"},
            True,
        ),
        ({"anyOf": [{"type": ["string", "null"]}, {"enum": [None]}]}, {"type": "string"}, True),
        ({"type": ["string", "integer", "null"]}, {"type": ["string", "integer"]}, True),
        # alternatives that are one
        ({"anyOf": [{"type": "string"}]}, {"type": "string"}, False),
        ({"anyOf": [{"type": "string"}, False]}, {"type": "string"}, False),
        ({"anyOf": [{"const": 1}, {"enum": [2, 3]}]}, {"enum": [1, 2, 3]}, False),
        ({"oneOf": [{"const": "a", "title": "A"}, {"const": "b"}]}, {"enum": ["a", "b"]}, False),
        # alternatives that are several stay
        (
            {"anyOf": [{"const": 1}, {"type": "string"}]},
            {"anyOf": [{"const": 1}, {"type": "string"}]},
            False,
        ),
        (
            {"anyOf": [{"const": 1, "not": {}}, {"const": 2}]},
            {"anyOf": [{"const": 1, "not": {}}, {"const": 2}]},
            False,
        ),
    ],
)
def test_what_a_subschema_says(schema: Any, expected: Any, null: bool) -> None:
    assert resolve(schema, a={"type": "string", "maxLength": 5, "title": "A"}) == (expected, null)


@pytest.mark.parametrize(
    ("left", "right", "both"),
    [
        (True, {"minLength": 1}, {"minLength": 1}),
        (False, {"minLength": 1}, False),
        ({"minLength": 1}, {"minLength": 3}, {"minLength": 3}),
        ({"maxItems": 1}, {"maxItems": 3}, {"maxItems": 1}),
        ({"type": ["string", "null"]}, {"type": "string"}, {"type": ["string"]}),
        ({"type": "number"}, {"type": "integer"}, {"type": ["integer"]}),
        (
            {"type": ["number", "string"]},
            {"type": ["integer", "string"]},
            {"type": ["string", "integer"]},
        ),
        ({"enum": [1, 2, 3]}, {"enum": [3, 1]}, {"enum": [1, 3]}),
        ({"required": ["a"]}, {"required": ["b", "a"]}, {"required": ["a", "b"]}),
        (
            {"properties": {"a": {"minLength": 1}}},
            {"properties": {"a": {"maxLength": 2}, "b": {}}},
            {"properties": {"a": {"allOf": [{"minLength": 1}, {"maxLength": 2}]}, "b": {}}},
        ),
        (
            {"items": {"minLength": 1}},
            {"items": {"maxLength": 2}},
            {"items": {"allOf": [{"minLength": 1}, {"maxLength": 2}]}},
        ),
        (
            {"dependentRequired": {"a": ["b"], "c": ["d"]}},
            {"dependentRequired": {"a": ["e"]}},
            {"dependentRequired": {"a": ["b", "e"], "c": ["d"]}},
        ),
        ({"title": "A", "description": "d"}, {"title": "B"}, {"title": "B", "description": "d"}),
        ({"pattern": "a"}, {"pattern": "a"}, {"pattern": "a"}),
        (
            {"additionalProperties": False, "properties": {"a": {}}},
            {"required": ["a"]},
            {"additionalProperties": False, "properties": {"a": {}}, "required": ["a"]},
        ),
    ],
)
def test_two_schemas_become_one(left: Any, right: Any, both: Any) -> None:
    assert merge(left, right, "x") == both


@pytest.mark.parametrize(
    ("left", "right", "keyword"),
    [
        ({"type": "string"}, {"type": "integer"}, "type"),
        ({"enum": [1]}, {"enum": [2]}, "enum"),
        ({"const": 1}, {"const": 2}, "const"),
        ({"pattern": "a"}, {"pattern": "b"}, "pattern"),
        ({"anyOf": [{}, {"type": "null"}]}, {"anyOf": [{"type": "string"}, {}]}, "anyOf"),
        ({"additionalProperties": False}, {"properties": {"a": {}}}, "additionalProperties"),
        (
            {"properties": {"a": {}}},
            {"additionalProperties": {"type": "null"}},
            "additionalProperties",
        ),
        ({"additionalProperties": False}, {"patternProperties": {"a": {}}}, "additionalProperties"),
        ({"items": {}}, {"prefixItems": [{}]}, "items"),
        ({"format": "date"}, {"format": "email"}, "format"),
        ({"multipleOf": 2}, {"multipleOf": 3}, "multipleOf"),
        ({"not": {"const": 1}}, {"not": {"const": 2}}, "not"),
        ({"uniqueItems": True}, {"uniqueItems": False}, "uniqueItems"),
        ({"contains": {"const": 1}}, {"contains": {"const": 2}}, "contains"),
        ({"if": {"minimum": 1}, "then": False}, {"if": {"maximum": 3}, "else": False}, "if"),
    ],
)
def test_what_cannot_be_made_one_is_not(left: Any, right: Any, keyword: str) -> None:
    """Or else a rule is lost; the values are checked against the schema as it was written."""
    try:
        both = merge(left, right, "x")
    except FormError as refused:
        assert (refused.keyword, refused.path) == (keyword, "x")
    else:
        values: list[Any] = [
            0,
            1,
            2,
            4,
            6,
            "a",
            "2026-01-01",
            [],
            [1],
            [1, 1],
            [1, 2],
            {},
            {"a": 1},
        ]
        judge = jsonschema.Draft202012Validator({"allOf": [left, right]})
        merged = jsonschema.Draft202012Validator(both)
        assert all(merged.is_valid(value) for value in values if judge.is_valid(value))


PIECES = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["string", "integer", "number", "object", ["string", "null"]]),
        "enum": st.lists(st.sampled_from([1, 2, "a", None, "abc"]), min_size=1, unique=True),
        "minLength": st.integers(0, 3),
        "maxLength": st.integers(0, 3),
        "minimum": st.integers(0, 3),
        "exclusiveMinimum": st.integers(0, 3),
        "maximum": st.integers(0, 3),
        "required": st.lists(st.sampled_from("ab"), unique=True),
        "minProperties": st.integers(0, 2),
        "maxProperties": st.integers(0, 2),
        "properties": st.dictionaries(
            st.sampled_from("ab"), st.sampled_from([True, {"const": 1}, {"type": "integer"}])
        ),
        "additionalProperties": st.sampled_from([True, False, {"type": "integer"}]),
        "dependentRequired": st.just({"a": ["b"]}) | st.just({"b": ["a"]}),
        "pattern": st.sampled_from(["a", "b"]),
    },
)
PROBES: list[Any] = [
    0, 1, 2, 3, 1.5, "", "a", "ab", "abc", "b", None, {}, {"a": 1}, {"b": 1}, {"a": 1, "b": 2},
    {"a": "x"}, {"c": 1}, {"a": 1, "b": 1, "c": 1}, [],
]  # fmt: skip


@settings(max_examples=80)
@given(left=PIECES, right=PIECES)
def test_a_merged_schema_allows_what_both_allow(left: Any, right: Any) -> None:
    try:
        both = jsonschema.Draft202012Validator(merge(left, right, "x"))
    except FormError:
        return  # then a sub-grammar holds what it can, and the value is checked
    one, other = (jsonschema.Draft202012Validator(schema) for schema in (left, right))
    for value in PROBES:
        assert both.is_valid(value) == (one.is_valid(value) and other.is_valid(value)), value


def test_a_schema_that_is_only_itself_is_refused() -> None:
    with pytest.raises(FormError, match="refers to itself"):
        resolve({"$ref": "#/$defs/a"}, a={"$ref": "#/$defs/b"}, b={"$ref": "#/$defs/a"})
    with pytest.raises(FormError, match="no value"):
        resolve({"allOf": [False]})


def test_a_subschema_takes_the_definitions_it_needs_along() -> None:
    root = {
        "$defs": {
            "a": {"items": {"$ref": "#/$defs/b"}},
            "b": {"properties": {"x": {"$ref": "#/$defs/a"}}},
            "c": {"const": {"$ref": "#/$defs/b"}},
        }
    }
    resolver = Resolver(root)
    assert resolver.self_contained({"$ref": "#/$defs/b"})["$defs"].keys() == {"a", "b"}
    assert resolver.self_contained({"type": "string"}) == {"type": "string"}
    assert resolver.self_contained(True) is True


@pytest.mark.parametrize(
    ("schema", "values"),
    [
        ({"const": None}, [None]),
        ({"enum": [1, 2], "type": "string"}, [1, 2]),  # what else rules them out is asked later
        ({"type": "boolean"}, [True, False]),
        ({"type": "null"}, [None]),
        ({"type": "string"}, None),
        ({"type": ["null"]}, None),
        ({}, None),
    ],
)
def test_schemas_that_list_their_values(schema: Any, values: Any) -> None:
    assert listed(schema) == values


def test_of_listed_values_those_that_are_valid_are_allowed() -> None:
    resolver = Resolver({"$defs": {"a": {"minimum": 2}}})
    values = [1, 2, 3, "x"]
    assert resolver.allowed(values, {"$ref": "#/$defs/a"}) == [2, 3, "x"]
    assert resolver.allowed(values, {"not": {"type": "string"}}) == [1, 2, 3]
    assert resolver.allowed(values, {"pattern": "("}) == [1, 2, 3]  # nothing can judge the text
    assert resolver.allowed(values, False) == []
