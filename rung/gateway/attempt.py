"""Ask one endpoint once: send, wait, judge what came, tell the breaker.

An outage comes back as a refusal, or as the endpoint's own answer of 429 or 5xx. Whether anybody is
asked again is decided in `forward.py`, whether beside in `hedge.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeGuard

from rung.core.clock import now_utc
from rung.engines.retry import is_transient, parse_retry_after
from rung.gateway.connection import ConnectionFailed, Header
from rung.gateway.pool import TooManyWaiting
from rung.gateway.refusal import Refusal
from rung.gateway.upstream import Exchange, Upstream
from rung.gateway.wire import Answered, Wire, read_answer, with_model

MAX_ANSWER_BYTES = 32 << 20
_THROTTLED = 429
_LAST_STATUS = 599


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """An answer that is here: status, headers and body as the endpoint sent them."""

    upstream: Upstream
    status: int
    headers: list[Header]
    body: bytes
    answered: Answered | None = None
    """What is looked at of an answer of status 200."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A stream of events under way; whoever gets it closes `exchange`."""

    upstream: Upstream
    exchange: Exchange


Found = Whole | Stream | Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A request to pass on."""

    wire: Wire
    model: str
    headers: list[Header]
    body: bytes
    timeout_s: float


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One request to one endpoint."""

    question: Question
    upstream: Upstream
    left_s: float
    begun: bool = False
    """The head of an answer is here."""

    async def ask(self) -> Found:
        """Return what came of it. Cancelled, it closes its connection."""
        upstream, question = self.upstream, self.question
        limit_s = max(min(self.left_s, upstream.endpoint.timeout_s), 0.001)
        asked_model = upstream.endpoint.model
        body = question.body
        if asked_model not in ("*", question.model):
            body = with_model(body, asked_model)
        try:
            exchange = await upstream.send(question.wire, question.headers, body, limit_s)
        except ConnectionFailed as failed:
            upstream.breaker.failed()
            return _refusal(upstream, failed)
        except TooManyWaiting:
            upstream.breaker.gave_up()
            message = f"too many requests wait for {upstream.name}"
            return Refusal(429, "endpoint_busy", message, retry_after_s=1.0)
        except BaseException:
            upstream.breaker.gave_up()
            raise
        self.begun = True
        return await self._take(exchange)

    async def _take(self, exchange: Exchange) -> Found:
        answer, upstream = exchange.answer, self.upstream
        if answer.status == 200 and answer.header(b"content-type").startswith(b"text/event-stream"):
            upstream.breaker.worked()
            return Stream(upstream=upstream, exchange=exchange)
        try:
            body = await answer.whole(MAX_ANSWER_BYTES)
        except ConnectionFailed as failed:
            upstream.breaker.failed()
            return _refusal(upstream, failed)
        except BaseException:
            upstream.breaker.gave_up()
            raise
        finally:
            exchange.close()
        whole = Whole(upstream=upstream, status=answer.status, headers=answer.headers, body=body)
        return _judged(self.question, whole)


def is_answer(found: Found) -> bool:
    """Return whether an endpoint has said its word, be it a no; an outage is none."""
    return not isinstance(found, Refusal) and not is_outage(found)


def is_outage(found: Whole | Stream) -> TypeGuard[Whole]:
    """Return whether an endpoint answered that it cannot answer now."""
    return isinstance(found, Whole) and is_transient(found.status)


def _asks_to_wait(whole: Whole) -> float | None:
    header = next((value for name, value in whole.headers if name == b"retry-after"), b"")
    return parse_retry_after(header.decode("latin-1"), datetime.fromisoformat(now_utc()))


def _judged(question: Question, whole: Whole) -> Whole | Refusal:
    """Tell the breaker how it went; an answer of status 200 that is none is an outage."""
    upstream, status = whole.upstream, whole.status
    if status > _LAST_STATUS:
        upstream.breaker.failed()
        return Refusal(502, "bad_endpoint_answer", f"{upstream.name} answered status {status}")
    if status == _THROTTLED:
        if (wait_s := _asks_to_wait(whole)) is not None:
            upstream.breaker.rest(wait_s, throttled=True)
        else:
            upstream.breaker.gave_up()
        return whole
    if is_transient(status):
        upstream.breaker.failed()
        return whole
    if status >= 400:
        upstream.breaker.worked()
        return whole
    answered = read_answer(question.wire, whole.body) if status == 200 else None
    if answered is None:
        upstream.breaker.failed()
        message = f"{upstream.name} answered {status} without a {question.wire.name} answer"
        return Refusal(502, "bad_endpoint_answer", message)
    upstream.breaker.worked()
    return Whole(
        upstream=upstream, status=status, headers=whole.headers, body=whole.body, answered=answered
    )


def _refusal(upstream: Upstream, failed: ConnectionFailed) -> Refusal:
    if failed.kind == "timeout":
        return Refusal(504, "endpoint_timeout", f"{upstream.name}: {failed}")
    return Refusal(502, "endpoint_unreachable", f"{upstream.name}: {failed}")
