"""Reader: which requirements an example has, and which of them an answer missed.

The seam between tasks with a form and tasks with a world. What both share is here: which sample of
a failed example is read, and what a failed answer without content means.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

from rung.core.records import Row
from rung.gate.rows import Samples
from rung.repair.records import Miss
from rung.tasks.task import Example


class Reader(Protocol):
    """Reads answers of one task."""

    def requirements(self, example: Example) -> Mapping[str, str]:
        """Return the scope of each of the example's requirements, by its name."""
        ...

    def misses(self, example: Example, samples: Samples) -> list[Miss]:
        """Return what the example's answers missed, at least one where they failed, else none."""
        ...


def failing_row(samples: Samples) -> Row | None:
    """Return the first sample that is not strict, None where most are."""
    return None if samples.strict else next(row for row in samples.rows if not row.strict)


def cause_without_content(row: Row) -> str:
    """Return why a row has no usable answer; empty when it has one."""
    if row.status == "abstained":
        return "abstained"
    if row.status != "failed" and row.output is not None:
        return ""
    reason = row.error or ""
    return "truncated" if reason.startswith("cut at") or "context" in reason else "malformed"


def shown(value: Any) -> str:
    """Return a value as one short line for people."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split())
    return text if len(text) <= 80 else text[:79] + "…"
