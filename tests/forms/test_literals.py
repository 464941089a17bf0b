"""Expressions of numbers, dates and text: they say exactly what the schema says."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rung.forms import Value, compile_form, violation
from rung.forms.literals import quote


def slot_of(field: dict[str, Any]) -> tuple[Value, Any]:
    form = compile_form({"type": "object", "properties": {"x": field}, "required": ["x"]})
    (slot,) = form.slots()
    assert isinstance(slot, Value)
    return slot, lambda value: not violation({"x": value}, form)


BOUND = st.integers(-(10**6), 10**6) | st.integers(-(10**19), 10**19)


@settings(max_examples=60)
@given(low=BOUND, size=st.integers(30, 10**7), data=st.data())
def test_integers_match_exactly_inside_their_bounds(low: int, size: int, data: Any) -> None:
    high = low + size
    slot, _ = slot_of({"type": "integer", "minimum": low, "maximum": high})
    inside = data.draw(st.integers(low, high) | st.sampled_from([low, high]))
    assert re.fullmatch(slot.regex, str(inside))
    outside = data.draw(
        st.integers(high + 1, high + 10**6)
        | st.integers(low - 10**6, low - 1)
        | st.sampled_from([low - 1, high + 1])
    )
    assert not re.fullmatch(slot.regex, str(outside))


@pytest.mark.parametrize(
    "field, yes, no",
    [
        (
            {"type": "integer"},
            ["0", "-7", "9" * 18],
            ["00", "-0", "1.0", "+1", "1e3", "1" + "0" * 18],
        ),
        ({"type": "integer", "minimum": 10**15}, [str(10**15)], [str(10**15 - 1), "5"]),
        ({"type": "integer", "maximum": -5}, ["-5", "-123456"], ["-4", "0", "5"]),
        ({"type": "integer", "exclusiveMinimum": 0, "maximum": 99}, ["1", "99"], ["0", "100"]),
        (
            {"type": "number"},
            ["0", "-0.5", "3.141592653589793"],
            [".5", "1.", "01", f"0.{'1' * 16}"],
        ),
        (
            {"type": "number", "minimum": 0, "maximum": 1},
            ["0", "0.25", "1", "1.00"],
            ["1.1", "-0.1", "2"],
        ),
        ({"type": "number", "maximum": -2}, ["-2", "-2.5", "-31"], ["-1.9", "2", "0"]),
        ({"type": "number", "minimum": -1.5, "maximum": 1.5}, ["-1.5", "1.5", "0.1"], ["2", "-2"]),
        ({"type": "number", "multipleOf": 0.01}, ["1.25", "3"], ["1.255"]),
        ({"type": "number", "multipleOf": 1}, ["10"], ["10.5"]),
        ({"type": "number", "minimum": 1e300}, ["1" + "0" * 300], ["1.5", "12"]),
        (
            {"type": "string", "format": "date"},
            ['"2024-02-29"', '"2000-02-29"', '"2026-12-31"'],
            ['"2026-02-29"', '"1900-02-29"', '"2026-04-31"', '"26-1-1"'],
        ),
        (
            {"type": "string", "format": "date-time"},
            ['"2026-03-05T12:00:00Z"', '"2026-03-05T12:00:00.25+02:00"'],
            ['"2026-03-05"', '"2026-03-05T12:00:00"', '"2026-03-05T24:00:00Z"'],
        ),
        (
            {"type": "string", "format": "email"},
            ['"a.b@c-d.org"'],
            ['"a@b"', '"@c.org"', '"a b@c.org"'],
        ),
        ({"type": "string", "maxLength": 0}, ['""'], ['"a"']),
        # without a limit the expression has none; the pen ends the text at a word
        ({"type": "string"}, ['""', f'"{"a" * 9999}"'], ["a", '"""']),
        (
            {"type": "string", "minLength": 1, "maxLength": 2},
            ['"é"', r'"\n\""'],
            ['""', '"abc"', '"\n"', '"""'],
        ),
        ({"type": ["string", "null"], "maxLength": 1}, ["null", '"a"'], ["nul", '"null"']),
        (
            {"type": "array", "items": {"enum": ["a.b", None, 1.5]}, "minItems": 1, "maxItems": 2},
            ['["a.b"]', "[null, 1.5]"],
            ["[]", '["axb"]', "[1.5,null]", "[null, null, null]"],
        ),
        (
            {"type": "array", "items": {"type": ["integer", "null"]}},
            ["[]", "[1, null]"],
            ["[,]", "[1, ]"],
        ),
        ({"type": "array", "items": {"const": "é"}, "maxItems": 1}, ["[]", '["é"]'], ['["e"]']),
        ({"type": "array", "items": {"const": 1}}, ["[]", f"[{'1, ' * 50}1]"], ["[1,1]"]),
    ],
)
def test_expressions_of_literals(field: dict[str, Any], yes: list[str], no: list[str]) -> None:
    slot, _ = slot_of(field)
    assert [text for text in yes if not re.fullmatch(slot.regex, text)] == []
    assert [text for text in no if re.fullmatch(slot.regex, text)] == []


ALPHABET = st.characters(max_codepoint=0x17F)
FIELDS = [
    {"type": "integer", "minimum": -120, "maximum": 99999},
    {"type": "number", "minimum": 0, "maximum": 100},
    {"type": "number", "maximum": 7},
    {"type": "string", "minLength": 2, "maxLength": 5},
    {"type": "string", "pattern": "^[a-z]{1,5}@[!-.]{3}$"},
    {"type": ["string", "null"], "pattern": r"^(\d{3}|[a-f]+)\w?$", "maxLength": 60},
    {"type": "string", "format": "uuid"},
    {"type": "string", "format": "date-time"},
    {"type": "array", "items": {"type": "string", "maxLength": 3}, "minItems": 2, "maxItems": 4},
]


@pytest.mark.parametrize("field", FIELDS, ids=json.dumps)
def test_what_an_expression_lets_through_is_valid(field: dict[str, Any]) -> None:
    slot, allows = slot_of(field)

    @settings(max_examples=40)
    @given(st.from_regex(slot.regex, fullmatch=True, alphabet=ALPHABET))
    def check(text: str) -> None:
        value = json.loads(text)
        assume(not isinstance(value, str) or len(value) <= field.get("maxLength", 400))
        assert allows(value), text

    check()


@given(st.text())
def test_quote_matches_itself_only(text: str) -> None:
    assert re.fullmatch(quote(text), text)
    assert not re.fullmatch(quote(text), text + "x")


@pytest.mark.parametrize("field", FIELDS, ids=json.dumps)
def test_llguidance_reads_the_expressions(field: dict[str, Any]) -> None:
    llguidance = pytest.importorskip("llguidance")
    slot, _ = slot_of(field)
    grammar = llguidance.LLMatcher.grammar_from_regex(f" {slot.regex}" + quote("}"))
    assert llguidance.LLMatcher.validate_grammar(grammar) == ""
