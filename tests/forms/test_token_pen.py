"""Filling token by token: whatever a model says byte by byte, the form holds and tokens add up."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinds import ANY, Kind, same
from rung.engines.sampling import Logits

pytest.importorskip("llguidance", reason="pip install 'rung[local]'")
from rung.engines.bytes import NUM_VOCAB, ByteEngine, Speak
from rung.forms import (
    Filling,
    compile_form,
    fill,
    parse_answer,
    violation,
)
from rung.forms.token_pen import TokenPen
from speeches import ASK, HOSTILE, HOWS, ORDER, SPEECHES, by_branch, check, flat, repeats, says


@settings(max_examples=80)
@given(
    kind=ANY,
    speak=SPEECHES,
    how=HOWS,
    style=st.sampled_from(["json", "indented"]),
)
def test_whatever_a_model_says_the_result_is_valid_or_failed(
    kind: Kind, speak: Speak, how: Filling, style: Any
) -> None:
    form = compile_form(kind.schema, style=style)
    engine = ByteEngine(speak)
    filled = fill(form, engine, ASK, how)
    check(filled, form, engine)
    if filled.output is not None:
        assert same(json.loads(filled.text), filled.output)


@settings(max_examples=80)
@given(
    kind=ANY,
    speak=SPEECHES,
    scoring=st.sampled_from(["trie", "likelihood", "normalised"]),
    forcing=st.booleans(),
    max_tokens=st.integers(1, 60),
    style=st.sampled_from(["json", "indented"]),
)
def test_each_byte_of_an_answer_was_forced_or_generated_once(
    kind: Kind, speak: Speak, scoring: Any, forcing: bool, max_tokens: int, style: Any
) -> None:
    """Of an answer that nothing was taken back of; a token is a byte here."""
    form = compile_form(kind.schema, style=style)
    how = Filling(scoring=scoring, forcing=forcing, max_tokens=max_tokens, retries=0)
    with patch.object(TokenPen, "rewind", side_effect=TokenPen.rewind, autospec=True) as rewind:
        filled = fill(form, ByteEngine(speak), ASK, how)
    if rewind.called:
        return
    usage = filled.usage
    assert usage.forced_tokens + usage.output_tokens == len(filled.text.encode())
    assert usage.prompt_tokens == 1
    assert filled.effort.drafted_tokens == 0  # a byte is never healed


SINGLES = st.sampled_from(
    [
        {"type": "string"},
        {"type": "string", "maxLength": 12},
        {"type": "string", "minLength": 30},
        {"type": "string", "pattern": "^[a-z]+$"},
        {"type": "number"},
        {"type": "integer", "minimum": 10**9},
        {"type": "string", "format": "date-time"},
        {"type": "array", "items": {"type": "integer"}},
        {"type": "array", "items": {"type": "string"}},
        {"type": ["string", "number"]},
        {"type": "object"},
        {},
    ]
)


@settings(max_examples=40)
@given(
    schema=SINGLES,
    speak=SPEECHES,
    max_tokens=st.integers(1, 80),
    temperature=st.sampled_from([0.0, 1.5]),
)
def test_a_value_takes_no_more_tokens_than_it_may(
    schema: Any, speak: Speak, max_tokens: int, temperature: float
) -> None:
    how = Filling(max_tokens=max_tokens, temperature=temperature, retries=0)
    filled = fill(compile_form(schema), ByteEngine(speak), ASK, how)
    assert filled.usage.output_tokens <= max_tokens


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize(
    ("schema", "kinds"),
    [
        ({"type": "string"}, str),
        ({"type": "string", "maxLength": 60}, str),
        ({"type": "array", "items": {"type": "string"}}, list),
        ({"type": "array", "items": {"type": "integer"}}, list),
        ({"type": "object"}, dict),
        ({"type": "array", "items": {"type": "array"}}, list),
        ({}, object),
    ],
)
def test_values_that_may_end_anywhere_are_ended_in_time(schema: Any, kinds: Any, text: Any) -> None:
    """The code closes them at a word, behind an item, by the shortest way out: nothing is cut."""
    form = compile_form(schema)
    filled = fill(form, ByteEngine(repeats(text)), ASK, Filling(max_tokens=150))
    assert "cut" not in filled.reason
    if filled.status == "failed":  # a number beyond what a float holds
        assert re.search(r"e\+?\d{4}", filled.reason)
    else:
        assert isinstance(filled.output, kinds)
        assert violation(filled.output, form) == ""


SOURCE = 'Ada "the\tgreat" Lovelace,\nÉva 😀 Kovács-Nagy: AB-1234 \\ 12.50 €  x'


@settings(max_examples=40)
@given(
    speak=SPEECHES,
    nullable=st.booleans(),
    style=st.sampled_from(["json", "lines"]),
    max_tokens=st.integers(1, 60),
)
def test_an_extractive_slot_holds_words_of_the_input(
    speak: Speak, nullable: bool, style: Any, max_tokens: int
) -> None:
    kinds: Any = ["string", "null"] if nullable else "string"
    field = {"type": kinds, "x-rung": {"extractive": True}}
    schema = {"type": "object", "properties": {"who": field}, "required": ["who"]}
    form = compile_form(schema, style=style)
    engine = ByteEngine(speak)
    filled = fill(form, engine, ASK, Filling(max_tokens=max_tokens), source=SOURCE)
    check(filled, form, engine)
    if filled.output is not None:
        who = filled.output["who"]
        assert (who is None and nullable) or " ".join(who.split()) in " ".join(SOURCE.split())
        assert who is None or who.strip()


@pytest.mark.parametrize("name", ['Ada "the\tgreat" Lovelace', "Éva 😀 Kovács-Nagy", "\\ 12.50 €"])
def test_what_the_model_copies_from_the_input_is_kept(name: str) -> None:
    field = {"type": "string", "x-rung": {"extractive": True}}
    form = compile_form({"type": "object", "properties": {"who": field}, "required": ["who"]})
    said = json.dumps({"who": name}, ensure_ascii=False)
    filled = fill(form, ByteEngine(says(said)), ASK, source=SOURCE)
    assert (filled.status, filled.output) == ("ok", {"who": name})


def test_a_model_may_abstain_where_the_schema_lets_it() -> None:
    field = {"enum": ["a", "b"], "x-rung": {"abstain": True}}
    schema = {"type": "object", "properties": {"x": field, "y": field}, "required": ["x", "y"]}
    form = compile_form(schema)
    for parallel in (False, True):
        engine = ByteEngine(says('{"x": "a", "y": "unknown"}'))
        filled = fill(form, engine, ASK, Filling(parallel=parallel))
        if not parallel:  # side by side each slot is written as the first
            assert (filled.status, filled.output) == ("abstained", None)
            assert filled.reason.startswith("y: ")
        assert engine.open_branches == []
    filled = fill(form, ByteEngine(says('{"x": "a", "y": "b"}')), ASK)
    assert (filled.status, filled.output) == ("ok", {"x": "a", "y": "b"})
    assert list(filled.decisions["x"].probabilities) == ['"a"', '"b"', '"unknown"']


RULE = {
    "type": "object",
    "properties": {
        "first": {"type": "integer", "minimum": 0, "maximum": 10**6},
        "word": {"type": "string", "maxLength": 12},
        "last": {"enum": ["a", "b", "c", "d"]},
        "tags": {"type": "array", "items": {"enum": ["x", "y", "z"]}, "maxItems": 3},
    },
    "required": ["first", "word", "last", "tags"],
    "if": {"properties": {"first": {"minimum": 0}}},
    "then": {"properties": {"word": {"pattern": "^[A-Za-z]"}}},
}
"""A rule across fields that no slot knows of, so that it is found when all is written."""


@pytest.mark.parametrize("style", ["json", "indented", "lines"])
@pytest.mark.parametrize("parallel", [False, True])
def test_only_the_field_that_breaks_the_schema_is_filled_again(style: Any, parallel: bool) -> None:
    form = compile_form(RULE, style=style)
    redone = 0
    for seed in range(12):
        how = Filling(retries=0, parallel=parallel, max_tokens=30)
        first = fill(form, ByteEngine(by_branch(seed, 1.0)), ASK, how)
        again = fill(form, ByteEngine(by_branch(seed, 1.0)), ASK, replace(how, retries=20))
        if first.status == "ok":
            assert again.output == first.output
            continue
        assert again.status == "repaired", again.reason
        assert first.reason.startswith("word: ")
        redone += 1
        before = parse_answer(first.text, form)
        after = again.output
        assert before.pop("word") != after.pop("word")
        assert before == after
        assert again.usage.output_tokens > first.usage.output_tokens
    assert redone >= 4


def test_known_values_are_written_and_cost_nothing() -> None:
    known = {"kind": "return", "count": 7, "who.vip": True}
    engine = ByteEngine(by_branch(3))
    filled = fill(ORDER, engine, ASK, Filling(known=known, retries=5, max_tokens=40))
    check(filled, ORDER, engine)
    assert (filled.output["kind"], filled.output["count"]) == ("return", 7)
    assert filled.output["who"]["vip"] is True
    assert not known.keys() & filled.decisions.keys()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 3e38])
@pytest.mark.parametrize("temperature", [0.0, 0.7])
@pytest.mark.parametrize("scoring", ["trie", "likelihood", "normalised"])
def test_logits_that_say_nothing_end_in_a_result(
    value: float, temperature: float, scoring: Any
) -> None:
    engine = ByteEngine(flat(value))
    how = Filling(temperature=temperature, scoring=scoring, max_tokens=20)
    with np.errstate(all="ignore"):
        check(fill(ORDER, engine, ASK, how), ORDER, engine)


def test_the_likeliest_option_wins_and_its_probability_is_the_model_s() -> None:
    """Options that part at one byte: the softmax of its logits."""

    def speak(tokens: Sequence[int]) -> Logits:
        logits = np.zeros(NUM_VOCAB, dtype=np.float32)
        logits[[ord("n"), ord("t"), ord("f")]] = [1.0, 3.0, 2.0]
        return logits

    form = compile_form({"type": ["boolean", "null"]})
    weights = {"true": math.exp(3), "false": math.exp(2), "null": math.exp(1)}
    total = sum(weights.values())
    for scoring in ("trie", "likelihood"):
        filled = fill(form, ByteEngine(speak), ASK, Filling(scoring=scoring))
        assert filled.output is True
        if scoring == "trie":
            assert filled.decisions[""].probabilities == pytest.approx(
                {name: weight / total for name, weight in weights.items()}
            )
            mass = total / (total + NUM_VOCAB - 3)
            assert filled.decisions[""].valid_mass == pytest.approx(mass)


def test_scoring_decides_between_a_short_and_a_long_option() -> None:
    """`likelihood` counts every token of an option, `trie` only where options part."""

    def speak(tokens: Sequence[int]) -> Logits:
        logits = np.zeros(NUM_VOCAB, dtype=np.float32)
        logits[ord("a")] = 2.5  # `"abcdefgh"` begins likelier than `"b"` and goes on unlikely
        logits[ord("b")] = 2.0
        return logits

    form = compile_form({"enum": ["acdefgh", "b"]})
    answers = {
        scoring: fill(form, ByteEngine(speak), ASK, Filling(scoring=scoring)).output
        for scoring in ("trie", "likelihood", "normalised")
    }
    assert answers == {"trie": "acdefgh", "likelihood": "b", "normalised": "b"}
