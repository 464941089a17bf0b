"""What an answer is worth to training: the task's own scorer, strict, asked about single answers.

A reward is 1 for a strict answer and 0 for any other: partial credit is what models learn to hack.
So a field that counts for strict has to be right in full here, where reports are content with its
`strict_at`: most words of the right product and some of another's would else be rewarded. A task's
own scorer decides for itself. Whether a verifier may be trusted is for `audit.py` to say.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from rung.core.hashing import content_hash, file_sha256
from rung.tasks.scorers import score_output
from rung.tasks.task import Example, Task
from rung.tasks.user_scorer import FILE
from rung.worlds.open import identify_world, open_world
from rung.worlds.packed import world_version
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


def contract_hash(task: Task) -> str:
    """Return a hash of what a task asks and of what judges the answers, without its examples.

    What was drawn, judged or written under another contract is not to be trained on.
    """
    scoring = {name: asdict(rule) for name, rule in task.scoring.items()}
    scorer = task.path / FILE
    code = file_sha256(scorer) if scorer.is_file() else ""
    world = [*identify_world(task), world_version(task.world)]
    form = [json.dumps(task.schema), task.style]  # in the order of its fields
    return content_hash([task.instruction, form, scoring, code, world])


def _in_full(task: Task) -> Task:
    """Return the task with no partial credit in any field that counts for strict."""
    scoring = {
        name: replace(rule, strict_at=1.0) if rule.strict_at > 0.0 else rule
        for name, rule in task.scoring.items()
    }
    return replace(task, scoring=scoring)
