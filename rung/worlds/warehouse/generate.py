"""Decisions of the optimiser as examples: drawn from shifts it runs, each shift in one split.

A group is one short shift of 150 decisions; the first 50 are left out while the floor fills up.
Where only one pick is open there is nothing to decide, so it is no example.
"""

from __future__ import annotations

from itertools import count

from rung.core.records import Split
from rung.core.seeds import stream
from rung.tasks.task import Example
from rung.worlds.deal import write_splits
from rung.worlds.warehouse.optimiser import best_pick
from rung.worlds.warehouse.shift import play
from rung.worlds.warehouse.snapshot import Snapshot, write_snapshot

_PER_SHIFT, _NUM_DECISIONS, _WARM_UP = 25, 150, 50


def generate(
    *, num_train: int = 800, num_dev: int = 300, num_holdout: int = 400, seed: int = 0
) -> dict[Split, list[Example]]:
    """Return the examples of each split; raises ConfigError when a size is negative."""
    shifts = count()

    def write(split: Split, size: int, start: int) -> list[Example]:
        found: list[Example] = []
        while len(found) < size:
            shift = next(shifts)
            drawn = _decisions(shift, seed)[: size - len(found)]
            first = start + len(found)
            found += [
                _example(snapshot, label, f"{shift:04d}@{split}", f"wh-{first + i:06d}")
                for i, (snapshot, label) in enumerate(drawn)
            ]
        return found

    return write_splits(num_train, num_dev, num_holdout, write)


def _decisions(shift: int, seed: int) -> list[tuple[Snapshot, str]]:
    """Return some decisions of one shift, in the order they were made."""
    made: list[tuple[Snapshot, str]] = []

    def decide(snapshot: Snapshot) -> str:
        label = best_pick(snapshot)
        made.append((snapshot, label))
        return label

    random = stream(seed, "warehouse", "draw", str(shift))
    play(decide, seed=random.getrandbits(32), num_decisions=_NUM_DECISIONS)
    real = [one for one in made[_WARM_UP:] if len(one[0].picks) > 1]
    kept = sorted(random.sample(range(len(real)), min(_PER_SHIFT, len(real))))
    return [real[i] for i in kept]


def _example(snapshot: Snapshot, label: str, shift: str, id: str) -> Example:
    return Example(
        id=id, input=write_snapshot(snapshot), target={"pick": label}, group=f"shift-{shift}"
    )
