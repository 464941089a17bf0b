"""What comes back over the wire: text, counts, log-probabilities, and nonsense."""

from __future__ import annotations

import contextlib
import json
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.core.errors import EngineError
from rung.core.records import Message, Usage
from rung.engines.base import Request
from rung.engines.dialects import DIALECTS
from rung.engines.openai_answer import parse_answer, to_completion

ASK = Request(messages=(Message(role="user", content="u"),))
LOW_HIGH = Request(messages=ASK.messages, choices=("low", "high"))


def chat(content, finish="stop", **fields):
    choice = {"message": {"role": "assistant", "content": content}, "finish_reason": finish}
    return {"choices": [choice | fields], "usage": {"prompt_tokens": 10, "completion_tokens": 2}}


def completed(data, request=ASK, server="vllm"):
    answer = parse_answer(data, request)
    return to_completion(answer, request, DIALECTS[server], latency_ms=1.0)


@pytest.mark.parametrize(
    "usage, extra, expected",
    [
        ({"prompt_tokens": 10, "completion_tokens": 2}, {}, (10, 0, 2)),
        (
            {"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": 6}},
            {},
            (4, 6, 0),
        ),
        ({"prompt_tokens": 10, "prompt_tokens_details": None}, {}, (10, 0, 0)),
        ({"prompt_tokens": 10, "prompt_cache_hit_tokens": 9}, {}, (1, 9, 0)),  # DeepSeek
        ({"prompt_tokens": 10}, {"timings": {"cache_n": 7}}, (3, 7, 0)),  # llama-server
        ({"prompt_tokens": 10, "prompt_cache_hit_tokens": 99}, {}, (0, 10, 0)),
        ({"prompt_tokens": "ten"}, {}, (0, 0, 0)),
    ],
)
def test_usage_of_different_servers(usage, extra, expected):
    prompt, cached, output = expected
    found = completed(chat("x") | {"usage": usage} | extra).usage
    assert found == Usage(prompt_tokens=prompt, cached_tokens=cached, output_tokens=output)


@pytest.mark.parametrize(
    "content, text",
    [
        (None, ""),
        ("a", "a"),
        ([{"type": "text", "text": "a"}, {"text": "b"}], "ab"),
        ("cut \ud83d", "cut \ufffd"),  # half an emoji, which no file or database takes
    ],
)
def test_content_forms(content, text):
    assert completed(chat(content)).text == text


def test_text_ends_before_the_first_stop_even_if_the_server_ignores_stops():
    request = Request(messages=ASK.messages, stop=("END", "\n"))
    done = completed(chat("a\nbEND", finish="length"), request)
    assert (done.text, done.finish_reason) == ("a", "stop")
    assert completed(chat("abc", finish="length"), request).finish_reason == "length"


@pytest.mark.parametrize(
    "data, words",
    [
        (chat("x", finish="content_filter"), "filtered"),
        ({"choices": [{"message": {"content": None, "refusal": "I cannot"}}]}, "refused to answer"),
        ({"choices": []}, "no choices"),
        ([], "no choices"),
        ("hello", "no choices"),
    ],
)
def test_no_answer_is_an_error(data, words):
    with pytest.raises(EngineError, match=words):
        completed(data)


@pytest.mark.parametrize("content", ["high", " high\n"])
def test_a_choice_comes_back_as_given(content):
    done = completed(chat(content), LOW_HIGH)
    assert (done.text, done.finish_reason) == ("high", "choice")


def test_a_hosted_choice_is_unwrapped():
    assert completed(chat('{"choice": "low"}'), LOW_HIGH, "openai").text == "low"


@pytest.mark.parametrize(
    "content, choices, expected",
    [
        ("hi", ("low", "high"), ("high", "choice")),
        ("", ("low", "high"), ("", "length")),
        ("lo", ("low", "lower"), ("lo", "length")),
        ("low", ("low", "lower"), ("low", "length")),
        ("lowe", ("low", "lower"), ("lower", "choice")),
        (" h", ("low", "high"), ("high", "choice")),
        ("für\ufffd", ("für ä", "für ö"), ("für\ufffd", "length")),
    ],
)
def test_a_cut_answer_is_the_only_choice_that_begins_like_it(content, choices, expected):
    request = Request(messages=ASK.messages, choices=choices)
    done = completed(chat(content, finish="length"), request)
    assert (done.text, done.finish_reason) == expected


@pytest.mark.parametrize("server, content", [("vllm", "x"), ("openai", '{"choice": "lo')])
def test_a_cut_answer_that_begins_no_choice_is_an_error(server, content):
    with pytest.raises(EngineError, match="none of the 2 allowed choices .*length"):
        completed(chat(content, finish="length"), LOW_HIGH, server)


def test_a_choice_that_was_asked_in_full_may_not_stay_open():
    dialect = replace(DIALECTS["vllm"], choice_tokens=0)
    answer = parse_answer(chat("", finish="length"), LOW_HIGH)
    with pytest.raises(EngineError, match="none of the 2 allowed choices"):
        to_completion(answer, LOW_HIGH, dialect, latency_ms=1.0)


KEYS = ["choices", "message", "content", "usage", "text", "token", "logprob", "top_logprobs"]
KEYS += ["tokens", "token_logprobs"]
json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(json_values, st.sampled_from(sorted(DIALECTS)))
def test_any_json_gives_an_allowed_choice_or_an_engine_error(data, server):
    for shape in (data, {"choices": [data]}, chat(data), chat("low", logprobs=data)):
        with contextlib.suppress(EngineError):
            done = completed(shape, LOW_HIGH, server)
            assert done.text in LOW_HIGH.choices or done.finish_reason == "length"


@settings(deadline=None)
@given(st.text())
def test_a_choice_is_never_outside_the_list(text):
    for server in ("vllm", "openai"):
        try:
            done = completed(chat(text), LOW_HIGH, server)
        except EngineError:
            assert text.strip() not in LOW_HIGH.choices or server == "openai"
        else:
            assert done.text in LOW_HIGH.choices


def test_both_wire_forms_of_logprobs():
    modern = {
        "content": [
            {
                "token": "high",
                "logprob": -0.3,
                "top_logprobs": [
                    {"token": "high", "logprob": -0.3},
                    {"token": "low", "logprob": -1.4},
                ],
            }
        ]
    }
    older = {
        "tokens": ["high"],
        "token_logprobs": [-0.3],
        "top_logprobs": [{"high": -0.3, "low": -1.4}],
    }
    for logprobs in (modern, older):
        done = completed(chat("high", logprobs=logprobs), LOW_HIGH)
        assert done.choice_logprobs == (-1.4, -0.3)
    asked = Request(messages=ASK.messages, top_logprobs=2)
    (row,) = completed(chat("high", logprobs=modern), asked).logprobs
    assert (row.token, math.exp(row.logprob)) == ("high", pytest.approx(0.7408, abs=1e-4))
    assert completed(chat("high", logprobs=modern)).logprobs == ()


def test_odd_logprobs_are_dropped_and_infinities_bounded():
    for item in ({"token": 3, "logprob": 0, "top_logprobs": []}, {"token": "a"}, None):
        assert completed(chat("low", logprobs={"content": [item]}), LOW_HIGH).text == "low"
    older = {"tokens": ["a"], "token_logprobs": [-math.inf], "top_logprobs": [None]}
    asked = Request(messages=ASK.messages, top_logprobs=1)
    assert completed(chat("a", logprobs=older), asked).logprobs[0].logprob == -9999.0


def test_choice_logprobs_stay_empty_where_the_dialect_does_not_promise_them():
    wrapped = json.dumps({"choice": "high"})
    logprobs = {"content": [{"token": wrapped, "logprob": 0, "top_logprobs": []}]}
    assert completed(chat(wrapped, logprobs=logprobs), LOW_HIGH, "openai").choice_logprobs == ()
