"""One endpoint as the gateway asks it: connections, key, breaker, budgets, price.

Sends a request once. Which endpoint is asked, and whether another one is, is decided in
`forward.py`. The key is read from its variable for every request and put in one header.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from rung.core.config import secret
from rung.core.errors import ConfigError
from rung.engines.endpoints import Endpoint
from rung.engines.hosted import host_of
from rung.engines.open import price_of_model
from rung.engines.prices import Price
from rung.gateway.breaker import Breaker, Budget
from rung.gateway.connection import Answer, Connection, ConnectionFailed, Header
from rung.gateway.pool import Pool
from rung.gateway.refusal import Refusal
from rung.gateway.settings import Settings
from rung.gateway.wire import Wire

ANTHROPIC_VERSION = b"2023-06-01"
PASSED_ON = frozenset(
    (b"accept", b"anthropic-beta", b"anthropic-version", b"content-type", b"idempotency-key",
     b"openai-beta", b"traceparent", b"tracestate")
)  # fmt: skip
"""Request headers that reach the endpoint; a client's key, cookies and address never do."""


@dataclass(slots=True, kw_only=True)
class Exchange:
    """A request that has been sent. `close` it, whatever becomes of it."""

    upstream: Upstream
    connection: Connection
    answer: Answer
    _timer: asyncio.TimerHandle | None = None

    def close(self) -> None:
        """Give the connection back; an answer that was not read to its end is broken off."""
        self.expire_in(None)
        self.upstream.pool.give_back(self.connection)

    def expire_in(self, seconds: float | None) -> None:
        """Fail the answer unless it moves on before; None waits for ever."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if seconds is not None:
            loop = self.connection.loop
            self._timer = loop.call_later(seconds, self._expire, seconds)

    def _expire(self, seconds: float) -> None:
        late = ConnectionFailed("timeout", f"no answer within {seconds:.3g} s")
        self.answer.fail(late)


class Upstream:
    """Asks one endpoint."""

    def __init__(self, endpoint: Endpoint, settings: Settings) -> None:
        rules = settings.upstream
        self.endpoint = endpoint
        self.name = endpoint.label
        self.pool = Pool(
            endpoint.base_url,
            limit=settings.limits.connections,
            waiting=settings.limits.waiting,
        )
        self.breaker = Breaker(failures=rules.breaker_failures, rest_s=rules.breaker_s)
        self.retries = Budget(rules.retry_share)
        self.hedges = Budget(rules.hedge_share)
        self.price = _price(endpoint)
        host = host_of(endpoint.base_url)
        kind = endpoint.server if endpoint.server != "auto" else host.server if host else ""
        self._anthropic = kind == "anthropic"
        parts = urlsplit(endpoint.base_url)
        self._path = parts.path
        self._host = parts.netloc

    def speaks(self, wire: Wire) -> bool:
        """Return whether the endpoint takes requests of this wire."""
        return (wire.name == "messages") == self._anthropic

    @property
    def can_ask(self) -> bool:
        """Whether the endpoint's key is there, where it needs one."""
        return not self.endpoint.api_key_env or bool(self._key())

    async def send(
        self, wire: Wire, headers: Iterable[Header], body: bytes, timeout_s: float
    ) -> Exchange:
        """Send a request and wait for the head of its answer. Raises ConnectionFailed, Refusal."""
        request = self._head(wire, headers, len(body)) + body
        connection = await self.pool.take(timeout_s)
        exchange = self._start(connection, request, timeout_s)
        try:
            await exchange.answer.head()
            return exchange
        except ConnectionFailed as failed:
            exchange.close()
            if not (failed.untouched and connection.used):
                raise
        except BaseException:
            exchange.close()
            raise
        # it was closed between two requests, which is no outage: once more on a new one
        self.pool.close()
        return await self.send(wire, headers, body, timeout_s)

    def _start(self, connection: Connection, request: bytes, timeout_s: float) -> Exchange:
        answer = connection.send(request)
        exchange = Exchange(upstream=self, connection=connection, answer=answer)
        exchange.expire_in(timeout_s)
        return exchange

    def _head(self, wire: Wire, headers: Iterable[Header], length: int) -> bytes:
        passed = {name: value for name, value in headers if name in PASSED_ON}
        passed[b"content-type"] = b"application/json"
        passed |= self._key_header()
        if self._anthropic:
            passed.setdefault(b"anthropic-version", ANTHROPIC_VERSION)
        lines = [
            f"POST {self._path}{wire.path} HTTP/1.1\r\nhost: {self._host}\r\n"
            f"accept-encoding: identity\r\ncontent-length: {length}".encode()
        ]
        lines += [name + b": " + value for name, value in passed.items()]
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def _key_header(self) -> dict[bytes, bytes]:
        variable = self.endpoint.api_key_env
        if not variable:
            return {}
        if not (key := self._key()):
            message = f"{self.name} has no usable key: {variable} is not set where the gateway runs"
            raise Refusal(503, "endpoint_without_key", message)
        if self._anthropic:
            return {b"x-api-key": key.encode()}
        return {b"authorization": b"Bearer " + key.encode()}

    def _key(self) -> str:
        """Return the key, empty where it is not set or cannot stand in a header."""
        key = (secret(self.endpoint.api_key_env) or "").strip()
        return key if key.isascii() and key.isprintable() and " " not in key else ""


def _price(endpoint: Endpoint) -> Price | None:
    """Return what the endpoint's answers cost; None where no row is named and none is known.

    Raises ConfigError for a row that there is not.
    """
    try:
        return price_of_model(endpoint.label)
    except ConfigError:
        if endpoint.price:
            raise
        return None
