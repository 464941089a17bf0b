"""Examples shown to a model are what the form would have written, sign by sign."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinds import ANY, FLAT, JSON, Kind, roots, same
from rung.core.errors import FormError
from rung.core.records import Message
from rung.forms import Filling, answer_json, compile_form, fill, violation
from rung.forms.form import Form, Node, Object, slots_of

pytest.importorskip("llguidance", reason="pip install 'rung[local]'")
from rung.engines.bytes import ByteEngine, random_speech

ASK = (Message(role="user", content="text"),)


@settings(max_examples=50)
@given(
    kind=ANY,
    seed=st.integers(0, 999),
    parallel=st.booleans(),
    style=st.sampled_from(["json", "indented"]),
)
def test_what_is_rendered_is_what_was_filled(
    kind: Kind, seed: int, parallel: bool, style: Any
) -> None:
    form = compile_form(kind.schema, style=style)
    how = Filling(parallel=parallel, max_tokens=60, retries=2)
    filled = fill(form, ByteEngine(random_speech(seed)), ASK, how)
    if filled.output is not None or filled.status == "ok":
        assert answer_json(form, filled.output) == filled.text


@settings(max_examples=30)
@given(kind=roots(FLAT), seed=st.integers(0, 999))
def test_lines_are_rendered_as_they_were_filled(kind: Kind, seed: int) -> None:
    try:
        form = compile_form(kind.schema, style="lines")
    except FormError as refused:
        assert "one line" in refused.message
        return
    filled = fill(form, ByteEngine(random_speech(seed)), ASK, Filling(max_tokens=60, retries=2))
    if filled.status in ("ok", "repaired"):
        assert answer_json(form, filled.output) == filled.text
        assert violation(filled.output, form) == ""
        lines = filled.text.split("\n")
        assert lines.pop() == ""
        for line, slot in zip(lines, form.slots(), strict=True):
            assert line.startswith(f"{slot.path}: ")


@settings(max_examples=50)
@given(kind=ANY, value=JSON, style=st.sampled_from(["json", "indented"]))
def test_any_output_is_rendered_as_json(kind: Kind, value: Any, style: Any) -> None:
    """An output that breaks the schema is not written by a form, but it never ends in an error."""
    json.loads(answer_json(compile_form(kind.schema, style=style), value))


@settings(max_examples=50)
@given(kind=ANY, data=st.data())
def test_layouts_differ_in_white_space_only(kind: Kind, data: Any) -> None:
    value = data.draw(kind.values)
    one, two = (
        answer_json(compile_form(kind.schema, style=s), value) for s in ("json", "indented")
    )
    assert same(json.loads(one), json.loads(two))
    assert "\n" not in one


ORDER = {
    "properties": {
        "id": {"type": "string"},
        "lines": {
            "type": "array",
            "items": {"properties": {"sku": {"enum": ["a", "b"]}}, "required": ["sku"]},
        },
        "ship": {"type": ["object", "null"], "properties": {"city": {"type": "string"}}},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["id"],
}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"id": "x"}, '{\n  "id": "x"\n}'),
        ({}, "{}"),
        ({"id": "x", "lines": []}, '{\n  "id": "x",\n  "lines": []\n}'),
        (
            {"id": "x", "lines": [{"sku": "a"}, {"sku": "b"}]},
            '{\n  "id": "x",\n  "lines": [\n    {\n      "sku": "a"\n    },\n'
            '    {\n      "sku": "b"\n    }\n  ]\n}',
        ),
        (
            {"ship": {"city": "é"}, "tags": ["a", "b"]},
            '{\n  "ship": {\n    "city": "é"\n  },\n  "tags": ["a", "b"]\n}',
        ),
        ({"ship": None}, '{\n  "ship": null\n}'),
        ({"ship": {}}, '{\n  "ship": {}\n}'),
        ({"tags": [], "id": "x"}, '{\n  "id": "x",\n  "tags": []\n}'),
    ],
)
def test_the_indented_layout(value: Any, text: str) -> None:
    form = compile_form(ORDER, style="indented")
    assert answer_json(form, value) == text


FACTS = {
    "properties": {
        "kind": {"enum": ["a b", "null", None, "true", True]},
        "count": {"type": "integer"},
        "who": {
            "properties": {"name": {"type": "string"}, "due": {"type": "string", "format": "date"}},
            "required": ["name", "due"],
        },
        "tags": {"type": "array", "items": {"type": "string"}},
        "version": {"const": 1},
    },
    "required": ["kind", "count", "who", "tags", "version"],
}


@pytest.mark.parametrize(
    ("kind", "name", "lines"),
    [
        ("a b", "Ada B.", ["kind: a b", "who.name: Ada B."]),
        (None, "null", ["kind: null", "who.name: null"]),
        ("null", 'say "hi"', ['kind: "null"', 'who.name: say "hi"']),
        (True, " spaced ", ["kind: true", 'who.name: " spaced "']),
        ("true", "two\nlines", ['kind: "true"', 'who.name: "two\\nlines"']),
        ("a b", "", ["kind: a b", 'who.name: ""']),
    ],
)
def test_lines_without_quotes_stay_distinct(kind: Any, name: str, lines: list[str]) -> None:
    """A label that could be read as another one's JSON keeps its quotes."""
    form = compile_form(FACTS, style="lines")
    value = {"kind": kind, "count": 3, "who": {"name": name, "due": "2026-01-02"}, "tags": ["x"]}
    written = answer_json(form, value).splitlines()
    assert [written[0], written[2]] == lines
    assert [written[1], *written[3:]] == ["count: 3", 'who.due: "2026-01-02"', 'tags: ["x"]']


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"type": "boolean"}}},  # a key that may be left out
        {"properties": {"a": {}}, "required": ["a"]},
        {"properties": {"a": {"type": "array", "items": ORDER}}, "required": ["a"]},
        {"properties": {"a": {"type": ["object", "null"], **FACTS}}, "required": ["a"]},
    ],
)
def test_what_does_not_fit_on_lines_is_refused(schema: Any) -> None:
    with pytest.raises(FormError, match="does not fit on one line") as refused:
        compile_form(schema, style="lines")
    assert "json or indented" in refused.value.hint


def test_names_are_left_out_that_the_other_does_not_have() -> None:
    form = compile_form(ORDER)
    assert answer_json(form, {"more": 1, "id": "x"}) == '{"id": "x"}'
    assert answer_json(form, {"lines": [{"more": 1}]}) == '{"lines": [{}]}'


@settings(max_examples=30)
@given(kind=roots(FLAT), seed=st.integers(0, 99))
def test_lines_hold_the_same_values_as_json(kind: Kind, seed: int) -> None:
    """Known values go through any layout unchanged."""
    forms: list[Form] = [compile_form(kind.schema)]
    try:
        forms.append(compile_form(kind.schema, style="lines"))
    except FormError:
        return
    filled = fill(forms[0], ByteEngine(random_speech(seed)), ASK, Filling(max_tokens=60, retries=3))
    if filled.output is None:
        return
    known = dict(leaves(forms[1].root, filled.output))
    again = fill(forms[1], ByteEngine(random_speech(seed)), ASK, Filling(known=known))
    assert (again.status, again.num_calls) == ("ok", 0), again.reason
    assert same(again.output, filled.output)


def leaves(node: Node, value: Any) -> list[tuple[str, Any]]:
    """Return the slots of a node and their values."""
    if isinstance(node, Object):
        return [leaf for name, part in node.parts for leaf in leaves(part, value[name])]
    return [(node.path, value)] if list(slots_of(node)) else []
