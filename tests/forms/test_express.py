"""Which values a form can write: exactly those that the walk writes when it is led to them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinds import ANY, JSON, Kind, same
from rung.core.records import Effort, Usage
from rung.forms import answer_json, compile_form, violation
from rung.forms.drive import Work, run
from rung.forms.express import inexpressible, resembles
from rung.forms.form import Form
from rung.forms.pen import Draw, Drawn, Judge, Scores
from rung.forms.walk import Walk


class OffCourse(Exception):
    """The walk wrote, or offered, something else."""


class LedPen:
    """Writes one text: of what the walk offers it takes what that text goes on with."""

    max_forks = 0

    def __init__(self, target: str) -> None:
        self.target, self.text = target, ""
        self.usage, self.effort = Usage(), Effort()

    def write(self, text: str) -> None:
        self.text += text
        if not self.target.startswith(self.text):
            raise OffCourse(self.text)

    def choose(
        self,
        options: Sequence[str],
        after: Sequence[Sequence[str]],
        judge: Judge,
        *,
        write: bool = True,
    ) -> Work[int]:
        fitting = [
            i
            for i, option in enumerate(options)
            if any(
                self.target.startswith(self.text + option + follow) for follow in after[i] or [""]
            )
        ]
        if not fitting:
            raise OffCourse(f"{self.text}: {options}")
        winner = judge(Scores(chosen=max(fitting, key=lambda i: len(options[i]))))
        if write:
            self.write(options[winner])
        return winner
        yield

    def draw(self, draw: Draw, after: Sequence[str]) -> Work[Drawn]:
        start = len(self.text) - len(draw.opening)
        try:
            _, end = json.JSONDecoder().raw_decode(self.target, start)
        except ValueError:
            raise OffCourse(self.target[start:]) from None
        literal = self.target[start:end]
        self.write(literal[len(draw.opening) :])
        return Drawn(text=literal)
        yield

    def mark(self) -> int:
        return len(self.text)

    def rewind(self, mark: int) -> None:
        self.text = self.text[:mark]

    def fork(self, count: int) -> Work[list[Any]]:
        raise NotImplementedError

    def close(self, *, keep: bool) -> None:
        """Nothing is held."""


def led(form: Form, value: Any) -> Any:
    """Return what the form becomes when every decision goes the way of `value`."""
    pen = LedPen(answer_json(form, value))
    walk = Walk(form=form, pen=pen, decide=lambda path, options, scores: (scores.chosen, None))
    found = run(walk.run(), lambda _: [])
    assert pen.text == pen.target
    return found


def is_tidy(value: Any) -> bool:
    """Return whether no text has white space that would be tidied, or is at its limit."""
    if isinstance(value, str):
        return value == " ".join(value.split()) and len(value) < 12
    if isinstance(value, dict | list):
        return all(map(is_tidy, value.values() if isinstance(value, dict) else value))
    return True


@settings(max_examples=80)
@given(kind=ANY, data=st.data(), style=st.sampled_from(["json", "indented"]))
def test_what_is_expressible_is_written_and_nothing_else_is(
    kind: Kind, data: Any, style: Any
) -> None:
    form = compile_form(kind.schema, style=style)
    value = data.draw(kind.values)
    if not is_tidy(value):
        return
    if not inexpressible(form.root, value):
        assert same(led(form, value), value)
        return
    try:
        found = led(form, value)
    except OffCourse:
        return
    # what no expression holds a pen may still write, if the value is valid all the same
    assert violation(found, form) == ""


@settings(max_examples=80)
@given(kind=ANY, other=JSON)
def test_json_outside_of_the_schema_is_out_of_reach_or_found_by_the_check(
    kind: Kind, other: Any
) -> None:
    form = compile_form(kind.schema)
    if inexpressible(form.root, other):
        return
    rules = {note.keyword for note in form.checked}
    assert violation(other, form) == "" or rules, other


def closed(*required: str, **properties: Any) -> dict[str, Any]:
    return {"properties": properties, "required": list(required), "additionalProperties": False}


ONE_OR_TWO = {"enum": [1, 2, {"a": 1.0}]}


@pytest.mark.parametrize(
    ("schema", "value", "reason"),
    [
        ({"const": 1}, 1, ""),
        ({"const": 1}, 1.0, ""),
        ({"const": 1}, True, "always writes 1"),
        ({"const": [1]}, [True], "always writes"),
        (ONE_OR_TWO, {"a": 1}, ""),
        (ONE_OR_TWO, "1", '$: "1" is no option'),
        (ONE_OR_TWO, None, "no option"),
        ({"type": "boolean"}, 1, "no option"),
        # numbers as an expression has them
        ({"type": "number"}, 0.1, ""),
        ({"type": "number"}, 1e-7, "1e-07 cannot be written"),
        ({"type": "number"}, 10**18, "cannot be written"),
        ({"type": "integer"}, 1.0, "1.0 cannot be written"),
        # text without an escape that it never writes
        ({"type": "string"}, 'a "quoted"\nline\\', ""),
        ({"type": "string"}, "a" * 5000, ""),
        ({"type": "string"}, "bell\a", "cannot be written"),
        ({"type": "string", "maxLength": 2}, "abc", "cannot be written"),
        ({"type": "string"}, None, "null cannot be written"),
        # lists
        ({"type": "array", "items": {"type": "integer"}}, list(range(99)), ""),
        ({"type": "array", "items": {"type": "integer"}, "maxItems": 1}, [1, 2], "cannot"),
        ({"type": "array", "items": closed(a={"const": 1})}, [{}, {"a": 1}], ""),
        ({"type": "array", "items": closed(a={"const": 1})}, [{"a": 2}], "[0].a: "),
        ({"type": "array", "items": closed(), "minItems": 1}, [], "0 items"),
        ({"type": "array", "items": closed()}, {}, "not an array"),
        # objects
        (closed(a={"const": 1}), {}, ""),
        (closed("a", a={"const": 1}), {}, "a key is missing"),
        (closed("a", "b", a={"const": 1}, b={"const": 2}), {"a": 1}, "'b' is missing"),
        (closed(a={"const": 1}), [], "not an object"),
        (closed(a={"const": 1}), {"b": 1}, "never writes the key 'b'"),
        ({"properties": {"a": {"const": 1}}}, {"b": 1}, "never writes the key 'b'"),
        (closed(a=closed(b={"const": 1})), {"a": {"b": 2}}, "a.b: "),
        ({**closed(a={}, b={}), "maxProperties": 1}, {"a": 1, "b": 1}, "key"),
        ({**closed(a={}, b={}), "minProperties": 1}, {}, "missing"),
        ({**closed(a={}, b={}), "dependentRequired": {"a": ["b"]}}, {"a": 1}, "missing"),
        # alternatives
        ({"type": ["object", "null"], **closed(a={"const": 1})}, None, ""),
        ({"type": ["object", "null"], **closed(a={"const": 1})}, {"a": 1}, ""),
        ({"type": ["object", "null"], **closed(a={"const": 1})}, {"a": 2}, "a: "),
        # sub-grammars
        ({}, {"any": [1, None, "thing"]}, ""),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, {"x": 1}, ""),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, {"x": ""}, "sub-grammar"),
        ({"type": ["string", "integer"]}, 1.5, "outside the sub-grammar"),
    ],
)
def test_why_a_value_is_out_of_reach(schema: Any, value: Any, reason: str) -> None:
    found = inexpressible(compile_form(schema).root, value)
    assert reason in found
    assert bool(found) == bool(reason)


@pytest.mark.parametrize(
    ("schema", "value", "fits"),
    [
        ({"type": "number"}, 1e-300, True),
        ({"type": "number"}, "1", False),
        ({"type": "string", "maxLength": 1}, "bell\a", True),
        ({"type": ["string", "null"]}, None, True),
        (closed("a", "b", a={"const": 1}, b={"type": "number"}), {"a": 1}, True),
        (closed("a", "b", a={"const": 1}, b={"type": "number"}), {"a": 2, "b": 1}, False),
        (closed(a={}), {"a": [1], "b": 1}, False),
        ({"type": "array", "items": closed(a={"const": 1})}, [{"a": 1}, {}], True),
        ({"type": "array", "items": closed(a={"const": 1})}, [{"a": 2}], False),
    ],
)
def test_the_shape_alone(schema: Any, value: Any, fits: bool) -> None:
    assert resembles(compile_form(schema).root, value) is fits


def test_a_pattern_that_backtracks_without_end_is_given_up(monkeypatch: Any) -> None:
    monkeypatch.setattr("rung.forms.express.TIMEOUT_S", 0.2)
    form = compile_form({"type": "string", "pattern": r"^(\w+\s?)+$"})
    assert inexpressible(form.root, "two words") == ""
    assert "cannot be written" in inexpressible(form.root, "a" * 40 + "!")
