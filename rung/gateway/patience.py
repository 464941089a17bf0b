"""Work for a client, ended when the client has gone: nobody pays for an answer that nobody gets.

What is kept of such a request is decided where it is passed on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from rung.gateway.asgi import ClientGone, Request

T = TypeVar("T")


async def while_waiting(request: Request, work: Awaitable[T]) -> T:
    """Return what the work returns; cancels it and raises ClientGone when the client leaves before.

    The request's body must have been read.
    """
    task = asyncio.current_task()
    assert task is not None
    waiting = True

    def leave(_: asyncio.Future[None]) -> None:
        if waiting:
            task.cancel()

    leaving = asyncio.ensure_future(left(request))
    leaving.add_done_callback(leave)
    try:
        return await work
    except asyncio.CancelledError:
        if not leaving.done() or leaving.cancelled():
            raise
        task.uncancel()
        raise ClientGone from None
    finally:
        waiting = False
        leaving.cancel()


async def left(request: Request) -> None:
    """Return when the client has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
