"""What a model drew before it was trained, kept in the run's folder: a killed run draws none twice.

One line an example, appended when all its attempts exist, with the seconds that they took. Keys
keep their order, which some forms write: a text must not depend on whether a run was killed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.core.clock import monotonic_ms
from rung.core.hashing import canonical_json, content_hash
from rung.train.sampling import Attempt, Sampler

if TYPE_CHECKING:
    from rung.train.methods import Job

FILE = "attempts.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """How answers are drawn before training."""

    count: int = 8
    """Answers to each example."""
    temperature: float = 1.0


def draw_all(sampler: Sampler, job: Job, drawing: Drawing) -> list[list[Attempt]]:
    """Return attempts at each of the job's examples, those in its folder not drawn again."""
    path, seed = job.folder / FILE, job.settings.seed
    count, temperature = drawing.count, drawing.temperature
    known = {row["key"]: row["attempts"] for row in _rows(path)}
    found = []
    for done, example in enumerate(job.examples, 1):
        key = content_hash([example.id, example.input, count, temperature, seed])
        if key not in known:
            start = monotonic_ms()
            (group,) = sampler.draw([example], count, temperature=temperature, seed=seed)
            known[key] = [[one.output, one.right] for one in group]
            seconds = (monotonic_ms() - start) / 1000.0
            row = {"key": key, "attempts": known[key], "seconds": seconds}
            with path.open("a", encoding="utf-8") as file:
                file.write("\n" + json.dumps(row))  # behind a line that a kill has cut
        found.append(
            [
                Attempt(example=example, number=number, output=output, right=right)
                for number, (output, right) in enumerate(known[key])
            ]
        )
        job.drawn(done, len(job.examples))
    return found


def drawing_s(folder: Path) -> float:
    """Return the seconds that a run's folder says drawing took, before and after it was killed."""
    return sum((row.get("seconds", 0.0) for row in _rows(folder / FILE)), 0.0)


def distinct(group: Sequence[Attempt]) -> list[Attempt]:
    """Return the attempts that can be told as texts, the first of equal ones."""
    first: dict[str, Attempt] = {}
    for attempt in group:
        if attempt.output is not None:
            first.setdefault(canonical_json(attempt.output), attempt)
    return list(first.values())


def _rows(path: Path) -> list[dict[str, Any]]:
    """Return what was drawn; a line that was cut when the run was killed is not there."""
    found = []
    for line in path.read_text("utf-8").split("\n") if path.is_file() else ():
        with suppress(ValueError):
            found.append(json.loads(line))
    return found
