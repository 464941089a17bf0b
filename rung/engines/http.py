"""The engine for any server: vLLM, SGLang, llama-server, hosted models of OpenAI, Anthropic, ….

`complete` is synchronous; the requests run in one private event loop thread of the engine, so many
threads may ask at once. What a server takes is known from its row (`dialects.py`, `hosted.py`),
corrected by `engines.toml` and by what it refused before (`remembered.py`).

A server that refuses a capability is not asked again: the error names the capability (`refused`),
and where the model lacks it for good, `capabilities` no longer declares it and the refusal is
remembered. Retries are for outages only (`retry.py`); retries of content belong to routes.
"""

from __future__ import annotations

import asyncio
import json
import threading
import weakref
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from rung.core.clock import monotonic_ms
from rung.core.errors import EngineError
from rung.engines import http_errors
from rung.engines.anthropic_answer import parse_message
from rung.engines.anthropic_request import messages_body
from rung.engines.base import LIMIT_S, Completion, Request
from rung.engines.detection import detect
from rung.engines.dialects import DIALECTS, Dialect
from rung.engines.endpoints import Endpoint, endpoint_of
from rung.engines.hosted import dialect_of
from rung.engines.http_client import RANDOM, HttpClient, Reply, Sleep
from rung.engines.http_dialect import corrected, kind_of
from rung.engines.loop_thread import LoopThread
from rung.engines.openai_answer import parse_answer, to_completion
from rung.engines.openai_request import request_body
from rung.engines.refusals import find_refusal, without
from rung.engines.remembered import remember
from rung.engines.retry import NOT_READY, Jitter
from rung.engines.support import check_request

_detected: dict[str, Dialect] = {}
_detecting = threading.Lock()


class HttpEngine:
    """Runs one model of one server; satisfies `Engine`.

    With `server = "auto"` a provider is known by its address; any other server is asked once,
    here, what it is; one that is unreachable or not ready raises EngineError. `sleep` and `jitter`
    are for tests.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        sleep: Sleep = asyncio.sleep,
        jitter: Jitter = RANDOM.random,
    ) -> None:
        self.endpoint = endpoint
        self.model = endpoint.name or f"http:{endpoint.model}@{endpoint.base_url}"
        self._loop = LoopThread()
        weakref.finalize(self, self._loop.close)
        kind = kind_of(endpoint)
        wire = DIALECTS[kind].wire if kind else "openai"
        self._client = HttpClient(endpoint, wire, self._loop, sleep=sleep, jitter=jitter)
        self._dropping = threading.Lock()
        try:
            found = dialect_of(kind, endpoint.model, endpoint.base_url) if kind else self._found()
            self._dialect = corrected(found, endpoint)
        except BaseException:
            self.close()
            raise
        self.capabilities = self._dialect.capabilities
        """What the model is known to honour now; a refusal takes away from it."""

    @classmethod
    def from_name(cls, name: str) -> HttpEngine:
        """Return the engine of `http:NAME` (engines.toml) or `http:MODEL@URL`."""
        return cls(endpoint_of(name))

    def complete(self, request: Request) -> Completion:
        """Answer one request within its `timeout_s`, retries included; without one within
        `LIMIT_S`, or the endpoint's `timeout_s` where that is longer. Raises EngineError.

        Choices that few tokens did not tell apart are asked for again in full.
        """
        dialect = self._dialect
        check_request(request, dialect.capabilities, self.model)
        limit_s = request.timeout_s
        if limit_s is None:
            limit_s = max(LIMIT_S, self.endpoint.timeout_s)
        first = self._ask(request, dialect, limit_s)
        if not request.choices or first.finish_reason != "length":
            return first
        left_s = max(limit_s - first.latency_ms / 1000, 0.001)
        whole = self._ask(request, replace(dialect, choice_tokens=0), left_s)
        return replace(
            whole,
            usage=first.usage + whole.usage,
            latency_ms=first.latency_ms + whole.latency_ms,
        )

    def list_models(self) -> list[str]:
        """Return the names of the server's models; empty when it does not tell."""
        return self._loop.run(self._client.models())

    def close(self) -> None:
        """Close the connections and end the thread."""
        self._loop.close()

    def _ask(self, request: Request, dialect: Dialect, limit_s: float) -> Completion:
        start = monotonic_ms()
        path, body = self._body(request, dialect)
        reply = self._loop.run(self._client.ask(path, body, limit_s))
        latency_ms = monotonic_ms() - start
        if reply.status != 200:
            raise self._refusal(reply, request, body)
        parse = parse_message if dialect.wire == "anthropic" else parse_answer
        try:
            answer = parse(json.loads(reply.body), request)
            return to_completion(answer, request, dialect, latency_ms=latency_ms)
        except (ValueError, RecursionError):
            raise EngineError(
                f"asking {self.endpoint.label} at {self.endpoint.base_url}: the answer is not JSON",
                hint="check base_url, which usually ends in /v1",
            ) from None
        except EngineError as error:
            message = http_errors.without_key(
                f"asking {self.endpoint.label}: {error.message}", self._client.key()
            )
            raise EngineError(message, hint=error.hint, of_input=error.of_input) from None

    def _body(self, request: Request, dialect: Dialect) -> tuple[str, dict[str, Any]]:
        build = messages_body if dialect.wire == "anthropic" else request_body
        path, body = build(request, dialect, self.endpoint.model)
        for name in self.endpoint.omit:
            body.pop(name, None)
        return path, body | dict(self.endpoint.extra)

    def _refusal(self, reply: Reply, request: Request, body: dict[str, Any]) -> EngineError:
        """Return the error of an answer that is not 200; forget a capability it refuses."""
        key = self._client.key()
        said = http_errors.said(reply.body, key)
        refusal = find_refusal(reply.status, said, request, body)
        if refusal is None:
            unknown = reply.status == 404 or b"model_not_found" in reply.body
            models = self.list_models() if unknown else []
            return http_errors.status_error(
                self.endpoint, reply.status, reply.body, key=key, models=models
            )
        if refusal.lasting:
            self._drop(refusal.capability, said)
        return http_errors.refused_capability(self.endpoint, reply.status, said, refusal)

    def _drop(self, capability: str, said: str) -> None:
        with self._dropping:
            if not getattr(self.capabilities, capability):
                return
            self._dialect = without(self._dialect, capability)
            self.capabilities = self._dialect.capabilities
        remember(self.endpoint.base_url, self.endpoint.model, capability, said)

    def _found(self) -> Dialect:
        with _detecting:
            url = self.endpoint.base_url
            if url not in _detected:
                _detected[url] = self._loop.run(self._probe())
            found = _detected[url]
        if found.server == "openai":
            return dialect_of("openai", self.endpoint.model, url)
        return found

    async def _probe(self) -> Dialect:
        base = self.endpoint.base_url
        reply = await self._client.look(base + "/models")
        if reply.status in NOT_READY:
            raise http_errors.status_error(
                self.endpoint, reply.status, reply.body, key=self._client.key()
            )
        models = reply.json()
        first = detect(models)
        root = urlunsplit(urlsplit(base)._replace(path=urlsplit(base).path.removesuffix("/v1")))
        if first.server == "llama-server":
            return detect(models, props=await self._client.look_for_json(root + "/props"))
        if first.server == "vllm":
            return detect(models, version=await self._client.look_for_json(root + "/version"))
        return first
