from __future__ import annotations

from typing import Any

import pytest

from rung.forms import dialects
from rung.forms.validity import draft_of, validator_of, violations

DRAFT_4, DRAFT_6, DRAFT_7 = (f"http://json-schema.org/draft-0{n}/schema#" for n in (4, 6, 7))
HTTPS_7 = "https://json-schema.org/draft-07/schema"
DRAFT_2019 = "https://json-schema.org/draft/2019-09/schema"
DRAFT_2020 = "https://json-schema.org/draft/2020-12/schema"
OLD = {"$schema": DRAFT_7}
ENCODED = {"contentEncoding": "base64", "contentMediaType": "application/json"}


def valid(value: Any, schema: Any) -> bool:
    return not violations(value, schema)


@pytest.mark.parametrize(
    "value, schema, expected",
    [
        (1.0, {"type": "integer"}, True),
        (1e20, {"type": "integer"}, True),
        (1.0, {"type": "integer", "$schema": DRAFT_4}, False),  # only later drafts go by the value
        (True, {"type": ["integer", "number"]}, False),
        (True, {"const": 1}, False),
        (1.0, {"const": 1}, True),
        ([False], {"enum": [[0]]}, False),
        (0, {"minimum": False}, False),  # not a schema
        (2**70 + 1, {"maximum": 2**70}, False),
        (2**53 + 1, {"exclusiveMinimum": float(2**53)}, True),
        (0.3, {"multipleOf": 0.1}, True),  # as written, not as stored
        (0.35, {"multipleOf": 0.1}, False),
        (2**53 + 1, {"multipleOf": 2.0}, False),
        (1e308, {"multipleOf": 0.5}, True),
        (1e308, {"multipleOf": 0.7}, False),
        ([[1], [True], [1.0]], {"uniqueItems": True}, False),
        ([1, True, "1", [1], {"a": 1}], {"uniqueItems": True}, True),
        ([{"a": 1, "b": 2}, {"b": 2, "a": 1.0}], {"uniqueItems": True}, False),
        ("😀", {"maxLength": 1}, True),
        ([1], {**OLD, "items": True, "additionalItems": False}, True),
        ([1], {**OLD, "additionalItems": False}, True),
        ([1, 2], {**OLD, "items": [{}], "additionalItems": False}, False),
        ([1, "a"], {**OLD, "items": [{}], "additionalItems": {"type": "null"}}, False),
        ({"a": 1}, {"dependencies": {"a": ["b"]}}, False),
        ({"a": 1}, {"dependencies": {"a": {"minProperties": 2}}}, False),
        ({"b": 1}, {"dependencies": {"a": ["b"]}}, True),
        ("{", {**OLD, "contentMediaType": "application/json"}, False),
        ("NaN", {**OLD, "contentMediaType": "application/json"}, False),
        ("e30=", {**OLD, **ENCODED}, True),
        ("ewo=", {**OLD, **ENCODED}, False),
        ("%", {**OLD, "contentEncoding": "base64"}, False),
        ("%", {"contentEncoding": "base64"}, True),  # an annotation since 2019-09
        (5, {**OLD, "definitions": {"x": {}}, "$ref": "#/definitions/x", "type": "null"}, True),
        (5, {"$defs": {"x": {}}, "$ref": "#/$defs/x", "type": "null"}, False),
        (5, {"$schema": HTTPS_7, "$ref": "#/x", "x": {}, "type": "null"}, True),
        (5, {"$schema": "https://example.org/own", "prefixItems": [False]}, True),
        ([5], {"$schema": "https://example.org/own", "prefixItems": [False]}, False),
    ],
)  # fmt: skip
def test_subtle_cases(value: Any, schema: Any, expected: bool) -> None:
    assert valid(value, schema) is expected


@pytest.mark.parametrize(
    "value, schema, expected",
    [
        ({"a": 1, "b": 2}, {"allOf": [{"properties": {"a": {}}}]}, False),
        ({"a": 1}, {"allOf": [{"properties": {"a": {}}}]}, True),
        ({"a": 1}, {"anyOf": [{"properties": {"a": {"type": "null"}}}, {}]}, False),
        ({"a": 1}, {"not": {"not": {"properties": {"a": {}}}}}, False),
        ({"a": 1}, {"$ref": "#/$defs/x"}, True),
        ({"a": 1}, {"if": {"properties": {"a": {}}}, "else": False}, True),
        ({"a": 1}, {"if": {"required": ["a"]}, "then": {"properties": {"a": {}}}}, True),
        ({"a": 1}, {"dependentSchemas": {"a": {"additionalProperties": True}}}, True),
        ({"a": 1}, {"allOf": [{"unevaluatedProperties": True}]}, True),
        ({"a": 1}, {"properties": {"b": {"properties": {"a": {}}}}}, False),
        ([1, 2], {"allOf": [{"prefixItems": [{}]}]}, False),
        ([1, 2], {"allOf": [{"items": {}}]}, True),
        ([1, "a"], {"contains": {"type": "string"}, "prefixItems": [{}]}, True),
        ([1, "a"], {"contains": {"type": "string"}}, False),
        ([{"b": 1}], {"anyOf": [{"contains": {}, "prefixItems": [{}, {}], "items": {}}]}, True),
        ([1], {"$schema": DRAFT_2019, "contains": {}}, False),  # has no say in 2019-09
        ([1], {"$schema": DRAFT_2019, "prefixItems": [{}]}, False),  # unknown there
        ([1, 2], {"$schema": DRAFT_2019, "items": [{}]}, False),
        ([1, 2], {"$schema": DRAFT_2019, "items": [{}], "additionalItems": True}, True),
        ({"a": 1}, {"$schema": DRAFT_2019, "allOf": [{"additionalProperties": {}}]}, True),
    ],
)  # fmt: skip
def test_what_is_evaluated(value: Any, schema: Any, expected: bool) -> None:
    keyword = "unevaluatedItems" if isinstance(value, list) else "unevaluatedProperties"
    full = {**schema, keyword: False, "$defs": {"x": {"properties": {"a": {}}}}}
    assert valid(value, full) is expected


def test_a_subschema_is_judged_by_its_own_draft_and_base() -> None:
    old = {**OLD, "prefixItems": [False], "items": {"pattern": "^\\d$"}}
    schema = {"$defs": {"old": {"$id": "http://a.example/o", **old}}, "$ref": "http://a.example/o"}
    assert valid(["1"], schema) and not valid(["٣"], schema)
    inner = {"$id": "http://a.example/in", "$ref": "#/$defs/n", "$defs": {"n": {"type": "null"}}}
    for outer in ({"not": {"not": inner}}, {"if": inner, "else": False}, {"contains": inner}):
        value: Any = [None] if "contains" in outer else None
        assert valid(value, outer) and not valid(["x"], outer)


def test_a_plain_reference_to_a_dynamic_anchor_stays_plain() -> None:
    inner = {"$id": "in", "$dynamicAnchor": "t", "type": "string", "$defs": {"r": {"%": "#t"}}}
    schema = {
        "$id": "http://a.example/out",
        "$dynamicAnchor": "t",
        "$ref": "in#/$defs/r",
        "$defs": {"in": inner},
    }
    for keyword, accepted in (("$ref", ["text"]), ("$dynamicRef", [])):
        inner["$defs"] = {"r": {keyword: "#t"}}
        assert [value for value in ("text", 5) if valid(value, schema)] == accepted


@pytest.mark.parametrize(
    "uri", [DRAFT_4, DRAFT_6, DRAFT_7, DRAFT_2019, DRAFT_2020, f"{DRAFT_2020[:-6]}meta/validation"]
)
def test_metaschemas_can_be_referred_to(uri: str) -> None:
    schema = {"$ref": uri}
    assert valid({"maxLength": 5}, schema)
    assert not valid({"maxLength": -5}, schema)


@pytest.mark.parametrize(
    "reference",
    [
        "#/$defs/none", "#none", "other.json", "http://a.example/x", "http://[", "#/%zz",
        "#/type/x", "#/examples/0", "#/examples/x", "urn:a:b",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "around",
    [
        lambda ref: ref,
        lambda ref: {"not": ref},  # what cannot be judged is not what fails
        lambda ref: {"oneOf": [True, ref]},
        lambda ref: {"if": ref, "then": True},
        lambda ref: {"properties": {"a": ref}},
        lambda ref: {"allOf": [ref], "unevaluatedProperties": False},
    ],
)
def test_a_reference_to_nowhere_is_a_violation(around: Any, reference: str) -> None:
    for keyword in ("$ref", "$dynamicRef"):
        schema = {"type": "object", "examples": [5], **around({keyword: reference})}
        (found,) = violations({"a": 1}, schema)
        assert found.keyword == keyword
        assert repr(reference) in found.message


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"not": {"$ref": "#"}},
        {"anyOf": [True, {"type": "null"}], "allOf": [{"$ref": "#"}]},
        {"$dynamicAnchor": "a", "$dynamicRef": "#a"},
        {"$schema": DRAFT_2019, "$recursiveRef": "#"},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
        {"unevaluatedProperties": False, "anyOf": [{"$ref": "#"}]},
    ],
)
def test_recursion_without_end_is_a_violation(schema: Any) -> None:
    assert "without end" in violations({"a": 1}, schema)[0].message


def test_deep_values_of_a_recursive_schema_are_judged() -> None:
    node = {"properties": {"a": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}, "type": "object"}
    value: Any = None
    for _ in range(60):
        value = {"a": value}
    assert valid(value, node)
    assert valid(
        value, {**node, "unevaluatedProperties": False, "allOf": [{"properties": {"a": {}}}]}
    )


def test_a_judgement_has_a_limit_of_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialects, "MAX_STEPS", 1000)
    twice = [{"anyOf": [{"$ref": f"#/$defs/{n + 1}"}] * 2} for n in range(40)]
    definitions = {str(n): arm for n, arm in enumerate(twice)} | {"40": {"type": "null"}}
    schema = {"not": {"$ref": "#/$defs/0"}, "$defs": definitions}
    (found,) = violations(5, schema)
    assert "1000 steps" in found.message


@pytest.mark.parametrize("uri", [DRAFT_4, DRAFT_6, DRAFT_7, DRAFT_2019, DRAFT_2020])
def test_a_validator_has_the_keywords_of_its_draft(uri: str) -> None:
    schema = {"$schema": uri, "properties": {"a": {"pattern": "^\\d$"}}}
    judge = validator_of(schema)
    assert judge.META_SCHEMA == draft_of(schema).META_SCHEMA
    assert judge.META_SCHEMA["$schema"] == uri
    assert judge.is_valid({"a": "5"}) and not judge.is_valid({"a": "٣"})
    assert not judge.evolve(schema={"pattern": "^\\d$"}).is_valid("٣")


def test_the_stock_classes_are_left_alone() -> None:
    stock = draft_of({})
    assert stock({"pattern": "^\\d$"}).is_valid("٣")
    assert type(validator_of({})) is not stock
