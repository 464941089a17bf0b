"""Every address of the gateway, and what becomes of a request that goes wrong.

A bare ASGI application: a dictionary of addresses, no framework (decision 0009).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from rung.gateway.access import Visitor
from rung.gateway.asgi import JSON, ClientGone, Receive, Request, Scope, Send
from rung.gateway.catalogue import PREFIX
from rung.gateway.feedback import read_feedback
from rung.gateway.openapi import document
from rung.gateway.passthrough import pass_on
from rung.gateway.refusal import Refusal
from rung.gateway.service import Service
from rung.gateway.tasks import Tasks
from rung.gateway.wire import CHAT, COMPLETIONS, EMBEDDINGS, MESSAGES, Wire, read_request

_log = logging.getLogger("rung.gateway")
_WIRES = {
    "/v1/chat/completions": CHAT,
    "/v1/completions": COMPLETIONS,
    "/v1/embeddings": EMBEDDINGS,
    "/v1/messages": MESSAGES,
}
_TASKS = "/v1/tasks/"
_MODELS = "/v1/models"

Handler = Callable[[Request], Awaitable[None]]


class Gateway:
    """The ASGI application around a service."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._tasks = Tasks(service)
        self._schemas: dict[str, dict[str, Any]] = {}
        """Of tasks that were described; a task's form does not change while it serves."""
        self._pages: dict[str, tuple[str, Handler]] = {
            "/healthz": ("GET", self._alive),
            "/readyz": ("GET", self._ready),
            _MODELS: ("GET", self._models),
            "/openapi.json": ("GET", self._openapi),
            "/v1/feedback": ("POST", self._feedback),
            "/v1/systemone": ("POST", self._systemone),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        path = scope["path"]
        request = Request(
            method=scope["method"],
            path=path,
            headers=scope["headers"],
            receive=receive,
            send=send,
        )
        wire = _WIRES.get(path)
        try:
            if wire is not None:
                await self._wire(request, wire)
            else:
                await self._page(request)
        except Refusal as refusal:
            await self._refuse(request, wire, refusal)
        except ClientGone:
            pass
        except Exception:  # noqa: BLE001 - one request ends, the server lives on
            _log.exception("a bug ended %s %s", request.call_id, path)
            await self._refuse(request, wire, Refusal(500, "internal_error", "a bug; see the log"))

    async def _wire(self, request: Request, wire: Wire) -> None:
        _demand(request, "POST")
        visitor = self.service.door.admit(request.headers)
        self.service.enter()
        try:
            body = await self._body(request)
            asked = read_request(body)
            visitor.enter(asked.model)
            if not asked.model.startswith(PREFIX):
                await pass_on(self.service, request, visitor, wire, asked, body)
            elif wire is CHAT:
                await self._tasks.chat(request, visitor, asked, body)
            else:
                raise _not_of_tasks(request.path, asked.model)
        finally:
            self.service.leave()

    async def _page(self, request: Request) -> None:
        if request.path.startswith(_TASKS):
            await self._typed(request)
            return
        if request.path.startswith(_MODELS + "/"):
            _demand(request, "GET")
            await self._model(request)
            return
        method, handler = self._pages.get(request.path, ("", self._nowhere))
        if method:
            _demand(request, method)
        await handler(request)

    async def _typed(self, request: Request) -> None:
        _demand(request, "POST")
        name = request.path.removeprefix(_TASKS)
        visitor = self.service.door.admit(request.headers)
        self.service.enter()
        try:
            body = await self._body(request)
            visitor.enter(PREFIX + name)
            await self._tasks.typed(request, visitor, name, body)
        finally:
            self.service.leave()

    async def _systemone(self, request: Request) -> None:
        visitor = self.service.door.admit(request.headers)
        self.service.enter()
        try:
            await self._tasks.decisions(request, visitor, await self._body(request))
        finally:
            self.service.leave()

    async def _feedback(self, request: Request) -> None:
        visitor = self.service.door.admit(request.headers)
        feedback = read_feedback(self.service, visitor, await self._body(request))
        await asyncio.to_thread(self.service.log.add_feedback, feedback)
        await _reply(request, 200, {"call_id": feedback.call_id, "kept": True})

    async def _models(self, request: Request) -> None:
        visitor = self.service.door.admit(request.headers)
        rows = [_card(name) for name in self._names(visitor)]
        await _reply(request, 200, {"object": "list", "data": rows})

    async def _model(self, request: Request) -> None:
        visitor = self.service.door.admit(request.headers)
        name = request.path.removeprefix(_MODELS + "/")
        if name not in self._names(visitor):
            raise Refusal(404, "model_not_found", f"the model {name!r} does not exist")
        await _reply(request, 200, _card(name))

    async def _openapi(self, request: Request) -> None:
        visitor = self.service.door.admit(request.headers)
        names = [task for task in self.service.tasks if visitor.may_use(PREFIX + task)]
        schemas = await asyncio.to_thread(lambda: {name: self._schema(name) for name in names})
        await _reply(request, 200, document(schemas, with_keys=self.service.door.required))

    def _schema(self, task: str) -> dict[str, Any]:
        if task not in self._schemas:
            from rung.worlds.catalog import load

            self._schemas[task] = load(task).schema
        return self._schemas[task]

    def _names(self, visitor: Visitor) -> list[str]:
        names = [PREFIX + task for task in self.service.tasks] + self.service.catalogue.models()
        return [name for name in names if visitor.may_use(name)]

    async def _alive(self, request: Request) -> None:
        await _reply(request, 200, {"status": "ok"})

    async def _ready(self, request: Request) -> None:
        stopping = self.service.load.draining
        full = self.service.writer.is_full
        state = "stopping" if stopping else "capture is full" if full else "ok"
        await _reply(request, 200 if state == "ok" else 503, {"status": state})

    async def _nowhere(self, request: Request) -> None:
        raise Refusal(404, "unknown_url", f"nothing is at {request.path}")

    async def _body(self, request: Request) -> bytes:
        limits = self.service.settings.limits
        limit = int(limits.body_mb * (1 << 20))
        return await request.body(limit_bytes=limit, within_s=limits.body_s)

    async def _refuse(self, request: Request, wire: Wire | None, refusal: Refusal) -> None:
        self.service.metrics.refused(refusal.code)
        _log.info("%s %s %d %s", request.call_id, request.path, refusal.status, refusal.code)
        if request.answering:
            return  # the head is out; the connection ends without a last piece
        body = refusal.body(wire.name if wire else "chat")
        await request.reply(refusal.status, body, [JSON, *refusal.headers()])


def _demand(request: Request, method: str) -> None:
    if request.method != method:
        message = f"{request.path} takes {method}, not {request.method}"
        raise Refusal(405, "wrong_method", message, allow=method)


def _not_of_tasks(path: str, model: str) -> Refusal:
    own = _TASKS + model.removeprefix(PREFIX)
    message = f"{path} does not answer tasks: ask {model!r} by /v1/chat/completions or {own}"
    return Refusal(400, "wrong_wire", message)


def _card(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "rung"}


async def _reply(request: Request, status: int, value: Any) -> None:
    await request.reply(status, msgspec.json.encode(value))
