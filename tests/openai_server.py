"""A loopback server that behaves like an OpenAI-style one, well or badly, by script."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

KEY = "sk-test-0123456789abcdef"
"""What tests set as TEST_KEY."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One answer: a JSON value or raw bytes, after a delay, or a dropped connection."""

    status: int = 200
    data: Any = None
    raw: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    drop: bool = False


def chat(text: str = "ok", **fields: Any) -> dict[str, Any]:
    """Return a chat completion as OpenAI documents it."""
    message = {"role": "assistant", "content": text}
    usage = {
        "prompt_tokens": 12,
        "completion_tokens": 3,
        "total_tokens": 15,
        "prompt_tokens_details": {"cached_tokens": 8},
    }
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"object": "chat.completion", "choices": [choice], "usage": usage} | fields


class OpenAIServer:
    """Runs in a thread of its own. `script` is used up in order, then `chat()` is the answer."""

    def __init__(self) -> None:
        self.script: list[Reply] = []
        self.requests: list[dict[str, Any]] = []
        self.pages: dict[str, Any] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def posts(self) -> list[dict[str, Any]]:
        return [request for request in self.requests if request["method"] == "POST"]

    def reset(self) -> None:
        self.script, self.requests, self.pages = [], [], {}

    def reply_to(self, asked: dict[str, Any]) -> Reply:
        """Return the answer to a request; other servers override this."""
        if asked["method"] == "GET":
            page = self.pages.get(asked["path"])
            if isinstance(page, Reply):
                return page
            return Reply(data=page, status=404 if page is None else 200)
        return self.script.pop(0) if self.script else Reply(data=chat())

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self) -> int:
        app = web.Application(client_max_size=1 << 24)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        return self._runner.addresses[0][1]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        asked = {
            "method": request.method,
            "path": request.path,
            "headers": dict(request.headers),
            "json": json.loads(body) if body else None,
        }
        self.requests.append(asked)
        reply = self.reply_to(asked)
        await asyncio.sleep(reply.delay_s)
        if reply.drop:
            request.transport.abort()
        raw = json.dumps(reply.data).encode() if reply.raw is None else reply.raw
        return web.Response(status=reply.status, body=raw, headers=reply.headers)
