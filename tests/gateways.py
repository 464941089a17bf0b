"""A gateway in a thread of its own, on free loopback ports, and an upstream of scripted bytes."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from rung.core.config import home
from rung.engines.base import Engine
from rung.gateway.serve import Listen, Listening, run
from rung.gateway.settings import Settings
from rung.store import Store
from rung.store.calls import Call, CallLog

Script = Callable[["Exchange"], None]


@dataclass(kw_only=True)
class Exchange:
    """What the upstream was sent, and the socket to answer on."""

    head: str
    body: bytes
    socket: socket.socket

    def header(self, name: str) -> str:
        lines = [line for line in self.head.split("\r\n")[1:] if line.lower().startswith(name)]
        return lines[0].split(":", 1)[1].strip() if lines else ""

    def json(self) -> Any:
        return json.loads(self.body)

    def reply(self, body: bytes, status: int = 200, *headers: str) -> None:
        lines = [f"HTTP/1.1 {status} X", "content-type: application/json", *headers]
        lines.append(f"content-length: {len(body)}")
        self.socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def hang_up(self) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)

    def events(self, *pieces: bytes, end: bool = True) -> None:
        """Send a chunked stream of events; without `end` it breaks off."""
        self.socket.sendall(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )
        for piece in pieces:
            self.socket.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        if end:
            self.socket.sendall(b"0\r\n\r\n")
        else:
            self.hang_up()


class Upstream:
    """Answers each request by `script`, byte by byte as it likes; keeps connections alive."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.exchanges: list[Exchange] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def close(self) -> None:
        self._listener.close()
        for connection in self._open:
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            file = connection.makefile("rb")
            while head := _head(file):
                length = next(
                    int(line.split(":")[1])
                    for line in head.split("\r\n")
                    if line.lower().startswith("content-length")
                )
                exchange = Exchange(head=head, body=file.read(length), socket=connection)
                self.exchanges.append(exchange)
                self.script(exchange)
        except (OSError, ValueError):
            pass
        finally:
            connection.close()


def _head(file: Any) -> str:
    lines = []
    while (line := file.readline()) not in (b"", b"\r\n"):
        lines.append(line.decode("latin-1").rstrip("\r\n"))
    return "\r\n".join(lines)


@dataclass(kw_only=True)
class Reply:
    """What the gateway answered."""

    status: int
    body: bytes
    headers: dict[str, str]

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(kw_only=True)
class Running:
    """A gateway that runs."""

    url: str
    admin_url: str

    def post(self, path: str, body: Any, **headers: str) -> Reply:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.send("POST", path, data, **headers)

    def get(self, path: str, **headers: str) -> Reply:
        return self.send("GET", path, None, **headers)

    def send(self, method: str, path: str, data: bytes | None, **headers: str) -> Reply:
        url = path if path.startswith("http") else self.url + path
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named = {"content-type": "application/json"} | named
        request = urllib.request.Request(url, data=data, headers=named, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as found:
                return Reply(status=found.status, body=found.read(), headers=_low(found.headers))
        except urllib.error.HTTPError as error:
            with error:
                return Reply(status=error.code, body=error.read(), headers=_low(error.headers))

    def chat(self, model: str = "m", text: str = "hello", **fields: Any) -> Reply:
        messages = [{"role": "user", "content": text}]
        return self.post("/v1/chat/completions", {"model": model, "messages": messages} | fields)

    def chat_as(self, authorization: str, model: str = "a") -> Reply:
        body = {"model": model, "messages": []}
        return self.post("/v1/chat/completions", body, authorization=authorization)


def _low(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


@contextmanager
def gateway(
    settings: Settings | None = None, *, open_engine: Callable[[str], Engine] | None = None
) -> Iterator[Running]:
    """Run a gateway in a thread until the block ends."""
    began = threading.Event()
    found: list[Listening] = []
    failed: list[BaseException] = []
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    def ready(listening: Listening) -> None:
        found.append(listening)
        began.set()

    def work() -> None:
        listen = Listen(port=0, admin_port=0, drain_s=2.0)
        try:
            loop.run_until_complete(
                run(settings or Settings(), listen, ready=ready, open_engine=open_engine, stop=stop)
            )
        except BaseException as error:  # noqa: BLE001 - told to the test
            failed.append(error)
        finally:
            began.set()

    thread = threading.Thread(target=work)
    thread.start()
    began.wait(20)
    try:
        if failed:
            raise failed[0]
        yield Running(url=found[0].url, admin_url=found[0].admin_url)
    finally:
        if thread.is_alive():
            loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        loop.close()


def write_endpoints(models: Mapping[str, str] = MappingProxyType({}), **urls: str) -> None:
    """Write engines.toml: endpoint NAME with model `m-NAME` (or as given), priced, no key."""
    home().mkdir(parents=True, exist_ok=True)
    rows = [
        f'[engines.{name}]\nbase_url = "{url}"\nmodel = "{models.get(name, f"m-{name}")}"\n'
        f'server = "openai"\n'
        f'price = "frontier"\ntimeout_s = 0.4\n'
        for name, url in urls.items()
    ]
    (home() / "engines.toml").write_text("\n".join(rows), "utf-8")


def kept() -> list[Call]:
    """Return every captured call."""
    store = Store()
    try:
        return list(CallLog(store).read())
    finally:
        store.close()


CHAT = json.dumps(
    {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "m-a",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "hi", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 12,
            "completion_tokens": 3,
            "total_tokens": 15,
            "prompt_tokens_details": {"cached_tokens": 8},
        },
    },
    indent=1,
).encode()


def chunk(content: str | None, finish: str | None = None, **fields: Any) -> bytes:
    """Return one event of a chat stream."""
    delta = {} if content is None else {"content": content}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    value = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m-a"}
    return b"data: " + json.dumps(value | {"choices": [choice]} | fields).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
