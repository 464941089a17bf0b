"""One self-contained 2020-12 shape from any draft: the same values are valid before and after."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from rung.core.errors import FormError
from rung.forms.normal import Unsatisfiable, impossible, normalise, place_of, unable
from rung.forms.validity import draft_of

DRAFT_4 = "http://json-schema.org/draft-04/schema#"
DRAFT_6 = "http://json-schema.org/draft-06/schema#"
DRAFT_7 = "http://json-schema.org/draft-07/schema#"
DRAFT_2019 = "https://json-schema.org/draft/2019-09/schema"


def normal(schema: Any) -> Any:
    return normalise(schema, draft_of(schema))


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (True, True),
        (False, False),
        ({}, {}),
        # what a schema is called falls away, what it says stays
        (
            {
                "$id": "http://e/x",
                "$comment": "c",
                "title": "t",
                "$anchor": "a",
                "$defs": {"u": {}},
            },
            {"title": "t"},
        ),
        # draft-04 words
        (
            {"$schema": DRAFT_4, "id": "x", "minimum": 1, "exclusiveMinimum": True, "maximum": 3},
            {"minimum": 1, "exclusiveMinimum": 1, "maximum": 3},
        ),
        (
            {"$schema": DRAFT_4, "maximum": 3, "exclusiveMaximum": False},
            {"maximum": 3},
        ),
        ({"exclusiveMinimum": 1}, {"exclusiveMinimum": 1}),
        # counts written as floats
        ({"minItems": 2.0, "maxLength": 3}, {"minItems": 2, "maxLength": 3}),
        # arrays of draft 7
        (
            {"$schema": DRAFT_7, "items": [{"const": 1}], "additionalItems": False},
            {"prefixItems": [{"const": 1}], "items": False},
        ),
        (
            {"$schema": DRAFT_7, "items": [{"const": 1}]},
            {"prefixItems": [{"const": 1}], "items": True},
        ),
        (
            {"$schema": DRAFT_7, "items": {"const": 1}, "additionalItems": False},
            {"items": {"const": 1}},
        ),
        # dependencies are of two sorts
        (
            {"$schema": DRAFT_7, "dependencies": {"a": ["b"], "c": {"minProperties": 2}}},
            {"dependentRequired": {"a": ["b"]}, "dependentSchemas": {"c": {"minProperties": 2}}},
        ),
        # names that look like keywords are names
        (
            {"properties": {"$id": {"$id": "x"}, "$ref": {}, "definitions": {"title": "d"}}},
            {"properties": {"$id": {}, "$ref": {}, "definitions": {"title": "d"}}},
        ),
        ({"const": {"$ref": "#/a", "$id": 1}}, {"const": {"$ref": "#/a", "$id": 1}}),
        ({"enum": [{"$ref": "#/a"}]}, {"enum": [{"$ref": "#/a"}]}),
    ],
)
def test_words_of_any_draft(schema: Any, expected: Any) -> None:
    assert normal(schema) == expected


ONE = {"const": 1}


@pytest.mark.parametrize(
    ("schema", "definitions"),
    [
        # by place
        ({"$ref": "#/$defs/a", "$defs": {"a": ONE}}, {"r0": ONE}),
        ({"$ref": "#/$defs/a%20b~1c", "$defs": {"a b/c": ONE}}, {"r0": ONE}),
        ({"$ref": "#/definitions/a", "definitions": {"a": ONE}}, {"r0": ONE}),
        ({"$ref": "#/properties/a", "properties": {"a": ONE}}, {"r0": ONE}),
        ({"$ref": "#/x-parts/a", "x-parts": {"a": ONE}}, {"r0": ONE}),
        ({"$ref": "#/$defs/a", "$defs": {"a": True}}, {"r0": True}),
        # by name
        ({"$ref": "#a", "$defs": {"x": {"$anchor": "a", **ONE}}}, {"r0": ONE}),
        ({"$dynamicRef": "#a", "$defs": {"x": {"$dynamicAnchor": "a", **ONE}}}, {"r0": ONE}),
        (
            {"$schema": DRAFT_7, "$ref": "#a", "definitions": {"x": {"$id": "#a", **ONE}}},
            {"r0": ONE},
        ),
        # by address
        ({"$id": "http://e/s", "$ref": "http://e/s#/$defs/a", "$defs": {"a": ONE}}, {"r0": ONE}),
        (
            {"$id": "http://e/s", "$ref": "part", "$defs": {"a": {"$id": "part", **ONE}}},
            {"r0": ONE},
        ),
        (
            {
                "$id": "http://e/s",
                "$ref": "part#/$defs/b",
                "$defs": {"a": {"$id": "part", "$defs": {"b": ONE}}, "b": {"const": 2}},
            },
            {"r0": ONE},
        ),
        # a base of its own changes what a reference inside means
        (
            {
                "$ref": "#/$defs/a",
                "$defs": {
                    "a": {"$id": "http://e/a", "$ref": "#/$defs/b", "$defs": {"b": ONE}},
                    "b": {"const": 2},
                },
            },
            {"r0": {"$ref": "#/$defs/r1"}, "r1": ONE},
        ),
        # each place once, however often and however it is referred to
        (
            {"allOf": [{"$ref": "#/$defs/a"}, {"$ref": "#x"}], "$defs": {"a": {"$anchor": "x"}}},
            {"r0": {}},
        ),
        # to itself
        (
            {"properties": {"a": {"$ref": "#"}}},
            {"r0": {"properties": {"a": {"$ref": "#/$defs/r0"}}}},
        ),
        (
            {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}},
            {"r0": {"$ref": "#/$defs/r0"}},
        ),
        (
            {"$schema": DRAFT_2019, "properties": {"a": {"$recursiveRef": "#"}}},
            {"r0": {"properties": {"a": {"$ref": "#/$defs/r0"}}}},
        ),
    ],
)
def test_references_lead_to_definitions_of_its_own(schema: Any, definitions: Any) -> None:
    found = normal(schema)
    assert found["$defs"] == definitions
    assert "r0" in str(found)


def test_old_drafts_ignore_what_stands_beside_a_reference() -> None:
    schema = {"$ref": "#/definitions/a", "minLength": 9, "definitions": {"a": ONE}}
    for draft in (DRAFT_4, DRAFT_6, DRAFT_7):
        assert normal({"$schema": draft, **schema}) == {"$ref": "#/$defs/r0", "$defs": {"r0": ONE}}
    assert normal(schema)["minLength"] == 9


def test_the_published_metaschemas_are_at_hand() -> None:
    found = normal({"$ref": DRAFT_7})
    assert found["$defs"]["r0"]["properties"]["minLength"]


@pytest.mark.parametrize(
    "reference",
    [
        "#/$defs/nowhere",
        "#nowhere",
        "other.json",
        "https://example.org/schema",
        "#/title",  # no schema
        "#/title/0",
        "#/enum/0",
        "#/enum/x",
        "#/default",  # not a proper one
        "http://[bad",
        "%",
        "#/%zz",
    ],
)
def test_a_reference_that_leads_nowhere_says_which_and_where(reference: str) -> None:
    schema = {
        "title": "t",
        "enum": [[1], 2],
        "default": {"type": "strnig"},
        "properties": {"a": {"items": {"$ref": reference}}},
    }
    with pytest.raises(FormError, match="not a place in this schema") as refused:
        normal(schema)
    assert (refused.value.keyword, refused.value.path) == ("$ref", "a[]")
    assert "nothing is fetched" in refused.value.hint


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ({"$ref": "#x"}, "$"),
        ({"properties": {"a.b": {"$ref": "#x"}}}, '"a.b"'),
        ({"properties": {"a": {"properties": {"b": {"$ref": "#x"}}}}}, "a.b"),
        ({"items": {"items": {"$ref": "#x"}}}, "[][]"),
        ({"prefixItems": [{}, {"$ref": "#x"}]}, "[1]"),
        ({"$schema": DRAFT_7, "items": [{}, {"$ref": "#x"}]}, "[1]"),
        ({"additionalProperties": {"items": {"$ref": "#x"}}}, "*[]"),
        ({"patternProperties": {"^a": {"$ref": "#x"}}}, "*"),
        ({"allOf": [{"anyOf": [{"not": {"$ref": "#x"}}]}]}, "$"),
        ({"properties": {"a": {"$ref": "#/$defs/d"}}, "$defs": {"d": {"$ref": "#x"}}}, "a"),
        ({"dependentSchemas": {"a": {"properties": {"b": {"$ref": "#x"}}}}}, "b"),
        ({"$schema": DRAFT_7, "dependencies": {"a": {"$ref": "#x"}}}, "$"),
    ],
)
def test_a_place_is_named_by_the_value_it_speaks_of(schema: Any, path: str) -> None:
    with pytest.raises(FormError, match="not a place in this schema") as refused:
        normal(schema)
    assert (refused.value.keyword, refused.value.path) == ("$ref", path)


@pytest.mark.parametrize(
    ("keys", "place"),
    [
        ((), ("", "$schema")),
        (("type",), ("", "type")),
        (("properties", "a"), ("a", "properties")),
        (("properties", "a", "items", "enum"), ("a[]", "enum")),
        (("items", 2, "anyOf", 0, "type"), ("[2]", "type")),
        (("prefixItems", 1, "not", "const"), ("[1]", "const")),
        (("$defs", "d", "properties", "a", "type"), ("a", "type")),
        (("additionalProperties", "required", 0), ("*", "required")),
    ],
)
def test_a_place_in_a_schema_is_one_in_the_value(keys: Any, place: tuple[str, str]) -> None:
    assert place_of(keys) == place


def test_too_many_places_are_refused() -> None:
    names = {f"d{i}": {"const": i} for i in range(2001)}
    schema = {"anyOf": [{"$ref": f"#/$defs/{name}"} for name in names], "$defs": names}
    with pytest.raises(FormError, match="more than 2000 places"):
        normal(schema)


VALUES: list[Any] = [
    None, True, 1, 2, 3.5, -1, "", "a", "abcdef", [], [1], [1, 2], ["a"], [1, "x", 3], {},
    {"a": 1}, {"a": "x", "b": 2}, {"b": {"b": {}}}, {"c": 1}, {"a": [1], "c": 2},
]  # fmt: skip
TREE = {"type": "object", "additionalProperties": {"$ref": "#"}}
SCHEMAS: list[Any] = [
    {"$schema": DRAFT_4, "minimum": 1, "exclusiveMinimum": True},
    {"$schema": DRAFT_4, "maximum": 2, "exclusiveMaximum": True, "type": "number"},
    {"$schema": DRAFT_7, "items": [{"type": "integer"}, {"type": "string"}]},
    {"$schema": DRAFT_7, "items": [{"const": 1}], "additionalItems": {"type": "string"}},
    {"$schema": DRAFT_7, "items": [{}], "additionalItems": False},
    {"$schema": DRAFT_7, "dependencies": {"a": ["b"]}},
    {"$schema": DRAFT_7, "dependencies": {"a": {"required": ["c"]}, "b": ["a"]}},
    {
        "$schema": DRAFT_7,
        "definitions": {"s": {"minLength": 2}},
        "$ref": "#/definitions/s",
        "type": "null",
    },
    {
        "$schema": DRAFT_7,
        "if": {"type": "object"},
        "then": {"required": ["a"]},
        "else": {"not": {}},
    },
    {
        "$schema": DRAFT_2019,
        "$defs": {"a": {"$anchor": "x", "type": "array"}},
        "$ref": "#x",
        "maxItems": 1,
    },
    {
        "$defs": {"a": {"type": ["object", "null"]}},
        "allOf": [{"$ref": "#/$defs/a"}, {"minProperties": 1}],
    },
    {"prefixItems": [{"type": "integer"}], "items": False},
    {
        "patternProperties": {"^[ab]$": {"type": ["integer", "object"]}},
        "additionalProperties": False,
    },
    {"propertyNames": {"enum": ["a", "b"]}, "type": "object"},
    {"$id": "http://e/s", "properties": {"b": {"$ref": "http://e/s"}}, "type": "object"},
    TREE,
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda s: str(s)[:60])
def test_the_same_values_are_valid_before_and_after(schema: Any) -> None:
    before = draft_of(schema)(schema)
    after = jsonschema.Draft202012Validator(normal(schema))
    valid = [value for value in VALUES if before.is_valid(value)]
    assert [value for value in VALUES if after.is_valid(value)] == valid
    assert 0 < len(valid) < len(VALUES)


def test_errors_name_place_and_keyword() -> None:
    assert (unable("", "a", "why").path, unable("x", "a", "why").path) == ("$", "x")
    refused = impossible("x", "enum", "why")
    assert isinstance(refused, Unsatisfiable) and isinstance(refused, FormError)
    assert (refused.message, refused.keyword) == ("x: 'enum': why", "enum")
