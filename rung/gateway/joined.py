"""One write to the socket a turn of the event loop instead of two or more.

uvicorn writes the head and the body of an answer one by one. A write to a socket is a third of what
a passed-on request costs (`bench/gateway.py`), so writes are held until the turn ends.
"""

from __future__ import annotations

import asyncio
from typing import Any


class JoinedTransport:
    """Passes everything on to a transport; writes of one turn go out together."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Hold data until the turn ends."""
        if not self._held:
            self._loop.call_soon(self._flush)
        self._held.append(data)

    def close(self) -> None:
        """Write what is held, then close."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        held, self._held = self._held, []
        if held and not self._transport.is_closing():
            self._transport.write(held[0] if len(held) == 1 else b"".join(held))
