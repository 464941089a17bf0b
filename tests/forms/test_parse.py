"""Free answers read back: wrapping and spelling are forgiven, meaning is not."""

from __future__ import annotations

import json
from time import process_time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.forms import compile_form, parse_answer, violation
from rung.forms.lenient import find_lines, find_objects, read_literal

FORM = compile_form(
    {
        "type": "object",
        "properties": {
            "category": {"enum": ["billing", "card_lost", "Other thing"]},
            "urgent": {"type": "boolean"},
            "amount": {"type": ["number", "null"]},
            "note": {"type": "string"},
            "tags": {"type": "array", "items": {"enum": ["new", "vip", 3]}},
            "version": {"const": "v1"},
            "who": {"type": "object", "properties": {"order_id": {"type": "string"}}},
        },
        "required": ["category", "version"],
    }
)
BILLING = {"category": "billing", "version": "v1"}


@pytest.mark.parametrize(
    "text, expected",
    [
        ('{"category": "billing"}', BILLING),
        ('Sure! Here it is:\n```json\n{"category": "billing"}\n```\nBye {x}', BILLING),
        ('{"category": "billing",}', BILLING),
        (
            "{'category': 'billing', 'urgent': True, 'amount': None}",
            BILLING | {"urgent": True, "amount": None},
        ),
        ("{category: billing, urgent: yes}", BILLING | {"urgent": True}),
        (
            '{"category": "billing", "note": "he said "no" twice"}',
            BILLING | {"note": 'he said "no" twice'},
        ),
        ("{'category': 'billing', 'note': 'it's fine'}", BILLING | {"note": "it's fine"}),
        ('{"category": "billing", "note": "two\nlines"}', BILLING | {"note": "two\nlines"}),
        ('{"category": "billing"\n "urgent": false}', BILLING | {"urgent": False}),
        # comments are no part of a value
        (
            '{\n  "category": "billing", // which?\n  "note": "it\'s on" # why\n}',
            BILLING | {"note": "it's on"},
        ),
        (
            '{/* a, b */ "category": "billing", "amount": 12 // euros\n, "note": "http://x#y",}',
            BILLING | {"amount": 12, "note": "http://x#y"},
        ),
        ('{"category": "billing", "note": "\\u00e9\\ud83d\\ude00\\q"', BILLING | {"note": "é😀q"}),
        # what was cut off is left out, not guessed
        ('{"category": "billing", "urg', BILLING),
        ('{"category": "billing", "urgent": tr', BILLING),
        ('{"category": "billing", "amount": 12', BILLING),
        ('{"category": "billing", "note": "I was ch', BILLING),
        ('{"category": "billing", "tags": ["new", "v', BILLING),
        (
            '{"category": "billing", "who": {"order_id": "A1"}',
            BILLING | {"who": {"order_id": "A1"}},
        ),
        # lists of lines
        ("Category: billing\nUrgent: no", BILLING | {"urgent": False}),
        ("- **Category:** Billing.\n* amount = $1,200.50", BILLING | {"amount": 1200.5}),
        ("category: billing\ntags: new, VIP", BILLING | {"tags": ["new", "vip"]}),
        ("category: billing\namount: none", BILLING | {"amount": None}),
        # spelling of names and labels
        ('{"CATEGORY": "Card Lost"}', BILLING | {"category": "card_lost"}),
        (
            '{"category": "other-thing", "who": {"orderId": 7}}',
            {"category": "Other thing", "version": "v1", "who": {"order_id": "7"}},
        ),
        # wrapped, several, thought about
        ('{"answer": {"category": "billing"}}', BILLING),
        ('[{"category": "billing"}]', BILLING),
        ('{"category": "nonsense"} or {"category": "billing"}', BILLING),
        ('{"category": "billing"} {"category": "card_lost"}', BILLING),
        ('<think>{"category": "card_lost"}?</think>\n{"category": "billing"}', BILLING),
        ('<think>{"category": "billing"}</think> that is it', BILLING),
        ('{"category": "billing", "note": "</think>{}"}', BILLING | {"note": "</think>{}"}),
        # values of another type
        ('{"category": "billing", "amount": "3 kg"}', BILLING | {"amount": 3}),
        ('{"category": "billing", "tags": "vip"}', BILLING | {"tags": ["vip"]}),
        ('{"category": "billing", "tags": ["3"]}', BILLING | {"tags": [3]}),
        ('{"category": "billing", "note": 5}', BILLING | {"note": "5"}),
    ],
)
def test_readable_answers(text: str, expected: dict[str, Any]) -> None:
    assert parse_answer(text, FORM) == expected
    assert violation(expected, FORM) == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The customer is angry.",
        "I think: nothing fits here",
        "{}",
        "[]",
        "null",
        '"category"',
        '{"foo": 1, "bar": {"baz": 2}}',
        "{{{{",
        "\x00\ufeff{",
    ],
)
def test_answers_with_nothing_in_them(text: str) -> None:
    assert parse_answer(text, FORM) is None


@pytest.mark.parametrize(
    "text, field, value",
    [
        ('{"category": "bill"}', "category", "bill"),
        ('{"category": 1}', "category", 1),
        ('{"category": ["billing"]}', "category", ["billing"]),
        ('{"category": "billing", "amount": "between 3 and 5"}', "amount", "between 3 and 5"),
        ('{"category": "billing", "amount": "3,5"}', "amount", "3,5"),
        ('{"category": "billing", "amount": "10%"}', "amount", "10%"),
        ('{"category": "billing", "amount": "$1.5M"}', "amount", "$1.5M"),
        ('{"category": "billing", "amount": "5 million"}', "amount", "5 million"),
        ('{"category": "billing", "amount": "007"}', "amount", "007"),
        ('{"category": "billing", "amount": true}', "amount", True),
        ('{"category": "billing", "urgent": 1}', "urgent", 1),
        ('{"category": "billing", "amount": NaN}', "amount", "NaN"),
        ('{"category": "billing", "amount": 1e999}', "amount", "1e999"),
        ('{"category": "billing", "version": "v2"}', "version", "v2"),
        ('{"category": "billing", "who": "me"}', "who", "me"),
    ],
)
def test_a_value_outside_the_schema_stays_outside(text: str, field: str, value: Any) -> None:
    read = parse_answer(text, FORM)
    assert read is not None
    assert (type(read[field]), read[field]) == (type(value), value)
    assert violation(read, FORM) != ""


def test_a_spelling_of_two_labels_fits_none() -> None:
    form = compile_form({"properties": {"x": {"enum": ["A b", "a_b", "yes", None]}}})
    assert parse_answer('{"x": "A-B"}', form) == {"x": "A-B"}
    assert parse_answer('{"x": "A b"}', form) == {"x": "A b"}
    assert parse_answer('{"x": "Yes"}', form) == {"x": "yes"}
    assert parse_answer('{"x": "none"}', form) == {"x": None}


def test_a_spelling_of_two_names_fits_none() -> None:
    leaf = {"type": "integer"}
    form = compile_form({"properties": {"a_b": leaf, "A b": leaf, "c": leaf}})
    assert parse_answer('{"a-b": 1, "c": 2}', form) == {"c": 2}
    assert parse_answer('{"a_b": 1, "A b": 2}', form) == {"a_b": 1, "A b": 2}


def test_constants_alone_are_no_reading() -> None:
    assert parse_answer("note this", FORM) is None
    assert parse_answer('{"version": "v1"}', FORM) == {"version": "v1"}


def test_a_constant_that_may_be_left_out_is_not_added() -> None:
    form = compile_form({"properties": {"a": {"type": "boolean"}, "b": {"const": 1}}})
    assert parse_answer('{"a": true}', form) == {"a": True}
    assert parse_answer('{"a": "yes", "B": 1}', form) == {"a": True, "b": 1}


ITEMS = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"sku": {"enum": ["A-1", "B-2"]}, "count": {"type": "integer"}},
        "required": ["sku", "count"],
    },
}
TEXTS = {"type": "array", "items": {"type": "string"}}
SHAPES = {
    "oneOf": [
        {"properties": {"kind": {"const": "card"}, "digits": {"type": "string"}}},
        {"properties": {"kind": {"const": "cash"}, "euros": {"type": "number"}}},
    ]
}
for _arm in SHAPES["oneOf"]:
    _arm |= {"type": "object", "required": list(_arm["properties"]), "additionalProperties": False}


@pytest.mark.parametrize(
    "schema, text, expected",
    [
        # arrays of objects: each item is brought to its slots' types
        (ITEMS, '[{"SKU": "a 1", "count": "2 pcs"}]', [{"sku": "A-1", "count": 2}]),
        (ITEMS, "[]", []),
        # alternatives: the arm that the fitted value satisfies
        (SHAPES, '{"kind": "cash", "euros": "€12.50"}', {"kind": "cash", "euros": 12.5}),
        (SHAPES, '{"kind": "card", "digits": 1234}', {"kind": "card", "digits": "1234"}),
        # a form that is no object: the text as JSON, or as words
        ({"enum": ["billing", "card lost"]}, '"billing"', "billing"),
        ({"enum": ["billing", "card lost"]}, " Card_lost\n", "card lost"),
        ({"enum": ["billing", "card lost"]}, '```json\n"billing"\n```', "billing"),
        ({"type": "string"}, "<think>Hm.</think>\nplain words", "plain words"),
        (ITEMS, '```json\n[{"sku": "A-1", "count": 2}]\n```', [{"sku": "A-1", "count": 2}]),
        (TEXTS, '```json\n["a", "b"]\n```', ["a", "b"]),
        (TEXTS, "Here they are: ['a', 'b',]", ["a", "b"]),
        ({"type": "boolean"}, "Yes", True),
        ({"type": "number"}, "12.5", 12.5),
        ({"type": "string"}, "plain words", "plain words"),
        ({"type": ["object", "null"], "properties": {"a": {"const": 1}}}, "null", None),
        # open maps and slots of any JSON are taken as they are
        ({"type": "object"}, '{"Any": ["thing"]}', {"Any": ["thing"]}),
        (
            {"properties": {"data": {}, "ok": {"type": "boolean"}}},
            'So: {"Data": {"Deep": null}, "ok": "no"}',
            {"data": {"Deep": None}, "ok": False},
        ),
    ],
)
def test_forms_of_any_shape_are_read(schema: Any, text: str, expected: Any) -> None:
    form = compile_form(schema)
    assert parse_answer(text, form) == expected
    assert violation(expected, form) == ""


def test_an_alternative_that_nothing_names_is_not_guessed() -> None:
    arms = [
        {"properties": {"kind": {"const": kind}, "x": {"type": "integer"}}, "type": "object"}
        | {"required": ["kind", "x"]}
        for kind in "ab"
    ]
    form = compile_form({"properties": {"e": {"oneOf": arms}}, "required": ["e"]})
    assert parse_answer('{"e": {"x": 1}}', form) == {"e": {"x": 1}}
    assert parse_answer('{"e": {"kind": "B", "x": "1"}}', form) == {"e": {"kind": "b", "x": 1}}


def test_the_last_line_of_a_cut_text_is_not_read() -> None:
    assert parse_answer("category: billing\namount: 12", FORM, cut=True) == BILLING
    assert parse_answer('{\n"category": "billing",\n"amount": 12', FORM, cut=True) == BILLING
    assert parse_answer("12", compile_form({"type": "integer"}), cut=True) is None


HOSTILE = {
    "braces": "{" * 64_000,
    "brackets": '{"a":' + "[" * 63_000,
    "objects": '{"a":' * 12_800,
    "lines of nothing": "{" + " " * 63_000,
    "quotes": '{"' + '" ' * 32_000,
    "escapes": '{"a": "' + "\\" * 63_000,
    "commas": "category: " + "," * 60_000 + "x",
    "spaces": "category: " + " " * 60_000 + "x",
    "spaces and commas": "a: x" + " ," * 30_000 + "y",
    "colons": ":" * 64_000,
    "short lines": "a: b\n" * 12_800,
    "bare words": "{a: b, " * 9_000,
    "comments": "{a: [" + "/*, " * 15_000,
    "closed objects": '{"a": 1} ' * 7_000,
    "half objects": "{'a': {'b': " * 5_000,
    "digits": '{"amount": ' + "9" * 60_000 + "}",
    "deep and closed": '{"tags": ' + "[" * 10_000 + "]" * 10_000 + "}",
    "backticks": "`" * 64_000,
    "stars": "*" * 64_000 + ":",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_texts_are_read_in_bounded_time(text: str) -> None:
    start = process_time()
    read = parse_answer(text, FORM)
    assert process_time() - start < 0.5  # what grows with the square takes many seconds
    json.dumps(read, allow_nan=False).encode()


@given(st.text() | st.text("{}[]:,'\"\\ \nabcategory1e-.", max_size=60))
def test_any_text_gives_json_or_nothing(text: str) -> None:
    read = parse_answer(text, FORM)
    if read is not None:
        json.dumps(read, ensure_ascii=False, allow_nan=False).encode()
        violation(read, FORM)


@given(
    st.dictionaries(
        st.text(),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=8,
        ),
        min_size=1,
    ),
    st.sampled_from([None, 1, 2]),
)
@settings(max_examples=30)
def test_correct_json_is_read_as_json(value: dict[str, Any], indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    assert list(find_objects(f"Answer: {text} Done.")) == [value]


def test_lines_keep_their_first_value() -> None:
    text = "| a: 1 |\n a = 2\n'b': \"x: y\",\n: c\nd:\n" + "k" * 200 + ": v"
    assert find_lines(text) == {"a": "1", "b": "x: y"}


@pytest.mark.parametrize(
    "text", ["NaN", "-Infinity", "1e999", '"\\ud800"', "[" * 100_000, "", "1 2"]
)
def test_literals_that_are_no_json(text: str) -> None:
    with pytest.raises(ValueError):
        read_literal(text)
