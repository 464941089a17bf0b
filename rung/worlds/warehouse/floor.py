"""The floor: where workers and picks are, how long walking takes, what a late pick costs.

Twenty aisles of forty bays, joined by a cross aisle at either end. Nothing is decided here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NUM_AISLES, NUM_BAYS = 20, 40
HANDLING_S = 110
"""Picking, scanning and dropping off, whoever does it."""
LEFT_S = 180
"""How much later a pick is taken that nobody is assigned to now."""
WEIGHTS = {1: 1.0, 2: 3.0, 3: 10.0}
"""What a second of lateness costs, in seconds of walking, by priority."""
_AISLE_M, _BAY_M, _METRES_PER_S = 3.0, 1.2, 1.2
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A worker who is free, or will be, at a place; seconds are whole, from now."""

    id: str
    aisle: int
    bay: int
    free_in_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """An open pick: where it lies, how much it matters, when it is due (negative: it is late)."""

    aisle: int
    bay: int
    priority: int
    due_s: int


def walks_s(workers: list[Worker], picks: list[Pick]) -> Floats:
    """Return the seconds each worker walks to each pick, shape (workers, picks)."""
    at = np.array([(w.aisle, w.bay) for w in workers], dtype=np.float64)[:, None, :]
    to = np.array([(p.aisle, p.bay) for p in picks], dtype=np.float64)[None, :, :]
    along = np.abs(at[..., 1] - to[..., 1])
    ends = at[..., 1] + to[..., 1]
    around = np.minimum(ends, 2 * (NUM_BAYS + 1) - ends)
    across = np.abs(at[..., 0] - to[..., 0])
    metres = across * _AISLE_M + np.where(across == 0, along, around) * _BAY_M
    return np.asarray(np.round(metres / _METRES_PER_S), dtype=np.float64)


def costs(workers: list[Worker], picks: list[Pick]) -> Floats:
    """Return what assigning each worker to each pick costs more than leaving the pick.

    Shape (workers, picks), in seconds of walking: the walk, less the weighted lateness it saves.
    """
    walks = walks_s(workers, picks)
    free = np.array([w.free_in_s for w in workers], dtype=np.float64)[:, None]
    due = np.array([p.due_s for p in picks], dtype=np.float64)[None, :]
    weight = np.array([WEIGHTS[p.priority] for p in picks])[None, :]
    late = np.maximum(free + walks + HANDLING_S - due, 0.0)
    late_if_left = np.maximum(LEFT_S + HANDLING_S - due, 0.0)
    return np.asarray(walks + weight * (late - late_if_left), dtype=np.float64)
