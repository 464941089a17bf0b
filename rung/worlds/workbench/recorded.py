"""Recorded runs in a task's folder: what models called for every query, one JSON line each.

`recorded/NAME.jsonl` belongs to the route `recorded:NAME`. The models never saw a split, so such a
route runs on all examples. Nothing is scored here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rung.core.errors import ConfigError, TaskError
from rung.core.files import write_atomic
from rung.core.spelling import did_you_mean
from rung.worlds.world import Call

FOLDER = "recorded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What a model called for one query."""

    example: str
    calls: tuple[Call, ...]
    unread: tuple[str, ...] = ()
    """Calls that are not calls in form; they are skipped."""
    error: str = ""
    """Why the model's run broke off (context window, time-out, sandbox), which is a failure."""
    source: str = ""
    """The published file, below `data/results`."""

    def to_json(self) -> dict[str, Any]:
        """Return a plain JSON object."""
        return {
            "example": self.example,
            "calls": [call.to_json() for call in self.calls],
            "unread": list(self.unread),
            "error": self.error,
            "source": self.source,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Recorded:
        """Rebuild a record from what `to_json` gave."""
        calls = tuple(Call(**call) for call in data["calls"])
        return cls(**{**data, "calls": calls, "unread": tuple(data["unread"])})


def names(task: Path) -> list[str]:
    """Return the names of a task's recorded runs, sorted."""
    return sorted(path.stem for path in (task / FOLDER).glob("*.jsonl"))


def write(task: Path, name: str, records: Sequence[Recorded]) -> None:
    """Write a run into a task's folder."""
    lines = (json.dumps(record.to_json(), ensure_ascii=False) + "\n" for record in records)
    write_atomic(task / FOLDER / f"{name}.jsonl", "".join(lines))


def resolve(task: Path, name: str) -> str:
    """Return the name of a run, whatever its case; raises ConfigError when there is none."""
    known = {run.lower(): run for run in names(task)}
    if name.lower() not in known:
        raise ConfigError(
            f"task {task.name!r} has no recorded run {name!r}",
            hint=did_you_mean(name, known.values()),
        )
    return known[name.lower()]


def read(task: Path, name: str) -> dict[str, Recorded]:
    """Read a run; return its records by example. Raises TaskError for an unusable file."""
    path = task / FOLDER / f"{name}.jsonl"
    try:
        lines = path.read_text("utf-8").split("\n")
        records = [Recorded.from_json(json.loads(line)) for line in lines if line]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise TaskError(
            f"reading {path}: {error}", hint="make the task anew: rung init NAME --from FOLDER"
        ) from None
    return {record.example: record for record in records}
