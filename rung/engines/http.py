"""The engine for any OpenAI-style server: vLLM, SGLang, llama-server, hosted models.

`complete` is synchronous; the requests run in one private event loop thread of the engine, so many
threads may ask at once. Answers are read whole, up to a bound, and never streamed. A key is read
from its variable for every request, sent in one header, and kept nowhere else. Redirects are not
followed. Retries are for outages only (`retry.py`); retries of content belong to routes.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import threading
import weakref
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from rung.core.clock import monotonic_ms, now_utc
from rung.core.config import secret
from rung.core.errors import EngineError
from rung.engines import http_errors
from rung.engines.base import Completion, Request
from rung.engines.dialects import DIALECTS, Dialect, PrefixStyle, detect
from rung.engines.endpoints import Endpoint, endpoint_of
from rung.engines.loop_thread import LoopThread
from rung.engines.openai_answer import parse_answer, to_completion
from rung.engines.openai_request import request_body
from rung.engines.retry import Jitter, delay_s, parse_retry_after
from rung.engines.support import check_request

MAX_ANSWER_BYTES = 16 << 20
_PROBE_S = 5.0
_CONNECT_S = 10.0

Sleep = Callable[[float], Awaitable[None]]

_RANDOM = random.SystemRandom()
_detected: dict[str, Dialect] = {}
_detecting = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reply:
    status: int
    body: bytes
    retry_after: str | None = None


class HttpEngine:
    """Runs one model of one server; satisfies `Engine`.

    With `server = "auto"` the server is asked once, here, what it is; an unreachable one raises
    EngineError. `sleep` and `jitter` are for tests.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        sleep: Sleep = asyncio.sleep,
        jitter: Jitter = _RANDOM.random,
    ) -> None:
        self.endpoint = endpoint
        self.model = endpoint.name or f"http:{endpoint.model}@{endpoint.base_url}"
        self._sleep = sleep
        self._jitter = jitter
        self._loop = LoopThread()
        weakref.finalize(self, self._loop.close)
        try:
            self._dialect = _corrected(self._find_dialect(), endpoint)
        except BaseException:
            self.close()
            raise
        self.capabilities = self._dialect.capabilities

    @classmethod
    def from_name(cls, name: str) -> HttpEngine:
        """Return the engine of `http:NAME` (engines.toml) or `http:MODEL@URL`."""
        return cls(endpoint_of(name))

    def complete(self, request: Request) -> Completion:
        """Answer one request within its `timeout_s`, retries included. Raises EngineError."""
        check_request(request, self.capabilities, self.model)
        start = monotonic_ms()
        path, body = request_body(request, self._dialect, self.endpoint.model)
        for name in self.endpoint.omit:
            body.pop(name, None)
        body |= self.endpoint.extra
        reply = self._loop.run(self._ask(path, body, request.timeout_s))
        latency_ms = monotonic_ms() - start
        try:
            answer = parse_answer(json.loads(reply), request)
            return to_completion(answer, request, self._dialect, latency_ms=latency_ms)
        except (ValueError, RecursionError):
            raise EngineError(
                f"asking {self.endpoint.label} at {self.endpoint.base_url}: the answer is not JSON",
                hint="check base_url, which usually ends in /v1",
            ) from None
        except EngineError as error:
            message = http_errors.without_key(
                f"asking {self.endpoint.label}: {error.message}", self._key()
            )
            raise EngineError(message, hint=error.hint) from None

    def list_models(self) -> list[str]:
        """Return the names of the server's models; empty when it does not tell."""
        return self._loop.run(self._models())

    def close(self) -> None:
        """Close the connections and end the thread."""
        self._loop.close()

    async def _ask(self, path: str, body: dict[str, Any], timeout_s: float) -> bytes:
        """Return the body of a 200 answer, asking again while an outage may pass."""
        url = self.endpoint.base_url + path
        deadline = monotonic_ms() + timeout_s * 1000
        for attempt in itertools.count():
            left_s = max((deadline - monotonic_ms()) / 1000, 0.001)
            after_s = None
            try:
                reply = await self._send("POST", url, min(self.endpoint.timeout_s, left_s), body)
                if reply.status == 200:
                    return reply.body
                after_s = parse_retry_after(reply.retry_after, _now())
                raise await self._refusal(reply)
            except EngineError as error:
                wait_s = delay_s(attempt, after_s, self._jitter)
                late = monotonic_ms() + wait_s * 1000 > deadline
                if not error.retryable:
                    raise
                if late or attempt >= self.endpoint.max_retries:
                    raise _gave_up(error, attempt + 1) from None
            await self._sleep(wait_s)
        raise AssertionError("unreachable")

    async def _refusal(self, reply: _Reply) -> EngineError:
        unknown_model = reply.status == 404 or b"model_not_found" in reply.body
        return http_errors.status_error(
            self.endpoint,
            reply.status,
            reply.body,
            key=self._key(),
            models=await self._models() if unknown_model else [],
        )

    async def _send(
        self, method: str, url: str, limit_s: float, body: dict[str, Any] | None = None
    ) -> _Reply:
        headers = {"Content-Type": "application/json", **self._authorization()}
        timeout = aiohttp.ClientTimeout(total=limit_s, sock_connect=_CONNECT_S)
        data = None if body is None else json.dumps(body).encode()
        session = self._loop.session()
        try:
            async with session.request(
                method, url, data=data, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                return _Reply(
                    status=response.status,
                    body=await self._read(response),
                    retry_after=response.headers.get("Retry-After"),
                )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise http_errors.connection_error(self.endpoint, error, limit_s) from None

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        data = bytearray()
        async for block in response.content.iter_chunked(1 << 16):
            data += block
            if len(data) > MAX_ANSWER_BYTES:
                response.close()
                raise EngineError(
                    f"asking {self.endpoint.label} at {self.endpoint.base_url}: the answer is"
                    f" larger than {MAX_ANSWER_BYTES} bytes",
                    hint="lower max_tokens, or check base_url",
                )
        return bytes(data)

    def _authorization(self) -> dict[str, str]:
        if not self.endpoint.api_key_env:
            return {}
        key = self._key()
        if not key:
            raise http_errors.missing_key(self.endpoint)
        if not (key.isascii() and key.isprintable() and " " not in key):
            raise http_errors.unusable_key(self.endpoint)
        return {"Authorization": f"Bearer {key}"}

    def _key(self) -> str:
        return (secret(self.endpoint.api_key_env) or "").strip()

    async def _models(self) -> list[str]:
        cards = await self._get_json(self.endpoint.base_url + "/models")
        rows = cards.get("data") if isinstance(cards, dict) else None
        names = [row.get("id") for row in rows or [] if isinstance(row, dict)]
        return [name for name in names if isinstance(name, str)]

    async def _get_json(self, url: str) -> Any:
        """Return a JSON answer, or None when there is none to be had."""
        try:
            return _parsed(await self._send("GET", url, _PROBE_S))
        except EngineError:
            return None

    def _find_dialect(self) -> Dialect:
        if self.endpoint.server != "auto":
            return DIALECTS[self.endpoint.server]
        with _detecting:
            url = self.endpoint.base_url
            if url not in _detected:
                _detected[url] = self._loop.run(self._probe())
            return _detected[url]

    async def _probe(self) -> Dialect:
        base = self.endpoint.base_url
        models = _parsed(await self._send("GET", base + "/models", _PROBE_S))
        first = detect(models)
        root = urlunsplit(urlsplit(base)._replace(path=urlsplit(base).path.removesuffix("/v1")))
        if first.server == "llama-server":
            return detect(models, props=await self._get_json(root + "/props"))
        if first.server == "vllm":
            return detect(models, version=await self._get_json(root + "/version"))
        return first


def _corrected(dialect: Dialect, endpoint: Endpoint) -> Dialect:
    """Apply what engines.toml says about this deployment."""
    style = cast(PrefixStyle, endpoint.prefix or dialect.prefix)
    found = dialect.capabilities
    logprobs = found.logprobs if endpoint.logprobs is None else endpoint.logprobs
    return replace(
        dialect,
        prefix=style,
        max_tokens_field=endpoint.max_tokens_field or dialect.max_tokens_field,
        template_switch=dialect.template_switch or bool(endpoint.thinking),
        capabilities=replace(
            found,
            prefix=style != "none",
            logprobs=logprobs,
            choice_logprobs=logprobs,
            thinking=found.thinking if endpoint.thinking is None else endpoint.thinking,
            context_tokens=endpoint.context_tokens or found.context_tokens,
        ),
    )


def _parsed(reply: _Reply) -> Any:
    """Return the JSON of a 200 answer, else None."""
    try:
        return json.loads(reply.body) if reply.status == 200 else None
    except (ValueError, RecursionError):
        return None


def _gave_up(error: EngineError, attempts: int) -> EngineError:
    times = "once" if attempts == 1 else f"{attempts} times"
    return EngineError(f"{error.message} (tried {times})", hint=error.hint, retryable=True)


def _now() -> datetime:
    return datetime.fromisoformat(now_utc())
