"""Filling with an engine that says what it is told: what is asked, written, drawn again."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from rung.core.errors import EngineError, FormError
from rung.core.records import Message, Usage
from rung.engines.base import Capabilities, Request
from rung.engines.fake import ALL, FakeEngine
from rung.forms import (
    Filling,
    answer_json,
    compile_form,
    content_free_priors,
    fill,
    violation,
)

ASK = (Message(role="user", content="I was charged twice, 12 euros."),)
TICKET = compile_form(
    {
        "type": "object",
        "properties": {
            "kind": {"const": "ticket"},
            "category": {"enum": ["billing", 'say "hi"', None]},
            "amount": {"type": "integer", "minimum": 10, "maximum": 500},
            "who": {
                "type": "object",
                "properties": {"name": {"type": "string", "maxLength": 20}},
                "required": ["name"],
            },
            "tags": {"type": "array", "items": {"enum": ["new", "vip"]}, "uniqueItems": True},
            "version": {"const": "v1"},
        },
        "required": ["kind", "category", "amount", "who", "tags", "version"],
    }
)
GOOD = (' "billing"', " 12,", ' "Ada Lovelace"}', ' ["new"],')
OUTPUT = {
    "kind": "ticket",
    "category": "billing",
    "amount": 12,
    "who": {"name": "Ada Lovelace"},
    "tags": ["new"],
    "version": "v1",
}


def named(name: str) -> dict[str, Any]:
    return OUTPUT | {"who": {"name": name}}


SLOTWISE = replace(ALL, thinking=False)


def fill_ticket(*script: str, lead: str = "", **how: Any) -> tuple[Any, FakeEngine]:
    engine = FakeEngine(script=script)
    return fill(TICKET, engine, ASK, Filling(**how), lead=lead), engine


def test_structure_is_written_and_slots_are_asked_in_order() -> None:
    filled, engine = fill_ticket(*GOOD)
    assert (filled.status, filled.output, filled.num_calls) == ("ok", OUTPUT, 4)
    assert filled.text == answer_json(TICKET, OUTPUT)
    choice, number, name, tags = engine.requests
    assert choice.prefix == '{"kind": "ticket", "category":'
    assert choice.choices == (' "billing"', ' "say \\"hi\\""', " null")
    assert number.prefix == '{"kind": "ticket", "category": "billing", "amount":'
    assert number.regex.startswith(" ") and number.regex.endswith(",")
    assert name.prefix.endswith('"amount": 12, "who": {"name":') and name.regex.endswith(r"\}")
    assert tags.prefix.endswith('"who": {"name": "Ada Lovelace"}, "tags":')
    decision = filled.decisions["category"]
    assert decision.p == pytest.approx(0.9)
    assert decision.margin == pytest.approx(0.85)


@pytest.mark.parametrize(
    "at, answer, output",
    [
        (1, " 12", OUTPUT),  # the sign that follows is not demanded
        (2, ' "Ada\\n  Lovelace "}', OUTPUT),  # white space is tidied
        (2, ' "Ada Lovelace Lovelace"}', OUTPUT),  # it goes on behind the limit: a cut word
        (2, ' "Ada Lovelace Lovelac,"}', named("Ada Lovelace Lovelac")),
        (2, ' "Ada Lovelace Lovelac"}', named("Ada Lovelace Lovelac")),  # it is just full
        (2, ' "\\u00c9va"}', named("Éva")),
        (3, ' ["vip", "new", "vip"],', OUTPUT | {"tags": ["vip", "new"]}),
        (3, " [],", OUTPUT | {"tags": []}),
    ],
)
def test_readings_of_a_value(at: int, answer: str, output: Any) -> None:
    filled, _ = fill_ticket(*GOOD[:at], answer, *GOOD[at + 1 :])
    assert (filled.status, filled.output) == ("ok", output)


@pytest.mark.parametrize(
    "at, bad",
    [
        (1, " 501,"),
        (1, " 9,"),
        (1, " 12.5,"),
        (1, " NaN,"),
        (1, ""),
        (2, ' "open'),
        (2, ' "\\ud800"}'),
        (2, " Ada}"),
        (3, ' ["old"],'),
        (3, ' "new",'),
    ],
)
def test_a_value_outside_its_schema_is_drawn_again_then_failed(at: int, bad: str) -> None:
    filled, engine = fill_ticket(*GOOD[:at], bad, *GOOD[at:])
    assert (filled.status, filled.output) == ("repaired", OUTPUT)
    first, again = engine.requests[at : at + 2]
    assert (first.temperature, again.temperature, again.seed) == (0.0, 0.7, first.seed + 1)
    filled, engine = fill_ticket(*GOOD[:at], bad, bad, bad, retries=2)
    assert (filled.status, filled.output) == ("failed", None)
    assert filled.reason.startswith(("amount: ", "who.name: ", "tags: "))
    assert len(engine.requests) == at + 3


def test_text_cut_at_the_token_limit_ends_at_a_whole_word() -> None:
    form = compile_form({"properties": {"note": {"type": "string"}}, "required": ["note"]})
    engine = FakeEngine(script=[' "one two three four"}'])
    filled = fill(form, engine, ASK, Filling(max_tokens=5))
    assert (filled.status, filled.output) == ("repaired", {"note": "one two three"})


def test_a_number_cut_at_the_token_limit_is_no_number() -> None:
    form = compile_form({"properties": {"n": {"type": "number"}}, "required": ["n"]})
    filled = fill(form, FakeEngine(script=[" 12.5}", " 12.5}"]), ASK, Filling(max_tokens=1))
    assert (filled.status, filled.reason) == ("failed", "n: cut at 1 tokens")


@pytest.mark.parametrize("text", ['"', "", '"\\', '"\\u00', '"\\ud83d\\ude', "null"])
def test_a_cut_without_a_whole_word_fails(text: str) -> None:
    form = compile_form({"properties": {"note": {"type": "string"}}, "required": ["note"]})
    engine = FakeEngine(script=lambda request: f" {text} x y z")
    filled = fill(form, engine, ASK, Filling(max_tokens=len(text), retries=0))
    assert filled.status in ("failed", "repaired")
    assert filled.status == "failed" or violation(filled.output, form) == ""


@pytest.mark.parametrize(
    "scores", [[math.nan] * 3, [-math.inf] * 3, [-1.0, -2.0], [-1.0] * 4, [math.inf] * 3]
)
def test_scores_that_decide_nothing_fail_the_slot(scores: list[float]) -> None:
    engine = FakeEngine(script=GOOD, choice_scores=lambda request: scores)
    filled = fill(TICKET, engine, ASK)
    assert (filled.status, filled.reason) == (
        "failed",
        "category: the engine's scores are not usable",
    )


def test_without_scores_the_engine_s_own_choice_counts() -> None:
    can = replace(SLOTWISE, choice_logprobs=False)
    filled = fill(TICKET, FakeEngine(script=(" null", *GOOD[1:]), capabilities=can), ASK)
    assert filled.output == OUTPUT | {"category": None}
    assert filled.decisions == {}


class Disobedient(FakeEngine):
    """An engine whose choice is none of the allowed ones."""

    def complete(self, request: Request) -> Any:
        answer = super().complete(request)
        return replace(answer, text="something else", choice_logprobs=())


def test_a_choice_that_was_not_offered_fails() -> None:
    filled = fill(TICKET, Disobedient(script=GOOD), ASK)
    assert (filled.status, filled.reason) == (
        "failed",
        "category: the model chose 'something else'",
    )


def test_known_values_are_written_and_not_asked() -> None:
    filled, engine = fill_ticket(
        *GOOD[1:2], *GOOD[3:], known={"category": 'say "hi"', "who.name": "Bo"}
    )
    assert filled.output == OUTPUT | {"category": 'say "hi"', "who": {"name": "Bo"}}
    assert [bool(request.choices) for request in engine.requests] == [False, False]
    assert filled.text == answer_json(TICKET, filled.output)


def test_known_values_are_checked() -> None:
    filled, _ = fill_ticket(*GOOD[1:], known={"category": "made up"})
    assert (filled.status, filled.output) == ("failed", None)
    assert filled.reason.startswith("category: ")
    with pytest.raises(FormError, match="no slot of the form is called 'kind'"):
        fill_ticket(*GOOD, known={"kind": "x"})


def test_a_lead_stands_before_the_answer() -> None:
    filled, engine = fill_ticket(*GOOD, lead="Thought: money.\n")
    assert engine.requests[0].prefix.startswith('Thought: money.\n{"kind"')
    assert filled.text == answer_json(TICKET, OUTPUT)


def test_priors_move_the_decision() -> None:
    scores = [math.log(p) for p in (0.6, 0.3, 0.1)]
    engine = FakeEngine(script=GOOD, choice_scores=lambda request: scores)
    priors = content_free_priors(TICKET, engine, ASK)
    assert priors == {"category": pytest.approx(tuple(scores))}
    engine = FakeEngine(script=GOOD, choice_scores=lambda request: scores)
    priors = {"category": [math.log(p) for p in (0.9, 0.05, 0.05)]}
    filled = fill(TICKET, engine, ASK, Filling(priors=priors))
    assert filled.output is not None
    assert filled.output["category"] == 'say "hi"'


def test_priors_need_an_engine_that_scores() -> None:
    engine = FakeEngine(capabilities=replace(ALL, choice_logprobs=False))
    with pytest.raises(EngineError, match="no probabilities"):
        content_free_priors(TICKET, engine, ASK)


def test_a_server_is_paid_for_every_prefix() -> None:
    engine = FakeEngine(script=GOOD)
    usage = fill(TICKET, engine, ASK).usage
    assert usage.forced_tokens == sum(engine.count_tokens(r.prefix) for r in engine.requests)
    assert usage.output_tokens > 0


def test_a_form_without_slots_needs_no_engine() -> None:
    form = compile_form(
        {"properties": {"a": {"const": 1}, "b": {"enum": ["x"]}}, "required": ["a", "b"]}
    )
    filled = fill(form, FakeEngine(), ASK)
    assert (filled.status, filled.output, filled.num_calls) == ("ok", {"a": 1, "b": "x"}, 0)
    assert filled.usage == Usage()


def test_engine_errors_are_raised() -> None:
    with pytest.raises(EngineError, match="used up"):
        fill_ticket()


@pytest.mark.parametrize("without", ["prefix", "choices", "regex"])
def test_slots_are_asked_one_by_one_only_where_all_of_it_can_be_forced(without: str) -> None:
    engine = FakeEngine(
        script=[answer_json(TICKET, OUTPUT)], capabilities=replace(ALL, **{without: False})
    )
    assert fill(TICKET, engine, ASK).num_calls == 1


def test_choices_alone_need_no_regex() -> None:
    form = compile_form(
        {"properties": {"a": {"type": "boolean"}, "b": {"enum": [1, 2]}}, "required": ["a", "b"]}
    )
    can = Capabilities(prefix=True, choices=True, choice_logprobs=True)
    filled = fill(form, FakeEngine(script=[" false", " 2"], capabilities=can), ASK)
    assert filled.output == {"a": False, "b": 2}
    assert set(filled.decisions) == {"a", "b"}


@pytest.mark.parametrize(
    "value, text",
    [
        ({"x": 'é😀\n"\\'}, '{"x": "é😀\\n\\"\\\\", "c": 1}'),
        ({}, '{"c": 1}'),
        ({"y": {}, "z": 1}, '{"y": {}, "c": 1}'),
        ({"y": {"n": 1e-07, "é": []}}, '{"y": {"é": [], "n": 1e-07}, "c": 1}'),
        ({"c": 2}, '{"c": 1}'),
    ],
)
def test_answer_json_writes_what_is_there_in_the_form_s_order(value: Any, text: str) -> None:
    inner = {"é": {"type": "array", "items": {"type": "string"}}, "n": {"type": "number"}}
    form = compile_form(
        {"properties": {"x": {"type": "string"}, "y": {"properties": inner}, "c": {"const": 1}}}
    )
    if "c" not in value:
        text = text.replace(', "c": 1', "").replace('"c": 1', "")
    assert answer_json(form, value) == text


def test_forms_need_no_grammar_engine_to_ask_a_server() -> None:
    code = """
import sys
sys.modules["llguidance"] = None
from rung.core.records import Message
from rung.engines.fake import FakeEngine
from rung.forms import compile_form, fill
form = compile_form({"properties": {"a": {"type": "integer"}}, "required": ["a"]})
print(fill(form, FakeEngine(script=[" 1}"]), [Message(role="user", content="x")]).output)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "{'a': 1}\n", done.stderr
