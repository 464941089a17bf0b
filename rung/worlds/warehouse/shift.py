"""A shift: picks come in, workers become free one after the other, a decider says who takes what.

Arrivals depend on the seed alone, so deciders can be compared on the same shift. What a shift cost
is counted in seconds of walking, late seconds weighted by priority.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from rung.core.seeds import stream
from rung.worlds.warehouse.floor import (
    HANDLING_S,
    NUM_AISLES,
    NUM_BAYS,
    WEIGHTS,
    Pick,
    Worker,
    walks_s,
)
from rung.worlds.warehouse.snapshot import Snapshot, take_snapshot

Decide = Callable[[Snapshot], str]
"""Returns the label of a pick of the snapshot."""
NUM_DECISIONS = 2000
NUM_WORKERS = 10
SECONDS_BETWEEN = 14.4
"""Mean time between picks: 2,000 in eight hours."""
_PRIORITIES, _SHARES = (1, 2, 3), (0.7, 0.22, 0.08)
_DUE_S = {1: 1800, 2: 720, 3: 300}


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What came of a shift."""

    walked_s: float
    late_s: float
    """Weighted by priority."""
    num_decisions: int

    @property
    def cost_s(self) -> float:
        """Walking and weighted lateness."""
        return self.walked_s + self.late_s


@dataclass(slots=True)
class _Order:
    aisle: int
    bay: int
    priority: int
    at_s: float
    due_s: float


@dataclass(slots=True)
class _Floor:
    now_s: float = 0.0
    open: list[_Order] = field(default_factory=list)


def play(decide: Decide, *, seed: int, num_decisions: int = NUM_DECISIONS) -> Played:
    """Let a decider run a shift of so many decisions.

    A label that is not in the snapshot raises KeyError: a decider must not be silent.
    """
    random = stream(seed, "warehouse", "shift")
    coming = _arrivals(random, num_decisions)
    workers = [_anywhere(random, i) for i in range(NUM_WORKERS)]
    free_at = [(0.0, i) for i in range(NUM_WORKERS)]
    floor, walked, late = _Floor(), 0.0, 0.0
    for _ in range(num_decisions):
        at_s, i = heapq.heappop(free_at)
        floor.now_s = max(at_s, floor.now_s)
        _let_in(floor, coming)
        others = [_seen(workers[j], free_s - floor.now_s) for free_s, j in sorted(free_at)]
        picks = [_as_pick(order, floor.now_s) for order in floor.open]
        snapshot = take_snapshot(_seen(workers[i], 0.0), others, picks)
        chosen = snapshot.picks[_index(snapshot, decide(snapshot))]
        order = floor.open.pop(picks.index(chosen))
        walk = float(walks_s([snapshot.worker], [chosen])[0, 0])
        done_s = floor.now_s + walk + HANDLING_S
        walked += walk
        late += WEIGHTS[order.priority] * max(0.0, done_s - order.due_s)
        workers[i] = Worker(id=workers[i].id, aisle=order.aisle, bay=order.bay, free_in_s=0)
        heapq.heappush(free_at, (done_s, i))
    return Played(walked_s=walked, late_s=late, num_decisions=num_decisions)


def _index(snapshot: Snapshot, label: str) -> int:
    if label not in snapshot.labels:
        raise KeyError(f"the decider said {label!r}, open are {', '.join(snapshot.labels)}")
    return snapshot.labels.index(label)


def _arrivals(random: Random, count: int) -> list[_Order]:
    """Return the picks of a shift, the last to come first."""
    orders, at_s = [], 0.0
    for _ in range(count):
        at_s += random.expovariate(1.0 / SECONDS_BETWEEN)
        priority = random.choices(_PRIORITIES, _SHARES)[0]
        due_s = at_s + _DUE_S[priority] * random.uniform(0.7, 1.3)
        aisle, bay = random.randint(1, NUM_AISLES), random.randint(1, NUM_BAYS)
        orders.append(_Order(aisle=aisle, bay=bay, priority=priority, at_s=at_s, due_s=due_s))
    return orders[::-1]


def _let_in(floor: _Floor, coming: list[_Order]) -> None:
    """Open the picks that have come in; with none open, wait for the next."""
    if not floor.open and coming:
        floor.now_s = max(floor.now_s, coming[-1].at_s)
    while coming and coming[-1].at_s <= floor.now_s:
        floor.open.append(coming.pop())


def _anywhere(random: Random, i: int) -> Worker:
    aisle, bay = random.randint(1, NUM_AISLES), random.randint(1, NUM_BAYS)
    return Worker(id=f"W{i + 1}", aisle=aisle, bay=bay, free_in_s=0)


def _seen(worker: Worker, free_in_s: float) -> Worker:
    """Return a worker as a snapshot has it: whole seconds, at the place of the current pick."""
    seconds = max(0, round(free_in_s))
    return Worker(id=worker.id, aisle=worker.aisle, bay=worker.bay, free_in_s=seconds)


def _as_pick(order: _Order, now_s: float) -> Pick:
    return Pick(
        aisle=order.aisle,
        bay=order.bay,
        priority=order.priority,
        due_s=round(order.due_s - now_s),
    )
