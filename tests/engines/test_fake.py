"""The fake engine: scripted, recorded, honest about tokens, refusing like a real one."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.core.errors import EngineError
from rung.core.records import Message, Usage
from rung.engines.base import Capabilities, Request
from rung.engines.fake import ALL, FakeEngine, pieces

ASK = Request(messages=(Message(role="user", content="Where is my money?"),))


@pytest.mark.parametrize(
    "text, expected",
    [
        ("Where is my money?", ["Where", " is", " my", " money", "?"]),
        ('{"a": 1}', ["{", '"', "a", '"', ":", " 1", "}"]),
        ("", []),
        ("  \n", ["  \n"]),
        ("tail ", ["tail", " "]),
        ("naïve 日本", ["naïve", " 日本"]),
    ],
)
def test_pieces_known_answers(text, expected):
    assert pieces(text) == expected


@settings(deadline=None)
@given(st.text())
def test_pieces_lose_nothing(text):
    assert "".join(pieces(text)) == text


def test_a_list_is_used_up_in_order_and_requests_are_kept():
    engine = FakeEngine(script=["one", "two"])
    assert [engine.complete(ASK).text for _ in range(2)] == ["one", "two"]
    assert engine.requests == [ASK, ASK]
    with pytest.raises(EngineError, match="script of 2 answers is used up"):
        engine.complete(ASK)


def test_a_function_sees_the_request():
    engine = FakeEngine(script=lambda request: request.messages[0].content.upper())
    assert engine.complete(ASK).text == "WHERE IS MY MONEY?"


def test_a_scripted_error_is_raised():
    engine = FakeEngine(script=[EngineError("down", retryable=True), "up"])
    with pytest.raises(EngineError, match="down"):
        engine.complete(ASK)
    assert engine.complete(ASK).text == "up"


def test_tokens_and_virtual_time_are_counted():
    request = Request(messages=ASK.messages, prefix='{"intent": "')
    done = FakeEngine(script=['refund"}'], prompt_token_ms=1.0, output_token_ms=5.0).complete(
        request
    )
    assert done.text == 'refund"}'
    assert done.usage == Usage(prompt_tokens=5, forced_tokens=6, output_tokens=3)
    assert (done.prefill_ms, done.latency_ms) == (11.0, 26.0)


@pytest.mark.parametrize(
    "stop, max_tokens, text, reason",
    [
        ((), 9, "a b, c", "stop"),
        ((), 2, "a b", "length"),
        ((",",), 9, "a b", "stop"),
        (("c", " b"), 9, "a", "stop"),
        ((",",), 2, "a b", "length"),
        ((), 4, "a b, c", "stop"),
        ((), 0, "", "length"),
    ],
)
def test_an_answer_ends_at_stop_or_max_tokens(stop, max_tokens, text, reason):
    request = Request(prompt="x", stop=stop, max_tokens=max_tokens)
    done = FakeEngine(script=["a b, c"]).complete(request)
    assert (done.text, done.finish_reason) == (text, reason)


@pytest.mark.parametrize("scripted, text", [("high", "high"), ("neither", "low")])
def test_a_choice_is_the_scripted_one_if_allowed(scripted, text):
    request = Request(prompt="x", choices=("low", "mid", "high"))
    done = FakeEngine(script=[scripted]).complete(request)
    assert (done.text, done.finish_reason, done.usage.output_tokens) == (text, "choice", 1)
    assert sum(map(math.exp, done.choice_logprobs)) == pytest.approx(1.0)
    assert request.choices[done.choice_logprobs.index(max(done.choice_logprobs))] == text


def test_choice_scores_may_be_scripted_or_not_offered():
    request = Request(prompt="x", choices=("low", "high"))
    scored = FakeEngine(script=["high"], choice_scores=lambda request: (-3.0, -0.1))
    assert scored.complete(request).choice_logprobs == (-3.0, -0.1)
    plain = FakeEngine(script=["high"], capabilities=Capabilities(choices=True))
    assert plain.complete(request).choice_logprobs == ()
    single = FakeEngine(script=["low"]).complete(Request(prompt="x", choices=("low",)))
    assert single.choice_logprobs == (0.0,)


def test_a_fake_may_break_the_regex_and_the_schema():
    engine = FakeEngine(script=["not json", "not a number"])
    assert engine.complete(Request(prompt="x", schema={"type": "object"})).text == "not json"
    assert engine.complete(Request(prompt="x", regex="[0-9]+")).text == "not a number"


def test_logprobs_cover_the_answer_when_asked():
    done = FakeEngine(script=["a b"]).complete(Request(prompt="x", top_logprobs=1))
    assert [row.token for row in done.logprobs] == ["a", " b"]


@pytest.mark.parametrize(
    "fields",
    [
        {"prefix": "{"},
        {"choices": ("a",)},
        {"regex": "a"},
        {"schema": {}},
        {"thinking": "off"},
        {"adapter": "lora"},
        {"top_logprobs": 1},
    ],
)
def test_a_field_without_the_capability_is_refused_not_ignored(fields):
    request = Request(prompt="x", **fields)
    assert FakeEngine(script=["a"], capabilities=ALL).complete(request).text == "a"
    engine = FakeEngine(script=["a"], capabilities=Capabilities())
    with pytest.raises(EngineError, match="fake:echo cannot"):
        engine.complete(request)
    assert engine.requests == []


def test_contract_mistakes():
    engine = FakeEngine(script=["a"])
    with pytest.raises(EngineError, match="neither messages nor a prompt"):
        engine.complete(Request())
    with pytest.raises(ValueError, match="not several"):
        engine.complete(Request(prompt="x", regex="a", choices=("a",)))


def test_closing():
    engine = FakeEngine()
    engine.close()
    engine.close()
    assert engine.closed
