"""An MCP server that runs: started from a command, asked from ordinary code, stopped at the end.

The SDK is asynchronous, so the connection lives in an event loop on a thread of its own. Needs the
extra `mcp`. Nothing here knows of worlds.
"""

from __future__ import annotations

import asyncio
import atexit
import tempfile
from collections.abc import Coroutine, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

from mcp import Client, StdioServerParameters, stdio_client
from mcp.types import CallToolResult
from mcp.types import Tool as ServerTool

from rung.core.errors import TaskError

T = TypeVar("T")
_GRACE_S = 10.0
"""Wait beyond the SDK's own time-outs: its shutdown may take 6.5 s."""
_LAST_WORDS_CHARS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """How a server is started; no shell reads it."""

    words: tuple[str, ...]
    folder: Path
    """Where it runs."""
    timeout_s: float
    """Longest wait for the start, and for each answer."""
    env: Mapping[str, str] = field(default_factory=dict)
    """What it gets beside HOME, LOGNAME, PATH, SHELL, TERM and USER, which the SDK hands on."""


class Server:
    """A running server; raises TaskError when it cannot be started."""

    def __init__(self, command: Command) -> None:
        self._command = command
        self._stop = asyncio.Event()
        self._errors = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115, see close
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="mcp", daemon=True)
        self._thread.start()
        started: Future[Client] = Future()
        self._life = asyncio.run_coroutine_threadsafe(self._live(started), self._loop)
        atexit.register(self.close)
        try:
            self._client = started.result(command.timeout_s + _GRACE_S)
        except Exception as error:
            failure = self._failure(error)
            self.close()
            raise failure from error

    def tools(self) -> list[ServerTool]:
        """Return every tool the server lists; raises what the SDK raises."""
        return self._ask(self._list())

    def call(self, name: str, arguments: Mapping[str, Any]) -> CallToolResult:
        """Call a tool; raises what the SDK raises, and TimeoutError when it hangs."""
        return self._ask(self._client.call_tool(name, dict(arguments)))

    def close(self) -> None:
        """Stop the server; does nothing when it is stopped."""
        if self._loop.is_closed():
            return
        atexit.unregister(self.close)
        self._loop.call_soon_threadsafe(self._stop.set)
        with suppress(Exception):
            self._life.result(_GRACE_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_GRACE_S)
        if not self._thread.is_alive():
            self._loop.close()
        self._errors.close()

    async def _live(self, started: Future[Client]) -> None:
        """Hold the connection from beginning to end in one task, as the SDK demands."""
        program, *arguments = self._command.words
        parameters = StdioServerParameters(
            command=program,
            args=arguments,
            env=dict(self._command.env),
            cwd=self._command.folder,
        )
        transport = stdio_client(parameters, errlog=self._errors)
        try:
            async with Client(transport, read_timeout_seconds=self._command.timeout_s) as client:
                started.set_result(client)
                await self._stop.wait()
        except BaseException as error:
            if not started.done():
                started.set_exception(error)
            raise

    async def _list(self) -> list[ServerTool]:
        tools: list[ServerTool] = []
        cursors: list[str | None] = [None]
        while True:
            page = await self._client.list_tools(cursor=cursors[-1])
            tools += page.tools
            if page.next_cursor is None:
                return tools
            if page.next_cursor in cursors:
                raise ValueError(f"it gives the cursor {page.next_cursor!r} twice")
            cursors.append(page.next_cursor)

    def _ask(self, question: Coroutine[Any, Any, T]) -> T:
        asked = asyncio.run_coroutine_threadsafe(question, self._loop)
        try:
            return asked.result(self._command.timeout_s + _GRACE_S)
        except TimeoutError:
            asked.cancel()
            raise

    def _failure(self, error: BaseException) -> TaskError:
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        self._errors.seek(0)
        lines = self._errors.read().strip().splitlines()
        said = f"; its last words: {lines[-1][-_LAST_WORDS_CHARS:]}" if lines else ""
        return TaskError(
            f"starting the MCP server {self._command.words[0]!r} in {self._command.folder} "
            f"failed: {error or type(error).__name__}{said}",
            hint="run the command of mcp.toml in that folder by hand",
        )
