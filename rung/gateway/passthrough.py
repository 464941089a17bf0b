"""Pass a request on to the endpoints of its model, and its answer back byte for byte.

The client gets what the endpoint sent: status, body and headers, streams as they come. Only a
stream's last event waits until the call is on disk. A stream that breaks off ends with an error
event, so that no client takes half an answer for a whole one.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from rung.core.clock import monotonic_ms
from rung.gateway.access import Visitor, unknown_model
from rung.gateway.asgi import ClientGone, Header, Request
from rung.gateway.attempt import Question, Stream, Whole
from rung.gateway.capture import Seen, finished
from rung.gateway.connection import ConnectionFailed
from rung.gateway.forward import forward
from rung.gateway.hedge import Hedging
from rung.gateway.patience import left, while_waiting
from rung.gateway.refusal import Refusal
from rung.gateway.service import Service
from rung.gateway.upstream import Upstream
from rung.gateway.wire import Asked, Wire, usage_of
from rung.store.calls import Call

_NOT_PASSED_BACK = frozenset(
    (b"connection", b"content-length", b"date", b"keep-alive", b"proxy-authenticate", b"server",
     b"set-cookie", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"x-rung-call-id")
)  # fmt: skip
_ENDS = {
    "messages": re.compile(rb"[\r\n]event: ?message_stop"),
    "chat": re.compile(rb"[\r\n]data: ?\[DONE\]"),
}
_FINISHED = re.compile(rb'"finish_reason" ?: ?"[^"]+"')
_TAIL_BYTES = 32
_GONE, _WENT_AWAY = 499, "the client went away"
MAX_KEPT_BYTES = 8 << 20


async def pass_on(
    service: Service, request: Request, visitor: Visitor, wire: Wire, asked: Asked, body: bytes
) -> None:
    """Answer a request by its model's endpoints. Raises Refusal."""
    upstreams = [up for up in service.catalogue.find(asked.model) if up.speaks(wire)]
    if not upstreams:
        raise _unknown(service, asked.model, wire)
    upstreams = [up for up in upstreams if up.can_ask] or upstreams[:1]
    visitor.check_priced(asked.model, priced=all(up.price is not None for up in upstreams))
    question = Question(
        wire=wire,
        model=asked.model,
        headers=request.headers,
        body=body,
        timeout_s=service.settings.limits.request_s,
    )
    rules = service.settings.upstream
    may_hedge = asked.idempotent and not request.header(b"idempotency-key")
    hedging = Hedging(after_s=rules.hedge_after_ms / 1000 if may_hedge else 0.0)
    passage = Passage(service, request, visitor, question, asked, hedging)
    try:
        asking = forward(question, upstreams, retries=rules.retries, hedging=hedging)
        found = await while_waiting(request, asking)
    except ClientGone:
        await passage.left()
        raise
    except Refusal as refusal:
        await passage.refused(refusal)
        raise
    finally:
        for hedge in hedging.sent:
            service.metrics.hedged(hedge.slow, hedge.result)
    if isinstance(found, Whole):
        await passage.whole(found)
    else:
        await passage.stream(found)


def _unknown(service: Service, model: str, wire: Wire) -> Refusal:
    if not service.catalogue.find(model):
        return unknown_model(model)
    message = f"the endpoints of {model!r} do not take {wire.path} requests"
    return Refusal(400, "wrong_wire", message)


@dataclass(slots=True)
class Passage:
    """One request on its way through."""

    service: Service
    request: Request
    visitor: Visitor
    question: Question
    asked: Asked
    hedging: Hedging
    sent_ms: float = field(default_factory=monotonic_ms)

    async def refused(self, refusal: Refusal) -> None:
        """Keep a call that no endpoint answered."""
        body = refusal.body(self.question.wire.name)
        await self._keep(None, refusal.status, body, outcome="error", error=refusal.message)

    async def left(self) -> None:
        """Keep a call whose client went away before an answer began."""
        await self._keep(None, _GONE, b"", outcome="cut", error=_WENT_AWAY)

    async def whole(self, found: Whole) -> None:
        """Keep the call, then answer."""
        outcome = "ok" if found.status == 200 else "error"
        usage = usage_of(found.answered.usage) if found.answered else None
        wait_ms = monotonic_ms() - self.sent_ms
        seen = self._seen(found.upstream, found.status, wait_ms, outcome=outcome)
        seen.response, seen.usage = found.body, usage
        await self._write(seen)
        await self.request.reply(found.status, found.body, _passed_back(found.headers))
        self._count(found.upstream.name, found.status, wait_ms)

    async def stream(self, found: Stream) -> None:
        """Pass events on as they come; keep the call before the last one."""
        relay = _Relay(self.question.wire, wait_ms=monotonic_ms() - self.sent_ms)
        gone = asyncio.ensure_future(left(self.request))
        gone.add_done_callback(lambda _: found.exchange.answer.fail(_gone_away()))
        error = ""
        try:
            await self.request.start(200, _passed_back(found.exchange.answer.headers))
            while piece := await relay.next(found):
                relay.first_ms = relay.first_ms or self.request.elapsed_ms()
                if gone.done():
                    error = _WENT_AWAY
                    break
                if ready := relay.take(piece):
                    await relay.send(self.request, ready, found)
            if not error and not relay.complete:
                raise ConnectionFailed("closed", "the stream has no last event")
        except ConnectionFailed as failed:
            error = _WENT_AWAY if gone.done() else f"{found.upstream.name}: {failed}"
            if not (gone.done() or relay.held_up):
                found.upstream.breaker.failed()
        finally:
            gone.cancel()
            found.exchange.close()
        await self._end_stream(found, relay, error)

    async def _end_stream(self, found: Stream, relay: _Relay, error: str) -> None:
        status = _GONE if error == _WENT_AWAY else 502 if error else 200
        outcome, wait_ms = "cut" if error else "ok", relay.wait_ms
        seen = self._seen(found.upstream, status, wait_ms, outcome=outcome, error=error)
        seen.known["first_ms"] = relay.first_ms
        seen.response, seen.is_events = relay.kept(), True
        try:
            await self._write(seen)
        except Refusal as refusal:
            error = refusal.message
            relay.held = b""
        last = relay.held if not error else relay.held + _error_event(self.question.wire, error)
        await self.request.write(last, last=True)
        self._count(found.upstream.name, status, wait_ms)

    async def _keep(
        self, upstream: Upstream | None, status: int, response: bytes, *, outcome: str, error: str
    ) -> None:
        wait_ms = monotonic_ms() - self.sent_ms
        seen = self._seen(upstream, status, wait_ms, outcome=outcome, error=error)
        seen.response = response
        with suppress(Refusal):
            await self._write(seen)
        self._count("", status, wait_ms)

    def _seen(
        self, upstream: Upstream | None, status: int, wait_ms: float, *, outcome: str,
        error: str = "",
    ) -> Seen:  # fmt: skip
        request = self.request
        known: dict[str, Any] = dict(
            id=request.call_id,
            tenant=self.visitor.tenant,
            key_id=self.visitor.key_id,
            conversation=request.header(b"x-rung-conversation")[:200],
            wire=self.question.wire.name,
            model=self.question.model,
            served_by=upstream.name if upstream else "",
            status=status,
            outcome=outcome,
            streamed=bool(self.asked.stream),
            latency_ms=request.elapsed_ms(),
            upstream_ms=wait_ms,
            first_ms=request.elapsed_ms(),
            hedge=", ".join(hedge.beside for hedge in self.hedging.sent),
            error=error,
        )
        return Seen(
            known=known,
            wire=self.question.wire,
            asked=self.asked,
            request=self.question.body,
            price=upstream.price if upstream else None,
            told=self._told,
        )

    async def _write(self, seen: Seen) -> None:
        redactor, names = self.service.redactor, self.service.names
        await self.service.keep(lambda: finished(seen, redactor, names))

    def _told(self, call: Call) -> None:
        self.visitor.spend(call.cost_usd)
        self.service.told(call)

    def _count(self, served_by: str, status: int, wait_ms: float) -> None:
        self.service.metrics.answered(
            self.question.wire.name, served_by, status, self.request.elapsed_ms(), wait_ms
        )


class _Relay:
    """Lets a stream through up to its last event, which is held, and keeps a copy.

    The endpoint has its time-out for each piece; the time that the client takes is its own.
    """

    def __init__(self, wire: Wire, *, wait_ms: float) -> None:
        self.wait_ms = wait_ms
        """Time spent waiting for the endpoint."""
        self.first_ms = 0.0
        self.held_up = False
        """The client made the endpoint wait for longer than the endpoint may let others wait, so
        that a break is not held against it."""
        self.held = b""
        self._end = _ENDS["messages" if wire.name == "messages" else "chat"]
        self._holding = False
        self._tail = b"\n"
        self._kept: list[bytes] = []
        self._num_kept = 0

    @property
    def complete(self) -> bool:
        """Whether the last event has come, or at least every choice's reason to end."""
        return self._holding or bool(_FINISHED.search(b"".join(self._kept[-8:])))

    async def next(self, found: Stream) -> bytes:
        """Return what has come since; empty at the end. Raises ConnectionFailed."""
        began_ms = monotonic_ms()
        found.exchange.expire_in(found.upstream.endpoint.timeout_s)
        try:
            return await found.exchange.answer.piece()
        finally:
            found.exchange.expire_in(None)
            self.wait_ms += monotonic_ms() - began_ms

    async def send(self, request: Request, ready: bytes, found: Stream) -> None:
        """Send a piece on, as soon as the client has taken enough of those before."""
        began_ms = monotonic_ms()
        await request.write(ready)
        if monotonic_ms() - began_ms > found.upstream.endpoint.timeout_s * 1000:
            self.held_up = True

    def take(self, piece: bytes) -> bytes:
        """Return what of a piece may be sent on now."""
        if self._num_kept < MAX_KEPT_BYTES:
            self._kept.append(piece)
            self._num_kept += len(piece)
        if self._holding:
            self.held += piece
            return b""
        window = self._tail + piece
        found = self._end.search(window)
        if found is None:
            self._tail = window[-_TAIL_BYTES:]
            return piece
        self._holding = True
        # the line break before the last event ends the one before it: that one may go
        at = max(0, found.start() + 1 - len(self._tail))
        self.held = piece[at:]
        return piece[:at]

    def kept(self) -> bytes:
        """Return the copy, of at most about `MAX_KEPT_BYTES`."""
        return b"".join(self._kept)


def _gone_away() -> ConnectionFailed:
    return ConnectionFailed("closed", _WENT_AWAY)


def _passed_back(headers: Iterable[Header]) -> list[Header]:
    return [(name, value) for name, value in headers if name not in _NOT_PASSED_BACK]


def _error_event(wire: Wire, message: str) -> bytes:
    body = Refusal(502, "stream_cut", message).body(wire.name)
    return (b"event: error\n" if wire.name == "messages" else b"") + b"data: " + body + b"\n\n"
