"""What asking an endpoint costs: the gateway's own HTTP client beside aiohttp and httpx.

    python bench/gateway_clients.py [--requests 4000] [--at-once 16] [--rounds 5]

One process asks the upstream of `gateway_parts.py` for whole answers of 700 bytes, some at once, on
uvloop. The clients take turns; CPU is this process's own, user and system, so the upstream does not
count. httpx is asked where it is installed. Use a quiet machine. Nothing here is a test.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import uvloop
from gateway import free_port, process, wait_for

from rung.engines.endpoints import Endpoint
from rung.gateway.settings import Settings
from rung.gateway.upstream import Upstream
from rung.gateway.wire import CHAT

BODY = b'{"model": "m", "messages": [{"role": "user", "content": "Where is my parcel?"}]}'
Ask = Callable[[], Awaitable[bytes]]


@asynccontextmanager
async def own(url: str) -> Any:
    """Yield what asks with the gateway's client."""
    upstream = Upstream(Endpoint(model="m", base_url=url, server="openai"), Settings())

    async def ask() -> bytes:
        exchange = await upstream.send(CHAT, (), BODY, 30.0)
        body = await exchange.answer.whole(1 << 20)
        exchange.close()
        return body

    yield ask
    upstream.pool.close()


@asynccontextmanager
async def by_aiohttp(url: str) -> Any:
    """Yield what asks with aiohttp."""
    headers = {"content-type": "application/json"}
    async with aiohttp.ClientSession(headers=headers) as session:

        async def ask() -> bytes:
            async with session.post(f"{url}/chat/completions", data=BODY) as answer:
                return await answer.read()

        yield ask


@asynccontextmanager
async def by_httpx(url: str) -> Any:
    """Yield what asks with httpx."""
    import httpx

    headers = {"content-type": "application/json"}
    async with httpx.AsyncClient(headers=headers, timeout=30.0) as client:

        async def ask() -> bytes:
            return (await client.post(f"{url}/chat/completions", content=BODY)).content

        yield ask


async def cpu_us(ask: Ask, requests: int, at_once: int) -> float:
    """Return the CPU microseconds of this process per request."""
    left = requests

    async def worker() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            if len(await ask()) < 500:
                raise SystemExit("the upstream answered something else")

    start = time.process_time()
    await asyncio.gather(*[worker() for _ in range(at_once)])
    return (time.process_time() - start) / requests * 1e6


async def compare(url: str, options: argparse.Namespace) -> None:
    """Ask with each client in turn; print what each took."""
    clients = {"rung": own, "aiohttp": by_aiohttp, "httpx": by_httpx}
    took: dict[str, list[float]] = {name: [] for name in clients}
    for _ in range(options.rounds):
        for name, client in clients.items():
            try:
                async with client(url) as ask:
                    await cpu_us(ask, 200, options.at_once)
                    took[name].append(await cpu_us(ask, options.requests, options.at_once))
            except ImportError:
                continue
    for name, found in took.items():
        if found:
            ratios = np.array(found) / np.array(took["rung"])
            print(
                f"{name:8} {np.median(found):6.0f} µs a request, {np.median(ratios):4.1f}x"
                f" [{ratios.min():.1f}, {ratios.max():.1f}] of {options.rounds} rounds"
            )


def main() -> None:
    """Start the upstream and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=4000)
    parser.add_argument("--at-once", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    port = free_port()
    parts = Path(__file__).with_name("gateway_parts.py")
    with process(sys.executable, parts, "upstream", str(port)):
        wait_for(port)
        uvloop.run(compare(f"http://127.0.0.1:{port}/v1", options))


if __name__ == "__main__":
    main()
