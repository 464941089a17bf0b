"""What a world's task is taught by: calls that solve an example and follow from what can be seen.

A solution that had to look at the published answer would teach guessing, so it is left out; so is
one that the world's own scorer does not find strict. Recorded runs are never read.
"""

from __future__ import annotations

from collections.abc import Sequence

from rung.tasks.task import Example
from rung.train.texts import Unwritable
from rung.worlds.world import Call, World


def solution(world: World, example: Example) -> Sequence[Call]:
    """Return the oracle's calls; raises Unwritable saying why they teach nothing."""
    calls = _deduced(world, example) if world.name == "workbench" else world.oracle(example)
    if not world.score(example, calls).strict:
        raise Unwritable("the oracle's calls do not solve it")
    return calls


def _deduced(world: World, example: Example) -> Sequence[Call]:
    from rung.worlds.workbench.oracle import solve
    from rung.worlds.workbench.world import WorkBench

    assert isinstance(world, WorkBench)
    found = solve(world, example)
    if not found.deduced or found.reason:
        raise Unwritable(f"its answer does not follow from the query: {found.reason}"[:120])
    return found.calls
