"""Several answers at once, for a server that works on several requests; and who pays for the time.

How many a route may have is said here, from `in_flight` in engines.toml. Works are begun and told
in the order given, so that a run depends on its seed alone; what a work does is not known here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from functools import partial
from itertools import islice
from threading import Lock
from typing import Generic, TypeVar

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

    With one at once that is the work itself, done when it is called. What is yielded is called
    before the next is asked for. Closed early, no further work is begun, and those in flight are
    waited for.
    """
    if at_once <= 1:
        yield from works
        return
    with closing(_Line(works, at_once)) as line:
        while line.begin(_AHEAD):
            yield line.next()


class _Line(Generic[T]):
    """Works in flight, in the order in which they are told."""

    def __init__(self, works: Iterable[Work[T]], at_once: int) -> None:
        self._works = iter(works)
        self._at_once = at_once
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="answer")
        self._untold: deque[Future[T]] = deque()

    def begin(self, ahead: int) -> bool:
        """Begin works, up to `ahead` untold ones for each worker, while a worker could run out of
        them; return whether one is left to tell."""
        room_untold = ahead * self._at_once - len(self._untold)
        room = min(room_untold, _AHEAD * self._at_once - len(self._undone()))
        for work in islice(self._works, max(room, 0)):
            self._untold.append(self._pool.submit(work))
        return bool(self._untold)

    def next(self) -> Work[T]:
        """Return what tells the first result; who waits for it waits there."""
        return partial(self._tell, self._untold.popleft())

    def _tell(self, first: Future[T]) -> T:
        while not first.done():
            self.begin(_AHEAD_OF_SLOW)
            wait([first, *self._undone()], return_when=FIRST_COMPLETED)
        return first.result()

    def _undone(self) -> list[Future[T]]:
        return [one for one in self._untold if not one.done()]

    def close(self) -> None:
        """Begin no further work, and wait for those in flight."""
        self._pool.shutdown(cancel_futures=True)


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
