"""Schemas as structured-output modes take them: what is kept, told, closed, and what cannot be."""

from __future__ import annotations

import jsonschema
import pytest

from claude_rules import check_schema
from provider_server import smallest
from rung.engines.schema_subset import Inexpressible, closed, is_strict, tool_input

TEXT = {"type": "string"}
ORDER = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "id": {"type": "string", "pattern": "^A[0-9]+$", "maxLength": 9},
        "count": {"type": "integer", "minimum": 1, "maximum": 5, "description": "How many."},
        "due": {"type": "string", "format": "date"},
        "site": {"type": "string", "format": "iri"},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}, "minItems": 2},
        "note": {"type": ["string", "null"]},
        "kind": {"enum": ["a", "b", None]},
        "way": {"oneOf": [{"const": "air"}, {"type": "object", "properties": {"by": TEXT}}]},
    },
    "required": ["id", "count"],
    "$defs": {"line": {"type": "object", "properties": {"sku": TEXT}, "required": ["sku"]}},
}


def test_limits_are_told_and_objects_closed():
    found = closed(ORDER)
    parts = found["properties"]
    assert parts["id"] == {"type": "string", "description": "(maxLength: 9, pattern: ^A[0-9]+$)"}
    assert parts["count"]["description"] == "How many. (minimum: 1, maximum: 5)"
    assert parts["due"] == {"type": "string", "format": "date"}
    assert parts["site"] == {"type": "string", "description": "(format: iri)"}
    assert parts["lines"]["description"] == "(minItems: 2)"
    assert "minItems" not in parts["lines"]
    assert found["$defs"]["line"]["additionalProperties"] is False
    assert parts["way"]["anyOf"][1]["additionalProperties"] is False
    assert (found["additionalProperties"], found["required"]) == (False, ["id", "count"])
    check_schema(found)


def test_an_answer_valid_by_the_closed_schema_breaks_only_what_was_told():
    answer = smallest(closed(ORDER))
    loose = {**ORDER, "properties": {**ORDER["properties"], "id": TEXT}}
    jsonschema.Draft202012Validator(loose).validate(answer)


@pytest.mark.parametrize(
    "schema, words",
    [
        ({"type": "object", "additionalProperties": TEXT}, "keys of any name"),
        ({"type": "object"}, "keys of any name"),
        ({"type": "object", "patternProperties": {"^a": TEXT}}, "keys of any name"),
        ({"type": "object", "properties": {"a": TEXT}, "required": ["b"]}, "without a schema"),
        ({"type": "object", "properties": {"a": True}}, "True"),
        ({"type": "object", "properties": {"a": {}}}, "without a type"),
        ({"type": "array"}, "one kind of item"),
        ({"type": "array", "prefixItems": [TEXT], "items": TEXT}, "one kind of item"),
        ({"enum": [{"a": 1}]}, "enum with lists or objects"),
        ({"const": [1]}, "const with lists or objects"),
        ({"allOf": [TEXT, {"maxLength": 3}]}, "allOf"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}, "contains itself"),
        (
            {
                "$ref": "#/$defs/tree",
                "$defs": {
                    "tree": {
                        "type": "object",
                        "properties": {"next": {"anyOf": [{"$ref": "#/$defs/tree"}]}},
                    }
                },
            },
            "contains itself",
        ),
        ({"$ref": "#/properties/a"}, "reference"),
        ({"$ref": "https://example.org/x.json"}, "reference"),
    ],
)
def test_what_cannot_be_said_is_named(schema, words):
    with pytest.raises(Inexpressible, match=words):
        closed(schema)


def test_shared_parts_are_looked_at_once():
    # 2^60 paths lead to the last definition
    shared = {
        f"d{i}": {
            "type": "object",
            "properties": {k: {"$ref": f"#/$defs/d{i + 1}"} for k in "ab"},
        }
        for i in range(60)
    }
    shared["d60"] = TEXT
    assert closed({"$ref": "#/$defs/d0", "$defs": shared})["$ref"] == "#/$defs/d0"


def test_a_tool_takes_any_object():
    anything = {"type": "object", "additionalProperties": TEXT}
    assert tool_input(anything) == anything
    for schema in (TEXT, {"type": "object", "oneOf": []}, {"anyOf": []}):
        with pytest.raises(Inexpressible):
            tool_input(schema)


@pytest.mark.parametrize(
    "part, strict",
    [
        (TEXT, True),
        ({"type": "integer", "minimum": 1}, True),
        ({"type": "array", "items": TEXT, "minItems": 1}, True),
        ({"type": "array", "items": TEXT, "uniqueItems": True}, False),
        ({"type": "string", "minLength": 1}, False),
        ({"oneOf": [TEXT]}, False),
        ({"allOf": [TEXT]}, False),
        ({"type": "object"}, False),
        (True, False),
    ],
)
def test_strict_mode_knows_few_keywords(part, strict):
    schema = {
        "type": "object",
        "properties": {"a": part},
        "required": ["a"],
        "additionalProperties": False,
    }
    assert is_strict(schema) is strict
    assert not is_strict(schema["properties"]["a"])
