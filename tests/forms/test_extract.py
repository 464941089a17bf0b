"""Extractive texts stand in the input, wherever in an answer they are."""

from __future__ import annotations

from typing import Any

import pytest

from rung.forms import Value, compile_form
from rung.forms.extract import invented

COPIED = {"type": "string", "x-rung": {"extractive": True}}
TREE = {
    "type": "object",
    "properties": {
        "name": COPIED,
        "below": {"type": "array", "items": {"$ref": "#/$defs/tree"}},
    },
}


@pytest.mark.parametrize(
    "kind",
    [
        {"format": "uri"},
        {"format": "email", "maxLength": 80},
        {"pattern": "(?=a)b"},
        {"format": "ipv4", "type": ["string", "null"]},
    ],
)
def test_an_extractive_text_of_any_kind_must_stand_in_the_input(kind: Any) -> None:
    form = compile_form(
        {"$defs": {"t": {**COPIED, **kind}}, "properties": {"a": {"$ref": "#/$defs/t"}}}
    )
    value = form.root.parts[0][1]
    assert isinstance(value, Value) and value.extractive
    assert [found for _, found in invented(value, "http://b.example", "see http://a.example")]
    assert not list(invented(value, "http://a.example", "see http://a.example"))


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "object", "additionalProperties": COPIED}, {"any": "invented"}),
        ({"type": "object", "patternProperties": {"^a": COPIED}}, {"any": "invented"}),
        ({"anyOf": [COPIED, {"type": "array", "items": COPIED}]}, ["there", "invented"]),
        ({"type": "array", "prefixItems": [{"type": "string"}, COPIED]}, ["free", "invented"]),
        ({"$ref": "#/$defs/tree"}, {"name": "there", "below": [{"name": "invented"}]}),
    ],
)
def test_extractive_texts_inside_a_sub_grammar_must_stand_in_the_input(
    schema: Any, value: Any
) -> None:
    form = compile_form(
        {"type": "object", "properties": {"a": schema}, "$defs": {"tree": TREE}, "required": ["a"]}
    )
    assert {text for _, text in invented(form.root, {"a": value}, "it is there")} == {"invented"}
    assert not list(invented(form.root, {"a": value}, "it is there, it is invented"))


@pytest.mark.parametrize(("text", "is_free"), [("seven", True), ("seventeen", False)])
def test_a_text_that_another_alternative_leaves_free_may_be_invented(
    text: str, is_free: bool
) -> None:
    either = {"anyOf": [COPIED, {"type": "string", "maxLength": 5}]}
    free = {"type": "object", "additionalProperties": either}
    form = compile_form({"type": "object", "properties": {"a": free}, "required": ["a"]})
    assert bool(list(invented(form.root, {"a": {"n": text}}, "it is there"))) is not is_free
