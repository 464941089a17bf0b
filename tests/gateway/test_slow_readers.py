"""A client that reads slowly is waited for; one that does not read at all is gone."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from gateways import DONE, Exchange, Running, Upstream, chunk, gateway, kept, write_endpoints
from rung.core.config import home
from rung.gateway.protocol import GatewayProtocol
from rung.gateway.settings import Settings, UpstreamRules

STRICT = Settings(upstream=UpstreamRules(retries=0, breaker_failures=1))
"""One fault of the endpoint, and it is asked no more."""
PIECE = chunk("x" * 65536)


@contextmanager
def asked(running: Running) -> Iterator[socket.socket]:
    """Ask for a stream with as little room for it as the system allows."""
    where = urlsplit(running.url)
    body = b'{"model": "a", "stream": true, "messages": []}'
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(30)
        client.connect((where.hostname, where.port))
        client.sendall(head % len(body) + body)
        yield client


@pytest.mark.slow
def test_a_slow_reader_is_no_fault_of_the_endpoint(upstream: Upstream) -> None:
    write_endpoints(a=upstream.url)
    path = home() / "engines.toml"
    path.write_text(path.read_text("utf-8").replace("timeout_s = 0.4", "timeout_s = 2"), "utf-8")
    upstream.script = lambda e: e.events(*[PIECE] * 150, chunk(None, "stop"), DONE)
    with gateway(STRICT) as running, asked(running) as client:
        time.sleep(3.0)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        pieces = []
        while not b"".join(pieces[-2:]).endswith(b"0\r\n\r\n"):
            pieces.append(client.recv(1 << 20))
            assert pieces[-1]
        said = b"".join(pieces)
        assert DONE in said and b"stream_cut" not in said
        upstream.script = lambda e: e.events(chunk("a"), DONE)
        assert running.chat("a", stream=True).status == 200
    assert [(call.status, call.outcome) for call in kept()] == [(200, "ok")] * 2


def test_a_client_that_does_not_read_is_not_kept_up_for_ever(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GatewayProtocol, "read_s", 0.3)
    write_endpoints(a=upstream.url)
    noticed = threading.Event()

    def endless(exchange: Exchange) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
        try:
            exchange.socket.sendall(head)
            while True:
                exchange.socket.sendall(PIECE)
        except OSError:
            noticed.set()

    upstream.script = endless
    with gateway(STRICT) as running:
        with asked(running):
            assert noticed.wait(20)
        upstream.script = lambda e: e.events(chunk("a"), DONE)
        assert running.chat("a", stream=True).status == 200
        assert b"rung_in_flight 0.0" in running.get(running.admin_url + "/metrics").body
    assert [(call.status, call.outcome) for call in kept()] == [(499, "cut"), (200, "ok")]
