"""Get an answer to a request from the endpoints of a model: retries, fall-back, deadline.

Falls back and asks again on outages only: no connection, no answer in time, an answer that is none,
429 and 5xx. An answer of any other status is the endpoint's word and final; whether its content is
good enough is decided elsewhere (`modes.py`). Once the first byte of a stream has been passed on,
nothing is asked again. How one endpoint is asked is in `attempt.py`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

from rung.core.clock import monotonic_ms
from rung.engines.retry import delay_s
from rung.gateway.attempt import Attempt, Question, Stream, Whole, is_outage
from rung.gateway.breaker import Budget
from rung.gateway.hedge import Hedging
from rung.gateway.refusal import Refusal
from rung.gateway.upstream import Upstream

_jitter = random.SystemRandom().random


async def forward(
    question: Question, upstreams: Sequence[Upstream], *, retries: int, hedging: Hedging
) -> Whole | Stream:
    """Ask the endpoints in turn until one answers. Raises Refusal when none does in time."""
    deadline_ms = monotonic_ms() + question.timeout_s * 1000
    worst: Refusal | Whole = Refusal(503, "no_endpoint", "no endpoint can be asked")
    resting: list[Upstream] = []
    turn, first = 0, None

    def left_s() -> float:
        return (deadline_ms - monotonic_ms()) / 1000

    def beside() -> Attempt | None:
        """Make the attempt that is to overtake the present one; it takes the next turn."""
        nonlocal turn
        upstream = _closed(upstreams, turn + 1)
        if first is None or upstream is None or not first.hedges.allows():
            return None
        turn += 1
        return Attempt(question=question, upstream=upstream, left_s=left_s())

    while turn < retries + len(upstreams):
        upstream = _next(upstreams, turn, resting)
        if upstream is None:
            break
        if first is None:
            first = upstream
            first.retries.asked()
            first.hedges.asked()
        elif not await _may_ask_again(upstream, first.retries, turn - len(upstreams), left_s()):
            break
        attempt = Attempt(question=question, upstream=upstream, left_s=left_s())
        found = await hedging.ask(attempt, beside)
        if not (isinstance(found, Refusal) or is_outage(found)):
            return found
        worst = found
        turn += 1
    if isinstance(worst, Whole):
        return worst
    raise _resting(question.model, resting) if resting and worst.code == "no_endpoint" else worst


async def _may_ask_again(upstream: Upstream, budget: Budget, again: int, left_s: float) -> bool:
    """Return whether one more attempt is within budget and time, after the pause it needs.

    `again` counts from 0 once every endpoint has had its turn; before that there is no pause.
    """
    pause_s = delay_s(again, None, _jitter) if again >= 0 else 0.0
    allowed = False
    try:
        if pause_s < left_s and budget.allows():
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


def _closed(upstreams: Sequence[Upstream], turn: int) -> Upstream | None:
    """Return the endpoint whose turn it would be among those that are known to work."""
    for step in range(len(upstreams)):
        upstream = upstreams[(turn + step) % len(upstreams)]
        if upstream.breaker.closed:
            return upstream
    return None
