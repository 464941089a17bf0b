"""Send a request a second time where its endpoint is slow to begin; the first good answer counts.

Dean and Barroso, "The tail at scale", 2013: a second request after the time that 95 in 100 answers
take cuts the tail for 5 in 100 more requests. Off unless `hedge_after_ms` is set. It is sent only
before the first byte of an answer, at most once an attempt, never to an endpoint whose breaker is
not closed. Which endpoint that is, and whether the budget allows it, is decided in `forward.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from rung.gateway.attempt import Attempt, Found, Stream, Whole, is_answer

Result = Literal["won", "lost", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hedge:
    """A request that was sent a second time."""

    slow: str
    """The endpoint that was asked first."""
    beside: str
    """The endpoint that was asked too; it may be the same."""
    result: Result
    """`won`: the second answer was taken; `lost`: the first; `failed`: neither was one."""


@dataclass(slots=True, kw_only=True)
class Hedging:
    """When one request is sent a second time, and how often it was."""

    after_s: float
    """0 is never."""
    sent: list[Hedge] = field(default_factory=list)

    async def ask(self, first: Attempt, another: Callable[[], Attempt | None]) -> Found:
        """Return what an attempt finds, or the one beside it that `another` makes in time."""
        if not self.after_s:
            return await first.ask()
        asking = [asyncio.create_task(first.ask())]
        taken = None
        try:
            await asyncio.wait(asking, timeout=self.after_s)
            second = None if asking[0].done() or first.begun else another()
            if second is None:
                await asyncio.wait(asking)
                taken = asking[0]
            else:
                asking.append(asyncio.create_task(second.ask()))
                taken, result = await _first_good(*asking)
                names = {"slow": first.upstream.name, "beside": second.upstream.name}
                self.sent.append(Hedge(**names, result=result))
            return taken.result()
        finally:
            for task in asking:
                if task is not taken:
                    await _drop(task)


async def _first_good(
    first: asyncio.Task[Found], second: asyncio.Task[Found]
) -> tuple[asyncio.Task[Found], Result]:
    """Return the attempt to take: the first that is good, else the first endpoint's word.

    A refusal of the second endpoint counts only when the first has none to give.
    """
    waiting = {first, second}
    while waiting:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if first in done and is_answer(first.result()):
            return first, "lost"
        if second.done() and _is_good(second.result()):
            return second, "won"
    return (second, "won") if is_answer(second.result()) else (first, "failed")


def _is_good(found: Found) -> bool:
    return isinstance(found, Stream) or (isinstance(found, Whole) and found.status == 200)


async def _drop(task: asyncio.Task[Found]) -> None:
    """Cancel an attempt that nobody waits for; its connection is closed, not given back."""
    task.cancel()
    (found,) = await asyncio.gather(task, return_exceptions=True)
    if isinstance(found, Stream):
        found.exchange.close()
