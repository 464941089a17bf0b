"""Starts the rounds of improvement that are due: one at a time, each in a process of its own.

Nothing of a round runs in the gateway: a round loads models and fits, which would hold up requests.
What a round does is written to the journal as it goes, so a process that ends halfway, with the
gateway or without it, loses nothing and is taken up again. What it says goes to `improve.log`.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import threading

from rung.core.clock import monotonic_ms, now_utc
from rung.core.config import home
from rung.core.errors import ConfigError, StoreError
from rung.gateway.schedule import RETRY_S, is_due
from rung.store import Store
from rung.store.rounds import RoundLog

LOOK_S = 5.0
_END_S = 10.0
_log = logging.getLogger("rung.gateway")


class Improver:
    """Watches the journal; `close` ends the process that runs."""

    def __init__(self, store: Store) -> None:
        self._rounds = RoundLog(store)
        self._child: subprocess.Popen[bytes] | None = None
        self._task = ""
        self._look_after_ms = 0.0
        self._rest_until_ms: dict[str, float] = {}
        """Of tasks whose last process refused to begin: the journal does not tell of those."""
        self._lock = threading.Lock()
        self._closed = False

    def look(self) -> None:
        """Start a round if one is due and none runs. Raises StoreError."""
        if monotonic_ms() < self._look_after_ms:
            return
        self._look_after_ms = monotonic_ms() + LOOK_S * 1000.0
        with self._lock:
            if self._closed or (self._child is not None and not self._ended(self._child)):
                return
            due = (task for task in self._rounds.tasks() if self._is_due(task))
            if task := next(due, ""):
                self._start(task)

    def close(self) -> None:
        """End the round that runs; it is taken up again when the gateway is back."""
        with self._lock:
            self._closed = True
        if self._child is None or self._child.poll() is not None:
            return
        self._child.terminate()
        try:
            self._child.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def _is_due(self, task: str) -> bool:
        if monotonic_ms() < self._rest_until_ms.get(task, 0.0):
            return False
        try:
            return is_due(self._rounds.history(task), now_utc())
        except ConfigError as error:
            _log.warning("no rounds for %s: %s", task, error)
            return False

    def _start(self, task: str) -> None:
        command = [sys.executable, "-m", "rung", "improve", task, "--scheduled", "--json"]
        try:
            with (home() / "improve.log").open("ab") as log:
                self._child = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
        except OSError as error:
            raise StoreError(f"starting a round of {task}: {error}") from None
        self._task = task
        _log.info("a round of %s began", task)

    def _ended(self, child: subprocess.Popen[bytes]) -> bool:
        code = child.poll()
        if code is None:
            return False
        self._child = None
        level = logging.INFO if code in (0, 3, 4) else logging.WARNING
        if code > 0 and level == logging.WARNING:
            self._rest_until_ms[self._task] = monotonic_ms() + RETRY_S * 1000.0
        _log.log(level, "the round of %s ended with code %d; see improve.log", self._task, code)
        return True
