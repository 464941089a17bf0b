"""Schemas at random, sensible or not: a form or a clear refusal, then a valid answer or none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinds import JSON
from rung.core.errors import FormError
from rung.core.records import Message

pytest.importorskip("llguidance", reason="pip install 'rung[local]'")
from rung.engines.bytes import ByteEngine, random_speech
from rung.forms import Filling, compile_form, fill, violation

ASK = (Message(role="user", content="text"),)
NAME = st.sampled_from("abc")
NAMES = st.lists(NAME, max_size=2, unique=True)
SMALL = st.integers(0, 4)
REFERENCES = st.sampled_from(
    ["#", "#/", "#/$defs/a", "#/$defs/b", "#/properties/a", "#/$defs", "#/$defs/a/properties/0"]
    + ["#/allOf/x", "#/allOf/0", "#/title/x", "#/enum/0", "#/default/a", "#/examples/0", "#a"]
    + ["http://[bad", "x.json#/a", "%", "#/%zz", "urn:x", "https://json-schema.org/draft/2020-12/schema"]
)  # fmt: skip
TYPES = st.sampled_from(["string", "integer", "number", "object", "array", "null", "boolean"])


def keywords(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    some, named = st.lists(inner, min_size=1, max_size=3), st.dictionaries(NAME, inner, max_size=3)
    return st.fixed_dictionaries(
        {},
        optional={
            "type": TYPES | st.lists(TYPES, max_size=2, unique=True),
            "enum": st.lists(JSON, max_size=3),
            "const": JSON,
            "default": JSON,
            "examples": st.lists(inner, max_size=1),
            "title": st.just("t"),
            "x-rung": JSON,
            **{word: named for word in ("properties", "$defs", "dependentSchemas")},
            **{word: some for word in ("allOf", "anyOf", "oneOf", "prefixItems")},
            **{
                word: inner
                for word in ("not", "if", "then", "else", "contains", "propertyNames")
                + ("additionalProperties", "unevaluatedProperties", "unevaluatedItems")
            },
            **{
                word: SMALL | st.just(2.0)
                for word in ("minLength", "maxLength", "minItems", "maxItems", "minContains")
                + ("minProperties", "maxProperties")
            },
            "items": inner | some,
            "patternProperties": st.dictionaries(st.sampled_from(["a", "^b", "("]), inner),
            "required": NAMES,
            "dependentRequired": st.dictionaries(NAME, NAMES, max_size=2),
            "dependencies": st.dictionaries(NAME, inner | NAMES, max_size=1),
            "uniqueItems": st.booleans(),
            "pattern": st.sampled_from(["a", "^a+$", "(?=a)b", "(", r"\d{3}", r"\p{L}+"]),
            "format": st.sampled_from(["date", "email", "uri", "regex", "nonsense"]),
            "minimum": st.integers(-5, 5) | st.just(0.5),
            "maximum": st.integers(-5, 50),
            "exclusiveMinimum": st.integers(-5, 5) | st.booleans(),
            "multipleOf": st.sampled_from([1, 2, 0.01, 0.3, 1e-20, 1e20]),
            "$ref": REFERENCES,
            "$dynamicRef": REFERENCES,
            "$anchor": NAME,
            "$id": st.sampled_from(["x", "http://e/x", "#a"]),
        },
    )


@st.composite
def schemas(draw: Any) -> Any:
    schema = draw(st.recursive(st.booleans() | st.just({}), keywords, max_leaves=6))
    draft = draw(st.sampled_from(["", "", "draft-04/schema#", "draft-07/schema#"]))
    if draft and isinstance(schema, dict):
        return {**schema, "$schema": f"http://json-schema.org/{draft}"}
    return schema


@settings(max_examples=60)
@given(schema=schemas(), seed=st.integers(0, 9), style=st.sampled_from(["json", "indented"]))
def test_any_schema_is_a_form_or_refused_and_its_answers_are_valid(
    schema: Any, seed: int, style: Any
) -> None:
    try:
        form = compile_form(schema, style=style)
    except FormError as refused:
        assert refused.message
        return
    engine = ByteEngine(random_speech(seed))
    filled = fill(form, engine, ASK, Filling(max_tokens=30, parallel=seed % 2 == 0))
    assert engine.open_branches == []
    assert filled.status in ("ok", "repaired", "failed")
    if filled.status != "failed":
        assert violation(filled.output, form) == ""
