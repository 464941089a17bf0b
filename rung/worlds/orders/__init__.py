"""The bundled `orders` task: business messages to a form of nine fields, four of them verbatim.

`generate` writes messages with their forms for three splits, `task_fields` is the contract they are
judged by. Every message is composed from the data files beside this file: `families/*.toml` holds
some 100 situations in four wordings each, `details.toml` how the facts are told. Nothing here reads
a model, a clock or a network.
"""

from __future__ import annotations

from rung.worlds.orders.contract import SCHEMA, task_fields
from rung.worlds.orders.generate import generate

__all__ = ["SCHEMA", "generate", "task_fields"]
