"""Which examples may not be trained on, since they share something with dev or the holdout.

Only this says anything of the holdout to whoever trains: the ids of the caller's own examples that
are tied to it. No text, label or id of the holdout leaves here, and no question is asked of it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

from rung.core.errors import GateError
from rung.tasks import lock
from rung.tasks.duplicates import Tie
from rung.tasks.holdout import read_holdout
from rung.tasks.splits import Ties, find_ties, split_hash
from rung.tasks.task import Example, Task
from rung.worlds.workbench.questions import question_of


def touching(task: Task, examples: Sequence[Example]) -> dict[str, str]:
    """Return the split that an example is tied to, by the example's id; few or none should be.

    Tied is what may not straddle the task's splits: the id, the group, the text, a near-duplicate;
    the same text is, whatever the task's rule, and on WorkBench what asks the same in other words.
    Raises GateError when dev or the holdout is not what was locked.
    """
    if split_hash(task.dev) != task.split_hashes["dev"]:
        raise GateError(f"the dev split of task {task.name!r} is not the one that was locked")
    sealed = {"holdout": read_holdout(task), "dev": task.dev}
    asks = _asks_of_workbench if task.world == "workbench" else _asks
    return {
        id_: split
        for split, members in reversed(sealed.items())
        for id_ in _tied(examples, members, _ties(task), asks)
    }


def touching_another(task: Task, examples: Sequence[Example]) -> dict[str, str]:
    """Return the split of a task that an example of another task is tied to, by the example's id.

    As `touching`, by what is said alone: ids and groups of two tasks may coincide.
    """
    apart = [replace(example, id=f"\0{at}", group=f"\0{at}") for at, example in enumerate(examples)]
    found = touching(task, apart)
    return {
        example.id: found[twin.id]
        for example, twin in zip(examples, apart, strict=True)
        if twin.id in found
    }


def check_untouched(task: Task, examples: Sequence[Example]) -> None:
    """Raise GateError naming the first of the examples that is tied to dev or the holdout."""
    for id_, split in sorted(touching(task, examples).items()):
        raise GateError(
            f"training on {id_!r} would leak {split} of task {task.name!r}: they share an id, a"
            " group or a text, or ask the same",
            hint="train on train examples only",
        )


def _ties(task: Task) -> Ties:
    locked = lock.read_lock(task.path / lock.FILE)
    return locked.ties if locked else "near"


def _tied(
    examples: Sequence[Example],
    sealed: Sequence[Example],
    ties: Ties,
    asks: Callable[[Example], set[Hashable]],
) -> set[str]:
    """Return the ids of examples tied to a sealed one, not through another example."""
    ids, known = {example.id for example in sealed}, set[Hashable]().union(*map(asks, sealed))
    found = {one.id for one in examples if one.id in ids or asks(one) & known}
    while True:
        # Ties are a spanning forest, in which one hides another: look again at what is left.
        joined = [*sealed, *(example for example in examples if example.id not in found)]
        new = {
            joined[tie.second].id
            for tie in map(_ordered, find_ties(joined, ties))
            if tie.first < len(sealed) <= tie.second
        }
        if not new:
            return found
        found |= new


def _asks(example: Example) -> set[Hashable]:
    """Return the text without letter case and spacing; its numbers stay: they may be new."""
    return {" ".join(example.said.casefold().split())}


def _asks_of_workbench(example: Example) -> set[Hashable]:
    return {*_asks(example), question_of(example)}


def _ordered(tie: Tie) -> Tie:
    return replace(tie, first=min(tie.first, tie.second), second=max(tie.first, tie.second))
