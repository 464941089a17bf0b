"""Write calls to the store in a thread, many in one transaction.

While one transaction is written the next calls gather, so the more there is to do, the more goes
into each: one wait for the disk serves all that came during the last one. In mode `durable` a
future tells when a call is safe; in mode `async` nobody waits and up to `ASYNC_GATHER_S` of calls
plus the transaction under way are lost when the process dies. Where many wait for each transaction
in mode `durable`, it is put off by `BUSY_GATHER_S`: they wait little longer, and fewer transactions
cost the processor less.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from rung.core.errors import StoreError
from rung.store.calls import Call

MAX_PENDING = 8192
MAX_BATCH = 512
ASYNC_GATHER_S = 0.25
BUSY_GATHER_S = 0.002
_BUSY_BATCH = 8
"""From how many calls in the last transaction on the next one is put off."""
_ATTEMPTS = 3
_log = logging.getLogger(__name__)

Make = Callable[[], Call]
"""Makes the record; redaction happens in here, away from the event loop."""


class BatchWriter:
    """Owns the thread. `append` is `CallLog.append`, or a fake of it."""

    def __init__(self, append: Callable[[Sequence[Call]], None], *, durable: bool) -> None:
        self._append = append
        self._durable = durable
        self._pending: deque[tuple[Make, asyncio.Future[None] | None]] = deque()
        self._came = threading.Event()
        self._stopping = False
        self._last_batch = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="rung-capture", daemon=True)
        self.num_lost = 0
        """Calls that could not be written in mode `async`."""

    def start(self) -> None:
        """Start the thread; from within the event loop that futures belong to."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    @property
    def num_pending(self) -> int:
        """How many calls wait to be written."""
        return len(self._pending)

    @property
    def is_full(self) -> bool:
        """Whether so many calls wait to be written that no more should be let in."""
        return len(self._pending) >= MAX_PENDING

    async def write(self, make: Make) -> None:
        """Hand over a call. In mode `durable` returns when it is on disk, or raises StoreError."""
        assert self._loop is not None
        future = self._loop.create_future() if self._durable else None
        self._pending.append((make, future))
        if future is None:
            return
        self._came.set()
        await future

    def close(self) -> None:
        """Write what is pending, then end the thread."""
        self._stopping = True
        self._came.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        gather_s = None if self._durable else ASYNC_GATHER_S
        while True:
            self._came.wait(gather_s)
            self._came.clear()
            self._write_pending()
            if self._stopping and not self._pending:
                return

    def _write_pending(self) -> None:
        while self._pending:
            if self._durable and self._last_batch >= _BUSY_BATCH and not self._stopping:
                time.sleep(BUSY_GATHER_S)
            self._write_batch()

    def _write_batch(self) -> None:
        number = self._last_batch = min(len(self._pending), MAX_BATCH)
        made: list[tuple[Call, asyncio.Future[None] | None]] = []
        for _ in range(number):
            make, future = self._pending.popleft()
            try:
                made.append((make(), future))
            except Exception as caught:  # noqa: BLE001 - the thread must live on, the caller is told
                self._end([future], caught)
        error = self._try([call for call, _ in made])
        if error is None or isinstance(error, StoreError) or len(made) == 1:
            self._end([future for _, future in made], error)
            return
        for call, future in made:  # one that cannot be kept must not take the others with it
            self._end([future], self._try([call]))

    def _try(self, calls: Sequence[Call]) -> Exception | None:
        try:
            self._append_again(calls)
        except Exception as error:  # noqa: BLE001 - as above
            return error
        return None

    def _end(self, futures: Sequence[asyncio.Future[None] | None], error: Exception | None) -> None:
        """Tell the callers how it went, or count what nobody waits for."""
        if error is not None:
            _log.error("keeping %d calls failed: %s", len(futures), error)
        waiting = [future for future in futures if future is not None]
        if waiting and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_settle, waiting, error)
        elif error is not None:
            self.num_lost += len(futures)

    def _append_again(self, calls: Sequence[Call]) -> None:
        for left in reversed(range(_ATTEMPTS if calls else 0)):
            try:
                self._append(calls)
                return
            except StoreError:
                if not left:
                    raise


def _settle(futures: Sequence[asyncio.Future[None]], error: Exception | None) -> None:
    for future in futures:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
