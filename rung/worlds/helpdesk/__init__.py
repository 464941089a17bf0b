"""The bundled `helpdesk` task: IT tickets to category (23), priority, needs_human and summary.

`generate` writes labelled tickets for three splits, `task_fields` is the contract they are judged
by. Every ticket is composed from the phrases beside this file: `families/*.toml` holds some 370
situations in four wordings each, `chatter.toml` what people write around a problem. Label rules
are in labels.py, costs and limits in contract.py. Nothing here reads a model, a clock or a network.
"""

from __future__ import annotations

from rung.worlds.helpdesk.categories import CATEGORIES, Category
from rung.worlds.helpdesk.contract import SCHEMA, task_fields
from rung.worlds.helpdesk.generate import generate

__all__ = ["CATEGORIES", "SCHEMA", "Category", "generate", "task_fields"]
