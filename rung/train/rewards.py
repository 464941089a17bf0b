"""What an answer is worth to training: the task's own scorer, strict, asked about single answers.

A reward is 1 for a strict answer and 0 for any other: partial credit is what models learn to hack.
So a field that counts for strict has to be right in full here, where reports are content with its
`strict_at`: most words of the right product and some of another's would else be rewarded. A task's
own scorer decides for itself. Whether a verifier may be trusted is for `audit.py` to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from rung.tasks.scorers import score_output
from rung.tasks.task import Example, Task
from rung.tasks.user_scorer import FILE
from rung.worlds.open import open_world
from rung.worlds.world import Call, World

Output = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifier:
    """Says whether an answer is right."""

    task: Task
    world: World | None = None

    @property
    def name(self) -> str:
        """What it is called in errors and reports."""
        if self.world is not None:
            return f"world {self.world.name!r}"
        own = (self.task.path / FILE).is_file()
        return (
            f"{FILE} of task {self.task.name!r}" if own else f"scorers of task {self.task.name!r}"
        )

    def accepts(self, example: Example, output: Output | None) -> bool:
        """Return whether an answer is strict; no answer is not.

        Raises TaskError when the task's own `scorer.py` fails.
        """
        if output is None:
            return False
        if self.world is None:
            return score_output(self.task, example, dict(output)).strict
        calls = [Call(**call) for call in output.get("calls", ())]
        return self.world.score(example, calls).strict


def verifier_of(task: Task) -> Verifier:
    """Return the verifier of a task: its scorers, asked for all that counts, or its world."""
    return Verifier(task=_in_full(task), world=open_world(task) if task.world else None)


def _in_full(task: Task) -> Task:
    """Return the task with no partial credit in any field that counts for strict."""
    scoring = {
        name: replace(rule, strict_at=1.0) if rule.strict_at > 0.0 else rule
        for name, rule in task.scoring.items()
    }
    return replace(task, scoring=scoring)
