"""Keep-alive connections to one endpoint: reused last first, bounded, waited for in turn.

Knows addresses and connections, not requests. Who waits has a deadline and a bounded place.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from urllib.parse import urlsplit

from rung.gateway.connection import Connection, ConnectionFailed

CONNECT_S = 10.0


class TooManyWaiting(Exception):  # noqa: N818 - becomes a refusal where the endpoint is known
    """As many requests wait for a connection as may."""


class Pool:
    """Up to `limit` connections to the host of a URL; up to `waiting` requests wait for one."""

    def __init__(self, base_url: str, *, limit: int, waiting: int) -> None:
        parts = urlsplit(base_url)
        self.host = parts.hostname or ""
        self.port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._limit = limit
        self._waiting = waiting
        self._idle: list[Connection] = []
        self._num_open = 0
        self._waiters: deque[asyncio.Future[Connection | None]] = deque()

    async def take(self, timeout_s: float) -> Connection:
        """Return a connection that is free. Raises ConnectionFailed or TooManyWaiting."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.closed:
                return connection
            self._num_open -= 1
        if self._num_open < self._limit:
            return await self._open(timeout_s)
        if len(self._waiters) >= self._waiting:
            raise TooManyWaiting
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout(timeout_s):
                given: Connection | None = await waiter
        except (TimeoutError, asyncio.CancelledError) as error:
            self._hand_on(waiter)
            if isinstance(error, asyncio.CancelledError):
                raise
            raise ConnectionFailed("timeout", "no connection became free", untouched=True) from None
        return given or await self.take(timeout_s)

    def give_back(self, connection: Connection) -> None:
        """Take a connection back; one that cannot go on is closed and makes room for another."""
        keep = connection.reusable
        if not keep:
            connection.close()
            self._num_open -= 1
        if not self._wake(connection if keep else None) and keep:
            self._idle.append(connection)

    def close(self) -> None:
        """Close what is idle; connections in use are closed when they are given back."""
        for connection in self._idle:
            connection.close()
        self._num_open -= len(self._idle)
        self._idle.clear()

    async def _open(self, timeout_s: float) -> Connection:
        loop = asyncio.get_running_loop()
        self._num_open += 1
        try:
            async with asyncio.timeout(min(timeout_s, CONNECT_S)):
                _, connection = await loop.create_connection(
                    lambda: Connection(loop), self.host, self.port, ssl=self._tls
                )
        except TimeoutError:
            self._make_room()
            raise ConnectionFailed("timeout", "connecting took too long", untouched=True) from None
        except (OSError, ssl.SSLError) as error:
            self._make_room()
            raise ConnectionFailed("refused", f"cannot connect: {error}", untouched=True) from None
        except BaseException:
            self._make_room()
            raise
        return connection

    def _make_room(self) -> None:
        self._num_open -= 1
        self._wake(None)

    def _wake(self, given: Connection | None) -> bool:
        """Give the first who still waits a connection, or leave to open one."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(given)
                return True
        return False

    def _hand_on(self, waiter: asyncio.Future[Connection | None]) -> None:
        """Give on what came for one who stopped waiting in that very moment."""
        if not waiter.done() or waiter.cancelled():
            return
        freed = waiter.result()
        if freed is None:
            self._wake(None)
        else:
            self.give_back(freed)
