"""One decision as a text: the free worker, where the others will be, and the open picks as a table.

The first pick of the table is what the greedy rule takes: highest priority, then the shortest
walk. Columns after `due_s` are computed from the rest, as a warehouse system would: `walk_s`;
`saves`, the weighted lateness that taking it now saves; `rival`, what the best-placed other worker
would cost.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from rung.core.errors import TaskError
from rung.core.spelling import quote
from rung.worlds.warehouse.floor import Pick, Worker, costs, walks_s

LABELS = tuple("ABCDEFGHIJKL")
MAX_LISTED = len(LABELS)
_COLUMNS = ("aisle", "bay", "priority", "due_s", "walk_s", "saves", "rival")
_FREE = re.compile(r"(?P<id>W\d+) is free at aisle (?P<aisle>\d+) bay (?P<bay>\d+)")
_OTHER = re.compile(
    r"(?P<id>W\d+) aisle (?P<aisle>\d+) bay (?P<bay>\d+) free in (?P<free>\d+) s"
)  # fmt: skip
_ROW = re.compile(r"^([A-L]) \| (-?\d+) \| (-?\d+) \| (-?\d+) \| (-?\d+) \|", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What is known when a worker becomes free; picks in the order of the table."""

    worker: Worker
    others: tuple[Worker, ...]
    picks: tuple[Pick, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The label of each pick."""
        return LABELS[: len(self.picks)]


def take_snapshot(worker: Worker, others: list[Worker], picks: list[Pick]) -> Snapshot:
    """Return the snapshot of the most pressing picks, sorted by the greedy rule."""
    pressing = sorted(picks, key=lambda pick: pick.due_s)[:MAX_LISTED]
    walks = walks_s([worker], pressing)[0]
    order = sorted(range(len(pressing)), key=lambda i: (-pressing[i].priority, walks[i]))
    return Snapshot(worker=worker, others=tuple(others), picks=tuple(pressing[i] for i in order))


def first_pick(snapshot: Snapshot) -> str:
    """Return what the greedy rule takes."""
    return snapshot.labels[0]


def write_snapshot(snapshot: Snapshot) -> str:
    """Return the text of a decision."""
    worker, picks = snapshot.worker, list(snapshot.picks)
    lines = [f"{worker.id} is free at aisle {worker.aisle} bay {worker.bay}."]
    if snapshot.others:
        told = (
            f"{w.id} aisle {w.aisle} bay {w.bay} free in {w.free_in_s} s" for w in snapshot.others
        )
        lines.append(f"Others: {'; '.join(told)}.")
    walks = walks_s([worker], picks)[0]
    own = costs([worker], picks)[0]
    rival = (
        costs(list(snapshot.others), picks).min(axis=0) if snapshot.others else np.zeros(len(own))
    )
    lines.append(" | ".join(("pick", *_COLUMNS)))
    for label, pick, walk, cost, other in zip(
        snapshot.labels, picks, walks, own, rival, strict=True
    ):
        cells = (pick.aisle, pick.bay, pick.priority, pick.due_s, walk, walk - cost, other)
        lines.append(" | ".join((label, *(f"{cell:.0f}" for cell in cells))))
    return "\n".join(lines)


def read_snapshot(text: str) -> Snapshot:
    """Return the snapshot that a text tells; raises TaskError when it is none."""
    free = _FREE.search(text)
    rows = _ROW.findall(text)
    if free is None or not rows:
        raise TaskError(
            f"reading a decision: {quote(text[:60])} tells no free worker and picks",
            hint="write it as rung.worlds.warehouse.write_snapshot does",
        )
    return Snapshot(
        worker=Worker(id=free["id"], aisle=int(free["aisle"]), bay=int(free["bay"]), free_in_s=0),
        others=tuple(
            Worker(id=m["id"], aisle=int(m["aisle"]), bay=int(m["bay"]), free_in_s=int(m["free"]))
            for m in _OTHER.finditer(text)
        ),
        picks=tuple(
            Pick(aisle=int(aisle), bay=int(bay), priority=int(priority), due_s=int(due))
            for _, aisle, bay, priority, due in rows
        ),
    )
