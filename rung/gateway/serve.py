"""Run the gateway: two listeners, one loop, an orderly end.

On SIGTERM or SIGINT no new request is let in, those under way end, what is captured is written.
"""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn

from rung.core.errors import ConfigError, GatewayError, reason_of
from rung.gateway.admin import Admin
from rung.gateway.app import Gateway
from rung.gateway.desk import OpenEngine
from rung.gateway.protocol import GatewayProtocol
from rung.gateway.service import Service
from rung.gateway.settings import Settings

_BACKLOG = 2048
_KEEP_ALIVE_S = 75
_SWITCH_S = 0.0005
"""How long a thread may hold the interpreter: the writer must not hold up the event loop."""
_log = logging.getLogger("rung.gateway")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Where to listen; port 0 takes a free one."""

    host: str = "127.0.0.1"
    port: int = 8080
    admin_port: int = 8081
    drain_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """Where it listens."""

    url: str
    admin_url: str


def serve(
    settings: Settings,
    listen: Listen,
    *,
    ready: Callable[[Listening], None],
    open_engine: OpenEngine | None = None,
) -> None:
    """Serve until a signal comes. Raises GatewayError, ConfigError and StoreError at the start."""
    import uvloop

    sys.setswitchinterval(_SWITCH_S)
    uvloop.run(run(settings, listen, ready=ready, open_engine=open_engine))


async def run(
    settings: Settings,
    listen: Listen,
    *,
    ready: Callable[[Listening], None],
    open_engine: OpenEngine | None = None,
    stop: asyncio.Event | None = None,
) -> None:
    """Serve until `stop` is set or a signal comes."""
    service = Service(settings, open_engine=open_engine)
    try:
        check_bind(listen.host, has_keys=service.door.required)
        public = _bind(listen.host, listen.port)
        private = _bind("127.0.0.1", listen.admin_port)
    except BaseException:
        await service.stop()
        raise
    servers = [_server(Gateway(service)), _server(Admin(service))]
    ended = stop or _on_signal()
    await service.start()
    gc.freeze()  # what is here stays: the collector need not walk it again and again
    running = [
        asyncio.create_task(server.serve(sockets=[bound]))
        for server, bound in zip(servers, (public, private), strict=True)
    ]
    try:
        while not all(server.started for server in servers):
            await asyncio.sleep(0.005)
        ready(Listening(url=_url(public), admin_url=_url(private)))
        await ended.wait()
        await service.drain(listen.drain_s)
    finally:
        for server in servers:
            server.end()
        await asyncio.gather(*running, return_exceptions=True)
        await service.stop()


def check_bind(host: str, *, has_keys: bool) -> None:
    """Raise ConfigError when others could reach a gateway that has no keys."""
    if has_keys or host == "localhost":
        return
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ConfigError(
            f"listening on {host} would let anybody in: there are no keys",
            hint="rung keys create NAME, or listen on 127.0.0.1",
        )


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs it, and sleeps until it is told to end."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._told = asyncio.Event()

    def end(self) -> None:
        """Begin the orderly end."""
        self.should_exit = True
        self._told.set()

    async def main_loop(self) -> None:
        """Wait without waking up; nothing here has to be looked at from time to time."""
        await self.on_tick(0)
        await self._told.wait()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def _server(app: object) -> _Server:
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        http=GatewayProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=5,
    )
    return _Server(config)


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise GatewayError(
            f"listening on {host}:{port} failed: {reason_of(error)}",
            hint="take another --port or --admin-port",
        ) from None
    return bound


def _url(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _on_signal() -> asyncio.Event:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    return ended
