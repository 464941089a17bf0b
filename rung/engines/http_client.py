"""One server's connection: headers with the key, bounded answers, retries of outages.

A key is read from its variable for every request, sent in one header, and kept nowhere else.
Redirects are not followed. Answers are read whole, up to a bound, and never streamed. What a
request says and what an answer means is not known here (`http.py`).
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import aiohttp

from rung.core.clock import monotonic_ms, now_utc
from rung.core.config import secret
from rung.core.errors import EngineError
from rung.engines import http_errors
from rung.engines.dialects import Wire
from rung.engines.endpoints import Endpoint
from rung.engines.loop_thread import LoopThread
from rung.engines.retry import Jitter, delay_s, parse_retry_after

ANTHROPIC_VERSION = "2023-06-01"
MAX_ANSWER_BYTES = 16 << 20
_PROBE_S = 5.0
_CONNECT_S = 10.0

Sleep = Callable[[float], Awaitable[None]]

RANDOM = random.SystemRandom()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a server answered."""

    status: int
    body: bytes
    retry_after: str | None = None

    def json(self) -> Any:
        """Return the JSON of a 200 answer, else None."""
        try:
            return json.loads(self.body) if self.status == 200 else None
        except (ValueError, RecursionError):
            return None


class HttpClient:
    """Sends requests to one endpoint from within the loop; `sleep` and `jitter` are for tests."""

    def __init__(
        self,
        endpoint: Endpoint,
        wire: Wire,
        loop: LoopThread,
        *,
        sleep: Sleep = asyncio.sleep,
        jitter: Jitter = RANDOM.random,
    ) -> None:
        self._endpoint = endpoint
        self._wire = wire
        self._loop = loop
        self._sleep = sleep
        self._jitter = jitter

    async def ask(self, path: str, body: dict[str, Any], timeout_s: float) -> Reply:
        """Return the answer, asking again while an outage may pass. Raises EngineError."""
        url = self._endpoint.base_url + path
        deadline = monotonic_ms() + timeout_s * 1000
        for attempt in itertools.count():
            left_s = max((deadline - monotonic_ms()) / 1000, 0.001)
            after_s = None
            try:
                reply = await self.send("POST", url, min(self._endpoint.timeout_s, left_s), body)
                reply = replace(reply, status=http_errors.status_told(reply.status, reply.body))
                outage = self._outage(reply)
                if outage is None:
                    return reply
                after_s = parse_retry_after(reply.retry_after, _now())
                raise outage
            except EngineError as error:
                wait_s = delay_s(attempt, after_s, self._jitter)
                late = monotonic_ms() + wait_s * 1000 > deadline
                if not error.retryable:
                    raise
                if late or attempt >= self._endpoint.max_retries:
                    raise _gave_up(error, attempt + 1) from None
            await self._sleep(wait_s)
        raise AssertionError("unreachable")

    async def send(
        self, method: str, url: str, limit_s: float, body: dict[str, Any] | None = None
    ) -> Reply:
        """Send one request once. Raises EngineError when no answer comes back."""
        headers = {"Content-Type": "application/json", **self._headers()}
        timeout = aiohttp.ClientTimeout(total=limit_s, sock_connect=_CONNECT_S)
        data = None if body is None else json.dumps(body).encode()
        session = self._loop.session()
        try:
            async with session.request(
                method, url, data=data, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                return Reply(
                    status=response.status,
                    body=await self._read(response),
                    retry_after=response.headers.get("Retry-After"),
                )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise http_errors.connection_error(self._endpoint, error, limit_s) from None

    async def look(self, url: str) -> Reply:
        """Return what a GET answers. Raises EngineError when nothing comes back."""
        return await self.send("GET", url, _PROBE_S)

    async def look_for_json(self, url: str) -> Any:
        """Return a JSON answer, or None when there is none to be had."""
        try:
            return (await self.look(url)).json()
        except EngineError:
            return None

    async def models(self) -> list[str]:
        """Return the names of the server's models; empty when it does not tell."""
        cards = await self.look_for_json(self._endpoint.base_url + "/models")
        rows = cards.get("data") if isinstance(cards, dict) else None
        names = [row.get("id") for row in rows or [] if isinstance(row, dict)]
        return [name for name in names if isinstance(name, str)]

    def key(self) -> str:
        """Return the key, empty when there is none."""
        return (secret(self._endpoint.api_key_env) or "").strip()

    def _outage(self, reply: Reply) -> EngineError | None:
        if reply.status == 200:
            return None
        error = http_errors.status_error(self._endpoint, reply.status, reply.body, key=self.key())
        return error if error.retryable else None

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        data = bytearray()
        async for block in response.content.iter_chunked(1 << 16):
            data += block
            if len(data) > MAX_ANSWER_BYTES:
                response.close()
                raise EngineError(
                    f"asking {self._endpoint.label} at {self._endpoint.base_url}: the answer is"
                    f" larger than {MAX_ANSWER_BYTES} bytes",
                    hint="lower max_tokens, or check base_url",
                )
        return bytes(data)

    def _headers(self) -> dict[str, str]:
        version = {"anthropic-version": ANTHROPIC_VERSION} if self._wire == "anthropic" else {}
        if not self._endpoint.api_key_env:
            return version
        key = self.key()
        if not key:
            raise http_errors.missing_key(self._endpoint)
        if not (key.isascii() and key.isprintable() and " " not in key):
            raise http_errors.unusable_key(self._endpoint)
        if self._wire == "anthropic":
            return version | {"x-api-key": key}
        return {"Authorization": f"Bearer {key}"}


def _gave_up(error: EngineError, attempts: int) -> EngineError:
    times = "once" if attempts == 1 else f"{attempts} times"
    return EngineError(f"{error.message} (tried {times})", hint=error.hint, retryable=True)


def _now() -> datetime:
    return datetime.fromisoformat(now_utc())
