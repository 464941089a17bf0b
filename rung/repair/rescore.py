"""A run's stored answers, scored by what the task says today: labels and scorers change.

A row keeps its score where its answer cannot be scored again: none was kept, it is no answer to
this task, or it is of a world's recorded run, which is scored in its own way. No model is asked.
"""

from __future__ import annotations

from dataclasses import replace

from rung.core.records import Row
from rung.repair.mapping import Run
from rung.repair.readers import STOPS
from rung.routes.evaluate import scores_of
from rung.routes.spent import PERSON
from rung.tasks.answers import Answers
from rung.tasks.task import Example, Task
from rung.worlds.open import open_world


def rescored(task: Task, run: Run) -> Run:
    """Return the run with its answers to train and dev scored again."""
    known = {example.id: example for example in (*task.train, *task.dev)}
    scorer = _Scorer(task)
    rows = (
        scorer.scored(known[row.example], row) if row.example in known else row for row in run.rows
    )
    return replace(run, rows=tuple(rows))


class _Scorer:
    def __init__(self, task: Task) -> None:
        self._task = task
        self._fields = set(Answers(task.schema).fields)
        self._world = open_world(task) if task.world else None

    def scored(self, example: Example, row: Row) -> Row:
        """Return a row as `routes/evaluate.py` would score its answer now."""
        if not self._can_score(row):
            return row
        if PERSON in row.spent_usd:  # what a person was left to answer counts as right
            row = replace(row, output=self._solved(example))
        score, partial, problem = scores_of(
            self._task,
            self._world,
            example,
            row.output,
            failed=row.status == "failed",
            stop=row.cause if row.cause in STOPS else "",
        )
        return replace(
            row,
            score=partial.score,
            strict=score.strict,
            error=problem or row.error,
            error_cost_usd=score.error_cost_usd,
            fields=dict(partial.fields),
            forbidden=score.forbidden,
            cause=score.cause,
        )

    def _can_score(self, row: Row) -> bool:
        if not isinstance(row.output, dict):
            return False
        if self._world is not None:
            return "extra_writes" in row.fields
        return row.output.keys() <= self._fields

    def _solved(self, example: Example) -> dict[str, object]:
        if self._world is None:
            return dict(example.target)
        return {"calls": [call.to_json() for call in self._world.oracle(example)], "answer": ""}
