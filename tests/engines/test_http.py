"""The HTTP engine against a loopback server: outages, refusals, keys, probes, limits."""

from __future__ import annotations

import logging
import socket
import traceback
from concurrent.futures import ThreadPoolExecutor

import pytest

from openai_server import KEY, Reply, chat
from rung.core.errors import EngineError
from rung.core.records import Message, Usage
from rung.engines import http_client
from rung.engines.base import Request
from rung.engines.endpoints import Endpoint
from rung.engines.http import HttpEngine

ASK = Request(messages=(Message(role="user", content="Where is my parcel?"),))
BUSY = Reply(status=503, data={"error": {"message": "overloaded"}})


def test_one_round_trip(server, engine_at):
    done = engine_at().complete(ASK)
    assert (done.text, done.finish_reason) == ("ok", "stop")
    assert done.usage == Usage(prompt_tokens=4, cached_tokens=8, output_tokens=3)
    assert done.latency_ms > 0
    (request,) = server.posts
    assert request["path"] == "/v1/chat/completions"
    assert request["headers"]["Authorization"] == f"Bearer {KEY}"
    assert request["json"] == {
        "model": "small",
        "messages": [{"role": "user", "content": "Where is my parcel?"}],
        "max_tokens": 256,
        "temperature": 0.0,
    }


def test_omit_and_extra_shape_the_body(server, engine_at):
    engine_at(
        omit=("temperature",),
        extra={"reasoning_effort": "low"},
        max_tokens_field="max_completion_tokens",
    ).complete(ASK)
    body = server.posts[0]["json"]
    assert "temperature" not in body and "max_tokens" not in body
    assert body["reasoning_effort"] == "low" and body["max_completion_tokens"] == 256


def test_429_waits_as_long_as_the_server_says(server, engine_at):
    server.script = [Reply(status=429, data={}, headers={"Retry-After": "2"})]
    engine = engine_at(jitter=0.5)
    assert engine.complete(ASK).text == "ok"
    assert engine.slept == [2.25]  # 2 s as told, and half of the 0.5 s base against herds


@pytest.mark.parametrize("failure", [BUSY, Reply(status=500, raw=b"<html>"), Reply(drop=True)])
def test_an_outage_that_passes_is_asked_again(server, engine_at, failure):
    server.script = [failure, failure]
    engine = engine_at(jitter=1.0)
    assert engine.complete(ASK).text == "ok"
    assert engine.slept == [0.5, 1.0]  # full jitter's ceilings: base * 2^attempt


BROKEN_OFF = {"index": 0, "message": {"content": '{"categ'}, "finish_reason": "error"}


@pytest.mark.parametrize(
    "told",
    [
        {"error": {"code": 429, "message": "Provider returned error"}, "choices": None},
        chat(choices=[BROKEN_OFF]),
        chat(choices=[BROKEN_OFF | {"error": {"code": 502, "message": "disconnected"}}]),
    ],
)
def test_an_outage_told_in_the_body_of_an_answer_is_asked_again(server, engine_at, told):
    server.script = [Reply(data=told)]
    assert engine_at().complete(ASK).text == "ok"
    server.script = [Reply(data=told)] * 2
    with pytest.raises(EngineError, match="it answered (429|502): .*tried 2 times") as caught:
        engine_at(max_retries=1).complete(ASK)
    assert caught.value.retryable


def test_other_errors_in_the_body_of_an_answer_are_said_at_once(server, engine_at):
    server.script = [Reply(data={"error": {"code": 402, "message": "add credits"}})]
    with pytest.raises(EngineError, match="402.*add credits"):
        engine_at().complete(ASK)
    server.script = [Reply(data={"error": "Unexpected endpoint"})]
    with pytest.raises(EngineError, match="no choices.*Unexpected endpoint"):
        engine_at().complete(ASK)
    assert len(server.posts) == 2


def test_an_outage_that_stays_is_given_up(server, engine_at):
    server.script = [BUSY] * 9
    engine = engine_at(max_retries=2)
    with pytest.raises(EngineError, match=r"503: overloaded \(tried 3 times\)") as caught:
        engine.complete(ASK)
    assert caught.value.retryable
    assert len(server.posts) == 3


def test_a_wait_beyond_the_deadline_is_not_begun(server, engine_at):
    server.script = [Reply(status=429, data={}, headers={"Retry-After": "50"})]
    engine = engine_at()
    with pytest.raises(EngineError, match="tried once"):
        engine.complete(Request(prompt="x", timeout_s=5.0))
    assert engine.slept == []


@pytest.mark.parametrize(
    "reply, words",
    [
        (Reply(status=400, data={"error": {"message": "bad field 'seed'"}}), "bad field 'seed'"),
        (Reply(status=401, data={"error": {"message": "nope"}}), "key in TEST_KEY"),
        (Reply(status=403, data={}), "key in TEST_KEY"),
        (Reply(status=404, data={}), "usually ends in /v1"),
        (Reply(status=302, headers={"Location": "/elsewhere"}), "redirects"),
        (
            Reply(status=429, data={"error": {"code": "insufficient_quota", "message": "broke"}}),
            "no quota left",
        ),
        (Reply(raw=b"<html>hello"), "not JSON"),
        (Reply(raw=b"[" * 200_000), "not JSON"),
        (Reply(data={"error": "model crashed"}), "no choices"),
    ],
)
def test_a_refusal_is_never_asked_again(server, engine_at, reply, words):
    server.script = [reply]
    engine = engine_at()
    with pytest.raises(EngineError, match=words) as caught:
        engine.complete(ASK)
    assert not caught.value.retryable
    assert caught.value.rejected == (reply.status == 400)
    assert (len(server.posts), engine.slept) == (1, [])


@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=413, data={}),
        Reply(status=400, data={"error": {"code": "context_length_exceeded", "message": "m"}}),
        Reply(status=400, data={"error": {"message": "prompt is too long: 210000 tokens"}}),
        Reply(data={"choices": [{"message": {"content": None, "refusal": "I cannot"}}]}),
        Reply(data=chat(choices=[{"message": {"content": ""}, "finish_reason": "content_filter"}])),
    ],
)
def test_what_one_input_is_to_blame_for_says_so(server, engine_at, reply):
    server.script = [reply]
    with pytest.raises(EngineError) as caught:
        engine_at().complete(ASK)
    assert caught.value.of_input and not caught.value.retryable


@pytest.mark.parametrize("status", [200, 400, 401, 404, 500])
def test_the_key_is_in_no_message_log_or_traceback(server, engine_at, caplog, status):
    caplog.set_level(logging.DEBUG)
    server.script = [Reply(status=status, data={"error": {"message": f"wrong key {KEY}"}})]
    engine = engine_at(max_retries=0)
    with pytest.raises(EngineError) as caught:
        engine.complete(ASK)
    shown = "".join(traceback.format_exception(caught.value)) + str(caught.value.hint)
    shown += caplog.text + repr(engine) + repr(vars(engine)) + repr(engine.endpoint)
    assert KEY not in shown
    assert "0123456789" not in shown


def test_a_missing_key_names_its_variable(server, engine_at, monkeypatch):
    monkeypatch.delenv("TEST_KEY")
    with pytest.raises(EngineError, match="TEST_KEY is not set") as caught:
        engine_at().complete(ASK)
    assert caught.value.hint == "export TEST_KEY=…"
    assert server.requests == []


def test_a_key_no_header_can_carry_is_not_shown(server, engine_at, monkeypatch):
    monkeypatch.setenv("TEST_KEY", "sk-secret\nX-Evil: 1")
    with pytest.raises(EngineError, match="odd characters") as caught:
        engine_at().complete(ASK)
    assert "sk-secret" not in str(caught.value)
    assert server.requests == []


def test_a_server_that_wants_a_key_says_where_to_name_it(server, engine_at):
    server.script = [Reply(status=401, data={})]
    with pytest.raises(EngineError, match="api_key_env in .*engines.toml"):
        engine_at(api_key_env="").complete(ASK)
    assert "Authorization" not in server.posts[0]["headers"]


def test_an_unknown_model_lists_the_servers(server, engine_at):
    server.pages["/v1/models"] = {"data": [{"id": "smal-1"}, {"id": "large"}]}
    server.script = [Reply(status=404, data={"error": {"code": "model_not_found"}})]
    with pytest.raises(EngineError, match="has no model 'small'.*did you mean 'smal-1'") as caught:
        engine_at().complete(ASK)
    assert caught.value.hint == "its models: large, smal-1"


def test_an_unreachable_server_is_named(engine_at):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(EngineError, match=f"{url}: it cannot be reached") as caught:
        engine_at(base_url=url, max_retries=1).complete(ASK)
    assert caught.value.retryable
    with pytest.raises(EngineError, match="cannot be reached"):
        engine_at(base_url=url, server="auto")


def test_a_server_that_still_loads_its_model_is_not_taken_for_another(server, engine_at):
    card = {"id": "small", "owned_by": "vllm"}
    server.pages = {"/v1/models": Reply(status=503, data={"error": {"message": "Loading model"}})}
    with pytest.raises(EngineError, match="503: Loading model") as caught:
        engine_at(server="auto")
    assert caught.value.retryable
    server.pages = {"/v1/models": {"data": [card]}}
    assert engine_at(server="auto").capabilities.prefix


def test_a_slow_server_times_out(server, engine_at):
    server.script = [Reply(delay_s=3.0), Reply(data=chat("late but there"))]
    engine = engine_at(timeout_s=0.5)
    assert engine.complete(ASK).text == "late but there"
    server.script = [Reply(delay_s=3.0)]
    with pytest.raises(EngineError, match=r"no answer within 0.5 s"):
        engine_at(timeout_s=0.5, max_retries=0).complete(ASK)


@pytest.mark.parametrize(("timeout_s", "num_asked"), [(590.0, 12), (30.0, 3)])
def test_an_endpoints_own_time_may_be_longer_than_others(
    server, engine_at, monkeypatch, timeout_s, num_asked
):
    now_ms = [0.0]
    monkeypatch.setattr(http_client, "monotonic_ms", lambda: now_ms[0])
    engine = engine_at(timeout_s=timeout_s, max_retries=20)

    async def sleep(seconds: float) -> None:
        now_ms[0] += seconds * 1000.0

    engine._client._sleep = sleep
    server.script = [Reply(status=503, data={}, headers={"Retry-After": "50"})] * 20
    with pytest.raises(EngineError, match=f"tried {num_asked} times"):
        engine.complete(ASK)


def test_a_huge_answer_is_cut_off(server, engine_at, monkeypatch):
    monkeypatch.setattr(http_client, "MAX_ANSWER_BYTES", 1000)
    server.script = [Reply(data=chat("x" * 2000))]
    with pytest.raises(EngineError, match="larger than 1000 bytes"):
        engine_at().complete(ASK)


def test_without_usage_tokens_are_estimated_from_bytes(server, engine_at):
    server.script = [Reply(data=chat("12345678", usage=None))]
    usage = engine_at().complete(ASK).usage
    assert usage == Usage(prompt_tokens=5, output_tokens=2)  # 19 bytes and 8 bytes, 4 a token


@pytest.mark.parametrize(
    "owner, pages, server_kind, abilities",
    [
        ("vllm", {"/version": {"version": "0.31.0"}}, "vllm", {"regex", "prefix", "adapters"}),
        ("vllm", {"/version": {"version": "0.10.2"}}, "vllm-guided", {"regex", "prefix"}),
        ("vllm", {}, "vllm", {"choice_logprobs"}),
        ("sglang", {}, "sglang", {"regex", "prefix"}),
        (
            "llamacpp",
            {
                "/props": {
                    "chat_template": "{% if enable_thinking %}",
                    "default_generation_settings": {"n_ctx": 4096},
                }
            },
            "llama-server",
            {"prefix", "thinking"},
        ),
        ("acme", {}, "openai", {"schema", "choices"}),
    ],
)
def test_a_server_is_asked_once_what_it_is(server, engine_at, owner, pages, server_kind, abilities):
    server.pages = {"/v1/models": {"data": [{"id": "m", "owned_by": owner, "max_model_len": 2048}]}}
    server.pages |= pages
    engine = engine_at(server="auto", api_key_env="")
    assert engine._dialect.server == server_kind
    assert all(getattr(engine.capabilities, name) for name in abilities)
    contexts = {"openai": 0, "llama-server": 4096}
    assert engine.capabilities.context_tokens == contexts.get(server_kind, 2048)
    before = len(server.requests)
    engine_at(server="auto", api_key_env="")
    assert len(server.requests) == before


def test_settings_correct_the_dialect(engine_at):
    engine = engine_at(prefix="prefix", logprobs=True, thinking=True, context_tokens=99)
    found = engine.capabilities
    assert found.prefix and found.logprobs and found.choice_logprobs and found.thinking
    assert found.context_tokens == 99
    assert not engine_at(server="vllm", prefix="none").capabilities.prefix


def test_what_the_server_cannot_do_is_refused_before_it_is_asked(server, engine_at):
    with pytest.raises(EngineError, match="cannot force the start"):
        engine_at().complete(Request(messages=ASK.messages, prefix="{"))
    assert server.requests == []


def test_many_threads_may_ask_at_once(server, engine_at):
    engine = engine_at()
    server.script = [Reply(data=chat(str(i)), delay_s=0.02) for i in range(16)]
    with ThreadPoolExecutor(16) as pool:
        texts = list(pool.map(lambda _: engine.complete(ASK).text, range(16)))
    assert sorted(texts, key=int) == [str(i) for i in range(16)]


def test_a_closed_engine_says_so_and_leaves_no_thread(engine_at):
    engine = engine_at()
    engine.complete(ASK)
    thread = engine._loop._thread
    engine.close()
    engine.close()
    assert not thread.is_alive()
    with pytest.raises(EngineError, match="closed"):
        engine.complete(ASK)


def test_a_dropped_engine_ends_its_thread(server):
    engine = HttpEngine(Endpoint(model="m", base_url=server.url, server="openai"))
    engine.complete(ASK)
    thread = engine._loop._thread
    del engine
    thread.join(1.0)
    assert not thread.is_alive()
