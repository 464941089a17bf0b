"""One HTTP/1.1 connection to an endpoint: send a request, read its answer as it comes.

Written on asyncio and httptools because the client decides what a gateway costs
(`bench/gateway_clients.py`, decision 0009). It follows no redirect, keeps no cookie, uses no
proxy and never asks again. Connections are shared out in `pool.py`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, cast

import httptools

MAX_HEADER_BYTES = 64 << 10
_PAUSE_BYTES = 256 << 10
_BODILESS = (204, 304)

Header = tuple[bytes, bytes]


class ConnectionFailed(Exception):  # noqa: N818 - caught where the endpoint is known
    """No whole answer came. `kind` is `refused`, `closed`, `timeout` or `garbage`."""

    def __init__(self, kind: str, message: str, *, untouched: bool = False) -> None:
        super().__init__(message)
        self.kind = kind
        self.untouched = untouched
        """Nothing of an answer had come: the endpoint may never have seen the request."""


class Answer:
    """An answer under way: its head, then its body piece by piece."""

    __slots__ = (
        "_buffered", "_chunks", "_connection", "_error", "_waiter", "done", "headers", "status",
    )  # fmt: skip

    def __init__(self, connection: Connection) -> None:
        self.status = 0
        self.headers: list[Header] = []
        self.done = False
        self._connection = connection
        self._chunks: deque[bytes] = deque()
        self._buffered = 0
        self._error: ConnectionFailed | None = None
        self._waiter: asyncio.Future[None] | None = None

    def header(self, name: bytes) -> bytes:
        """Return the first header of a lower-case name, empty when there is none."""
        return next((value for key, value in self.headers if key == name), b"")

    async def head(self) -> None:
        """Wait for status and headers. Raises ConnectionFailed."""
        while not self._connection.head_is_here and self._error is None:
            await self._wait()
        if self._error is not None and not self._connection.head_is_here:
            raise self._error

    async def piece(self) -> bytes:
        """Return what has come since; empty at the end. Raises ConnectionFailed."""
        while not self._chunks:
            if self._error is not None:
                raise self._error
            if self.done:
                return b""
            await self._wait()
        data = self._chunks.popleft() if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        if self._buffered >= _PAUSE_BYTES:
            self._connection.resume()
        self._buffered = 0
        return data

    async def whole(self, limit_bytes: int) -> bytes:
        """Return the body. Raises ConnectionFailed, also for one that is too large."""
        pieces: list[bytes] = []
        total = 0
        while piece := await self.piece():
            pieces.append(piece)
            total += len(piece)
            if total > limit_bytes:
                raise ConnectionFailed("garbage", f"the answer is larger than {limit_bytes} bytes")
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def feed(self, data: bytes) -> None:
        """Take a piece of the body."""
        self._chunks.append(data)
        self._buffered += len(data)
        if self._buffered >= _PAUSE_BYTES:
            self._connection.pause()
        self.wake()

    def fail(self, error: ConnectionFailed) -> None:
        """End the answer with an error; what came before can still be read."""
        if not self.done and self._error is None:
            self._error = error
            self.wake()

    def wake(self) -> None:
        """Tell whoever waits that something has come."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _wait(self) -> None:
        self._waiter = self._connection.loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None


class Connection(asyncio.Protocol):
    """Speaks to one endpoint, one request at a time."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.closed = False
        self.used = False
        """It has answered before, so the endpoint may close it at any moment."""
        self.head_is_here = False
        self._transport: asyncio.Transport | None = None
        self._parser: Any = None
        self._answer: Answer | None = None
        self._head_bytes = 0
        self._ends_with_connection = False
        self._keeps = False
        self._writable = asyncio.Event()
        self._writable.set()

    def send(self, request: bytes) -> Answer:
        """Send the bytes of a request and return its answer, of which nothing is here yet."""
        answer = Answer(self)
        self._answer = answer
        self._parser = httptools.HttpResponseParser(self)
        self._head_bytes = 0
        self.head_is_here = False
        self._ends_with_connection = False
        if self._transport is None or self.closed:
            answer.fail(ConnectionFailed("closed", "the connection was closed", untouched=True))
        else:
            self._transport.write(request)
        return answer

    @property
    def reusable(self) -> bool:
        """Whether the last answer is complete and the connection may carry another."""
        answer = self._answer
        return not self.closed and self._keeps and (answer is None or answer.done)

    def close(self) -> None:
        """Close at once; an answer under way fails."""
        self.closed = True
        if self._transport is not None:
            self._transport.abort()

    def pause(self) -> None:
        """Stop reading until what is here has been taken."""
        if self._transport is not None and not self.closed:
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self._transport is not None and not self.closed:
            self._transport.resume_reading()

    # what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Feed the parser; anything but HTTP ends the connection."""
        answer = self._answer
        if answer is None or answer.done:
            self.close()  # an answer to nothing
            return
        if not self.head_is_here:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._garbage("the endpoint switched to another protocol")
        except httptools.HttpParserError as error:
            self._garbage(f"the answer is not HTTP: {error}")
        if not self.head_is_here and self._head_bytes > MAX_HEADER_BYTES:
            self._garbage(f"headers of more than {MAX_HEADER_BYTES} bytes")

    def connection_lost(self, error: Exception | None) -> None:
        """End the answer under way: well if it ends with the connection, else with an error."""
        self.closed = True
        answer = self._answer
        if answer is None or answer.done:
            return
        if self.head_is_here and self._ends_with_connection and error is None:
            answer.done = True
            answer.wake()
            return
        where = "in the middle of" if self.head_is_here else "before"
        untouched = self._head_bytes == 0
        answer.fail(
            ConnectionFailed("closed", f"the connection was closed {where} an answer",
                             untouched=untouched)
        )  # fmt: skip

    # what the parser calls

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header."""
        cast(Answer, self._answer).headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """The head is here, unless it is an interim answer (1xx)."""
        answer = cast(Answer, self._answer)
        status = int(self._parser.get_status_code())
        if status < 200:
            answer.headers.clear()
            return
        answer.status = status
        bounded = answer.header(b"content-length") or answer.header(b"transfer-encoding")
        self._ends_with_connection = not bounded and status not in _BODILESS
        self.head_is_here = True
        answer.wake()

    def on_body(self, data: bytes) -> None:
        """Hand over a piece of the body."""
        cast(Answer, self._answer).feed(data)

    def on_message_complete(self) -> None:
        """The answer is complete; see whether the connection may go on."""
        if not self.head_is_here:
            return  # an interim answer; the parser goes on with the next
        answer = cast(Answer, self._answer)
        self._keeps = bool(self._parser.should_keep_alive()) and not self._ends_with_connection
        self.used = True
        answer.done = True
        answer.wake()

    def _garbage(self, reason: str) -> None:
        if self._answer is not None:
            self._answer.fail(ConnectionFailed("garbage", reason))
        self.close()
