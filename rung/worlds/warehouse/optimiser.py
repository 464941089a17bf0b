"""The frontier of this task: an exact optimiser of the snapshot.

It assigns workers to picks one to one so that walking and weighted lateness over all of them are
least (linear assignment, scipy's shortest augmenting paths: Crouse 2016). Exact for the snapshot:
what it cannot know is what comes later, so over a shift it is a strong policy, not an optimum.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from rung.worlds.warehouse.floor import costs
from rung.worlds.warehouse.snapshot import Snapshot

_TIE = 1e-6


def best_pick(snapshot: Snapshot) -> str:
    """Return the label of the pick that the free worker takes in the least costly assignment.

    Where the worker gets none of them (fewer picks than workers), the one that costs it least.
    """
    workers = [snapshot.worker, *snapshot.others]
    table = costs(workers, list(snapshot.picks))
    table += _TIE * np.arange(table.size).reshape(table.shape)
    rows, columns = linear_sum_assignment(table)
    mine = columns[rows == 0]
    return snapshot.labels[int(mine[0]) if len(mine) else int(table[0].argmin())]
