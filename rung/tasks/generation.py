"""The next generation of a task's splits, made of fresh examples, and the ones before it.

Examples move one way only: train stays train, dev stays dev, the holdout becomes dev. The new
holdout is made of fresh examples that are tied to nothing seen before, so that no route can have
been fitted or chosen on it, and, its hash being new, it has an opening ledger of its own.

The lock names the generation and so its file of examples; replacing the lock is the one moment at
which a generation begins. A kill before it leaves the former one, whole. Former locks and files
stay: a route goes on being compared with what it was fitted on. Reading the holdout that becomes
dev is the gate's (`gate/rotate.py`).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from rung.core.files import write_atomic
from rung.core.records import SPLITS, Split
from rung.tasks import lock as locks
from rung.tasks.answers import Answers
from rung.tasks.folder import EXAMPLES, group_by_split
from rung.tasks.rows import format_rows, read_rows
from rung.tasks.splits import Splits, Ties, components, split_examples
from rung.tasks.task import Example, Task

_NEXT: Mapping[Split, Split] = MappingProxyType({"train": "train", "dev": "dev", "holdout": "dev"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Dealt:
    """What fresh examples would make of the splits."""

    splits: Splits
    num_known: int
    """Fresh examples whose input an old example has already."""
    num_tied: int
    """Those that followed an old example, to which they are tied, into train or dev."""
    num_bridging: int
    """Those dropped because they are tied to train and to dev."""
    num_new_groups: int
    """Independent sets of the others, from which the holdout is taken."""


def deal_next(old: Splits, fresh: Sequence[Example], *, ties: Ties, seed: int = 0) -> Dealt:
    """Deal fresh examples around the old splits; without enough of them the holdout is empty.

    One whose input is known is not dealt, but ties the rest of its group to the old example.
    """
    known = {_spelled(example) for split in SPLITS for example in old.get(split, ())}
    new = [example for example in fresh if _spelled(example) not in known]
    placed: list[tuple[Example, Split | None]] = [
        (example, _NEXT[split]) for split in SPLITS for example in old.get(split, ())
    ]
    placed += [(example, None) for example in fresh]
    dealt: dict[Split, list[Example]] = {split: [] for split in SPLITS}
    free: list[Example] = []
    num_tied = num_bridging = num_new_groups = 0
    for part in components([example for example, _ in placed], ties):
        members = [placed[at] for at in part]
        added = [e for e, split in members if split is None and _spelled(e) not in known]
        homes = {split for _, split in members if split is not None}
        for example, split in members:
            if split is not None:
                dealt[split].append(example)
        if not added:
            continue
        if not homes:
            free += added
            num_new_groups += 1
        elif len(homes) == 1:
            dealt[homes.pop()] += added
            num_tied += len(added)
        else:
            num_bridging += len(added)
    if num_new_groups >= len(SPLITS):
        for split, examples in split_examples(free, seed=seed, ties=ties).items():
            dealt[split] += examples
    return Dealt(
        splits={split: tuple(dealt[split]) for split in SPLITS},
        num_known=len(fresh) - len(new),
        num_tied=num_tied,
        num_bridging=num_bridging,
        num_new_groups=num_new_groups,
    )


def begin_generation(task: Task, splits: Splits, *, ties: Ties, seed: int) -> locks.Lock:
    """Write the next generation of a task's splits and begin it; return its lock."""
    former = task.path / locks.FILE
    made = locks.seal(splits, ties=ties, seed=seed, generation=task.generation + 1)
    rows = ((example, split) for split in SPLITS for example in splits[split])
    write_atomic(task.path / made.examples, "".join(format_rows(rows)))
    write_atomic(task.path / locks.former_file(task.generation), former.read_bytes())
    write_atomic(former, made.to_json())
    return made


def examples_file(task: Task) -> Path:
    """Return the file with the examples of a task's generation."""
    lock = _lock_of(task, task.generation)
    return task.path / (lock.examples if lock else EXAMPLES)


def former_generations(task: Task) -> Iterator[Task]:
    """Yield the task with the train and dev of each generation before its own, newest first."""
    for generation in range(task.generation - 1, 0, -1):
        lock = _lock_of(task, generation)
        if lock is None:
            continue
        splits = group_by_split(read_rows(task.path / lock.examples, Answers(task.schema)))
        yield replace(
            task,
            train=tuple(splits["train"]),
            dev=tuple(splits["dev"]),
            num_holdout=lock.counts["holdout"],
            generation=generation,
            split_hashes=MappingProxyType({str(split): lock.hashes[split] for split in SPLITS}),
        )


def only_added(task: Task) -> Task:
    """Return a task with those train and dev examples alone that its generation added.

    They are what its inputs were like when it was made; of the first generation, all examples.
    """
    lock = _lock_of(task, task.generation - 1) if task.generation > 1 else None
    if lock is None:
        return task
    rows = read_rows(task.path / lock.examples, Answers(task.schema))
    former = {example.id for example, _ in rows}
    return replace(
        task,
        train=tuple(example for example in task.train if example.id not in former),
        dev=tuple(example for example in task.dev if example.id not in former),
    )


def is_current(task: Task) -> bool:
    """Return whether the task's splits are those it was loaded with: no later generation has begun,
    and no other task was made in its place."""
    now = locks.read_lock(task.path / locks.FILE)
    if now is None:
        return task.path.is_dir()
    return now.generation == task.generation and dict(now.hashes) == dict(task.split_hashes)


def of_split(task: Task, split: Split, digest: str) -> Task:
    """Return the generation whose split has this hash; the task as it is where none has."""
    if task.split_hashes.get(split) == digest:
        return task
    found = (one for one in former_generations(task) if one.split_hashes[split] == digest)
    return next(found, task)


def _lock_of(task: Task, generation: int) -> locks.Lock | None:
    now = locks.read_lock(task.path / locks.FILE)
    if now is None or now.generation == generation:
        return now
    return locks.read_lock(task.path / locks.former_file(generation))


def _spelled(example: Example) -> str:
    return unicodedata.normalize("NFC", example.input)
