"""More train-side examples of a bundled task: its generator run again with train's own words.

Wordings, names and ids are dealt to the splits by the task's seed, so what is made here with that
seed is of train's share, and `gate/touching.py` checks it. WorkBench has no generator; its queries
of train are told anew about each other's people, days and records. A task of the user's has none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import cast

from rung.core.hashing import short_hash
from rung.tasks import lock
from rung.tasks.task import Example, Task
from rung.worlds import helpdesk, orders
from rung.worlds.open import open_world
from rung.worlds.operations.generate import write_example
from rung.worlds.operations.workflows import KNOWN
from rung.worlds.workbench.oracle import Office
from rung.worlds.workbench.variants import variants as workbench

NUM_EACH = 24
"""Variants of each workflow."""
MANY_TIMES = 4
"""How many times the size of train a generator of single answers is asked for at most."""
_FORMS = (helpdesk, orders)


def generates(task: Task) -> bool:
    """Return whether more examples of a task can be made."""
    return task.world in ("operations", "workbench") or _form_generator(task) is not None


def variants(
    task: Task, places: Collection[str] | None = None, *, each: int = NUM_EACH
) -> list[Example]:
    """Return examples that train does not have, with ids of their own; none for a user's task.

    `places` are the workflows wanted, for a task with a world, of which each gets up to `each`; all
    of train's when None. A form's places are its fields, and every new example has all of them;
    of these there are `each` times as many as train has, at most three.
    """
    locked = lock.read_lock(task.path / lock.FILE)
    seed = locked.seed if locked else 0
    if task.world == "operations":
        wanted = places if places is not None else _named(task, "workflow")
        return list(_of_workflows(wanted, each, seed))
    if task.world == "workbench":
        office = cast(Office, open_world(task))
        wanted = places if places is not None else _named(task, "template")
        return workbench(office, task.train, wanted, each=each, seed=seed)
    generator = _form_generator(task)
    if generator is None:
        return []
    made: Sequence[Example] = generator.generate(
        num_train=min(1 + each, MANY_TIMES) * len(task.train), num_dev=0, num_holdout=0, seed=seed
    )["train"]
    known = {example.input for example in task.train}
    fresh = {example.input: example for example in made if example.input not in known}
    return [replace(one, id=f"variant-{short_hash(one.input)}") for one in fresh.values()]


def _named(task: Task, key: str) -> set[str]:
    """Return what train's examples are of, by their set-up."""
    return {example.setup[key] for example in task.train}


def _of_workflows(places: Collection[str], each: int, seed: int) -> Iterator[Example]:
    for flow in KNOWN:
        for number in range(each if flow.name in places else 0):
            id_ = f"variant-{flow.name}-{number}"
            yield write_example(flow, "train", id_, seed, "repair", number)


def _form_generator(task: Task):  # type: ignore[no-untyped-def]
    """Return the module of the bundled task whose contract this one has."""
    for module in _FORMS:
        contract = module.task_fields()
        if (contract["instruction"], contract["schema"]) == (task.instruction, task.schema):
            return module
    return None
