"""What passes through stays as it is; whatever the endpoint does, the client is told in time."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from gateways import (
    CHAT,
    DONE,
    Exchange,
    Running,
    Upstream,
    chunk,
    gateway,
    kept,
    write_endpoints,
)
from rung.core.config import home
from rung.core.errors import ConfigError
from rung.gateway.catalogue import Catalogue
from rung.gateway.settings import Settings, UpstreamRules

ONCE = Settings(upstream=UpstreamRules(retries=0, breaker_failures=99))


def test_requests_and_answers_keep_their_bytes(upstream: Upstream, monkeypatch) -> None:
    write_endpoints(a=upstream.url)
    body = (
        b'{"model": "m-a", "big": 12345678901234567890123, "tools": [ {"x":1.50} ],'
        b' "n": 2,"stop":["\\u00e9"], "messages":[{"role":"user","content":"h\\u00ef"}]}'
    )
    upstream.script = lambda e: e.reply(CHAT, 200, "x-request-id: r1", "set-cookie: a=b")
    with gateway() as running:
        same = running.post(
            "/v1/chat/completions", body, authorization="Bearer sk-client", cookie="c=d"
        )
        renamed = running.post("/v1/chat/completions", body.replace(b"m-a", b"a"))
    sent, also = upstream.exchanges
    assert sent.body == body
    assert also.body.replace(b'"model":"m-a"', b"") == b"{" + b",".join(
        (b"", b'"big":12345678901234567890123', b'"tools":[ {"x":1.50} ]', b'"n":2',
         b'"stop":["\\u00e9"]', b'"messages":[{"role":"user","content":"h\\u00ef"}]}')
    )  # fmt: skip
    assert "sk-client" not in sent.head and "cookie" not in sent.head
    assert same.body == renamed.body == CHAT
    assert same.headers["x-request-id"] == "r1" and "set-cookie" not in same.headers


def test_a_stream_keeps_its_bytes_and_is_captured_whole(upstream: Upstream) -> None:
    write_endpoints(a=upstream.url)
    tool = {"index": 0, "id": "t1", "function": {"name": "f", "arguments": '{"a"'}}
    rest = {"index": 0, "function": {"arguments": ": 1}"}}
    tricky = chunk('data: [DONE]\n\nsaid "no" to bob@example.com')
    usage = {"prompt_tokens": 5, "completion_tokens": 2}
    pieces = [
        tricky,
        _delta(tool_calls=[tool]),
        _delta(tool_calls=[rest]),
        chunk(None, "tool_calls"),
        chunk(None, usage=usage, choices=[]),
        DONE,
    ]
    raw = b"".join(pieces)
    cuts = [raw[i : i + 37] for i in range(0, len(raw), 37)]
    upstream.script = lambda e: e.events(*cuts)
    with gateway() as running:
        reply = running.chat("a", stream=True)
    assert reply.body == raw
    (call,) = kept()
    answer = json.loads(call.response)
    message = answer["choices"][0]["message"]
    assert message["content"] == 'data: [DONE]\n\nsaid "no" to [mail]'
    assert message["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"a": 1}'}
    assert (call.prompt_tokens, call.output_tokens, call.estimated) == (5, 2, False)


def _delta(**delta: object) -> bytes:
    return chunk(None).replace(b'"delta": {}', b'"delta": ' + json.dumps(delta).encode())


FAULTS = {
    "never answers": (lambda e: time.sleep(2), 504, "endpoint_timeout"),
    "hangs up": (lambda e: e.hang_up(), 502, "endpoint_unreachable"),
    "not HTTP": (lambda e: e.socket.sendall(b"garbage\r\n\r\n"), 502, "endpoint_unreachable"),
    "not JSON": (lambda e: e.reply(b"<html>"), 502, "bad_endpoint_answer"),
    "no choices": (lambda e: e.reply(b"{}"), 502, "bad_endpoint_answer"),
    "no status of HTTP": (lambda e: e.reply(b"{}", 999), 502, "bad_endpoint_answer"),
    "redirects": (lambda e: e.reply(b"", 302, "location: http://x/"), 502, "bad_endpoint_answer"),
    "cut body": (
        lambda e: (e.socket.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"),
                   e.hang_up()), 502, "endpoint_unreachable",
    ),
    "endless header": (lambda e: e.socket.sendall(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 20000),
                       502, "endpoint_unreachable"),
}  # fmt: skip


def test_an_endpoint_that_fails_ends_in_time_with_its_status(upstream: Upstream) -> None:
    write_endpoints(a=upstream.url)
    told, ids = {}, []
    with gateway(ONCE) as running:
        for fault, (script, _, _) in FAULTS.items():
            upstream.script = script
            began = time.monotonic()
            reply = running.chat("a")
            assert time.monotonic() - began < 1.0, fault
            told[fault] = (reply.status, reply.json()["error"]["code"])
            ids.append(reply.headers["x-rung-call-id"])
    assert told == {fault: (status, code) for fault, (_, status, code) in FAULTS.items()}
    calls = kept()
    assert [call.id for call in calls] == ids
    assert [call.status for call in calls] == [status for status, _ in told.values()]
    assert {call.outcome for call in calls} == {"error"}


@pytest.mark.parametrize("count", [b"-12", b"12.5", b"99999999999999999999", b'"many"', b"{}"])
def test_a_count_that_is_none_does_not_spoil_the_answer(upstream: Upstream, count: bytes) -> None:
    answer = CHAT.replace(b'"prompt_tokens": 12', b'"prompt_tokens": ' + count)
    write_endpoints(a=upstream.url)
    upstream.script = lambda e: e.reply(answer)
    with gateway(ONCE) as running:
        assert running.chat("a").body == answer
    (call,) = kept()
    assert call.estimated and call.cost_usd and call.cost_usd > 0


def test_an_endpoints_own_error_comes_through_as_it_is(upstream: Upstream) -> None:
    body = b'{"error": {"message": "no", "type": "t", "param": null, "code": "c"}}'
    write_endpoints(a=upstream.url)
    with gateway(ONCE) as running:
        for status in (400, 500, 429):
            upstream.script = lambda e, status=status: e.reply(body, status, "retry-after: 7")
            reply = running.chat("a")
            assert (reply.status, reply.body, reply.headers["retry-after"]) == (status, body, "7")
        again = running.chat("a")  # the endpoint asked to be left alone, and is
    assert again.status == 429 and again.json()["error"]["code"] == "endpoint_throttled"
    assert len(upstream.exchanges) == 3 and 1 <= int(again.headers["retry-after"]) <= 7


CUTS = {
    "dies": lambda e: e.events(chunk("he"), end=False),
    "stops early": lambda e: e.events(chunk("he")),
    "stalls": lambda e: (
        e.socket.sendall(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
            b"transfer-encoding: chunked\r\n\r\n" + b"5\r\ndata:\r\n"
        ),
        time.sleep(2),
    ),
}


def test_half_a_stream_is_never_taken_for_a_whole_one(upstream: Upstream) -> None:
    write_endpoints(a=upstream.url)
    with gateway(ONCE) as running:
        for cut, script in CUTS.items():
            upstream.script = script
            body = running.chat("a", stream=True).body
            last = body.strip().rsplit(b"data: ", 1)[-1]
            assert json.loads(last)["error"]["code"] == "stream_cut", cut
            assert b"[DONE]" not in body
    assert [(call.status, call.outcome) for call in kept()] == [(502, "cut")] * len(CUTS)


def test_outages_fall_back_to_the_next_endpoint_and_refusals_do_not(upstream: Upstream) -> None:
    down = Upstream(lambda e: e.reply(b"{}", 503))
    write_endpoints({"a": "m", "b": "m"}, a=down.url, b=upstream.url)
    with gateway() as running:
        assert running.chat("m").body == CHAT
        down.script = lambda e: e.reply(b'{"error": {}}', 400)
        assert running.chat("m").status == 400
    down.close()
    assert [call.served_by for call in kept()] == ["http:b", "http:a"]


def test_an_endpoint_that_fails_now_and_then_is_stood_in_for_each_time(upstream: Upstream) -> None:
    """The budget is a share of the requests, not of those that the second endpoint began with."""
    flaky = Upstream(lambda e: e.reply(*((b"{}", 503) if len(flaky.exchanges) % 2 else (CHAT,))))
    write_endpoints({"a": "m", "b": "m"}, a=flaky.url, b=upstream.url)
    rules = UpstreamRules(retries=0, retry_share=0.5)
    with gateway(Settings(upstream=rules)) as running:
        assert [running.chat("m").status for _ in range(40)] == [200] * 40
    flaky.close()
    assert len(upstream.exchanges) == 20


def test_an_endpoint_without_its_key_is_passed_over(upstream: Upstream) -> None:
    keyless = Upstream(lambda e: e.reply(CHAT))
    write_endpoints({"a": "m", "b": "m"}, a=keyless.url, b=upstream.url)
    path = home() / "engines.toml"
    text = path.read_text("utf-8").replace("[engines.a]", '[engines.a]\napi_key_env = "NO_SUCH"')
    path.write_text(text, "utf-8")
    with gateway() as running:
        assert running.chat("m").status == 200
        assert running.chat("a").json()["error"]["code"] == "endpoint_without_key"
    keyless.close()
    assert not keyless.exchanges


def test_a_price_that_there_is_not_is_named_at_the_start() -> None:
    write_endpoints(a="http://127.0.0.1:9/v1")
    path = home() / "engines.toml"
    path.write_text(path.read_text("utf-8").replace('"frontier"', '"frontir"'), "utf-8")
    with pytest.raises(ConfigError, match=r"no price is called 'frontir'"):
        Catalogue(Settings())


def test_a_failing_endpoint_is_left_alone_and_tried_again(upstream: Upstream) -> None:
    write_endpoints(a=upstream.url)
    rules = UpstreamRules(retries=0, breaker_failures=2, breaker_s=0.3)
    good, upstream.script = upstream.script, lambda e: e.reply(b"{}", 500)
    with gateway(Settings(upstream=rules)) as running:
        assert [running.chat("a").status for _ in range(3)] == [500, 500, 503]
        assert len(upstream.exchanges) == 2
        upstream.script = good
        time.sleep(0.35)
        assert running.chat("a").status == 200


def test_an_answer_of_before_does_not_end_the_rest_that_an_endpoint_asked_for(
    upstream: Upstream,
) -> None:
    write_endpoints(a=upstream.url)
    path = home() / "engines.toml"
    path.write_text(path.read_text("utf-8").replace("timeout_s = 0.4", "timeout_s = 60"), "utf-8")
    began, go = threading.Event(), threading.Event()

    def slowly(exchange: Exchange) -> None:
        began.set()
        go.wait(20)
        exchange.reply(CHAT)

    upstream.script = slowly
    with gateway(ONCE) as running:
        before = threading.Thread(target=running.chat, args=("a",))
        before.start()
        assert began.wait(20)
        upstream.script = lambda e: e.reply(b"{}", 429, "retry-after: 30")
        assert running.chat("a").status == 429
        go.set()
        before.join()
        assert running.chat("a").json()["error"]["code"] == "endpoint_throttled"
    assert len(upstream.exchanges) == 2


def test_a_connection_that_was_closed_in_between_is_no_outage(upstream: Upstream) -> None:
    def once(exchange: Exchange) -> None:
        exchange.reply(CHAT)
        exchange.hang_up()

    write_endpoints(a=upstream.url)
    upstream.script = once
    with gateway(ONCE) as running:
        assert [running.chat("a").status for _ in range(4)] == [200] * 4


def test_a_client_that_leaves_ends_the_stream_at_the_endpoint_too(upstream: Upstream) -> None:
    write_endpoints(a=upstream.url)
    noticed = threading.Event()

    def endless(exchange: Exchange) -> None:
        try:
            head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
            exchange.socket.sendall(head)
            while True:
                exchange.socket.sendall(chunk("x"))
                time.sleep(0.01)
        except OSError:
            noticed.set()

    upstream.script = endless
    with gateway(ONCE) as running:
        with sent(running, b'{"model": "a", "stream": true, "messages": []}') as client:
            assert b"200 OK" in client.recv(4096)
        assert noticed.wait(5)
    (call,) = kept()
    assert (call.status, call.outcome) == (499, "cut")


@contextmanager
def sent(running: Running, body: bytes) -> Iterator[socket.socket]:
    """Send a chat by hand; the client is gone when the block ends."""
    host, port = running.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as client:
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"
        client.sendall(head % len(body) + body)
        yield client


@pytest.mark.parametrize("hedge_after_ms", [0.0, 10.0])
def test_a_client_that_leaves_before_the_answer_is_waited_for_no_longer(
    upstream: Upstream, hedge_after_ms: float
) -> None:
    write_endpoints(a=upstream.url)
    path = home() / "engines.toml"
    path.write_text(path.read_text("utf-8").replace("timeout_s = 0.4", "timeout_s = 60"), "utf-8")
    asked, noticed = threading.Semaphore(0), threading.Semaphore(0)

    def never(exchange: Exchange) -> None:
        asked.release()
        with suppress(ConnectionResetError):
            exchange.socket.recv(1)
        noticed.release()

    upstream.script = never
    rules = UpstreamRules(hedge_after_ms=hedge_after_ms)
    num_sent = 2 if hedge_after_ms else 1
    with gateway(Settings(upstream=rules)) as running:
        with sent(running, b'{"model": "a", "messages": []}'):
            assert all(asked.acquire(timeout=5) for _ in range(num_sent))
        assert all(noticed.acquire(timeout=5) for _ in range(num_sent))
        deadline = time.monotonic() + 5
        while b"rung_in_flight 0.0" not in running.get(running.admin_url + "/metrics").body:
            assert time.monotonic() < deadline
        upstream.script = lambda e: e.reply(CHAT)
        assert running.chat("a").status == 200  # and was no fault of the endpoint
    assert [(call.status, call.outcome) for call in kept()] == [(499, "cut"), (200, "ok")]
