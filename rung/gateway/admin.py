"""The second listener, for those who run the gateway: metrics and modes. Loopback only, no keys.

It is a server of its own on a port of its own, so that no mistake in the routing of the first one
can open it to clients.
"""

from __future__ import annotations

from typing import Any

import msgspec

from rung.gateway.asgi import Receive, Request, Scope, Send
from rung.gateway.metrics import CONTENT_TYPE
from rung.gateway.service import Service


class Admin:
    """`GET /metrics`, `GET /modes`."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        request = Request(
            method=scope["method"], path=scope["path"], headers=scope["headers"],
            receive=receive, send=send,
        )  # fmt: skip
        at = (request.method, request.path)
        if at == ("GET", "/metrics"):
            await request.reply(200, self._service.metrics.text(), [CONTENT_TYPE])
        elif at == ("GET", "/modes"):
            await _reply(request, 200, self._modes())
        else:
            await _reply(request, 404, {"error": f"nothing is at {request.path}"})

    def _modes(self) -> dict[str, Any]:
        return {task: _shown(self._service, task) for task in self._service.tasks}


def _shown(service: Service, task: str) -> dict[str, Any]:
    mode = service.mode_of(task)
    route = service.desk.serving(task)
    return {
        "id": mode.id,
        "mode": mode.name,
        "since": mode.since,
        "reason": mode.reason,
        "detail": mode.detail.to_json(),
        "route": route.name if route else None,
    }


async def _reply(request: Request, status: int, value: Any) -> None:
    await request.reply(status, msgspec.json.encode(value))
