"""The bundled `operations` tasks: office work in a simulated workplace of 16 apps.

`generate` writes examples of 30 workflows for three splits, `generate_unseen` a holdout of eight
others (task `operations-ood`); `task_fields` and `unseen_fields` are their contracts. `Operations`
is the world they are played in. Nothing here reads a model, a clock or a network.
"""

from __future__ import annotations

from rung.worlds.operations.contract import SCHEMA, task_fields, unseen_fields
from rung.worlds.operations.generate import generate, generate_unseen
from rung.worlds.operations.world import Operations

__all__ = ["SCHEMA", "Operations", "generate", "generate_unseen", "task_fields", "unseen_fields"]
