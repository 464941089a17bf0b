"""The Messages wire, both ways: fields of a request, blocks and counts of an answer."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.core.errors import EngineError
from rung.core.records import Message, Usage
from rung.engines.anthropic_answer import parse_message
from rung.engines.anthropic_request import messages_body
from rung.engines.base import Request
from rung.engines.hosted import dialect_of
from rung.engines.openai_answer import to_completion

USER = Message(role="user", content="u")
ASK = Request(messages=(Message(role="system", content="s"), USER))
ORDER = {
    "type": "object",
    "properties": {"n": {"type": "integer", "minimum": 1}},
    "required": ["n"],
}
MAP = {"type": "object", "additionalProperties": {"type": "string"}}


def body_of(model: str, request: Request = ASK, **fields) -> dict:
    dialect = dialect_of("anthropic", model, "")
    path, body = messages_body(replace(request, **fields), dialect, model)
    assert path == "/messages"
    return body


def test_a_plain_request():
    assert body_of("claude-haiku-4-5", stop=("END", "\n"), temperature=1.5, max_tokens=7) == {
        "model": "claude-haiku-4-5",
        "max_tokens": 7,
        "system": "s",
        "messages": [{"role": "user", "content": "u"}],
        "temperature": 1.0,
        "stop_sequences": ["END"],  # "\n" is refused as a stop; the answer is cut there anyway
    }


def test_system_messages_are_joined_and_blank_ones_left_out():
    messages = (
        Message(role="system", content="a"),
        USER,
        Message(role="assistant", content="  "),
        Message(role="system", content="b"),
        USER,
    )
    body = body_of("claude-haiku-4-5", messages=messages)
    assert body["system"] == "a\n\nb"
    assert [turn["role"] for turn in body["messages"]] == ["user", "user"]
    assert "system" not in body_of("claude-haiku-4-5", messages=(USER,))


@pytest.mark.parametrize(
    "prefix, sent",
    [('{"a": ', '{"a":'), ("{\n  ", "{"), ("{", "{"), (" \n", None)],
)
def test_a_forced_start_ends_without_white_space(prefix, sent):
    turns = body_of("claude-haiku-4-5", prefix=prefix)["messages"]
    assert turns[1:] == ([{"role": "assistant", "content": sent}] if sent else [])


@pytest.mark.parametrize(
    "model, switch, fields",
    [
        ("claude-haiku-4-5", "on", {"thinking": {"type": "enabled", "budget_tokens": 4096}}),
        ("claude-haiku-4-5", "off", {}),
        ("claude-haiku-4-5", "default", {}),
        ("claude-opus-4-6", "on", {"thinking": {"type": "adaptive"}}),
        ("claude-opus-4-6", "off", {}),
        ("claude-opus-5", "on", {"thinking": {"type": "adaptive"}}),
        ("claude-opus-5", "off", {"thinking": {"type": "disabled"}}),
        ("claude-opus-5", "default", {}),
        ("claude-sonnet-5-5", "off", {"thinking": {"type": "between_tools"}}),
        ("claude-opus-5-5", "default", {}),
    ],
)
def test_the_thinking_switch(model, switch, fields):
    body = body_of(model, thinking=switch, max_tokens=100)
    assert {name: body[name] for name in ("thinking",) if name in body} == fields
    by_default = model in ("claude-opus-5", "claude-opus-5-5")
    thinks = switch == "on" or (switch == "default" and by_default)
    # thinking counts into the limit, and leaves no temperature to set
    assert body["max_tokens"] == (4196 if thinks else 100)
    assert not (thinks and "temperature" in body)


def test_a_schema_by_output_config_or_by_a_forced_tool():
    found = body_of("claude-haiku-4-5", schema=ORDER)["output_config"]["format"]
    assert found["type"] == "json_schema"
    assert found["schema"]["additionalProperties"] is False
    body = body_of("claude-3-haiku-20240307", schema=ORDER)
    assert body["tools"][0]["input_schema"] == ORDER
    assert body["tool_choice"] == {
        "type": "tool",
        "name": body["tools"][0]["name"],
        "disable_parallel_tool_use": True,
    }
    assert "output_config" not in body


def test_what_output_config_cannot_say_goes_to_a_tool_where_one_may_be_forced():
    assert body_of("claude-opus-4-6", schema=MAP)["tools"][0]["input_schema"] == MAP
    for model, fields in (("claude-opus-5-5", {}), ("claude-opus-4-6", {"thinking": "on"})):
        with pytest.raises(EngineError, match="keys of any name") as caught:
            body_of(model, schema=MAP, **fields)
        assert caught.value.refused == "schema"


def test_choices_are_an_enum():
    schema = body_of("claude-haiku-4-5", choices=("a", "b"))["output_config"]["format"]["schema"]
    assert schema["properties"]["choice"]["enum"] == ["a", "b"]


def test_a_raw_prompt_has_no_words_there():
    with pytest.raises(EngineError, match="messages, not a raw prompt"):
        body_of("claude-haiku-4-5", Request(prompt="Q:"))


def message(*blocks, reason="end_turn", **usage) -> dict:
    return {"content": list(blocks), "stop_reason": reason, "usage": usage}


def text(words: str) -> dict:
    return {"type": "text", "text": words}


def completed(data, request: Request = ASK):
    dialect = dialect_of("anthropic", "claude-haiku-4-5", "")
    return to_completion(parse_message(data, request), request, dialect, latency_ms=1.0)


def test_thinking_is_left_out_of_the_text_but_not_of_the_count():
    data = message({"type": "thinking", "thinking": "hm"}, text("a"), text("b"), output_tokens=90)
    done = completed(data)
    assert (done.text, done.usage.output_tokens) == ("ab", 90)


def test_the_four_kinds_of_tokens():
    data = message(
        text("a"),
        input_tokens=4,
        cache_creation_input_tokens=2,
        cache_read_input_tokens=8,
        output_tokens=3,
    )
    # what is written into a cache is evaluated and billed as prompt
    assert completed(data).usage == Usage(prompt_tokens=6, cached_tokens=8, output_tokens=3)
    assert completed(message(text("a"), cache_read_input_tokens=None)).usage == Usage()


@pytest.mark.parametrize(
    "reason, expected",
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("tool_use", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        (None, "stop"),
    ],
)
def test_stop_reasons(reason, expected):
    assert completed(message(text("a"), reason=reason)).finish_reason == expected


def test_a_refusal_is_the_fault_of_this_input():
    with pytest.raises(EngineError, match="refused to answer") as caught:
        completed(message(reason="refusal"))
    assert caught.value.of_input


def test_the_input_of_the_forced_tool_is_the_answer():
    block = {"type": "tool_use", "name": "answer", "input": {"ort": "Köln"}}
    assert completed(message(text("Sure."), block)).text == '{"ort": "Köln"}'
    low = {"type": "tool_use", "name": "answer", "input": {"choice": "low"}}
    asked = replace(ASK, choices=("low", "high"))
    assert completed(message(low), asked).text == "low"


def test_half_a_character_is_marked_as_such():
    assert completed(message(text("cut \ud83d"))).text == "cut \ufffd"


@pytest.mark.parametrize(
    "prefix, answer, rest",
    [
        ('{"a": ', ' "x"}', '"x"}'),
        ('{"a": ', '"x"}', '"x"}'),  # the white space was never missing
        ("{\n  ", "\n  x", "x"),
        ("{\n  ", "\n x", "x"),
        ("{", " x", " x"),
    ],
)
def test_white_space_left_off_the_prefix_is_not_repeated(prefix, answer, rest):
    assert completed(message(text(answer)), replace(ASK, prefix=prefix)).text == rest


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["content", "type", "text", "tool_use", "input", "usage", "choice"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(json_values)
def test_any_json_gives_a_text_or_an_engine_error(data):
    for shape in (data, {"content": data}, message(data), message({"type": "text", "text": data})):
        with contextlib.suppress(EngineError):
            assert isinstance(completed(shape).text, str)
