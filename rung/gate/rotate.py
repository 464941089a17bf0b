"""Rotate a holdout: the one in use becomes dev, one of fresh examples takes its place.

Rotating asks no question of either holdout, so neither ledger gets an opening; the new one begins
with none. Only counts leave here. Nothing is written until the new holdout has enough independent
groups for the gate to be able to promote at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rung.gate.holdout import spent_alpha
from rung.ladder.climb import MAX_CANDIDATES
from rung.stats.power import groups_needed
from rung.tasks import lock
from rung.tasks.generation import Dealt, begin_generation, deal_next
from rung.tasks.holdout import read_holdout
from rung.tasks.splits import MAX_HOLDOUT_SHARE, MIN_HOLDOUT, Splits
from rung.tasks.task import Example, GateRules, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """What fresh examples make of a task's splits, in numbers."""

    enough: bool
    """Whether the new holdout has the groups it needs; else nothing may be rotated."""
    generation: int
    num_train: int
    num_dev: int
    num_holdout: int
    num_known: int
    num_tied: int
    num_bridging: int
    num_new_groups: int
    num_groups_needed: int
    """New groups from which a large enough holdout can be dealt."""


def holdout_groups_needed(rules: GateRules) -> int:
    """Return the fewest groups with which a first opening for the most candidates can promote."""
    alpha = spent_alpha(rules.alpha, 1) / MAX_CANDIDATES
    return min(MIN_HOLDOUT, groups_needed(margin=rules.margin, alpha=alpha))


def plan_rotation(task: Task, fresh: Sequence[Example], *, min_groups: int = 0) -> Rotation:
    """Return what rotating would do, writing nothing; `min_groups` of the holdout, 0: as needed."""
    return _counted(task, _deal(task, fresh), min_groups)


def rotate_holdout(task: Task, fresh: Sequence[Example], *, min_groups: int = 0) -> Rotation:
    """Begin the next generation of a task's splits, if there is enough for it.

    Raises GateError when the holdout in use is not what was locked.
    """
    dealt = _deal(task, fresh)
    planned = _counted(task, dealt, min_groups)
    if planned.enough:
        locked = _lock(task)
        begin_generation(task, dealt.splits, ties=locked.ties, seed=locked.seed)
    return planned


def _deal(task: Task, fresh: Sequence[Example]) -> Dealt:
    old: Splits = {"train": task.train, "dev": task.dev, "holdout": read_holdout(task)}
    locked = _lock(task)
    return deal_next(old, fresh, ties=locked.ties, seed=locked.seed)


def _lock(task: Task) -> lock.Lock:
    locked = lock.read_lock(task.path / lock.FILE)
    assert locked is not None, "a task with a holdout has a lock"
    return locked


def _counted(task: Task, dealt: Dealt, min_groups: int) -> Rotation:
    needed = min_groups or holdout_groups_needed(task.gate)
    num = {split: len(examples) for split, examples in dealt.splits.items()}
    return Rotation(
        enough=len({example.group for example in dealt.splits["holdout"]}) >= needed,
        generation=task.generation + 1,
        num_train=num["train"],
        num_dev=num["dev"],
        num_holdout=num["holdout"],
        num_known=dealt.num_known,
        num_tied=dealt.num_tied,
        num_bridging=dealt.num_bridging,
        num_new_groups=dealt.num_new_groups,
        num_groups_needed=-int(-needed // MAX_HOLDOUT_SHARE),
    )
