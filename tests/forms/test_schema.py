"""JSON Schema and pydantic models to forms: what becomes what, what is checked, what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rung.forms import Choice, Const, Object, Value, compile_form
from rung.forms.express import inexpressible
from rung.forms.form import Repeat, Union

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
        ({"enum": [{"a": 1}, [2], {"a": 2}]}, [{"a": 1}, [2], {"a": 2}]),
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
        (
            {"type": "array", "items": {"type": "string"}, "minItems": 99},
            "list",
            "at most 99: text",
        ),
        ({"type": "array", "items": {"const": "a"}, "maxItems": 2}, "list", 'at most 2: "a"'),
        ({"allOf": [{"type": "string"}, {"minLength": 1}]}, "text", "text, at most 400"),
    ],
)
def test_open_values_become_slots_with_a_hint(field: Any, kind: str, hint: str) -> None:
    node = compiled(field)
    assert isinstance(node, Value)
    assert (node.kind, node.schema) == (kind, field)
    assert hint in node.hint


SELF = {"a": {"type": "array", "items": {"$ref": "#/$defs/a"}}}
TREE = {"t": {"type": "object", "properties": {"l": {"$ref": "#/$defs/t"}}}}
DEFS = {
    **SELF,
    **TREE,
    "loop": {"$ref": "#/$defs/loop"},
    "short": {"type": "string", "maxLength": 3},
}
A = {"properties": {"a": {"const": 1}}}


def shape(node: Any) -> Any:
    """Return a node as nested plain values: objects as dicts, `?` behind optional names."""
    if isinstance(node, Const):
        return node.value
    if isinstance(node, Choice):
        return node.values
    if isinstance(node, Object):
        return {f"{n}{'?' * (n in node.optional)}": shape(part) for n, part in node.parts}
    if isinstance(node, Repeat):
        return ["repeat", shape(node.item)]
    if isinstance(node, Union):
        return ["one of", *map(shape, node.arms)]
    return node.kind


@pytest.mark.parametrize(
    "field, expected",
    [
        ({"type": "array", "items": {"type": "array", "items": {}}}, ["repeat", "json"]),
        ({"type": "array", "items": A}, ["repeat", {"a?": 1}]),
        ({"type": "array", "items": A, "minItems": 99}, ["repeat", {"a?": 1}]),
        ({"type": ["array", "null"], "items": A}, ["one of", None, ["repeat", {"a?": 1}]]),
        ({"type": ["object", "null"], **A}, ["one of", None, {"a?": 1}]),
        ({"anyOf": [A, {"type": "null"}]}, ["one of", None, {"a?": 1}]),
        ({**A, "required": ["a", "b"]}, {"a": 1, "b": "json"}),
        ({**A, "minProperties": 1}, {"a?": 1}),
        ({"properties": {"a": {"oneOf": [{}, {}]}}}, {"a?": "json"}),
        ({"properties": {"a": False, "b": {"const": 2}}}, {"b?": 2}),
        ({"oneOf": [{"type": "string"}, {"enum": [1, 2]}]}, ["one of", "text", 1, 2]),
        ({"anyOf": [{"type": "string"}, {"type": "null"}, A]}, ["one of", "text", None, {"a?": 1}]),
        ({"anyOf": [{"type": "boolean"}, False]}, (True, False)),
        # a nested copy of itself is left to a sub-grammar, in whatever it is nested
        ({"$ref": "#/$defs/a"}, ["repeat", "json"]),
        ({"$ref": "#/$defs/t"}, {"l?": "json"}),
        # only null or only the empty list is left
        ({"type": ["object", "null"], "properties": {"a": False}, "required": ["a"]}, None),
        ({"type": ["string", "null"], "minLength": 2, "maxLength": 1}, None),
        ({"type": "array", "items": {"enum": []}}, []),
        ({"type": "array", "items": False}, []),
        ({"type": "array", "items": {"const": "a"}, "maxItems": 0}, []),
        ({"anyOf": [{"type": "array", "items": False}, {"type": "null"}]}, ["one of", None, []]),
    ],
)
def test_structure_becomes_structure(field: Any, expected: Any) -> None:
    assert shape(compiled(field, **{"$defs": DEFS})) == expected


@pytest.mark.parametrize(
    "field, path, given_up",
    [
        ({"enum": list(range(1001))}, PROBE, []),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, PROBE, []),
        ({"type": ["string", "integer"]}, PROBE, []),
        ({}, PROBE, []),
        (True, PROBE, []),
        ({"maxLength": 3}, PROBE, []),
        ({"type": "string", "minLength": 9999}, PROBE, []),
        ({"type": "string", "format": "ipv4"}, PROBE, []),
        ({"type": "string", "format": "date", "maxLength": 10}, PROBE, []),
        ({"type": "array"}, PROBE, []),
        ({"type": "array", "items": {}}, PROBE, []),
        ({"type": "array", "items": {"type": "object", "properties": {}}}, f"{PROBE}[]", []),
        ({"type": "array", "prefixItems": [{}], "items": {"type": "string"}}, PROBE, []),
        ({"type": "object"}, PROBE, []),
        ({"type": "object", "additionalProperties": {"type": "string"}}, PROBE, []),
        ({"properties": {"a": {}}, "patternProperties": {"b": {}}}, PROBE, []),
        ({"allOf": [A, {"properties": {"b": {}}, "additionalProperties": False}]}, PROBE, []),
        ({"$ref": "#/$defs/loop"}, PROBE, []),
        # what the grammar cannot hold either is checked when the form is filled
        ({"not": {"const": 1}}, PROBE, ["not"]),
        ({"allOf": [{"type": "null"}, {"type": "string"}]}, PROBE, ["allOf"]),
        ({"type": "string", "pattern": "(?=a)b"}, PROBE, ["pattern"]),
        ({"type": "string", "pattern": r"\b"}, PROBE, ["pattern"]),
        ({"type": "number", "multipleOf": 7}, PROBE, ["multipleOf"]),
    ],
)
def test_what_no_structure_holds_becomes_a_slot_with_a_sub_grammar(
    field: Any, path: str, given_up: list[str]
) -> None:
    form = compile_form({"properties": {PROBE: field}, "required": [PROBE], "$defs": DEFS})
    (slot,) = form.slots()
    assert isinstance(slot, Value)
    assert (slot.path, slot.kind, slot.regex) == (path, "json", "")
    assert [(note.path, note.keyword) for note in form.checked] == [(path, k) for k in given_up]
    assert "x-guidance" in json.loads(slot.json_schema)


@pytest.mark.parametrize(
    "field, kind, keywords",
    [
        ({"type": "string", "if": {}, "then": {}}, "text", ["if", "then"]),
        ({"type": "array", "items": {"type": "string"}, "contains": {}}, "list", ["contains"]),
        ({"type": "array", "items": {"const": 1}, "uniqueItems": True}, "list", ["uniqueItems"]),
        ({"type": "number", "multipleOf": 0.01}, "number", ["multipleOf"]),
        ({"type": "string", "not": {"const": "a"}}, "text", ["not"]),
    ],
)
def test_a_rule_no_expression_holds_is_checked_when_filled(
    field: Any, kind: str, keywords: list[str]
) -> None:
    form = compile_form({"properties": {PROBE: field}, "required": [PROBE]})
    (slot,) = form.slots()
    assert isinstance(slot, Value)
    assert slot.kind == kind
    assert [(note.path, note.keyword) for note in form.checked] == [(PROBE, k) for k in keywords]


def test_an_alternative_in_oneof_is_checked_to_be_the_only_one() -> None:
    form = compile_form({"oneOf": [{"type": "string"}, {"properties": {"a": {"const": 1}}}]})
    assert [(note.path, note.keyword) for note in form.checked] == [("$", "oneOf")]
    assert compile_form({"anyOf": form.schema["oneOf"]}).checked == ()


def test_the_tighter_of_two_limits_counts() -> None:
    slot = compiled({"$ref": "#/$defs/short", "maxLength": 9}, **{"$defs": DEFS})
    assert slot.max_chars == 3


@pytest.mark.parametrize(
    "schema, expected",
    [
        ({"type": "string"}, "text"),
        ({"enum": ["a", 1]}, ("a", 1)),
        ({"const": {"a": 1}, "type": "object"}, {"a": 1}),
        ({"type": "array", "items": {"type": "integer"}}, "list"),
        ({"type": ["object", "null"], **A}, ["one of", None, {"a?": 1}]),
        ({"type": "object", "properties": {}, "additionalProperties": False}, {}),
        ({"type": "object"}, "json"),
        ({}, "json"),
        (True, "json"),
    ],
)
def test_the_root_may_be_any_value(schema: Any, expected: Any) -> None:
    form = compile_form(schema)
    assert shape(form.root) == expected
    assert form.root.path == ""
    assert form.fields == ()


def test_the_fields_are_those_of_an_object_root() -> None:
    form = compile_form({"properties": {"a": {"const": 1}, "b": {"type": "boolean"}}})
    assert [name for name, _ in form.fields] == ["a", "b"]


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


def test_properties_that_are_not_required_are_optional() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "boolean"}, "b": {"type": "boolean"}},
        "required": ["b"],
        "additionalProperties": False,
    }
    form = compile_form(schema)
    assert [name for name, _ in form.fields] == ["a", "b"]
    assert form.root.optional == {"a"}
    assert form.narrowed == ()
    del schema["additionalProperties"]
    assert [n.keyword for n in compile_form(schema).narrowed] == ["additionalProperties"]


def test_a_schema_of_any_type_that_is_read_as_an_object_is_noted() -> None:
    schema = {"properties": {"a": {"type": "boolean"}}, "additionalProperties": False}
    outer = {"type": "object", "properties": {"x": schema}, "additionalProperties": False}
    for form, path in ((compile_form(schema), "$"), (compile_form(outer), "x")):
        assert [(note.path, note.keyword) for note in form.narrowed] == [(path, "type")]
    assert compile_form({"type": ["object", "null"], **schema}).narrowed == ()


def test_the_order_may_be_given() -> None:
    schema = {"properties": {name: {"const": 1} for name in "abc"}}
    form = compile_form({**schema, "x-rung": {"order": ["c", "nowhere", "a"]}})
    assert [name for name, _ in form.fields] == ["c", "a", "b"]


def test_a_choice_may_offer_to_abstain() -> None:
    field = {"enum": ["a", "b"], "x-rung": {"abstain": True}}
    assert compiled(field).options == ("a", "b", "unknown")
    assert compiled(field).values == ("a", "b")
    assert compiled(field | {"enum": ["unknown", "b"]}).options == ("unknown", "b")
    assert compiled(field | {"x-rung": {}}).options == ("a", "b")


def test_text_may_be_bound_to_the_input() -> None:
    assert compiled({"type": "string", "x-rung": {"extractive": True}}).extractive
    assert not compiled({"type": "string"}).extractive


def test_the_hash_follows_the_schema_and_the_order_of_its_names() -> None:
    one = {"type": "object", "properties": {"a": {"const": 1}, "b": {"const": 2}}}
    other = {"type": "object", "properties": {"b": {"const": 2}, "a": {"const": 1}}}
    assert compile_form(one).hash == compile_form(dict(one)).hash != compile_form(other).hash


@pytest.mark.parametrize("step", [10, 100, 100.0])
def test_a_form_writes_only_multiples_of_a_power_of_ten(step: float) -> None:
    root = compiled({"type": "integer", "multipleOf": step, "minimum": 0, "maximum": 10**6})
    assert inexpressible(root, 1200) == ""
    assert inexpressible(root, 1234) != ""
