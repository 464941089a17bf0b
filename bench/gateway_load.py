"""Ask an OpenAI-style server as fast as it goes, or at a steady rate, and tell how long it took.

    python bench/gateway_load.py URL --seconds S [--rate R] [--clients C] [--stream] [--key KEY]

At a rate, a request's time counts from the moment it was due, so a server that stalls cannot hide
it (coordinated omission). Prints one JSON object. The client is the gateway's own, which costs the
least of those at hand.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import Counter

import uvloop

from rung.gateway.connection import ConnectionFailed
from rung.gateway.pool import Pool, TooManyWaiting

CONTENT = "Where is my parcel? It should have come on Monday, order 20261126. " * 8


class Load:
    """One run."""

    def __init__(self, options: argparse.Namespace) -> None:
        messages = [{"role": "user", "content": CONTENT}]
        asked = {"model": "m", "messages": messages}
        body = json.dumps(asked | ({"stream": True} if options.stream else {})).encode()
        key = f"authorization: Bearer {options.key}\r\n" if options.key else ""
        self.request = (
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n{key}"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        ).encode() + body
        self.pool = Pool(options.url, limit=options.clients, waiting=100_000)
        self.end = b"data: [DONE]" if options.stream else b""
        self.took_ms: list[float] = []
        self.wrong: Counter[str] = Counter()

    async def ask(self, due: float) -> None:
        """Ask once; the time counts from `due`."""
        try:
            connection = await self.pool.take(30.0)
        except (ConnectionFailed, TooManyWaiting) as error:
            self.wrong[type(error).__name__] += 1
            return
        answer = connection.send(self.request)
        try:
            await answer.head()
            body = await answer.whole(1 << 20)
            if answer.status == 200 and body and self.end in body:
                self.took_ms.append((time.perf_counter() - due) * 1000)
            else:
                self.wrong[str(answer.status)] += 1
        except ConnectionFailed as failed:
            self.wrong[failed.kind] += 1
        finally:
            self.pool.give_back(connection)

    async def flat_out(self, clients: int, until: float) -> None:
        """Keep every client busy until the end."""

        async def client() -> None:
            while time.perf_counter() < until:
                await self.ask(time.perf_counter())

        await asyncio.gather(*[client() for _ in range(clients)])

    async def steady(self, rate: float, until: float) -> None:
        """Ask at a rate, whether or not earlier answers are here."""
        began, number, asked = time.perf_counter(), 0, set()
        while (due := began + number / rate) < until:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            task = asyncio.create_task(self.ask(due))
            asked.add(task)
            task.add_done_callback(asked.discard)
            number += 1
        await asyncio.gather(*asked)


async def main() -> None:
    """Run one load and print what came of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--key", default="")
    options = parser.parse_args()
    load = Load(options)
    began = time.perf_counter()
    until = began + options.seconds
    if options.rate:
        await load.steady(options.rate, until)
    else:
        await load.flat_out(options.clients, until)
    lasted = time.perf_counter() - began
    took = sorted(load.took_ms)
    at = {f"p{q:g}_ms": round(took[int(q / 100 * (len(took) - 1))], 3) for q in (50, 95, 99)}
    print(json.dumps({"n": len(took), "per_s": round(len(took) / lasted, 1), **at,
                      "wrong": dict(load.wrong)}))  # fmt: skip


if __name__ == "__main__":
    uvloop.run(main())
