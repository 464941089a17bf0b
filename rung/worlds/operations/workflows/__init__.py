"""The workflows: 30 that every split has, in other words and with other names, and 8 unseen ones.

One file for each group, its words in the TOML file of the same name. A new workflow is a function
that draws a case, its wordings, and its name in `WORKFLOWS` of its file.
"""

from __future__ import annotations

from types import ModuleType

from rung.worlds.operations.case import Workflow
from rung.worlds.operations.texts import Wordings, wordings
from rung.worlds.operations.workflows import (
    cross_partners,
    cross_people,
    cross_service,
    equipment,
    inventory,
    legal,
    policies,
    premises,
    safety,
    scheduling,
    unseen_losses,
    unseen_papers,
    unseen_repairs,
    unseen_visits,
)


def _all(*modules: ModuleType) -> tuple[Workflow, ...]:
    return tuple(flow for module in modules for flow in module.WORKFLOWS)


KNOWN = _all(
    scheduling,
    safety,
    policies,
    equipment,
    premises,
    inventory,
    legal,
    cross_service,
    cross_people,
    cross_partners,
)
UNSEEN = _all(unseen_visits, unseen_losses, unseen_repairs, unseen_papers)


def wordings_of(workflow: Workflow) -> Wordings:
    """Return the words that a workflow's requests, pages and mails are written in."""
    return wordings(workflow.file)[workflow.name]
