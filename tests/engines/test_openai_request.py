"""What goes over the wire to each kind of server, field by field."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from rung.core.errors import EngineError
from rung.core.records import Message
from rung.engines.base import Request
from rung.engines.detection import detect
from rung.engines.dialects import DIALECTS
from rung.engines.openai_request import request_body

CHAT = Request(messages=(Message(role="system", content="s"), Message(role="user", content="u")))
TEXT = Request(prompt="Q: ")
CLOSED = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}
OPEN = {"type": "object", "properties": {"a": {"type": "string"}}}


def body_of(server: str, request: Request, **fields) -> dict:
    return request_body(replace(request, **fields), DIALECTS[server], "m")[1]


@pytest.mark.parametrize(
    "server, expected",
    [
        ("vllm", {"structured_outputs": {"choice": ["low", 'a"b']}}),
        ("vllm-guided", {"guided_choice": ["low", 'a"b']}),
        ("llama-server", {"grammar": 'root ::= "low" | "a\\"b"'}),
        ("sglang", {"regex": '(low|a"b)'}),
    ],
)
def test_choices_in_each_dialect(server, expected):
    for base in (CHAT, TEXT):
        body = body_of(server, base, choices=("low", 'a"b'))
        assert expected.items() <= body.items()


def test_hosted_choices_are_an_enum_schema():
    body = body_of("openai", CHAT, choices=("low", "high"), max_tokens=4)
    described = body["response_format"]["json_schema"]
    assert described["strict"] is True
    assert described["schema"]["properties"]["choice"]["enum"] == ["low", "high"]
    assert body["max_tokens"] == 20  # room for {"choice": "high"}: 16 and the longest choice
    assert "logprobs" not in body
    with pytest.raises(EngineError, match="only with messages"):
        body_of("openai", TEXT, choices=("low",))


@pytest.mark.parametrize(
    "choices, fields, expected",
    [
        ((" true", " false"), {}, 2),
        (('"card_arrival"', '"card_linking"'), {}, 4),
        ((" true", " false"), {"thinking": "on"}, 256),
    ],
)
def test_a_choice_is_asked_with_few_tokens(choices, fields, expected):
    request = replace(CHAT, choices=choices, **fields)
    dialect = DIALECTS["vllm"]
    assert request_body(request, dialect, "m")[1]["max_tokens"] == expected
    assert request_body(request, replace(dialect, choice_tokens=0), "m")[1]["max_tokens"] == 256


@pytest.mark.parametrize(
    "text, literal", [("a.b (c)", r"a\.b \(c\)"), ("x-y", "x-y"), ("1+1\\", r"1\+1\\")]
)
def test_sglang_choices_escape_only_what_they_must(text, literal):
    assert body_of("sglang", CHAT, choices=(text,))["regex"] == f"({literal})"


def test_grammar_literals_escape_backslash_and_newline():
    body = body_of("llama-server", CHAT, choices=("a\\b\nc",))
    assert body["grammar"] == 'root ::= "a\\\\b\\nc"'


@pytest.mark.parametrize(
    "server, base, expected",
    [
        ("vllm", CHAT, {"structured_outputs": {"regex": "[0-9]+"}}),
        ("vllm-guided", TEXT, {"guided_regex": "[0-9]+"}),
        ("sglang", CHAT, {"regex": "[0-9]+"}),
    ],
)
def test_regex_in_each_dialect(server, base, expected):
    assert expected.items() <= body_of(server, base, regex="[0-9]+").items()


RESPONDING = [d.server for d in DIALECTS.values() if "response_format" in d.schemas]


@pytest.mark.parametrize("server", RESPONDING)
def test_chat_schemas_use_response_format(server):
    body = body_of(server, CHAT, schema=CLOSED)
    assert body["response_format"]["type"] == "json_schema"
    assert body["response_format"]["json_schema"]["schema"] == CLOSED


@pytest.mark.parametrize(
    "server, expected",
    [
        ("vllm", {"structured_outputs": {"json": OPEN}}),
        ("vllm-guided", {"guided_json": OPEN}),
        ("llama-server", {"json_schema": OPEN}),
        ("sglang", {"json_schema": json.dumps(OPEN)}),
    ],
)
def test_schemas_of_raw_prompts(server, expected):
    assert expected.items() <= body_of(server, TEXT, schema=OPEN).items()


@pytest.mark.parametrize(
    "schema, strict",
    [
        (CLOSED, True),
        (OPEN, False),
        (CLOSED | {"required": []}, False),
        ({"type": "array", "items": OPEN}, False),
        ({"anyOf": [CLOSED, {"type": "null"}]}, False),  # the root must be an object
        (CLOSED | {"properties": {"a": {"anyOf": [CLOSED, {"type": "null"}]}}}, True),
        (CLOSED | {"properties": {"a": {"type": "string", "default": "x"}}}, False),
    ],
)
def test_strict_only_where_the_hosted_mode_accepts_it(schema, strict):
    described = body_of("openai", CHAT, schema=schema)["response_format"]["json_schema"]
    assert described["strict"] is strict


@pytest.mark.parametrize(
    "style, last, fields",
    [
        ("assistant", {}, {}),
        ("continue", {}, {"continue_final_message": True, "add_generation_prompt": False}),
        ("prefix", {"prefix": True}, {}),
        ("partial", {"partial": True}, {}),
    ],
)
def test_a_forced_start_in_each_style(style, last, fields):
    dialect = replace(DIALECTS["openai"], prefix=style)
    _, body = request_body(replace(CHAT, prefix='{"a": '), dialect, "m")
    assert body["messages"][-1] == {"role": "assistant", "content": '{"a": '} | last
    assert {name: body[name] for name in fields} == fields
    assert len(body["messages"]) == 3


def test_a_raw_prompt_is_continued_as_text():
    path, body = request_body(replace(TEXT, prefix="A: "), DIALECTS["openai"], "m")
    assert (path, body["prompt"]) == ("/completions", "Q: A: ")


def test_thinking_is_switched_in_the_template():
    body = body_of("vllm", CHAT, thinking="off")
    assert body["chat_template_kwargs"] == {"enable_thinking": False}
    assert "chat_template_kwargs" not in body_of("vllm", CHAT)


def test_llama_server_cannot_think_before_a_forced_start():
    body = body_of("llama-server", CHAT, prefix="{")
    assert body["chat_template_kwargs"] == {"enable_thinking": False}


def test_logprobs_in_both_wire_forms():
    chat = body_of("vllm", CHAT, top_logprobs=5)
    assert (chat["logprobs"], chat["top_logprobs"]) == (True, 5)
    assert body_of("vllm", TEXT, top_logprobs=5)["logprobs"] == 5
    assert body_of("vllm", CHAT, choices=("a",))["top_logprobs"] == 20


def test_small_fields():
    body = body_of("vllm", CHAT, temperature=0.5, seed=7, adapter="lora-1", stop=tuple("abcdef"))
    assert (body["model"], body["seed"]) == ("lora-1", 7)
    assert body["stop"] == ["a", "b", "c", "d"]  # OpenAI takes four; the rest is cut here


@pytest.mark.parametrize("junk", [None, 3, [], {}, {"data": []}, {"data": [7]}, {"data": None}])
def test_detection_of_anything_odd_is_careful(junk):
    assert detect(junk, version=junk, props=junk).server == "openai"
