"""Engines that cannot go slot by slot are asked once, and again only for what is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from rung.core.errors import EngineError
from rung.core.records import Message
from rung.engines.base import Capabilities, Request
from rung.engines.fake import ALL, FakeEngine
from rung.forms import Filling, answer_json, compile_form, describe_fields, fill

ASK = (Message(role="user", content="I was charged twice, 12 euros."),)
TICKET = compile_form(
    {
        "type": "object",
        "properties": {
            "kind": {"const": "ticket"},
            "category": {"enum": ["billing", "vpn", None]},
            "amount": {"type": "integer", "minimum": 10, "maximum": 500},
            "who": {
                "type": "object",
                "properties": {"name": {"type": "string", "maxLength": 20}},
                "required": ["name"],
            },
        },
        "required": ["kind", "category", "amount", "who"],
    }
)
OUTPUT = {"kind": "ticket", "category": "billing", "amount": 12, "who": {"name": "Ada Lovelace"}}
HOSTED = Capabilities(schema=True)
BARE = Capabilities()
PREFIX = Capabilities(prefix=True)


@pytest.mark.parametrize("can", [HOSTED, BARE])
def test_other_engines_are_asked_once_for_everything(can: Capabilities) -> None:
    engine = FakeEngine(script=[f"Here: {answer_json(TICKET, OUTPUT)}"], capabilities=can)
    filled = fill(TICKET, engine, ASK)
    assert (filled.status, filled.output, filled.num_calls) == ("ok", OUTPUT, 1)
    (request,) = engine.requests
    assert request.schema == (TICKET.schema if can.schema else None)
    assert (request.prefix, request.messages) == ("", ASK)


def test_an_invalid_whole_answer_is_drawn_again_then_failed() -> None:
    bad = '{"category": "billing", "amount": 1}'
    engine = FakeEngine(script=[bad, answer_json(TICKET, OUTPUT)], capabilities=HOSTED)
    filled = fill(TICKET, engine, ASK)
    assert (filled.status, filled.output, filled.num_calls) == ("repaired", OUTPUT, 2)
    assert filled.usage.output_tokens == engine.count_tokens(bad + answer_json(TICKET, OUTPUT))
    again = engine.requests[1]
    assert again.messages[-1].content.startswith("These fields are missing or wrong:\n- amount: ")
    assert again.schema is not None and "category" not in again.schema["properties"]
    filled = fill(TICKET, FakeEngine(script=["sorry"] * 2, capabilities=BARE), ASK)
    assert (filled.status, filled.output, filled.reason) == (
        "failed",
        None,
        "no object in the answer",
    )


def test_a_cut_whole_answer_says_so() -> None:
    schema = {"properties": {"a": {"type": "boolean"}, "b": {"type": "string"}}}
    said = '{"a": true, "b": "one two three"}'
    for required, status, reason in (
        (["a"], "repaired", ""),
        (["b"], "failed", "cut at 12 tokens; $: 'b' is a required property"),
    ):
        form = compile_form({**schema, "required": required})
        engine = FakeEngine(script=[said], capabilities=HOSTED)
        filled = fill(form, engine, ASK, Filling(max_tokens=12, retries=0))
        assert (filled.status, filled.reason) == (status, reason)
        assert filled.output == (None if reason else {"a": True})


def test_known_values_and_a_lead_reach_engines_without_prefixes() -> None:
    said = answer_json(TICKET, OUTPUT | {"who": {}})
    engine = FakeEngine(script=[said], capabilities=HOSTED)
    filled = fill(
        TICKET,
        engine,
        ASK,
        Filling(known={"category": None, "who.name": "Bo"}),
        lead="Money.",
    )
    assert filled.output == OUTPUT | {"category": None, "who": {"name": "Bo"}}
    assert [message.role for message in engine.requests[0].messages] == [
        "user",
        "assistant",
        "user",
    ]
    assert engine.requests[0].messages[1].content == "Money."


class Refusing(FakeEngine):
    """A server that takes back what it declared, one capability a request."""

    def complete(self, request: Request) -> Any:
        for name in ("prefix", "schema"):
            asked = request.prefix if name == "prefix" else request.schema is not None
            if asked and getattr(self.capabilities, name):
                self.capabilities = replace(self.capabilities, **{name: False})
                raise EngineError(f"no {name} here", refused=name)
        return super().complete(request)


def test_what_a_server_refuses_is_done_without() -> None:
    engine = Refusing(script=[answer_json(TICKET, OUTPUT)])
    filled = fill(TICKET, engine, ASK)
    assert (filled.status, filled.output, filled.num_calls) == ("ok", OUTPUT, 1)
    assert not (engine.capabilities.prefix or engine.capabilities.schema)
    thinking = FakeEngine(
        script=[EngineError("no", refused="thinking"), answer_json(TICKET, OUTPUT)]
    )
    thinking.capabilities = replace(ALL, prefix=False)
    assert fill(TICKET, thinking, ASK, Filling(thinking="on")).output == OUTPUT


def test_a_refusal_that_changes_nothing_is_raised() -> None:
    engine = FakeEngine(script=[EngineError("no", refused="prefix")] * 2)
    with pytest.raises(EngineError, match="no"):
        fill(TICKET, engine, ASK)


@pytest.mark.parametrize(
    ("schema", "start"),
    [
        ({"properties": {"a": {"type": "integer"}}, "required": ["a"]}, '{"a":'),
        ({"properties": {"a": {"type": "string"}}, "required": ["a"]}, '{"a":'),
        ({"properties": {"a": {"type": "integer"}}}, "{"),
        (
            {"properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "required": ["b"]},
            "{",
        ),
        (
            {"properties": {"k": {"const": "x"}, "a": {"type": "array", "items": {}}}}
            | {"required": ["k", "a"]},
            '{"k": "x", "a":',
        ),
        ({"type": "array", "items": {"type": "integer"}}, ""),
        ({"type": "object", "additionalProperties": False}, ""),
    ],
)
def test_without_a_schema_mode_the_answer_starts_as_every_answer_would(
    schema: Any, start: str
) -> None:
    engine = FakeEngine(script=["?"], capabilities=PREFIX)
    fill(compile_form({"required": [], **schema}), engine, ASK, Filling(retries=0))
    (request,) = engine.requests
    assert (request.prefix, request.schema) == (start, None)


@pytest.mark.parametrize(
    "said",
    [
        ' "billing", "amount": 12, "who": {"name": "Ada Lovelace"}}',
        '"billing", "amount": 12, "who": {"name": "Ada Lovelace"}}\n```\nDone.',
        answer_json(TICKET, OUTPUT),  # it begins anew
        f"```json\n{answer_json(TICKET, OUTPUT)}\n```",
    ],
)
def test_the_answer_is_read_together_with_its_forced_start(said: str) -> None:
    engine = FakeEngine(script=[said], capabilities=PREFIX)
    filled = fill(TICKET, engine, ASK, Filling(retries=0))
    assert engine.requests[0].prefix == '{"kind": "ticket", "category":'
    assert (filled.status, filled.output) == ("ok", OUTPUT)


def test_only_the_fields_asked_for_again_are_in_the_second_start() -> None:
    bad = ' "billing", "amount": 1, "who": {"name": "Ada Lovelace"}}'
    engine = FakeEngine(script=[bad, " 12}"], capabilities=PREFIX)
    filled = fill(TICKET, engine, ASK)
    assert (filled.status, filled.output) == ("repaired", OUTPUT)
    assert [request.prefix for request in engine.requests] == [
        '{"kind": "ticket", "category":',
        '{"amount":',
    ]


def test_a_model_that_must_not_think_behind_a_start_is_let_think() -> None:
    can = replace(PREFIX, thinking=True, conflicts=(("prefix", "thinking"),))
    for thinking, start in (("default", ""), ("on", ""), ("off", '{"kind": "ticket", "category":')):
        engine = FakeEngine(script=["?"], capabilities=can)
        fill(TICKET, engine, ASK, Filling(retries=0, thinking=thinking))
        assert engine.requests[0].prefix == start


def test_a_refused_start_is_done_without() -> None:
    script = [EngineError("no", refused="prefix"), answer_json(TICKET, OUTPUT)]
    engine = FakeEngine(script=script, capabilities=PREFIX)
    assert fill(TICKET, engine, ASK).output == OUTPUT
    assert engine.requests[-1].prefix == ""


def test_a_cut_number_is_not_taken_for_a_whole_one() -> None:
    form = compile_form(
        {
            "properties": {"ok": {"type": "boolean"}, "amount": {"type": "integer"}},
            "required": ["ok", "amount"],
        }
    )
    for said in ("ok: true\namount: 12 34", '{"ok": true,\n"amount": 12 34'):
        engine = FakeEngine(script=[said], capabilities=BARE)
        most = engine.count_tokens(said) - 1
        filled = fill(form, engine, ASK, Filling(max_tokens=most, retries=0))
        assert (filled.status, filled.output) == ("failed", None)
        assert filled.reason.startswith(f"cut at {most} tokens; ")


def test_fields_that_no_own_property_describes_are_asked_for_with_all_others() -> None:
    a, b = {"a": {"type": "integer"}}, {"b": {"type": "integer"}}
    for more in ({"required": ["a", "b"]}, {"allOf": [{"properties": b, "required": ["b"]}]}):
        form = compile_form({"type": "object", "properties": a, **more})
        engine = FakeEngine(script=['{"a": 1}', '{"a": 2, "b": 3}'], capabilities=HOSTED)
        filled = fill(form, engine, ASK)
        assert (filled.status, filled.output) == ("repaired", {"a": 1, "b": 3})
        assert engine.requests[1].schema == form.schema


@pytest.mark.parametrize("can", [HOSTED, BARE, ALL])
@pytest.mark.parametrize(
    "field, invented",
    [
        ({"type": "string"}, "AB-99"),
        ({"type": ["string", "null"], "pattern": "^[A-Z]{2}-[0-9]{2}$"}, "AB-99"),
        ({"type": "string", "format": "date"}, "2026-01-01"),
        ({"type": "array", "items": {"type": "string"}}, ["AB-12", "AB-99"]),
    ],
)
def test_what_is_to_be_copied_from_the_input_is_never_invented(
    can: Capabilities, field: Any, invented: Any
) -> None:
    text = field.get("items", field)
    text["x-rung"] = {"extractive": True}
    form = compile_form({"properties": {"id": field}, "required": ["id"]})
    said = json.dumps(invented) if can is ALL else json.dumps({"id": invented})
    engine = FakeEngine(script=[f" {said}"] * 2, capabilities=can)
    filled = fill(form, engine, ASK, source="AB-12 of 2025-12-31")
    assert (filled.status, filled.output) == ("failed", None)
    assert filled.reason.endswith("does not stand in the input")
    assert "copied from the input" in describe_fields(form)


JOINT = compile_form(
    {
        "type": "object",
        "properties": {
            "kind": {"enum": ["a", "b"]},
            "amount": {"type": "integer"},
            "note": {"type": "string"},
        },
        "required": ["kind", "amount"],
        "if": {"properties": {"kind": {"const": "a"}}},
        "then": {"properties": {"amount": {"maximum": 10}}},
        "not": {"properties": {"kind": {"const": "b"}, "amount": {"const": 7}}},
    }
)


def test_a_field_that_breaks_a_rule_on_several_is_asked_for_again() -> None:
    said = ['{"kind": "a", "amount": 50, "note": "n"}', '{"amount": 5}']
    engine = FakeEngine(script=said, capabilities=HOSTED)
    filled = fill(JOINT, engine, ASK)
    assert (filled.status, filled.output) == ("repaired", {"kind": "a", "amount": 5, "note": "n"})
    schema = engine.requests[1].schema
    assert schema is not None and list(schema["properties"]) == ["amount"]


def test_where_no_field_is_to_blame_a_new_answer_replaces_the_old() -> None:
    said = ['{"kind": "b", "amount": 7, "note": "n"}', '{"kind": "b", "amount": 8, "note": "m"}']
    filled = fill(JOINT, FakeEngine(script=said, capabilities=HOSTED), ASK)
    assert (filled.status, filled.output) == (
        "repaired",
        {"kind": "b", "amount": 8, "note": "m"},
    )


@pytest.mark.parametrize("can", [HOSTED, BARE, PREFIX])
def test_a_whole_answer_is_drawn_at_the_temperature_that_was_asked_for(can: Capabilities) -> None:
    engine = FakeEngine(script=["sorry", answer_json(TICKET, OUTPUT)], capabilities=can)
    fill(TICKET, engine, ASK, Filling(temperature=1.0))
    assert [request.temperature for request in engine.requests] == [1.0, 1.0]
