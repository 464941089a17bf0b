"""Get an answer to a request from the endpoints of a model: retries, fall-back, breaker, deadline.

Falls back and asks again on outages only: no connection, no answer in time, an answer that is none,
429 and 5xx. An answer of any other status is the endpoint's word and final; whether its content is
good enough is decided elsewhere (`modes.py`). Once the first byte of a stream has been passed on,
nothing is asked again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rung.core.clock import monotonic_ms, now_utc
from rung.engines.retry import delay_s, is_transient, parse_retry_after
from rung.gateway.connection import ConnectionFailed, Header
from rung.gateway.pool import TooManyWaiting
from rung.gateway.refusal import Refusal
from rung.gateway.upstream import Exchange, Upstream
from rung.gateway.wire import Answered, Wire, read_answer, with_model

MAX_ANSWER_BYTES = 32 << 20
_jitter = random.SystemRandom().random
_THROTTLED = 429


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A request to pass on."""

    wire: Wire
    model: str
    headers: list[Header]
    body: bytes
    timeout_s: float


async def forward(
    question: Question, upstreams: Sequence[Upstream], *, retries: int
) -> Whole | Stream:
    """Ask the endpoints in turn until one answers. Raises Refusal when none does in time."""
    deadline_ms = monotonic_ms() + question.timeout_s * 1000
    worst: Refusal | Whole = Refusal(503, "no_endpoint", "no endpoint can be asked")
    resting: list[Upstream] = []
    for attempt in range(retries + len(upstreams)):
        upstream = _next(upstreams, attempt, resting)
        if upstream is None:
            break
        left_s = (deadline_ms - monotonic_ms()) / 1000
        if not attempt:
            upstream.budget.asked()
        elif not await _may_ask_again(upstream, attempt - len(upstreams), left_s):
            break
        found = await _once(question, upstream, (deadline_ms - monotonic_ms()) / 1000)
        if isinstance(found, Whole) and is_transient(found.status) or isinstance(found, Refusal):
            worst = found
        else:
            return found
    if isinstance(worst, Whole):
        return worst
    raise _resting(question.model, resting) if resting and worst.code == "no_endpoint" else worst


async def _may_ask_again(upstream: Upstream, again: int, left_s: float) -> bool:
    """Return whether one more attempt is within budget and time, after the pause it needs.

    `again` counts from 0 once every endpoint has had its turn; before that there is no pause.
    """
    pause_s = delay_s(again, None, _jitter) if again >= 0 else 0.0
    allowed = False
    try:
        if pause_s < left_s and upstream.budget.allows():
            await asyncio.sleep(pause_s)
            allowed = True
    finally:
        if not allowed:
            upstream.breaker.gave_up()
    return allowed


def _resting(model: str, resting: Sequence[Upstream]) -> Refusal:
    """Say that no endpoint may be asked now, and when to come again."""
    wait_s = min(upstream.breaker.rests_s for upstream in resting)
    if any(upstream.breaker.throttled for upstream in resting):
        message = f"every endpoint of {model!r} asked for fewer requests"
        return Refusal(429, "endpoint_throttled", message, retry_after_s=wait_s)
    message = f"every endpoint of {model!r} is failing"
    return Refusal(503, "endpoint_resting", message, retry_after_s=wait_s)


def _next(upstreams: Sequence[Upstream], attempt: int, resting: list[Upstream]) -> Upstream | None:
    """Return the endpoint whose turn it is, passing over those that rest."""
    for step in range(len(upstreams)):
        upstream = upstreams[(attempt + step) % len(upstreams)]
        if upstream.breaker.may_ask():
            return upstream
        resting.append(upstream)
    return None


def _asks_to_wait(whole: Whole) -> float | None:
    header = next((value for name, value in whole.headers if name == b"retry-after"), b"")
    return parse_retry_after(header.decode("latin-1"), datetime.fromisoformat(now_utc()))


async def _once(question: Question, upstream: Upstream, left_s: float) -> Whole | Stream | Refusal:
    """Ask one endpoint once; an outage comes back as a refusal or as an answer of its own."""
    limit_s = max(min(left_s, upstream.endpoint.timeout_s), 0.001)
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
    return await _take(question, upstream, exchange)


async def _take(
    question: Question, upstream: Upstream, exchange: Exchange
) -> Whole | Stream | Refusal:
    answer = exchange.answer
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
    return _judged(question, whole)


def _judged(question: Question, whole: Whole) -> Whole | Refusal:
    """Tell the breaker how it went; an answer of status 200 that is none is an outage."""
    upstream, status = whole.upstream, whole.status
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
