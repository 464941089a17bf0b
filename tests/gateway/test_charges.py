"""What a call is charged where its endpoint does not say: an estimate of what came."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from gateways import Exchange, Upstream, chunk, gateway, kept, write_endpoints
from rung.core.config import home
from rung.gateway.capture import Seen, finished
from rung.gateway.names import Names
from rung.gateway.wire import CHAT, MESSAGES, Asked, Wire
from rung.store.calls import Call
from rung.traces import Redactor


def test_a_client_that_leaves_before_the_end_pays_for_what_it_got(upstream: Upstream) -> None:
    write_endpoints(a=upstream.url)
    path = home() / "engines.toml"
    path.write_text(path.read_text("utf-8").replace("timeout_s = 0.4", "timeout_s = 60"), "utf-8")
    noticed = threading.Event()

    def tell(exchange: Exchange) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
        exchange.socket.sendall(head + chunk("x" * 4000))
        with suppress(OSError):
            exchange.socket.recv(1)  # silent from here on
        noticed.set()

    upstream.script = tell
    body = b'{"model": "a", "stream": true, "messages": []}'
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"
    with gateway() as running:
        where = urlsplit(running.url)
        with socket.create_connection((where.hostname, where.port)) as client:
            client.sendall(head % len(body) + body)
            while b"xxx" not in client.recv(65536):
                pass
        assert noticed.wait(20)
    (call,) = kept()
    assert (call.status, call.outcome, call.estimated) == (499, "cut", True)
    assert 1000 <= call.output_tokens < 1100 and call.cost_usd and call.cost_usd > 0


def record(
    wire: Wire,
    *events: dict[str, Any],
    status: int = 200,
    request: bytes = b"{}",
    whole: bytes = b"",
) -> Call:
    """Return the record of a stream of events, or of a whole answer."""
    known = {
        "id": "c", "tenant": "", "key_id": "", "conversation": "c", "wire": wire.name,
        "model": "m", "status": status, "outcome": "ok", "upstream_ms": 1.0, "error": "",
    }  # fmt: skip
    raw = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    seen = Seen(
        known=known, wire=wire, asked=Asked(), request=request, response=raw or whole,
        is_events=not whole,
    )  # fmt: skip
    return finished(seen, Redactor(), Names(Redactor()))


START = {
    "type": "message_start",
    "message": {"usage": {"input_tokens": 50, "cache_read_input_tokens": 7, "output_tokens": 1}},
}
BLOCK = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
TEXT = {"type": "content_block_delta", "index": 0, "delta": {"text": "x" * 4000}}
END = {
    "type": "message_delta",
    "delta": {"stop_reason": "end_turn"},
    "usage": {"output_tokens": 800},
}


def test_messages_that_are_cut_have_told_only_how_they_began() -> None:
    cut = record(MESSAGES, START, BLOCK, TEXT, status=499)
    assert (cut.prompt_tokens, cut.cached_tokens, cut.estimated) == (50, 7, True)
    assert 1000 <= cut.output_tokens < 1020
    whole = record(MESSAGES, START, BLOCK, TEXT, END)
    assert (whole.prompt_tokens, whole.output_tokens, whole.estimated) == (50, 800, False)
    began = record(MESSAGES, START, status=499)
    assert (began.prompt_tokens, began.output_tokens, began.estimated) == (50, 1, False)


@pytest.mark.parametrize("status", [200, 499, 502])
def test_a_stream_without_usage_is_estimated_whatever_ended_it(status: int) -> None:
    delta = {"choices": [{"index": 0, "delta": {"content": "x" * 400}}]}
    call = record(CHAT, delta, status=status, request=b"x" * 80)
    assert call.estimated and call.prompt_tokens == 20 and 100 <= call.output_tokens < 120
    assert not record(CHAT, status=status).estimated  # nothing came


def test_an_error_of_the_endpoint_costs_nothing() -> None:
    call = record(CHAT, status=400, whole=b'{"error": {}}')
    assert (call.prompt_tokens, call.output_tokens, call.estimated) == (0, 0, False)


def test_pictures_are_not_counted_by_their_length() -> None:
    url = "data:image/png;base64," + "A" * 1_400_000
    parts = [
        {"type": "image_url", "image_url": {"url": url}},
        {"type": "text", "text": "data: " * 40},
    ]
    request = msgspec.json.encode({"messages": [{"role": "user", "content": parts}]})
    call = record(CHAT, request=request, whole=b'{"choices": []}')
    assert 60 < call.prompt_tokens < 120
