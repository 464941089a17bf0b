"""Clients that send no whole head, or one without end, are sent away; others notice nothing."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from gateways import CHAT, Exchange, Running, Upstream, gateway, write_endpoints
from rung.gateway.asgi import ClientGone, Request
from rung.gateway.protocol import MAX_HEAD_BYTES, GatewayProtocol
from rung.gateway.settings import Limits, Settings

HEALTH = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
ASK = b'{"model": "a", "messages": []}'
CHAT_HEAD = (
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\n\r\n" % len(ASK)
)


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GatewayProtocol, "head_s", 0.2)


@contextmanager
def connected(running: Running) -> Iterator[socket.socket]:
    where = urlsplit(running.url)
    with socket.create_connection((where.hostname, where.port), timeout=10) as connection:
        yield connection


def everything(connection: socket.socket) -> bytes:
    """Return what comes until the gateway closes."""
    pieces = []
    while piece := connection.recv(65536):
        pieces.append(piece)
    return b"".join(pieces)


@pytest.mark.parametrize("begun", [b"", b"POST /v1/chat", HEALTH[:-2]])
def test_a_head_that_does_not_come_is_not_waited_for(begun: bytes) -> None:
    with gateway() as running, connected(running) as connection:
        connection.sendall(begun)
        said = everything(connection)
        assert said.startswith(b"HTTP/1.1 408 ") and b"did not arrive in time" in said
        assert running.get("/healthz").status == 200


def test_a_client_cannot_gain_time_by_sending_little_by_little() -> None:
    with gateway() as running, connected(running) as connection:
        began, ended = time.monotonic(), False
        connection.sendall(HEALTH[:-2])
        while not ended and time.monotonic() - began < 10:
            time.sleep(0.03)
            try:
                connection.sendall(b"x: y\r\n")
            except OSError:
                ended = True
    assert ended


def test_a_later_request_of_a_connection_is_held_to_it_too() -> None:
    with gateway() as running, connected(running) as connection:
        for _ in range(2):
            connection.sendall(HEALTH)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
            time.sleep(0.3)  # between requests a connection may rest
        connection.sendall(HEALTH[:9])
        assert everything(connection).startswith(b"HTTP/1.1 408 ")


def test_a_head_without_end_is_refused() -> None:
    with gateway() as running, connected(running) as connection:
        connection.sendall(HEALTH[:-2] + b"x: " + b"y" * (MAX_HEAD_BYTES // 2))
        time.sleep(0.05)
        connection.sendall(b"y" * MAX_HEAD_BYTES)
        assert everything(connection).startswith(b"HTTP/1.1 431 ")


def test_a_slow_body_and_a_slow_answer_have_limits_of_their_own(upstream: Upstream) -> None:
    write_endpoints(a=upstream.url)

    def slowly(exchange: Exchange) -> None:
        time.sleep(0.3)
        exchange.reply(CHAT)

    upstream.script = slowly
    with gateway() as running, connected(running) as connection:
        connection.sendall(CHAT_HEAD)
        time.sleep(0.4)
        connection.sendall(ASK)
        time.sleep(0.1)
        connection.sendall(HEALTH[:9])  # the next request begins before this one is answered
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("begun", [b"", ASK[:9]])
def test_a_body_that_does_not_come_is_not_waited_for(begun: bytes) -> None:
    settings = Settings(limits=Limits(body_s=0.2, in_flight=1))
    with gateway(settings) as running:
        for _ in range(2):
            with connected(running) as connection:
                connection.sendall(CHAT_HEAD + begun)
                said = connection.recv(65536)
                assert said.startswith(b"HTTP/1.1 408 ") and b"body_too_slow" in said


def test_a_client_that_leaves_within_its_body_has_sent_no_wrong_one() -> None:
    async def receive() -> dict[str, object]:
        return {"type": "http.disconnect"}

    async def send(message: object) -> None:
        raise AssertionError("nobody is there")

    request = Request(method="POST", path="/", headers=[], receive=receive, send=send)
    with pytest.raises(ClientGone):
        asyncio.run(request.body(limit_bytes=9, within_s=1.0))
