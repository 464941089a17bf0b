"""What a form says about itself before anything is filled, and what filling then takes."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinds import ANY, Kind
from rung.core.records import Message
from rung.forms import compile_form, fill
from rung.forms.plan import estimate, lint, outline, rough_tokens, skeleton, to_json

FORM = compile_form(
    {
        "properties": {
            "kind": {"enum": ["new", "old", None], "description": "which"},
            "version": {"const": "v1"},
            "count": {"type": "integer", "minimum": 10, "maximum": 500},
            "who": {
                "properties": {
                    "name": {"type": "string", "maxLength": 30, "x-rung": {"extractive": True}}
                },
                "required": ["name"],
            },
            "lines": {
                "type": "array",
                "items": {"properties": {"sku": {"enum": ["a", "b"]}}, "required": ["sku"]},
                "minItems": 1,
            },
            "ship": {"type": ["object", "null"], "properties": {"city": {"type": "string"}}},
            "more": {},
        },
        "required": ["kind", "version", "count", "who", "lines", "ship"],
        "not": {"properties": {"count": {"const": 13}}},
    }
)


def test_the_outline_is_in_writing_order() -> None:
    assert [(line.path, line.how, line.what) for line in outline(FORM)] == [
        ("$", "decide", "whether to write more"),
        ("kind", "choose", '["new", "old", null]'),
        ("version", "force", '"v1"'),
        ("count", "generate", "whole number from 10 up to 500"),
        (
            "who.name",
            "generate",
            "text, at most 30 characters, word for word from the input",
        ),
        ("lines", "repeat", "from 1 to any number items"),
        ("lines[].sku", "choose", '["a", "b"]'),
        ("ship", "branch", "one of 2 shapes"),
        ("ship", "force", "null"),
        ("ship", "decide", "whether to write city"),
        ("ship.city", "generate", "text, at most 400 characters"),
        ("more", "generate", "JSON value"),
    ]


def test_the_skeleton_shows_what_is_fixed() -> None:
    assert skeleton(FORM) == (
        '{"kind": ‹kind›, "version": "v1", "count": ‹count›, "who": {"name": ‹who.name›}, '
        '"lines": [{"sku": ‹lines[].sku›}, …], "ship": null | {"city": ‹ship.city›}, '
        '"more": ‹more›}'
    )
    assert skeleton(compile_form({"type": "string"})) == "‹$›"
    two = {"properties": {"a": {"const": 1}, "b": {"type": "number"}}, "required": ["a", "b"]}
    assert skeleton(compile_form(two, style="indented")) == '{\n  "a": 1,\n  "b": ‹b›\n}'


def words(text: str) -> int:
    return len(text.split())


def test_the_estimate_adds_up() -> None:
    found = estimate(FORM, words)
    assert found.forced_tokens == words(
        '{"kind": , "version": "v1", "count": , "who": {"name": }, "lines": [{"sku": }, …], '
        '"ship": null | {"city": }, "more": }'
    )
    num_slots, num_structure = 6, 4  # kind, count, name, sku, city, more; keys, lines, ship, keys
    assert found.min_passes == num_slots + num_structure
    assert found.output_tokens == found.passes >= found.min_passes


def test_a_form_that_asks_nothing_takes_nothing() -> None:
    form = compile_form({"properties": {"a": {"const": 1}}, "required": ["a"]})
    found = estimate(form, words)
    assert (found.output_tokens, found.passes, found.min_passes) == (0, 0, 0)


@pytest.mark.parametrize(
    ("labels", "tokens"),
    [
        (["a", "b", "c"], 1),
        (["account access", "account closed", "other"], 2),  # two of three part at a second word
        (["a_b_c", "a_b_d", "a_e"], 2),
    ],
)
def test_a_choice_takes_a_token_wherever_options_part(labels: list[str], tokens: int) -> None:
    assert estimate(compile_form({"enum": labels}), words).output_tokens == tokens


@pytest.mark.parametrize(
    ("names", "warned"),
    [
        (["reason", "label"], []),
        (["label", "reason"], ["reason"]),
        (["label", "Explanation", "why_not"], ["Explanation", "why_not"]),
        (["note", "reason"], []),  # nothing was answered yet
        (["label", "note"], []),
    ],
)
def test_a_reason_behind_the_answer_is_warned_of(names: list[str], warned: list[str]) -> None:
    fields = {
        name: {"enum": ["a", "b"]} if name == "label" else {"type": "string"} for name in names
    }
    found = lint(compile_form({"properties": fields, "required": names}))
    assert [note.path for note in found] == warned
    inside = {"type": "array", "items": {"properties": fields, "required": names}}
    assert [note.path for note in lint(compile_form(inside))] == [f"[].{name}" for name in warned]
    ordered = {"properties": fields, "x-rung": {"order": [n for n in names if n != "label"]}}
    assert lint(compile_form({**ordered, "required": names})) == []


def test_the_plan_as_json() -> None:
    plan = json.loads(json.dumps(to_json(FORM)))
    assert set(plan) == {"hash", "style", "skeleton", "parts", "checked", "narrowed", "warnings"}
    assert (plan["hash"], plan["style"]) == (FORM.hash, "json")
    assert plan["parts"][1] == {"path": "kind", "how": "choose", "what": '["new", "old", null]'}
    assert [(note["path"], note["keyword"]) for note in plan["checked"]] == [("$", "not")]
    assert {note["keyword"] for note in plan["narrowed"]} == {"additionalProperties", "type"}


@settings(max_examples=50)
@given(ANY, st.sampled_from(["json", "indented"]))
def test_any_form_has_a_plan(kind: Kind, style: Any) -> None:
    form = compile_form(kind.schema, style=style)
    paths = {line.path for line in outline(form)}
    assert {slot.path or "$" for slot in form.slots()} <= paths
    found = estimate(form, rough_tokens)
    assert found.min_passes <= found.passes
    assert found.forced_tokens > 0
    json.dumps(to_json(form))


def test_fewer_passes_than_promised_are_never_taken() -> None:
    """The floor is exact where every value is one token and every decision is asked."""
    pytest.importorskip("llguidance", reason="pip install 'rung[local]'")
    from rung.engines.bytes import ByteEngine, random_speech

    digits = {"type": "integer", "enum": list(range(9))}
    form = compile_form({"properties": {name: digits for name in "abcd"}, "required": list("abcd")})
    ask = (Message(role="user", content="x"),)
    filled = fill(form, ByteEngine(random_speech(1)), ask)
    assert filled.effort.passes == estimate(form, words).min_passes == 4
    assert filled.usage.output_tokens == 4


def test_estimates_count_where_options_part_and_take_no_time_for_many() -> None:
    options = ["a_x", "a_y", "b", "a_x_z"]
    slot: Any = {"properties": {"k": {"enum": options}}, "required": ["k"]}
    words = [['"a', '_x"'], ['"a', '_y"'], ['"b"'], ['"a', "_x", '_z"']]
    depths = [
        sum(len({tuple(o[: i + 1]) for o in words if o[:i] == w[:i]}) > 1 for i in range(len(w)))
        for w in words
    ]
    found = estimate(compile_form(slot), rough_tokens)
    assert found.output_tokens == max(1, round(sum(depths) / len(depths)))
    slot["properties"]["k"]["enum"] = [f"label_{n}" for n in range(1000)]
    form, start = compile_form(slot), time.process_time()
    assert estimate(form, rough_tokens).output_tokens == 1
    assert time.process_time() - start < 0.5
