"""The little of ASGI that the gateway needs: a request with a bounded body, an answer in one piece.

No framework: `bench/gateway.py` says what one costs. Routing is a dictionary in `app.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from rung.core.clock import monotonic_ms
from rung.gateway.ids import new_call_id
from rung.gateway.refusal import Refusal

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]
JSON = (b"content-type", b"application/json")


@dataclass(slots=True, kw_only=True)
class Request:
    """One HTTP request, and the way back to its client."""

    method: str
    path: str
    headers: list[Header]
    receive: Receive
    send: Send
    call_id: str = field(default_factory=new_call_id)
    began_ms: float = field(default_factory=monotonic_ms)
    answering: bool = False
    """The head of the answer has been sent."""

    def header(self, name: bytes) -> str:
        """Return the first header of a lower-case name, empty when there is none."""
        return next((value.decode("latin-1") for key, value in self.headers if key == name), "")

    def elapsed_ms(self) -> float:
        """Return the milliseconds since the request came in."""
        return monotonic_ms() - self.began_ms

    async def body(self, *, limit_bytes: int, within_s: float) -> bytes:
        """Return the body. Raises Refusal when it is too large or takes too long, ClientGone."""
        declared = self.header(b"content-length")
        if declared.isdigit() and int(declared) > limit_bytes:
            raise _too_large(limit_bytes)
        try:
            async with asyncio.timeout(within_s):
                return await self._pieces(limit_bytes)
        except TimeoutError:
            message_text = f"the body did not arrive within {within_s:g} s"
            raise Refusal(408, "body_too_slow", message_text) from None

    async def _pieces(self, limit_bytes: int) -> bytes:
        pieces: list[bytes] = []
        total, more = 0, True
        while more:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            piece = message.get("body", b"")
            pieces.append(piece)
            total += len(piece)
            if total > limit_bytes:
                raise _too_large(limit_bytes)
            more = message.get("more_body", False)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def start(self, status: int, headers: Iterable[Header]) -> None:
        """Send the head of the answer."""
        self.answering = True
        own = (b"x-rung-call-id", self.call_id.encode())
        await self.send(
            {"type": "http.response.start", "status": status, "headers": [*headers, own]}
        )

    async def write(self, data: bytes, *, last: bool = False) -> None:
        """Send a piece of the answer."""
        await self.send({"type": "http.response.body", "body": data, "more_body": not last})

    async def reply(self, status: int, body: bytes, headers: Iterable[Header] = (JSON,)) -> None:
        """Send a whole answer."""
        length = (b"content-length", str(len(body)).encode())
        await self.start(status, [*headers, length])
        await self.write(body, last=True)


class ClientGone(Exception):  # noqa: N818 - ends a request quietly
    """The client went away before its request was complete."""


def _too_large(limit_bytes: int) -> Refusal:
    return Refusal(413, "body_too_large", f"the body is larger than {limit_bytes} bytes")
