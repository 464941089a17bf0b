"""The bundled `returns` task: customer messages to a reason, the order number and the price paid.

`generate` writes labelled messages for three splits, `generate_day` a day on which something is
out of the ordinary, `task_fields` is the contract: what errors cost, which reasons are answered by
an approved text, and that every other reason goes to a person. Messages are composed from the
phrases beside this file. Nothing here reads a model, a clock or a network.
"""

from __future__ import annotations

from rung.worlds.returns.contract import SCHEMA, task_fields
from rung.worlds.returns.days import generate_day
from rung.worlds.returns.generate import generate
from rung.worlds.returns.reasons import REASONS, outcome_of

__all__ = ["REASONS", "SCHEMA", "generate", "generate_day", "outcome_of", "task_fields"]
