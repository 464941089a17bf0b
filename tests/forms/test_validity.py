from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rung.forms.validity import (
    MAX_JSON_DEPTH,
    MAX_VIOLATIONS,
    Violation,
    json_depth,
    malformed,
    violations,
)

DRAFT_4 = "http://json-schema.org/draft-04/schema#"
DRAFTS = {
    "draft7": "http://json-schema.org/draft-07/schema#",
    "draft2020-12": "https://json-schema.org/draft/2020-12/schema",
}


def valid(value: Any, schema: Any) -> bool:
    return not violations(value, schema)


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "schema, where",
    [
        (5, "$"), (None, "$"), ([], "$"), ("{}", "$"), ({"type": "strnig"}, "type"),
        ({"properties": {"a": 5}}, "properties/a"), ({"multipleOf": 0}, "multipleOf"),
        ({"$schema": 5}, "$schema"),
        ({"$schema": DRAFT_4, "exclusiveMinimum": 5}, "exclusiveMinimum"),
        ({"const": math.nan}, "not JSON"), ({"const": {1, 2}}, "not JSON"),
    ],
)  # fmt: skip
def test_what_is_no_schema_makes_nothing_valid(schema: Any, where: str) -> None:
    for value in ({}, 5, None):
        (found,) = violations(value, schema)
        assert found.keyword == "$schema" and where in found.message


def test_a_malformed_schema_is_named() -> None:
    assert malformed({"properties": {"a": {"type": "strnig"}}}) == Violation(
        ("properties", "a", "type"), "anyOf", "'strnig' is not valid under any of the given schemas"
    )
    assert malformed({"enum": [1, 1], "required": ["a", "a"]}) is None
    assert malformed({"pattern": "(", "$ref": "a b"}) is None
    assert malformed(True) is None


def test_a_reference_into_what_is_no_schema_is_a_violation() -> None:
    schema = {"properties": {"type": {"type": "null"}}, "$ref": "#/properties"}
    assert violations({}, schema)[0].keyword == "$ref"


@pytest.mark.parametrize(
    "value, path",
    [
        (math.nan, ()), ([1, math.inf], (1,)), ({"a": ["\ud800"]}, ("a", 0)),
        ({"a": {"\udc00": 1}}, ("a",)),
        ({1: 2}, ()), ([{None: 1}], (0,)), ((1, 2), ()), ({"a": {1, 2}}, ("a",)), (b"a", ()),
        (nested(MAX_JSON_DEPTH + 1), ()),
    ],
)  # fmt: skip
def test_what_json_cannot_carry_is_invalid(value: Any, path: tuple[Any, ...]) -> None:
    for schema in (True, {"not": False}):
        (found,) = violations(value, schema)
        assert (found.path, found.keyword) == (path, "json")


def test_integers_may_be_big_but_not_beyond_what_python_writes() -> None:
    assert valid(10**4000, {"type": "integer", "multipleOf": 10})
    assert not valid(10**5000, True)


def test_depth() -> None:
    assert [json_depth(value) for value in (1, [], [1], {"a": [{}]})] == [0, 0, 1, 2]
    assert valid(nested(MAX_JSON_DEPTH), True)
    endless: list[Any] = []
    endless.append(endless)
    assert not valid(endless, True)


SHOP = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 2},
        "items": {
            "type": "array",
            "items": {
                "oneOf": [
                    {"properties": {"kind": {"const": "book"}, "pages": {"type": "integer"}}},
                    {"properties": {"kind": {"const": "film"}, "minutes": {"type": "integer"}}},
                ],
                "required": ["kind"],
            },
        },
        "note": {"anyOf": [{"type": "string", "maxLength": 3}, {"type": "null"}]},
        "place": {"anyOf": [{"required": ["street"]}, {"required": ["box"]}], "type": "object"},
    },
    "required": ["name"],
    "additionalProperties": False,
    "propertyNames": {"maxLength": 5},
}


@pytest.mark.parametrize(
    "value, expected",
    [
        ({"name": "ab"}, []),
        ([], [((), "type")]),
        ({}, [((), "required")]),
        ({"name": "a"}, [(("name",), "minLength")]),
        ({"name": "ab", "x": 1}, [((), "additionalProperties")]),
        ({"name": "ab", "longer": 1}, [((), "additionalProperties"), ((), "propertyNames")]),
        # of a union the arm that comes closest: the one of the same kind
        ({"name": "ab", "note": "long"}, [(("note",), "maxLength")]),
        (
            {"name": "ab", "items": [{"kind": "film", "minutes": "x"}]},
            [(("items", 0, "minutes"), "type")],
        ),
        # no arm stands out: the union itself
        ({"name": "ab", "note": 5}, [(("note",), "anyOf")]),
        ({"name": "ab", "place": {}}, [(("place",), "anyOf")]),
        # what stands higher comes first
        ({"items": [{}], "note": "long"}, [((), "required"), (("note",), "maxLength")]),
    ],
)  # fmt: skip
def test_violations_say_where_and_which(value: Any, expected: list[Any]) -> None:
    found = [(each.path, each.keyword) for each in violations(value, SHOP)]
    assert found[: len(expected)] == expected
    assert bool(found) == bool(expected)


def test_a_nested_union_of_another_kind_is_not_the_closest() -> None:
    schema = {
        "anyOf": [
            {"anyOf": [{"type": "string"}, {"type": "null"}]},
            {"type": "object", "properties": {"a": {"type": "integer"}}},
        ]
    }
    assert [v.path for v in violations({"a": "x"}, schema)] == [("a",)]
    assert [v.keyword for v in violations(5, schema)] == ["anyOf"]


def test_violations_are_bounded_and_brief() -> None:
    found = violations(["x" * 1000] * 1000, {"items": {"type": "integer"}})
    assert len(found) == MAX_VIOLATIONS
    assert [each.path for each in found[:2]] == [(0,), (1,)]
    assert len(found[0].message) < 120
    assert found[0].message.endswith("is not of type 'integer'")
    assert violations(5, False) == [Violation((), "false", "False schema does not allow 5")]


def test_equal_violations_are_told_once() -> None:
    assert len(violations(5, {"allOf": [{"type": "null"}, {"type": "null"}]})) == 1


def test_nothing_is_cached_past_a_change_of_the_schema() -> None:
    schema: dict[str, Any] = {"type": "null"}
    assert not valid(5, schema)
    schema["type"] = "integer"
    assert valid(5, schema)


SUITE = Path(
    os.environ.get("RUNG_SCHEMA_SUITE")
    or Path(__file__).parents[3] / "shared" / "data" / "json-schema-test-suite"
)
STRICTER = {
    ("draft2020-12", "format.json"): "format",  # asserted here, an annotation by default there
    ("draft2020-12", "vocabulary.json"): "minimum",  # a metaschema that has to be fetched
}
"""Where values are refused that the suite accepts: the keyword that refuses them."""


def suite_cases(draft: str) -> Iterator[tuple[str, Any, Any, bool]]:
    for path in sorted((SUITE / "tests" / draft).rglob("*.json")):
        for group in json.loads(path.read_text("utf-8")):
            schema = group["schema"]
            if isinstance(schema, dict):
                schema = {"$schema": DRAFTS[draft], **schema}
            for test in group["tests"]:
                yield path.name, schema, test["data"], test["valid"]


@pytest.mark.parametrize("draft", DRAFTS)
def test_the_official_suite(draft: str) -> None:
    if not (SUITE / "tests" / draft).is_dir():
        pytest.skip(
            f"no suite in {SUITE}: git clone "
            "https://github.com/json-schema-org/JSON-Schema-Test-Suite and set RUNG_SCHEMA_SUITE"
        )
    num_cases, accepted, refused = 0, [], []
    for name, schema, value, expected in suite_cases(draft):
        num_cases += 1
        found = violations(value, schema)
        if not found and not expected:
            accepted.append((name, schema, value))
        if found and expected and not _is_known(draft, name, schema, found[0]):
            refused.append((name, schema, value, found))
    assert num_cases > 1000
    assert accepted == []
    assert refused == []


def _is_known(draft: str, name: str, schema: Any, found: Violation) -> bool:
    remote = "leads nowhere" in found.message and "http://localhost:1234" in json.dumps(schema)
    return remote or STRICTER.get((draft, name)) == found.keyword
