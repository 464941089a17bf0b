"""A proxy in front of one OpenAI-style server that counts what every arm asks of it.

What is counted is what the server itself reports, so that no library's own counting matters. It
passes requests on unchanged, but for a stream, of which it demands the usage. Loopback only.
"""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_TIMEOUT_S = 300.0


@dataclass(kw_only=True)
class Traffic:
    """What was asked of the server for one task."""

    requests: int = 0
    refused: int = 0
    """Requests that the server did not answer with 200."""
    prompt_tokens: int = 0
    cached_tokens: int = 0
    """Of the prompt tokens, those that its cache already held."""
    completion_tokens: int = 0
    temperatures: set[float | None] = field(default_factory=set)
    """As asked for; None where a request left it to the server."""


class CountingProxy:
    """Forwards to `upstream` (scheme and host) until closed; one task is counted at a time."""

    def __init__(self, upstream: str) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, urlsplit(upstream)))
        self._server.daemon_threads = True
        self._idle = threading.Condition()
        self._num_open = 0
        self._traffic = Traffic()
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def base_url(self) -> str:
        """Return the address that clients take, up to and with `/v1`."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def take(self) -> Traffic:
        """Return what was counted since the last call, once nothing is being asked any more."""
        with self._idle:
            self._idle.wait_for(lambda: not self._num_open, _TIMEOUT_S)
            found, self._traffic = self._traffic, Traffic()
        return found

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def opened(self, change: int) -> None:
        """Note that a request begins (1) or has ended (-1)."""
        with self._idle:
            self._num_open += change
            self._idle.notify_all()

    def count(self, asked: dict[str, Any], status: int, body: bytes) -> None:
        """Add one answer."""
        with self._idle:
            found = self._traffic
            found.requests += 1
            found.refused += status != 200
            found.temperatures.add(asked.get("temperature"))
            for usage in _usages(body) if status == 200 else ():
                found.prompt_tokens += usage.get("prompt_tokens") or 0
                found.completion_tokens += usage.get("completion_tokens") or 0
                details = usage.get("prompt_tokens_details") or {}
                found.cached_tokens += details.get("cached_tokens") or 0


def _usages(body: bytes) -> Iterator[dict[str, Any]]:
    """Yield the usage of an answer, or of the event of a stream that holds it."""
    events = [line[5:] for line in body.split(b"\n") if line.startswith(b"data:")]
    for text in events or [body]:
        if text.strip() == b"[DONE]":
            continue
        if usage := json.loads(text).get("usage"):
            yield usage


def _handler(proxy: CountingProxy, upstream: Any) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, kind, body = _forward(upstream, "GET", self.path, b"")
            self._answer(status, kind, body)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            proxy.opened(1)
            try:
                asked = json.loads(body or b"{}")
                if asked.get("stream"):
                    asked["stream_options"] = {"include_usage": True}
                    body = json.dumps(asked).encode()
                status, kind, said = _forward(upstream, "POST", self.path, body)
                if "completion" in self.path:
                    proxy.count(asked, status, said)
            finally:
                proxy.opened(-1)
            self._answer(status, kind, said)

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            try:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except OSError:  # a worker that was stopped at its time limit
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler


def _forward(upstream: Any, method: str, path: str, body: bytes) -> tuple[int, str, bytes]:
    connection = http.client.HTTPConnection(upstream.netloc, timeout=_TIMEOUT_S)
    try:
        connection.request(method, path, body or None, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        kind = answer.getheader("Content-Type", "application/json")
        return answer.status, kind, answer.read()
    finally:
        connection.close()
