"""The parts of a running gateway, started and stopped together.

It holds them and watches the store for changes of other processes (keys, promotions, modes); what
happens to a request is in `passthrough.py`, `tasks.py` and `feedback.py`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from rung.core.clock import days_ago, monotonic_ms
from rung.core.errors import RungError, StoreError, TaskError
from rung.engines.open import leaves_machine
from rung.gateway.access import Door
from rung.gateway.catalogue import Catalogue
from rung.gateway.desk import Desk, OpenEngine
from rung.gateway.improver import Improver
from rung.gateway.logs import log_call
from rung.gateway.metrics import Metrics
from rung.gateway.modes import UNSET, Mode, read_mode
from rung.gateway.names import Names
from rung.gateway.refusal import Refusal
from rung.gateway.settings import Settings
from rung.gateway.telemetry import open_exporter
from rung.gateway.writer import BatchWriter
from rung.routes.route import models_of
from rung.store import Store
from rung.store.calls import Call, CallLog
from rung.store.facts import forget_facts
from rung.store.keys import KeyLog
from rung.store.modes import ModeLog
from rung.traces.redact import Redactor

WATCH_S = 0.5
JUDGE_S = 1.0
_RETENTION_S = 3600.0
_DRAIN_STEP_S = 0.02
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Load:
    """How much is under way."""

    in_flight: int = 0
    draining: bool = False


class Service:
    """Everything that lives as long as the server. Raises ConfigError and StoreError when made."""

    def __init__(self, settings: Settings, *, open_engine: OpenEngine | None = None) -> None:
        self.settings = settings
        self.store = Store()
        self._revision = self.store.revision()
        self.log = CallLog(self.store)
        self.door = Door(KeyLog(self.store))
        self.catalogue = Catalogue(settings)
        self.redactor = Redactor(settings.capture.redact, settings.capture.patterns)
        self.names = Names(self.redactor)
        self.writer = BatchWriter(self.log.append, durable=settings.capture.mode == "durable")
        self.desk = Desk(self.store, queue=settings.limits.task_queue, open_engine=open_engine)
        self.load = Load()
        self.metrics = Metrics(
            in_flight=lambda: self.load.in_flight, pending=lambda: self.writer.num_pending
        )
        self._improver = Improver(self.store)
        self._mode_log = ModeLog(self.store)
        self._failing: set[str] = set()
        """What went wrong when it was last tried, so that it is logged once."""
        self._modes: dict[str, Mode] = {}
        self._tasks: frozenset[str] = frozenset()
        self._read_tasks()
        self._check_local()
        self._watcher: asyncio.Task[None] | None = None
        url = settings.telemetry.otlp
        self._send_span = open_exporter(url) if url else None
        self._judge_after_ms = 0.0
        self._background: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Start writing and watching."""
        self.writer.start()
        self._watcher = asyncio.create_task(self._watch())

    async def drain(self, within_s: float) -> None:
        """Let in no new request and wait for those under way."""
        self.load.draining = True
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while self.load.in_flight or self._background:
                    await asyncio.sleep(_DRAIN_STEP_S)

    async def stop(self) -> None:
        """Write what is pending and close everything."""
        if self._watcher is not None:
            self._watcher.cancel()
        for task in self._background:
            task.cancel()
        await asyncio.to_thread(self._improver.close)
        await asyncio.to_thread(self.writer.close)
        await asyncio.to_thread(self.desk.close)
        self.catalogue.close()
        self.store.close()

    def enter(self) -> None:
        """Count a request in. Raises Refusal when there are too many, or the server is stopping."""
        if self.load.draining:
            raise Refusal(503, "shutting_down", "the gateway is stopping", retry_after_s=1.0)
        if self.load.in_flight >= self.settings.limits.in_flight:
            message = f"{self.load.in_flight} requests are under way already"
            raise Refusal(429, "too_many_requests", message, retry_after_s=1.0)
        if self.writer.is_full:
            message = "calls come in faster than they can be kept"
            raise Refusal(429, "capture_full", message, retry_after_s=1.0)
        self.load.in_flight += 1

    def leave(self) -> None:
        """Count a request out."""
        self.load.in_flight -= 1

    async def keep(self, make: Callable[[], Call]) -> None:
        """Keep a call as the settings say. Raises Refusal when it must be kept and cannot be."""
        try:
            if self.settings.capture.mode != "off":
                await self.writer.write(make)
            elif self.door.required:
                make()  # budgets are counted all the same
        except Exception as error:  # noqa: BLE001 - of whatever kind, there is no record
            if not isinstance(error, StoreError):
                _log.exception("a bug: no record could be made of a call")
            raise Refusal(503, "capture_failed", "the answer could not be recorded") from None

    def told(self, call: Call) -> None:
        """Count, log and send a finished call; called from the writer's thread."""
        self.metrics.kept(call)
        log_call(call)
        if self._send_span is not None:
            self._send_span(call)

    def redacted(self, call: Call, request: bytes, response: bytes, error: str) -> Call:
        """Return a call with its texts, without personal data; its conversation has none."""
        redact = self.redactor
        return replace(
            call,
            request=redact.json(request),
            response=redact.json(response),
            error=redact.text(error),
        )

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Run what no request waits for; it may fail without anybody noticing but the log."""
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._background.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.warning("an answer beside another one failed: %s", error)

    @property
    def tasks(self) -> list[str]:
        """Tasks that can be asked: those with a route in service, or with a mode."""
        return sorted(self._tasks)

    def knows(self, task: str) -> bool:
        """Return whether a task can be asked."""
        return task in self._tasks

    def mode_of(self, task: str) -> Mode:
        """Return how a task is answered now."""
        return self._modes.get(task, UNSET)

    def _check_local(self) -> None:
        """Raise ConfigError when a task that is `local_only` would leave this machine.

        Only tasks that name a model elsewhere are loaded for it.
        """
        for task in self._tasks:
            route, mode = self.desk.serving(task), self.mode_of(task)
            named = [*(models_of(route) if route else ()), mode.detail.frontier]
            if elsewhere := [model for model in named if leaves_machine(model)]:
                from rung.routes.runtime import check_stays
                from rung.worlds.catalog import load

                try:
                    loaded = load(task)
                except TaskError as error:  # nobody can ask it
                    _log.error("task %s cannot be served: %s", task, error)
                    continue
                check_stays(loaded, elsewhere[0])

    def _read_tasks(self) -> None:
        """Read what tasks there are and how they are answered.

        One whose mode cannot be read goes on as it was; after a start it is not answered.
        """
        entries = self._mode_log.current()
        modes: dict[str, Mode] = {}
        for task, entry in entries.items():
            with self._goes_on(f"reading the mode of task {task}"):
                modes[task] = read_mode(entry)
            if task not in modes and self.knows(task):
                modes[task] = self.mode_of(task)
        unread = entries.keys() - modes.keys()
        self._modes = modes
        self._tasks = frozenset(self.store.promoted_tasks()) - unread | modes.keys()

    async def _watch(self) -> None:
        """See what other processes changed, start rounds, and forget what is too old."""
        since_s = _RETENTION_S
        while True:
            with self._goes_on("watching the store"):
                await self._follow()
            with self._goes_on("judging canaries"):
                await asyncio.to_thread(self._carry_on)
            with self._goes_on("looking for rounds that are due"):
                await asyncio.to_thread(self._improver.look)
            if since_s >= _RETENTION_S:
                since_s = 0.0
                with self._goes_on("forgetting what is old"):
                    await asyncio.to_thread(self._forget)
            await asyncio.sleep(WATCH_S)
            since_s += WATCH_S

    @contextmanager
    def _goes_on(self, doing: str) -> Iterator[None]:
        """Let nothing that goes wrong end the watch; it is logged once, until it goes well."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - without the watch revoked keys would work on
            if doing not in self._failing:
                self._failing.add(doing)
                _log.error("%s: %s", doing, error, exc_info=not isinstance(error, RungError))
        else:
            self._failing.discard(doing)

    async def _follow(self) -> None:
        """Take over what other processes changed; what could not be is tried again."""
        revision = await asyncio.to_thread(self.store.revision)
        if revision == self._revision:
            return
        await asyncio.to_thread(self.door.reload)
        self.desk.reload()
        await asyncio.to_thread(self._read_tasks)
        self._revision = revision

    def _carry_on(self) -> None:
        """Let every canary take the step it has earned; statistics are loaded for that only.

        The more there is to judge the less often it is done, a twentieth of the time at most.
        """
        canaries = [(task, mode) for task, mode in self._modes.items() if mode.name == "canary"]
        if not canaries or monotonic_ms() < self._judge_after_ms:
            return
        from rung.gateway.rollouts import carry_on

        began_ms = monotonic_ms()
        for task, mode in canaries:
            with self._goes_on(f"judging the canary of task {task}"):
                carry_on(self.store, task, mode)
        took_ms = monotonic_ms() - began_ms
        self._judge_after_ms = monotonic_ms() + max(JUDGE_S * 1000, 20 * took_ms)

    def _forget(self) -> None:
        """Delete what is older than the settings say."""
        settings = self.settings
        if days := settings.capture.keep_days:
            _tell_forgotten("calls", self.log.forget_before(days_ago(days)), days)
        if days := settings.answers.keep_days:
            forgotten = self.store.forget_answers(before=days_ago(days))
            _tell_forgotten("answers", forgotten, days)
        if days := settings.memory.keep_days:
            _tell_forgotten("facts", forget_facts(self.store, before=days_ago(days)), days)


def _tell_forgotten(what: str, number: int, days: int) -> None:
    if number:
        _log.info("forgot %d %s older than %d days", number, what, days)
