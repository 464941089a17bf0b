"""The bundled `warehouse` task: which pick a worker takes next, at 2,000 decisions a shift.

`generate` writes decisions of an exact optimiser as examples, `task_fields` is their contract,
`play` lets any decider run a shift and counts what it walks and what comes late. The input of a
decision is a text that holds all the optimiser knows, so whatever reads it could decide as well.
Nothing here reads a model, a clock or a network.
"""

from __future__ import annotations

from rung.worlds.warehouse.contract import SCHEMA, task_fields
from rung.worlds.warehouse.generate import generate
from rung.worlds.warehouse.optimiser import best_pick
from rung.worlds.warehouse.shift import Played, play
from rung.worlds.warehouse.snapshot import Snapshot, first_pick, read_snapshot, write_snapshot

__all__ = [
    "SCHEMA", "Played", "Snapshot", "best_pick", "first_pick", "generate", "play", "read_snapshot",
    "task_fields", "write_snapshot",
]  # fmt: skip
