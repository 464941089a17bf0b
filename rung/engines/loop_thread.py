"""An event loop in a thread of its own, with one HTTP session.

Any thread may `run` a coroutine and waits for its result. It knows nothing of models or requests.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

import aiohttp

from rung.core.errors import EngineError

T = TypeVar("T")

_MAX_CONNECTIONS = 64


class LoopThread:
    """Starts when first needed, ends with `close`."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="rung-http", daemon=True)
        self._session: aiohttp.ClientSession | None = None
        self._lock = threading.Lock()
        self._started = False
        self._closed = False

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the thread and return its result; an interrupt cancels it."""
        with self._lock:
            if self._closed:
                work.close()
                raise EngineError("the engine is closed")
            if not self._started:
                self._started = True
                self._thread.start()
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def session(self) -> aiohttp.ClientSession:
        """Return the session, without cookies, proxies or netrc; only from within the loop."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=_MAX_CONNECTIONS),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "rung"},
            )
        return self._session

    def close(self) -> None:
        """Cancel what runs, close the session and end the thread; calling it twice is fine."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        if not self._started:
            self._loop.close()
            return
        asyncio.run_coroutine_threadsafe(self._shut(), self._loop)
        # an engine may be dropped inside the loop, which cannot wait for itself
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _serve(self) -> None:
        self._loop.run_forever()
        self._loop.close()

    async def _shut(self) -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
        self._loop.stop()
