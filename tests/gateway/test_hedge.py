"""A slow endpoint is overtaken by another one: within a budget, counted, kept as one call."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from gateways import CHAT, DONE, Exchange, Running, Script, Upstream, chunk, gateway, kept
from gateways import write_endpoints as write
from rung.core.config import home
from rung.gateway.settings import Limits, Settings, UpstreamRules

OTHER = CHAT.replace(b'"hi"', b'"hi from the other"')
TIMEOUT_S = 3.0


def hedging(**rules: object) -> Settings:
    given = {"retries": 0, "breaker_failures": 99, "hedge_after_ms": 50.0} | rules
    return Settings(upstream=UpstreamRules(**given))


def write_endpoints(**urls: str) -> None:
    """Write endpoints of one model that may take longer than any test."""
    write(dict.fromkeys(urls, "m"), **urls)
    path = home() / "engines.toml"
    path.write_text(path.read_text("utf-8").replace("0.4", str(TIMEOUT_S)), "utf-8")


@pytest.fixture
def other() -> Iterator[Upstream]:
    running = Upstream(lambda e: e.reply(OTHER))
    yield running
    running.close()


class Slow:
    """Answers only when it is told to, and notes when whoever asked has gone."""

    def __init__(self, script: Script = lambda e: e.reply(CHAT)) -> None:
        self.go = threading.Event()
        self.left = threading.Event()
        self._script = script

    def __call__(self, exchange: Exchange) -> None:
        exchange.socket.settimeout(0.01)
        while not self.go.is_set():
            try:
                if exchange.socket.recv(1) == b"":
                    self.left.set()
                    return
            except TimeoutError:
                continue
            except OSError:
                self.left.set()
                return
        exchange.socket.settimeout(None)
        self._script(exchange)


def hedges(running: Running) -> dict[str, float]:
    lines = running.get(running.admin_url + "/metrics").body.decode().splitlines()
    found = [line for line in lines if line.startswith("rung_hedges_total{")]
    return {line.split('result="')[1].split('"')[0]: float(line.split()[-1]) for line in found}


def test_a_slow_endpoint_is_overtaken_and_its_request_cancelled(
    upstream: Upstream, other: Upstream
) -> None:
    write_endpoints(a=upstream.url, b=other.url)
    upstream.script = slow = Slow()
    with gateway(hedging()) as running:
        began = time.monotonic()
        assert running.chat("m").body == OTHER
        assert time.monotonic() - began < TIMEOUT_S / 2
        assert slow.left.wait(2), "the slow request was not cancelled"
        assert hedges(running) == {"won": 1.0}
        slow.go.set()
        assert running.chat("m").body == CHAT  # on a connection of its own
    (first, second) = kept()
    assert (first.served_by, first.hedge) == ("http:b", "http:b")
    assert (second.served_by, second.hedge) == ("http:a", "")
    assert first.cost_usd == second.cost_usd  # the answer that was taken, once
    sockets = {exchange.socket for exchange in upstream.exchanges}
    assert len(sockets) == len(upstream.exchanges) == 2


def test_the_first_answer_counts_also_when_it_comes_after_the_second_request(
    upstream: Upstream, other: Upstream
) -> None:
    write_endpoints(a=upstream.url, b=other.url)
    upstream.script = first = Slow()
    other.script = second = Slow()
    with gateway(hedging()) as running:
        threading.Thread(target=lambda: (wait_for(other), first.go.set())).start()
        assert running.chat("m").body == CHAT
        assert second.left.wait(2) and hedges(running) == {"lost": 1.0}
    (call,) = kept()
    assert (call.served_by, call.hedge) == ("http:a", "http:b")


def wait_for(upstream: Upstream) -> None:
    deadline = time.monotonic() + 2
    while not upstream.exchanges and time.monotonic() < deadline:
        time.sleep(0.002)


def test_a_single_endpoint_is_asked_twice(upstream: Upstream) -> None:
    write_endpoints(a=upstream.url)
    slow = Slow()
    upstream.script = lambda e: slow(e) if len(upstream.exchanges) == 1 else e.reply(CHAT)
    with gateway(hedging()) as running:
        assert running.chat("m").body == CHAT
    assert len(upstream.exchanges) == 2 and slow.left.wait(2)


BAD = {
    "both are down": (503, 503, 503),
    "a refusal of the second is not taken while the first may answer": (200, 401, 200),
    "the first one's no is its word": (400, 503, 400),
    "where the first is down, the second one's word counts": (503, 404, 404),
}


@pytest.mark.parametrize("case", BAD)
def test_only_a_good_answer_overtakes(case: str, upstream: Upstream, other: Upstream) -> None:
    first, second, told = BAD[case]
    write_endpoints(a=upstream.url, b=other.url)
    answered = threading.Event()

    def late(exchange: Exchange) -> None:
        answered.wait(2)
        time.sleep(0.05)
        exchange.reply(CHAT if first == 200 else b"{}", first)

    upstream.script = late
    other.script = lambda e: (e.reply(b"{}", second), answered.set())
    with gateway(hedging()) as running:
        assert running.chat("m").status == told
        result = "failed" if told == 503 else "won" if told == 404 else "lost"
        assert hedges(running) == {result: 1.0}
    assert len(upstream.exchanges) == len(other.exchanges) == 1
    assert len(kept()) == 1


def test_the_budget_bounds_how_often(upstream: Upstream, other: Upstream) -> None:
    write_endpoints(a=upstream.url, b=other.url)
    upstream.script = lambda e: (time.sleep(0.06), e.reply(CHAT))
    with gateway(hedging(hedge_after_ms=5.0, hedge_share=0.0)) as running:
        bodies = [running.chat("m").body for _ in range(13)]
    assert bodies == [OTHER] * 10 + [CHAT] * 3  # ten are free, as of retries
    assert len(other.exchanges) == 10


def test_there_are_none_unless_they_are_asked_for(upstream: Upstream, other: Upstream) -> None:
    write_endpoints(a=upstream.url, b=other.url)
    upstream.script = lambda e: (time.sleep(0.2), e.reply(CHAT))
    with gateway() as running:
        assert running.chat("m").body == CHAT
    assert not other.exchanges and kept()[0].hedge == ""


@pytest.mark.parametrize(
    "fields", [{"store": True}, {"mcp_servers": [{"url": "x"}]}, {"container": "c"}]
)
def test_a_request_that_does_something_is_sent_once(
    fields: dict[str, object], upstream: Upstream, other: Upstream
) -> None:
    write_endpoints(a=upstream.url, b=other.url)
    upstream.script = lambda e: (time.sleep(0.2), e.reply(CHAT))
    body = {"model": "m", "messages": []}
    with gateway(hedging()) as running:
        assert running.chat("m", **fields).body == CHAT
        running.post("/v1/chat/completions", body, idempotency_key="k")
        assert not other.exchanges
        running.chat("m", store=False)
    assert len(other.exchanges) == 1


def test_an_endpoint_that_rests_is_not_asked_beside(upstream: Upstream, other: Upstream) -> None:
    write_endpoints(a=other.url, b=upstream.url)
    upstream.script = lambda e: e.reply(b"{}", 429, "retry-after: 60")
    with gateway(hedging()) as running:
        assert running.chat("b").status == 429  # from now on b rests
        other.script = lambda e: (time.sleep(0.2), e.reply(OTHER))
        assert running.chat("m").body == OTHER
    assert len(upstream.exchanges) == 1
    assert len(other.exchanges) == 2  # the same one, whose breaker is closed


def test_a_stream_is_overtaken_before_its_first_byte_only(
    upstream: Upstream, other: Upstream
) -> None:
    write_endpoints(a=upstream.url, b=other.url)
    events = (chunk("he"), chunk("llo"), chunk(None, "stop"), DONE)

    def begun(exchange: Exchange) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
        exchange.socket.sendall(head + events[0])
        time.sleep(0.2)
        exchange.socket.sendall(b"".join(events[1:]))
        exchange.hang_up()

    upstream.script, other.script = begun, lambda e: e.events(*events)
    with gateway(hedging()) as running:
        assert running.chat("m", stream=True).body == b"".join(events)
        assert not other.exchanges
        upstream.script = slow = Slow()
        assert running.chat("m", stream=True).body == b"".join(events)
        assert len(other.exchanges) == 1 and slow.left.wait(2)
    assert [(call.served_by, call.outcome) for call in kept()] == [
        ("http:a", "ok"), ("http:b", "ok"),
    ]  # fmt: skip


def test_nothing_stays_open_behind_many_hedges(upstream: Upstream, other: Upstream) -> None:
    """With two connections to an endpoint, one that was not freed would soon be missed."""
    write_endpoints(a=upstream.url, b=other.url)
    upstream.script = lambda e: (time.sleep(0.03), e.reply(CHAT))
    rules = hedging(hedge_after_ms=25.0, hedge_share=1.0).upstream
    with gateway(Settings(upstream=rules, limits=Limits(connections=2, waiting=1))) as running:
        assert {running.chat("m").status for _ in range(40)} == {200}
        assert sum(hedges(running).values()) > 0
