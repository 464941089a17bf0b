"""What the gateway is measured against: an upstream that costs nothing, a bare pass-through.

    python bench/gateway_parts.py upstream|bare PORT [UPSTREAM_URL]

The upstream is a protocol that answers from ready bytes: 700 bytes of chat completion, or a stream
of 20 events at once. The bare pass-through is the least a gateway can be with the same server and
the same client: read the body, send it on, send the answer back; no key, no record, no check.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import uvicorn
import uvloop

from rung.engines.endpoints import Endpoint
from rung.gateway.settings import Settings
from rung.gateway.upstream import Upstream
from rung.gateway.wire import CHAT

TEXT = "The parcel was handed to the courier on Monday and is on its way to you. " * 5


def chat() -> bytes:
    """Return a chat completion."""
    message = {"role": "assistant", "content": TEXT, "refusal": None}
    usage = {"prompt_tokens": 120, "completion_tokens": 60, "total_tokens": 180}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m"}
    return json.dumps(head | {"choices": [choice], "usage": usage}).encode()


def events() -> bytes:
    """Return a stream of 20 events in chunked framing."""
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    parts = [({"content": TEXT[i * 18 : i * 18 + 18]}, None) for i in range(20)] + [({}, "stop")]
    rows = [
        head | {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
        for delta, reason in parts
    ]
    pieces = [f"data: {json.dumps(row)}\n\n".encode() for row in rows] + [b"data: [DONE]\n\n"]
    return b"".join(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in pieces) + (
        b"0\r\n\r\n"
    )


def answer(kind: bytes, body: bytes, framing: bytes) -> bytes:
    """Return an HTTP answer."""
    return b"HTTP/1.1 200 OK\r\ncontent-type: " + kind + b"\r\n" + framing + b"\r\n\r\n" + body


WHOLE = answer(b"application/json", chat(), b"content-length: %d" % len(chat()))
STREAM = answer(b"text/event-stream", events(), b"transfer-encoding: chunked")


class Stub(asyncio.Protocol):
    """Answers each request when its last byte is here."""

    def connection_made(self, transport: Any) -> None:
        """Keep the transport."""
        self.transport, self.data = transport, b""

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self.data += data
        while (at := self.data.find(b"\r\n\r\n")) >= 0:
            head = self.data[:at].lower()
            mark = head.find(b"content-length:")
            length = int(head[mark + 15 :].split(b"\r\n", 1)[0])
            if len(self.data) < at + 4 + length:
                return
            body, self.data = self.data[at + 4 : at + 4 + length], self.data[at + 4 + length :]
            streams = b'"stream":true' in body or b'"stream": true' in body
            self.transport.write(STREAM if streams else WHOLE)


async def upstream(port: int) -> None:
    """Serve the ready answers."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Stub, "127.0.0.1", port, backlog=1024)
    print("ready", flush=True)
    await server.serve_forever()


class Bare:
    """The bare pass-through."""

    def __init__(self, url: str) -> None:
        self.upstream = Upstream(Endpoint(model="m", base_url=url, server="openai"), Settings())

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass one request on."""
        body = (await receive())["body"]
        exchange = await self.upstream.send(CHAT, (), body, 60.0)
        found = exchange.answer
        kind = found.header(b"content-type")
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]}
        )
        while piece := await found.piece():
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        exchange.close()
        await send({"type": "http.response.body", "body": b""})


async def bare(port: int, url: str) -> None:
    """Serve the bare pass-through."""
    config = uvicorn.Config(
        Bare(url), port=port, http="httptools", ws="none", lifespan="off", log_config=None,
        access_log=False, server_header=False, date_header=False,
    )  # fmt: skip
    print("ready", flush=True)
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    which, at = sys.argv[1], int(sys.argv[2])
    uvloop.run(upstream(at) if which == "upstream" else bare(at, sys.argv[3]))
