"""The HTTP engine against hosted providers that enforce their rules, on the loopback."""

from __future__ import annotations

import json
import logging
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from claude_rules import KEY, Refused
from provider_server import RULES, ProviderServer
from rung.core.errors import EngineError
from rung.core.records import Message, Usage
from rung.engines import http as http_engine
from rung.engines.base import Request
from rung.engines.endpoints import Endpoint
from rung.engines.http import HttpEngine
from rung.engines.remembered import capabilities_path

ASK = Request(
    messages=(
        Message(role="system", content="Be brief."),
        Message(role="user", content="Where is my parcel?"),
    ),
    stop=("END", "\n\n"),
)
SCHEMA = {
    "type": "object",
    "properties": {
        "where": {"type": "string", "maxLength": 20},
        "days": {"type": "integer", "minimum": 1},
    },
    "required": ["where"],
}
SHUT = {**SCHEMA, "required": ["where", "days"], "additionalProperties": False}
SHUT["properties"] = {"where": {"type": "string"}, "days": {"type": "integer"}}
FULL = {
    "anthropic": "anthropic/v1",
    "openai": "openai/v1",
    "mistral": "mistral/v1",
    "deepseek": "deepseek/beta",
    "dashscope": "dashscope/v1",
    "openrouter": "openrouter/v1",
    "llama-server": "llama/v1",
}
MODELS = [
    *(("anthropic", name) for name in (
        "claude-3-haiku-20240307", "claude-3-7-sonnet-20250219", "claude-opus-4-1-20250805",
        "claude-haiku-4-5", "claude-sonnet-4-6", "claude-opus-4-8", "claude-opus-5",
        "claude-sonnet-5", "claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5",
        "claude-fable-5-1", "claude-opus-6-1",
    )),
    *(("openai", name) for name in ("gpt-4o-mini", "gpt-3.5-turbo", "gpt-5-mini", "o4-mini")),
    ("mistral", "mistral-small-latest"),
    ("deepseek", "deepseek-v4-flash"),
    *(("dashscope", name) for name in ("qwen-plus", "qwen-max", "qwen3.7-plus")),
    *(("openrouter", name) for name in ("anthropic/claude-opus-4.1", "anthropic/claude-opus-5.5")),
    ("llama-server", "thinks"),
]  # fmt: skip


@pytest.fixture(scope="module")
def shared_server():
    server = ProviderServer()
    yield server
    server.stop()


@pytest.fixture
def server(shared_server, monkeypatch, tmp_path):
    monkeypatch.setenv("RUNG_HOME", str(tmp_path))
    monkeypatch.setenv("TEST_KEY", KEY)
    http_engine._detected.clear()
    shared_server.reset()
    return shared_server


@pytest.fixture
def engine_at(server):
    made = []

    def make(kind: str, model: str, **settings) -> HttpEngine:
        defaults = {"base_url": server.at(FULL[kind]), "server": kind, "api_key_env": "TEST_KEY"}
        engine = HttpEngine(Endpoint(model=model, **(defaults | settings)))
        made.append(engine)
        return engine

    yield make
    for engine in made:
        engine.close()


def refused(engine: HttpEngine, request: Request, words: str = "refused to") -> EngineError:
    with pytest.raises(EngineError, match=words) as caught:
        engine.complete(request)
    assert not caught.value.retryable
    return caught.value


@pytest.mark.parametrize("kind, model", MODELS)
def test_every_declared_capability_is_honoured(server, engine_at, kind, model):
    engine = engine_at(kind, model)
    can = engine.capabilities
    asked = [ASK, replace(ASK, temperature=0.7, seed=3)]
    asked += [replace(ASK, thinking=way) for way in ("on", "off") if can.thinking]
    if can.prefix:
        asked += [replace(ASK, prefix='{"where": ')]
        asked += [replace(ASK, prefix="{", thinking="off")] if can.thinking else []
    if can.schema:
        asked += [replace(ASK, schema=schema) for schema in (SCHEMA, SHUT)]
        asked += [replace(ASK, schema=SHUT, thinking="off")] if can.thinking else []
        clash = ("thinking", "schema") in can.conflicts
        asked += [replace(ASK, schema=SHUT, thinking="on")] if can.thinking and not clash else []
    for request in asked:
        done = engine.complete(request)
        assert done.usage.output_tokens == 3
        if request.schema is not None:
            assert json.loads(done.text)["where"] == "x"
    if can.choices:
        assert engine.complete(replace(ASK, choices=("lost", "sent"))).text == "lost"
    if can.logprobs and kind == "openai":
        engine.complete(replace(ASK, top_logprobs=3))
    assert engine.capabilities == can  # nothing was refused
    assert not capabilities_path().exists()


@pytest.mark.parametrize("kind, model", MODELS)
def test_every_conflict_is_refused_before_it_is_sent(server, engine_at, kind, model):
    fields = {
        "prefix": {"prefix": "{"},
        "schema": {"schema": SHUT},
        "choices": {"choices": ("a", "b")},
        "thinking": {"thinking": "on"},
    }
    engine = engine_at(kind, model)
    for first, second in engine.capabilities.conflicts:
        if not all(getattr(engine.capabilities, name) for name in (first, second)):
            continue
        error = refused(engine, replace(ASK, **fields[first], **fields[second]), "in one request")
        assert error.refused == first
    assert server.posts == []


def test_the_claude_wire(server, engine_at):
    engine = engine_at("anthropic", "claude-haiku-4-5")
    done = engine.complete(replace(ASK, stop=("END",)))
    assert (done.text, done.finish_reason) == ("ok", "stop")
    assert done.usage == Usage(prompt_tokens=6, cached_tokens=8, output_tokens=3)
    (post,) = server.posts
    assert post["path"] == "/anthropic/v1/messages"
    assert post["headers"]["x-api-key"] == KEY
    assert post["headers"]["anthropic-version"] == "2023-06-01"
    assert "Authorization" not in post["headers"]
    assert post["json"] == {
        "model": "claude-haiku-4-5",
        "max_tokens": 256,
        "system": "Be brief.",
        "messages": [{"role": "user", "content": "Where is my parcel?"}],
        "temperature": 0.0,
        "stop_sequences": ["END"],
    }
    assert engine.list_models() == ["claude-haiku-4-5", "claude-opus-5-5"]


def test_a_prefix_with_white_space_at_its_end_comes_out_right(server, engine_at):
    server.says = ' "Bonn"}'
    done = engine_at("anthropic", "claude-haiku-4-5").complete(replace(ASK, prefix='{"where": '))
    assert done.text == '"Bonn"}'
    assert server.posts[0]["json"]["messages"][-1]["content"] == '{"where":'


def test_settings_add_fields_and_take_some_away(server, engine_at):
    settings = {"extra": {"metadata": {"user_id": "u"}, "max_tokens": 9}, "omit": ("temperature",)}
    engine_at("anthropic", "claude-haiku-4-5", **settings).complete(ASK)
    body = server.posts[0]["json"]
    assert (body["metadata"], body["max_tokens"]) == ({"user_id": "u"}, 9)
    assert "temperature" not in body


def test_openrouter_is_told_to_use_only_providers_that_know_schemas(server, engine_at):
    engine = engine_at("openrouter", "google/gemini")
    engine.complete(ASK)
    engine.complete(replace(ASK, schema=SHUT))
    plain, limited = (post["json"] for post in server.posts)
    assert "provider" not in plain
    assert limited["provider"] == {"require_parameters": True}


REFUSALS = [
    # provider, model, settings that make the engine ask for too much, request, what is refused
    ("anthropic", "claude-opus-4-6", {"prefix": "assistant"}, {"prefix": "{"}, "prefix"),
    ("anthropic", "claude-opus-5-5", {"prefix": "assistant"}, {"prefix": "{"}, "prefix"),
    ("openai", "gpt-4-turbo", {"schema": True}, {"schema": SHUT}, "schema"),
    ("openai", "gpt-4-turbo", {"schema": True}, {"choices": ("a", "b")}, "choices"),
    ("openai", "gpt-5", {"logprobs": True}, {"top_logprobs": 2}, "logprobs"),
    ("openai", "gpt-4o", {"thinking": True}, {"thinking": "on"}, "thinking"),
    ("mistral", "m", {"prefix": "assistant"}, {"prefix": "{"}, "prefix"),
    ("deepseek", "deepseek-v4-pro", {"schema": True}, {"schema": SHUT}, "schema"),
    ("openrouter", "old/llama", {}, {"schema": SHUT}, "schema"),
    ("llama-server", "always-thinks", {}, {"prefix": "{"}, "prefix"),
]


@pytest.mark.parametrize("kind, model, settings, fields, capability", REFUSALS)
def test_a_refused_capability_is_named_and_dropped(
    server, engine_at, kind, model, settings, fields, capability
):
    engine = engine_at(kind, model, **settings)
    request = replace(ASK, **fields)
    error = refused(engine, request, rf"refused to .*\({capability}, 4")
    assert error.refused == capability
    assert not getattr(engine.capabilities, capability)
    assert len(server.posts) == 1  # never asked again by itself
    engine.complete(ASK)  # the same without it is answered
    before = len(server.posts)
    again = refused(engine, request, "cannot")
    assert again.refused == capability
    assert len(server.posts) == before  # and it is not sent a second time


def test_a_refusal_outlives_the_engine(server, engine_at):
    first = engine_at("openrouter", "old/llama")
    other = engine_at("openrouter", "new/llama")
    assert first.capabilities.schema
    refused(first, replace(ASK, schema=SHUT))
    rows = json.loads(capabilities_path().read_text("utf-8"))["refused"]
    assert [(row["model"], row["capability"]) for row in rows] == [("old/llama", "schema")]
    assert rows[0]["said"].startswith("No endpoints found")

    second = engine_at("openrouter", "old/llama")
    assert not second.capabilities.schema and not second.capabilities.choices
    assert other.capabilities.schema and engine_at("openrouter", "new/llama").capabilities.schema
    assert engine_at("openrouter", "old/llama", base_url=server.at("x")).capabilities.schema
    capabilities_path().unlink()
    assert engine_at("openrouter", "old/llama").capabilities.schema


def test_settings_are_believed_more_than_an_old_refusal(server, engine_at):
    refused(engine_at("openrouter", "old/llama"), replace(ASK, schema=SHUT))
    assert engine_at("openrouter", "old/llama", schema=True).capabilities.schema
    refused(engine_at("llama-server", "always-thinks"), replace(ASK, prefix="{"))
    assert not engine_at("llama-server", "always-thinks").capabilities.prefix
    assert engine_at("llama-server", "always-thinks", prefix="assistant").capabilities.prefix


def test_a_broken_memory_is_no_reason_to_stop(server, engine_at, caplog):
    capabilities_path().write_text("{", "utf-8")
    caplog.set_level(logging.WARNING)
    engine = engine_at("openrouter", "old/llama")
    assert "is ignored" in caplog.text
    refused(engine, replace(ASK, schema=SHUT))
    assert not engine_at("openrouter", "old/llama").capabilities.schema


def test_a_schema_that_is_at_fault_is_not_held_against_the_model(server, engine_at):
    engine = engine_at("openai", "gpt-4o", extra={"response_format": strict_but_open()})
    error = refused(engine, replace(ASK, schema=SHUT), "Invalid schema")
    assert error.refused == "schema"
    assert engine.capabilities.schema
    assert not capabilities_path().exists()


def strict_but_open() -> dict:
    described = {"name": "answer", "strict": True, "schema": SCHEMA}
    return {"type": "json_schema", "json_schema": described}


@pytest.mark.parametrize(
    "kind, settings, words",
    [
        # fields of the one provider are refused by the other
        ("anthropic", {"extra": {"response_format": {}}}, "response_format: Extra inputs"),
        ("anthropic", {"extra": {"max_completion_tokens": 9}}, "max_completion_tokens: Extra"),
        ("anthropic", {"omit": ("max_tokens",)}, "max_tokens: Field required"),
        ("anthropic", {"extra": {"seed": 3}}, "seed: Extra inputs"),
        ("openai", {"extra": {"system": "s"}}, "argument supplied: system"),
        ("openai", {"extra": {"stop_sequences": []}}, "argument supplied: stop_sequences"),
        ("openai", {"prefix": "prefix"}, "argument supplied: prefix"),
    ],
)
def test_fields_of_another_provider_are_an_error_that_names_them(
    server, engine_at, kind, settings, words
):
    model = {"anthropic": "claude-haiku-4-5", "openai": "gpt-4o"}[kind]
    engine = engine_at(kind, model, **settings)
    request = replace(ASK, prefix="{") if settings.get("prefix") else ASK
    error = refused(engine, request, words)
    assert error.refused == ("prefix" if settings.get("prefix") else "")


def test_a_claude_behind_the_other_wire_wants_its_own_key_header(server, engine_at):
    engine = engine_at("openai", "claude-haiku-4-5", base_url=server.at("anthropic/v1"))
    refused(engine, ASK, "nothing found there|has no model")


def test_an_unknown_claude_lists_those_there_are(server, engine_at):
    error = refused(engine_at("anthropic", "cloud-haiku-4-5"), ASK, "has no model")
    assert "did you mean 'claude-haiku-4-5'" in error.message


@pytest.mark.parametrize("kind, model", [("anthropic", "claude-opus-4-6"), ("mistral", "m")])
def test_the_key_is_in_no_error_log_or_file(server, engine_at, caplog, monkeypatch, kind, model):
    def leak(headers, body, path) -> None:
        raise Refused(f"prefill is not supported for {KEY}")

    monkeypatch.setitem(RULES, kind, leak)
    caplog.set_level(logging.DEBUG)
    engine = engine_at(kind, model, prefix="assistant")
    error = refused(engine, replace(ASK, prefix="{"))
    assert error.refused == "prefix"
    shown = "".join(traceback.format_exception(error)) + error.hint + caplog.text
    shown += repr(engine) + repr(vars(engine)) + capabilities_path().read_text("utf-8")
    assert KEY not in shown and "0123456789" not in shown


def test_a_wrong_key_names_its_variable(server, engine_at, monkeypatch):
    monkeypatch.setenv("TEST_KEY", "sk-wrong")
    error = refused(engine_at("anthropic", "claude-haiku-4-5"), ASK, "key in TEST_KEY")
    assert "sk-wrong" not in str(error)


def test_a_provider_is_known_by_its_address_without_asking(server, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    engine = HttpEngine.from_name("http:claude-haiku-4-5@https://api.anthropic.com/v1")
    assert engine.endpoint.api_key_env == "ANTHROPIC_API_KEY"
    assert engine.capabilities.prefix and engine.capabilities.schema
    engine.close()
    auto = HttpEngine(Endpoint(model="claude-opus-5-5", base_url="https://api.anthropic.com/v1"))
    assert auto._dialect.wire == "anthropic"
    auto.close()


def test_many_threads_may_meet_the_same_refusal(server, engine_at):
    engine = engine_at("openrouter", "old/llama")

    def ask(_: int) -> str:
        with pytest.raises(EngineError) as caught:
            engine.complete(replace(ASK, schema=SHUT))
        return caught.value.refused

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(16))) == {"schema"}
    assert len(json.loads(capabilities_path().read_text("utf-8"))["refused"]) == 1
