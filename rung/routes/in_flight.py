"""Several answers at once, for a server that works on several requests; and who pays for the time.

How many a route may have is said here, from `in_flight` in engines.toml. Works are begun and told
in the order given, so that a run depends on its seed alone; what a work does is not known here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from threading import Lock
from typing import TypeVar

from rung.core.clock import monotonic_ms
from rung.engines.open import in_flight_of
from rung.routes.route import Route
from rung.tasks.task import Task
from rung.worlds.open import SIMULATED

T = TypeVar("T")
Work = Callable[[], T]

_AHEAD = 2
"""Works per worker that are not told yet, while the first of them is done soon."""
_AHEAD_OF_SLOW = 16
"""The same, while the first is slower than those after it and would idle the other workers."""


def num_in_flight(route: Route, task: Task) -> int:
    """Return how many answers of a route may be worked on at once.

    One in this process, and wherever an answer depends on the one before: in a world of the user's,
    with memory, or in a cascade, which keeps its stages' answers.
    """
    alone = (
        not route.model
        or route.stages
        or (task.world and task.world not in SIMULATED)
        or (route.agent and route.agent.memory)
    )
    if alone:
        return 1
    return min(in_flight_of(model) for model in (route.model, route.stronger) if model)


def in_order(works: Iterable[Work[T]], at_once: int) -> Generator[Work[T], None, None]:
    """Yield for each work, in order, what returns its result or raises its error.

    With one at once that is the work itself, done when it is called. Closed early, no further work
    is begun, and those in flight are waited for.
    """
    if at_once <= 1:
        yield from works
        return
    pool = ThreadPoolExecutor(at_once, thread_name_prefix="answer")
    waiting: deque[Future[T]] = deque()
    try:
        for work in works:
            waiting.append(pool.submit(work))
            while _is_full(waiting, at_once):
                yield waiting.popleft().result
        while waiting:
            yield waiting.popleft().result
    finally:
        pool.shutdown(cancel_futures=True)


def _is_full(waiting: deque[Future[T]], at_once: int) -> bool:
    """Return whether the first result is to be told before another work is begun.

    Blocks while the first is not done and every worker has enough to do.
    """
    while _AHEAD * at_once <= len(waiting) < _AHEAD_OF_SLOW * at_once and not waiting[0].done():
        undone = [one for one in waiting if not one.done()]
        if len(undone) < _AHEAD * at_once:
            return False
        wait(undone, return_when=FIRST_COMPLETED)
    return len(waiting) >= _AHEAD * at_once


class Meter:
    """Divides time among the works in flight: of a moment that k of them share, each has 1/k.

    Thread-safe. What all of them are charged adds up to the time in which any was in flight.
    """

    def __init__(self, clock_ms: Callable[[], float] = monotonic_ms) -> None:
        self._clock_ms = clock_ms
        self._lock = Lock()
        self._num = 0
        self._last_ms = 0.0
        self._charged_ms = 0.0
        """What a work would have been charged that was in flight all the time."""

    @contextmanager
    def work(self) -> Iterator[Callable[[], float]]:
        """Count a work as in flight; what is yielded says, at its end, which share of its time it
        had to itself, 0 to 1."""
        begun_ms, charged_ms = self._change(+1)
        ended = (begun_ms, charged_ms)

        def share() -> float:
            took_ms = ended[0] - begun_ms
            return round((ended[1] - charged_ms) / took_ms, 6) if took_ms > 0 else 1.0

        try:
            yield share
        finally:
            ended = self._change(-1)

    def _change(self, by: int) -> tuple[float, float]:
        with self._lock:
            now_ms = self._clock_ms()
            if self._num:
                self._charged_ms += (now_ms - self._last_ms) / self._num
            self._last_ms = now_ms
            self._num += by
            return now_ms, self._charged_ms
