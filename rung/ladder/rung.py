"""What a rung is: a name and a function that proposes routes, given what is known so far.

A rung never measures: `climb.py` runs what it proposes on dev. One that fits on a model's answers
to train examples says beforehand how many (`needs`), so that the estimate counts them before any
is paid for. Each rung has a file of its own; their order is the tuple in `plan.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rung.core.hashing import content_hash
from rung.engines.base import Capabilities
from rung.forms import Form
from rung.routes.route import Route
from rung.routes.runtime import Answer
from rung.store import Artifacts
from rung.tasks.task import Example, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What a rung may look at: the task's train split, the form, the model's abilities."""

    task: Task
    form: Form
    artifacts: Artifacts
    model: str
    capabilities: Capabilities
    answers: Callable[[Route, Sequence[Example]], list[Answer]]
    """Have a route answer train examples, in order, with progress; a known answer costs nothing.
    Only for what the rung's `needs` announced."""
    seed: int = 0
    max_tokens: int = 256
    reference: Route | None = None
    """The strong route that candidates must match, where one is named; rungs may escalate to it."""

    def route(self, **given: Any) -> Route:
        """Return a route of this task and model; `given` overrides and completes it."""
        fields: dict[str, Any] = {
            "model": self.model,
            "form_hash": self.form.hash,
            "instruction_hash": content_hash(self.task.instruction),
            "max_tokens": self.max_tokens,
            "seed": self.seed,
        }
        return Route(**{**fields, **given})


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Answers to train examples that a rung must have before it can propose a route."""

    name: str
    """Of the route it will propose, which takes as long as `route` does."""
    route: Route
    num_examples: int


def no_needs(situation: Situation) -> tuple[Need, ...]:
    """Need no answers."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One optimisation method."""

    name: str
    about: str
    propose: Callable[[Situation], tuple[Route, ...]]
    needs: Callable[[Situation], tuple[Need, ...]] = no_needs
    min_before_stop: int = 8
    """Examples before its routes may be stopped as hopeless; more for the arms that the report's
    questions compare."""
