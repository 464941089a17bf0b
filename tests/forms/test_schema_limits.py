"""What has no form is refused by keyword and place; what is too large is left to a sub-grammar."""

from __future__ import annotations

from time import process_time
from typing import Any

import pytest

from rung.core.errors import FormError
from rung.forms import Choice, Value, compile_form
from rung.forms.express import inexpressible
from rung.forms.normal import Unsatisfiable

PROBE = "probe"
A = {"properties": {"a": {"const": 1}}}


def compiled(field: Any, **root: Any) -> Any:
    """Return the node of one property."""
    schema = {"type": "object", "properties": {PROBE: field}, **root}
    return dict(compile_form(schema).root.parts)[PROBE]


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "boolean"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}, "required": ["a"]}
    return schema


@pytest.mark.parametrize(
    "field, keyword, path",
    [
        (False, "false", PROBE),
        ({"enum": []}, "enum", PROBE),
        ({"type": "string", "enum": [1]}, "enum", PROBE),
        ({"const": 1, "type": "string"}, "const", PROBE),
        ({"anyOf": [{"enum": ["a"]}, {"enum": ["b"]}], "const": "c"}, "const", PROBE),
        ({"type": "string", "minLength": 5, "maxLength": 4}, "minLength", PROBE),
        ({"type": "number", "minimum": 2, "maximum": 1}, "minimum", PROBE),
        ({"type": "integer", "minimum": 1.2, "maximum": 1.8}, "type", PROBE),
        ({"type": "integer", "minimum": 1, "maximum": 4, "multipleOf": 5}, "type", PROBE),
        ({"type": "array", "items": {"enum": []}, "minItems": 1}, "enum", f"{PROBE}[]"),
        ({"type": "array", "items": False, "minItems": 1}, "minItems", PROBE),
        ({"type": "array", "items": A, "minItems": 2, "maxItems": 1}, "minItems", PROBE),
        ({"properties": {"a": False}, "required": ["a"]}, "false", f"{PROBE}.a"),
        ({**A, "required": ["b"], "additionalProperties": False}, "required", PROBE),
        ({**A, "minProperties": 2, "additionalProperties": False}, "minProperties", PROBE),
        ({"anyOf": [False, {"enum": []}]}, "enum", PROBE),
    ],
)
def test_a_schema_without_any_value_is_refused_by_keyword_and_path(
    field: Any, keyword: str, path: str
) -> None:
    with pytest.raises(Unsatisfiable) as refused:
        compiled(field, required=[PROBE])
    assert (refused.value.keyword, refused.value.path) == (keyword, path)
    assert refused.value.message.startswith(f"{path}: '{keyword}'")
    assert compile_form({"properties": {PROBE: field}}).root.parts == ()  # it may be left out


@pytest.mark.parametrize("reference", ["https://example.org/schema", "#/$defs/nowhere", "#anchor"])
def test_a_reference_that_leads_nowhere_is_refused(reference: str) -> None:
    with pytest.raises(FormError, match="not a place in this schema") as refused:
        compiled({"$ref": reference})
    assert (refused.value.keyword, refused.value.path) == ("$ref", PROBE)
    assert repr(reference) in refused.value.message


@pytest.mark.parametrize(
    "schema, message",
    [
        ({"type": "object", "properties": {"a": {"type": "strnig"}}}, "$.properties.a.type"),
        ({"type": "object", "properties": {"a": {"minLength": -1}}}, "$.properties.a.minLength"),
        ({"type": "object", "properties": {"a": {"enum": "abc"}}}, "$.properties.a.enum"),
        ({"type": "object", "properties": {"a": {"const": float("nan")}}}, "not JSON"),
        ({"type": "object", "properties": {"a": {"const": "\ud800"}}}, "not JSON"),
        ({"type": "object", "properties": {"a": {"enum": {1, 2}}}}, "not JSON"),
        ({"$schema": "http://json-schema.org/draft-03/schema#", "properties": {}}, "'$schema'"),
        (False, "'false'"),
        ("{}", "not str"),
        (int, "not a pydantic model"),
    ],
)
def test_what_is_no_schema_is_refused(schema: Any, message: str) -> None:
    with pytest.raises(FormError) as refused:
        compile_form(schema)
    assert message in refused.value.message


@pytest.mark.parametrize(
    "schema, path, keyword",
    [
        ({"properties": {"a": {"type": "strnig"}}}, "a", "type"),
        ({"items": {"minLength": -1}}, "[]", "minLength"),
        ({"const": float("nan")}, "$", "$schema"),
        (nested(60), "$", "$schema"),
        ({"$schema": "http://json-schema.org/draft-03/schema#"}, "$", "$schema"),
        (False, "$", "false"),
    ],
)
def test_a_refusal_names_a_place_in_the_value_and_a_keyword(
    schema: Any, path: str, keyword: str
) -> None:
    with pytest.raises(FormError) as refused:
        compile_form(schema)
    assert (refused.value.path, refused.value.keyword) == (path, keyword)


@pytest.mark.parametrize(
    "field, keyword",
    [
        ({"type": "object"}, "type"),
        ({"properties": {"b": {"const": 1}}}, "required"),
        ({"type": "array", "items": {"properties": {"b": {}}}}, "items"),
        ({"anyOf": [{"type": "string"}, {"enum": [1, 2]}]}, "anyOf"),
    ],
)
def test_what_does_not_fit_on_a_line_is_named(field: Any, keyword: str) -> None:
    schema = {"type": "object", "properties": {"a": field}, "required": ["a"]}
    with pytest.raises(FormError, match="does not fit on one line") as refused:
        compile_form(schema, style="lines")
    assert (refused.value.path, refused.value.keyword) == ("a", keyword)


def test_sixteen_objects_below_the_root_are_written_out_and_the_rest_is_a_sub_grammar() -> None:
    for levels, kind in ((16, Choice), (17, Value), (40, Value)):
        (slot,) = compile_form(nested(levels)).slots()
        assert isinstance(slot, kind)
        assert slot.path == ".".join("a" * min(levels, 17))
    with pytest.raises(FormError, match="nested deeper than 100 levels"):
        compile_form(nested(60))


def test_a_bomb_of_shared_references_stays_small_and_is_compiled_quickly() -> None:
    levels = {
        f"d{i}": {"properties": {k: {"$ref": f"#/$defs/d{i + 1}"} for k in "abcd"}}
        for i in range(15)
    }
    last = {"d15": {"properties": {"x": {"const": 1}}}}
    start = process_time()
    form = compile_form({"$ref": "#/$defs/d0", "$defs": {**levels, **last}})
    assert process_time() - start < 2.0
    assert len(list(form.slots())) < 2000
    assert len({slot.path for slot in form.slots()}) == len(list(form.slots()))


def test_a_list_that_may_be_endless_in_practice_has_a_form() -> None:
    """Generated schemas say `maxItems: 9223372036854775807`, which no expression can count to."""
    node = compiled({"type": "array", "items": {"type": "integer"}, "maxItems": 2**63 - 1})
    assert inexpressible(node, [1, 2, 3]) == ""
    assert node.max_items == 8
    node = compiled({"type": "array", "items": {"type": "integer"}, "minItems": 2**63 - 1})
    assert node.kind == "json"
