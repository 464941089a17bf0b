"""uvicorn's protocol, with what it lacks: one write a turn, limits on a request's head, and an end
for clients that do not read.

Nothing else of it is changed. A connection that sends no whole head in time, or one without end, is
closed, so that idle clients cannot take up all connections; between requests uvicorn's keep-alive
time counts. A client that takes too little of what waits for it is as good as gone, and looks like
it: its connection is broken off. The body's limits are in `asgi.py`.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from rung.gateway.joined import JoinedTransport

MAX_HEAD_BYTES = 64 << 10
MIN_READ_BYTES = 64 << 10
_SLOW = "the request's head did not arrive in time"
_LARGE = f"the request's head is larger than {MAX_HEAD_BYTES} bytes"


class GatewayProtocol(HttpToolsProtocol):
    """Reads requests as uvicorn does, within limits, and writes answers in one piece."""

    head_s = 10.0
    """For the first request after connecting, and for a later one after its first byte."""
    read_s = 60.0
    """In which a client takes `MIN_READ_BYTES` of its answer, or all that waits for it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head = True
        self._num_head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._read_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Put the joining transport in between, and wait for a request."""
        super().connection_made(cast(asyncio.Transport, JoinedTransport(transport, self.loop)))
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop_waiting()
        self._cancel_read_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; a head that is not whole by now must be soon, and stay small."""
        super().data_received(data)
        if not self._in_head or self.transport.is_closing():
            self._stop_waiting()
            return
        self._num_head_bytes += len(data)
        if self._num_head_bytes > MAX_HEAD_BYTES:
            self._refuse(b"431 Request Header Fields Too Large", _LARGE)
        elif self._head_timer is None:
            self._await_head()

    def pause_writing(self) -> None:
        """Note that the client does not read as fast as it is answered, and see that it reads."""
        super().pause_writing()
        self._await_reading(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """Note that it has caught up."""
        self._cancel_read_timer()
        super().resume_writing()

    def on_message_begin(self) -> None:
        """Note that a head has begun."""
        self._in_head, self._num_head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Note that it is whole."""
        self._in_head = False
        super().on_headers_complete()

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(self.head_s, self._too_slow)

    def _too_slow(self) -> None:
        if self._is_answering:
            self._await_head()
        else:
            self._refuse(b"408 Request Timeout", _SLOW)

    @property
    def _is_answering(self) -> bool:
        """Whether an earlier request of the connection still has its answer to come."""
        return self.cycle is not None and not self.cycle.response_complete

    def _await_reading(self, num_waiting: int) -> None:
        self._cancel_read_timer()
        self._read_timer = self.loop.call_later(self.read_s, self._check_reading, num_waiting)

    def _check_reading(self, num_before: int) -> None:
        """Break off, unless enough has been taken of what waited before."""
        num_waiting = self.transport.get_write_buffer_size()
        if num_before - num_waiting < MIN_READ_BYTES:
            self.transport.abort()
        else:
            self._await_reading(num_waiting)

    def _cancel_read_timer(self) -> None:
        if self._read_timer is not None:
            self._read_timer.cancel()
            self._read_timer = None

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, status: bytes, message: str) -> None:
        """Close, and say why where no other answer is on its way."""
        self._stop_waiting()
        if not self._is_answering:
            body = message.encode()
            self.transport.write(
                b"HTTP/1.1 " + status + b"\r\ncontent-type: text/plain; charset=utf-8\r\n"
                b"content-length: %d\r\nconnection: close\r\n\r\n%s" % (len(body), body)
            )
        self.transport.close()
