"""How alternatives begin, and which of them can be told apart by that."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinds import FLAT, Kind, loose_things, shapes, tagged
from rung.forms import answer_json, compile_form
from rung.forms.express import inexpressible
from rung.forms.form import Node, Union
from rung.forms.layout import Layout
from rung.forms.leads import behind_lead, discriminated, lead, tell_apart

A = {"const": 1}
LAYOUTS = {"json": Layout(), "indented": Layout(indented=True)}


def node_of(schema: Any) -> Node:
    return compile_form(schema).root


def closed(required: bool = True, **properties: Any) -> dict[str, Any]:
    names = list(properties) if required else []
    return {
        "type": "object",
        "properties": properties,
        "required": names,
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("schema", "text", "indented"),
    [
        ({"const": "a"}, '"a"', '"a"'),
        ({"enum": ["ab", "ac"]}, '"a', '"a'),
        ({"type": "boolean"}, "", ""),
        ({"type": "string"}, '"', '"'),
        ({"type": ["string", "null"]}, "", ""),
        ({"type": "number"}, "", ""),
        ({}, "", ""),
        ({"type": "array", "items": closed(a=A)}, "[", "["),
        (closed(), "{}", "{}"),
        (closed(a={"type": "string"}), '{"a": "', '{\n  "a": "'),
        # constants that come first belong to it
        (closed(a=A, b={"enum": ["x", "y"]}), '{"a": 1, "b": "', '{\n  "a": 1,\n  "b": "'),
        (closed(a=closed(b=A)), '{"a": {"b": 1', '{\n  "a": {\n    "b": 1'),
        # a key that may be left out ends it
        (closed(required=False, a=A), "{", "{"),
        ({**closed(a=A, b=A), "required": ["b"]}, "{", "{\n  "),
        ({**closed(a=A, b=A), "required": ["a"]}, '{"a": 1', '{\n  "a": 1'),
    ],
)
def test_what_every_filled_node_starts_with(schema: Any, text: str, indented: str) -> None:
    assert lead(node_of(schema), LAYOUTS["json"]) == text
    assert lead(node_of(schema), LAYOUTS["indented"]) == indented


@settings(max_examples=50)
@given(kind=FLAT | shapes(FLAT), data=st.data(), style=st.sampled_from(["json", "indented"]))
def test_an_answer_starts_with_the_lead_and_goes_on_as_foretold(
    kind: Kind, data: Any, style: Any
) -> None:
    form = compile_form(kind.schema, style=style)
    value = data.draw(kind.values)
    if inexpressible(form.root, value):
        return
    text = answer_json(form, value)
    start = lead(form.root, LAYOUTS[style])
    assert text.startswith(start)
    rest = text[len(start) :] + "!"
    assert any(rest.startswith(go_on) for go_on in behind_lead(form.root, LAYOUTS[style], 0, "!"))


@pytest.mark.parametrize(
    ("arms", "apart"),
    [
        ([{"type": "string"}, {"const": 1}], True),
        ([{"type": "string"}, {"const": "a"}], False),
        ([{"type": "number"}, {"const": None}], False),  # a number has no sign of its own
        ([{"type": "string"}, closed(a=A), {"type": "array", "items": closed(a=A)}], True),
        ([closed(a=A), closed(b=A)], True),
        ([closed(a={"type": "string"}), closed(a={"type": "string"}, b=A)], False),
        ([closed(t={"const": "x"}), closed(t={"const": "y"})], True),
        ([closed(t={"const": "x"}), closed(t={"const": "xy"})], True),
        ([closed(t={"enum": ["x", "y"]}), closed(t={"const": "z"})], False),
        ([closed(required=False, a=A), closed(b=A)], False),
        ([closed(), closed(a=A)], True),
        ([{"const": "a"}, {"const": "ab"}], True),  # their quotes tell them apart
        ([{"const": 1}, {"const": 12}], False),
    ],
)
def test_alternatives_that_begin_alike_are_not_told_apart(arms: list[Any], apart: bool) -> None:
    assert tell_apart([node_of(arm) for arm in arms]) is apart
    root = node_of({"anyOf": arms})
    if apart and any(arm.get("type") for arm in arms):
        assert isinstance(root, Union)
    elif not apart:
        assert not isinstance(root, Union)


def test_the_tag_is_written_first_and_few_values_are_alternatives_each() -> None:
    arms = [
        closed(size={"type": "number"}, tag={"const": "circle"}),
        closed(side={"type": "number"}, tag={"const": "square"}),
    ]
    root = node_of({"oneOf": [*arms, {"enum": [None, False]}]})
    assert isinstance(root, Union)
    assert [lead(arm, Layout()) for arm in root.arms] == [
        '{"tag": "circle", "size": ',
        '{"tag": "square", "side": ',
        "null",
        "false",
    ]


def test_no_tag_no_change() -> None:
    for arms in (
        [closed(a=A, tag={"const": "x"})],  # one object
        [closed(a=A, t={"const": 1}), closed(b=A, t={"const": 1})],  # the same value
        [{**closed(a=A, t={"const": 1}), "required": ["a"]}, closed(b=A, t={"const": 2})],
    ):
        nodes = [node_of(arm) for arm in arms]
        assert discriminated(nodes) == nodes


@settings(max_examples=50)
@given(kind=tagged(FLAT | loose_things(FLAT)), data=st.data())
def test_tagged_objects_are_always_told_apart(kind: Kind, data: Any) -> None:
    """Each value is written by the one alternative whose tag it has."""
    root = node_of(kind.schema)
    assert isinstance(root, Union)
    value = data.draw(kind.values)
    fitting = [arm for arm in root.arms if not inexpressible(arm, value)]
    assert len(fitting) <= 1
