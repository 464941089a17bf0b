"""Tasks on the wire: `model="task/NAME"` in a chat, or `POST /v1/tasks/NAME`, one or many inputs.

Every input is a call of its own, kept before it is answered. Which arm answers is `modes.py`'s.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar

import msgspec

from rung.core.clock import monotonic_ms
from rung.gateway.access import Visitor, unknown_model
from rung.gateway.agreement import count
from rung.gateway.arms import Decided, Said, Shadow
from rung.gateway.asgi import JSON, ClientGone, Header, Request
from rung.gateway.capture import named_conversation
from rung.gateway.catalogue import PREFIX
from rung.gateway.desk import Outage, Refused
from rung.gateway.errand import (
    Errand,
    checked,
    conversation_of,
    header_json,
    owner_of,
    record,
)
from rung.gateway.ids import new_call_id
from rung.gateway.modes import decide
from rung.gateway.patience import left
from rung.gateway.refusal import Refusal
from rung.gateway.service import Service
from rung.gateway.systemone import read_body, text_of
from rung.gateway.task_chat import complete, input_of, read_chat, stream
from rung.gateway.wire import Asked as AskedOnWire
from rung.store.calls import Call

T = TypeVar("T")

_EVENTS = (b"content-type", b"text/event-stream; charset=utf-8")


class Tasks:
    """Answers inputs of tasks for clients of either address."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def known(self, name: str) -> str:
        """Return the name of a task that can be asked. Raises Refusal 404."""
        if not self._service.knows(name):
            raise unknown_model(PREFIX + name)
        return name

    async def chat(
        self, request: Request, visitor: Visitor, asked: AskedOnWire, body: bytes
    ) -> None:
        """Answer a chat completion by a task. Raises Refusal."""
        chat = read_chat(body)
        text = checked(input_of(chat))
        errand = Errand(
            call_id=request.call_id,
            visitor=visitor,
            task=self.known(asked.model.removeprefix(PREFIX)),
            text=text,
            conversation=self._named(request, visitor, named_conversation(asked), text),
            owner=owner_of(request, visitor, chat.user or ""),
            wire="chat",
            request=body,
            began_ms=request.began_ms,
            streamed=bool(chat.stream),
        )
        decided = await self._decide(errand)
        whole = complete(chat, decided.served.asked, request.call_id)
        await self._keep(errand, decided, msgspec.json.encode(whole))
        head = [_EVENTS if chat.stream else JSON, *_told(decided)]
        if not chat.stream:
            await request.reply(200, msgspec.json.encode(whole), head)
            return
        await request.start(200, head)
        for event in stream(chat, decided.served.asked, request.call_id):
            await request.write(event)
        await request.write(b"", last=True)

    async def typed(self, request: Request, visitor: Visitor, name: str, body: bytes) -> None:
        """Answer one input with what `rung ask --json` prints, or many with `{"results": […]}`."""
        asked = _read_typed(body)
        task = self.known(name)
        if asked.input is not None:
            found = await self._one(request, visitor, asked, task, asked.input, request.call_id)
            await request.reply(200, msgspec.json.encode(found))
            return
        rows = await self._many(request, visitor, asked, task, asked.inputs or [])
        await request.reply(200, msgspec.json.encode({"results": rows}))

    async def _many(
        self, request: Request, visitor: Visitor, asked: TypedBody, task: str, inputs: list[str]
    ) -> list[dict[str, Any]]:
        """Answer inputs side by side; a failure is its row and not the end of the others.

        When the client leaves, no further input begins; those under way are kept, for they cost.
        """
        limits = self._service.settings.limits
        if not 0 < len(inputs) <= limits.batch:
            raise Refusal(400, "invalid_batch", f"{len(inputs)} inputs, not 1 to {limits.batch}")
        places = asyncio.Semaphore(max(1, limits.task_queue // 4))
        gone = asyncio.ensure_future(left(request))

        async def row(number: int, text: str) -> dict[str, Any]:
            async with places:
                if gone.done():
                    return {}
                try:
                    if number:  # the first one came in with the request
                        visitor.enter(PREFIX + task)
                    return await self._one(request, visitor, asked, task, text, new_call_id())
                except Refusal as refusal:
                    failed = {"output": None, "status": "failed", "reason": refusal.message}
                    return failed | {"error": refusal.to_json()["error"]}

        try:
            rows = await asyncio.gather(*map(row, range(len(inputs)), inputs))
            if gone.done():
                raise ClientGone
            return rows
        finally:
            gone.cancel()

    async def decisions(self, request: Request, visitor: Visitor, body: bytes) -> None:
        """Answer typed questions about a state; see `systemone.py`. Raises Refusal."""
        asked = read_body(body)
        visitor.enter(asked.model)
        if not asked.model.startswith(PREFIX):
            raise unknown_model(asked.model)
        errand = Errand(
            call_id=request.call_id,
            visitor=visitor,
            task=self.known(asked.model.removeprefix(PREFIX)),
            text=checked(text_of(asked.state)),
            conversation=self._named(request, visitor, "", text_of(asked.state)),
            owner="",
            wire="systemone",
            request=body,
            began_ms=request.began_ms,
        )
        desk, began_ms = self._service.desk, monotonic_ms()
        found = await self._within(
            errand, "", lambda: desk.decisions(errand.task, errand.text, asked.questions)
        )
        wait_ms = monotonic_ms() - began_ms
        refusal = None
        if missing := asked.questions.keys() - found.answers.keys():
            refusal = Refusal(502, "no_decision", f"no probabilities for {sorted(missing)}")
        status, outcome = (refusal.status, "error") if refusal else (200, "ok")
        usage = found.usage
        prompt = usage.prompt_tokens + usage.cached_tokens + usage.forced_tokens
        told = {
            "model": asked.model,
            "answers": found.answers,
            "usage": {"input_tokens": prompt, "output_tokens": usage.output_tokens},
        }
        reply = refusal.body() if refusal else msgspec.json.encode(told)
        call = replace(
            record(errand, "", status=status, outcome=outcome),
            served_by=found.served_by,
            upstream_ms=wait_ms,
            prompt_tokens=usage.prompt_tokens,
            cached_tokens=usage.cached_tokens,
            forced_tokens=usage.forced_tokens,
            output_tokens=usage.output_tokens,
            cost_usd=found.cost_usd,
        )
        await self._write(errand, call, reply, refusal.message if refusal else "")
        if refusal:
            raise refusal
        self._service.metrics.answered(
            "systemone", found.served_by, 200, request.elapsed_ms(), wait_ms
        )
        await request.reply(200, reply)

    async def _one(
        self, request: Request, visitor: Visitor, asked: TypedBody, task: str, text: str,
        call_id: str,
    ) -> dict[str, Any]:  # fmt: skip
        errand = Errand(
            call_id=call_id,
            visitor=visitor,
            task=task,
            text=checked(text),
            conversation=self._named(request, visitor, asked.conversation, text),
            owner=owner_of(request, visitor, asked.owner),
            wire="task",
            request=msgspec.json.encode({"input": text}),
            began_ms=request.began_ms,
        )
        decided = await self._decide(errand)
        shown = decided.served.asked.to_json()
        if decided.served.filled_by:
            shown["filled_by"] = decided.served.filled_by
        await self._keep(errand, decided, msgspec.json.encode(shown))
        return shown | {"call_id": call_id, "arm": decided.served.arm, "mode": decided.mode}

    async def _decide(self, errand: Errand) -> Decided:
        """Have an arm answer. Raises Refusal."""
        mode = self._service.mode_of(errand.task)
        return await self._within(
            errand,
            mode.name,
            lambda: decide(
                self._service.desk,
                mode,
                errand.task,
                errand.text,
                errand.conversation,
                errand.owner,
            ),
        )

    async def _within(self, errand: Errand, mode: str, work: Callable[[], Awaitable[T]]) -> T:
        """Do the work while its request has time; what had no answer is kept too. Raises Refusal.

        The time of an input that waited in a batch is that of the whole batch.
        """
        limit_s = self._service.settings.limits.request_s
        left_s = limit_s - (monotonic_ms() - errand.began_ms) / 1000
        try:
            if left_s <= 0:
                raise TimeoutError
            async with asyncio.timeout(left_s):
                return await work()
        except TimeoutError:
            refusal = Refusal(504, "task_timeout", f"no answer within {limit_s:g} s")
        except Outage as outage:
            refusal = Refusal(503, "route_unavailable", str(outage))
        except Refused as refused:
            refusal = Refusal(400, "request_refused", str(refused))
        except Refusal as caught:
            refusal = caught
        if refusal.status != 429:
            call = record(errand, mode, status=refusal.status, outcome="error")
            await self._write(errand, call, refusal.body(), refusal.message)
        raise refusal

    async def _keep(self, errand: Errand, decided: Decided, response: bytes) -> None:
        """Keep the call that is served, then those of the other arms as its pairs."""
        service, served = self._service, decided.served
        call = record(errand, decided.mode, said=served)
        others = [self._pair(errand, decided.mode, said) for said in decided.others]
        await asyncio.gather(
            self._write(errand, call, response, served.asked.reason),
            *[self._write(errand, pair, body, said.asked.reason)
              for pair, body, said in others],
        )  # fmt: skip
        service.metrics.answered(
            errand.wire, served.asked.route, 200, call.latency_ms, call.upstream_ms
        )
        shadow = decided.shadow
        if decided.beside is not None:
            service.later(self._beside(errand, decided))
        elif shadow is not None and shadow.specialist is not None:
            service.later(self._compare(errand.task, shadow, shadow.specialist))

    async def _beside(self, errand: Errand, decided: Decided) -> None:
        assert decided.beside is not None
        said = await decided.beside()
        pair, body, _ = self._pair(errand, decided.mode, said)
        await self._write(errand, pair, body, said.asked.reason)
        if decided.shadow is not None:
            await self._compare(errand.task, decided.shadow, said)

    async def _compare(self, task: str, shadow: Shadow, specialist: Said) -> None:
        service = self._service
        route = service.desk.serving(task)
        if route is not None:
            runtime = await service.desk.runtime(task)
            await asyncio.to_thread(count, service.store, runtime, route, shadow, specialist)

    def _pair(self, errand: Errand, mode: str, said: Said) -> tuple[Call, bytes, Said]:
        call = record(errand, mode, said=said, id_=new_call_id(), pair=errand.call_id)
        return call, msgspec.json.encode(said.asked.to_json()), said

    def _named(self, request: Request, visitor: Visitor, named: str, text: str) -> str:
        return conversation_of(request, visitor, named, text, self._service.names)

    async def _write(self, errand: Errand, call: Call, response: bytes, error: str) -> None:
        service = self._service

        def make() -> Call:
            kept = service.redacted(call, errand.request, response, error)
            errand.visitor.spend(kept.cost_usd)
            service.told(kept)
            return kept

        await service.keep(make)


class TypedBody(msgspec.Struct, forbid_unknown_fields=True):
    """The body of `POST /v1/tasks/NAME`: one input, or many."""

    input: str | None = None
    inputs: list[str] | None = None
    conversation: str = ""
    owner: str = ""


def _read_typed(body: bytes) -> TypedBody:
    try:
        asked = msgspec.json.decode(body, type=TypedBody)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(400, "invalid_request", f"the body cannot be read: {error}") from None
    if (asked.input is None) == (asked.inputs is None):
        raise Refusal(400, "invalid_request", "give either input (a text) or inputs (a list)")
    return asked


def _told(decided: Decided) -> list[Header]:
    """Return what the answer's head says of the route."""
    served = decided.served
    told = [
        (b"x-rung-route", served.asked.route.encode("latin-1", "replace")),
        (b"x-rung-status", served.asked.status.encode()),
        (b"x-rung-arm", served.arm.encode()),
    ]
    if served.filled_by:
        told.append((b"x-rung-filled-by", header_json(served.filled_by).encode()))
    return told
